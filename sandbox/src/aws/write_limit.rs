//! Limit of the table's writes, as DynamoDB sets it for a table that has had little to do.

use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use shared::platform::clock::Stopwatch;

/// Write capacity units per second of real time, up to one second's worth at once.
#[derive(Debug, Default)]
pub(crate) struct WriteLimit(Mutex<Option<Bucket>>);

#[derive(Debug)]
struct Bucket {
    units_per_second: f64,
    left: f64,
    /// Since the last request.
    stopwatch: Stopwatch,
}

impl WriteLimit {
    /// Sets the limit; `None` ends it.
    pub(crate) fn set(&self, units_per_second: Option<u32>) {
        let bucket = units_per_second.map(f64::from).map(|units_per_second| Bucket {
            units_per_second,
            left: units_per_second,
            stopwatch: Stopwatch::start(),
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = bucket;
    }

    /// True if a request does not fit into the limit.
    pub(crate) fn is_exceeded(&self, operation: &str, body: &[u8]) -> bool {
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(bucket) = bucket.as_mut() else { return false };
        let units = units(operation, body);
        bucket.left = bucket
            .units_per_second
            .min(bucket.left + bucket.stopwatch.elapsed().as_secs_f64() * bucket.units_per_second);
        bucket.stopwatch = Stopwatch::start();
        let fits = units <= bucket.left;
        if fits {
            bucket.left -= units;
        }
        !fits
    }
}

/// Units of a request: one for each item that it writes, two within a transaction. Items here are below 1 KB.
fn units(operation: &str, body: &[u8]) -> f64 {
    match operation {
        "PutItem" | "UpdateItem" | "DeleteItem" => 1.0,
        "TransactWriteItems" => {
            let request: Value = serde_json::from_slice(body).unwrap_or_default();
            let items = request.get("TransactItems").and_then(Value::as_array).map_or(0, Vec::len);
            2.0 * f64::from(u32::try_from(items).unwrap_or(u32::MAX))
        }
        _ => 0.0,
    }
}
