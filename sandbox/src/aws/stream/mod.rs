//! The table's stream: records of the writes that pass the sandbox's DynamoDB, and the deliveries to the functions that the
//! template maps to it. The engine's own stream is not used, because the engine keeps every record for ever.

pub(crate) mod delivery;
pub mod filter;
pub(crate) mod gateway;
pub mod mapping;
pub(crate) mod record;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{MutexGuard as AsyncGuard, watch};

use self::mapping::Mapping;
use self::record::{Change, Record};

/// Failed records that are listed; earlier ones are only counted.
const MOST_FAILED: usize = 1000;

/// The stream of one world.
#[derive(Debug)]
pub(crate) struct Stream {
    outlets: Vec<Outlet>,
    state: Mutex<State>,
    /// Number of records that are not handled yet, once for each mapping that wants them.
    waiting: watch::Sender<usize>,
    /// Held while a write is done whose record may be wanted, so that records are in the order of the writes.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Outlet {
    mapping: Arc<Mapping>,
    records: UnboundedSender<Arc<Record>>,
}

/// Records that wait for the deliveries of one mapping.
#[derive(Debug)]
pub(crate) struct Inbox {
    /// Mapping that wants them.
    pub(crate) mapping: Arc<Mapping>,
    /// Records in the order of the writes.
    pub(crate) records: UnboundedReceiver<Arc<Record>>,
}

#[derive(Debug)]
struct State {
    is_enabled: bool,
    last_number: u64,
    delivered: u64,
    failed_count: u64,
    failed: VecDeque<Failed>,
}

/// A record that Lambda gave up and sent to the failure destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Failed {
    /// Mapping whose deliveries failed.
    mapping: String,
    /// Key of the item, in DynamoDB's JSON.
    key: Value,
    /// Position of the record in the stream.
    sequence_number: String,
    /// Lambda's word for the reason.
    condition: Condition,
}

/// Reason for which Lambda gives a record up, as it names it in what it sends to the failure destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Condition {
    RetryAttemptsExhausted,
    RecordAgeExceeded,
}

/// The stream as the controls show it.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    enabled: bool,
    delivered: u64,
    waiting: usize,
    failed_count: u64,
    failed: VecDeque<Failed>,
}

impl Stream {
    /// A stream, and the records of each mapping, which are to be delivered.
    pub(crate) fn open(mappings: &[Mapping], is_enabled: bool) -> Opened {
        let mut inboxes = Vec::new();
        let mut outlet = |mapping: &Mapping| {
            let (sender, records) = unbounded_channel();
            let mapping = Arc::new(mapping.clone());
            inboxes.push(Inbox { mapping: Arc::clone(&mapping), records });
            Outlet { mapping, records: sender }
        };
        let outlets = mappings.iter().map(&mut outlet).collect();
        let state = State { is_enabled, last_number: 0, delivered: 0, failed_count: 0, failed: VecDeque::new() };
        let writing = tokio::sync::Mutex::default();
        let stream = Self { outlets, state: Mutex::new(state), waiting: watch::Sender::new(0), writing };
        Opened { stream, inboxes }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Switches the stream on or off. Records of writes while it is off are lost for good.
    pub(crate) fn enable(&self, is_enabled: bool) {
        self.state().is_enabled = is_enabled;
    }

    /// False if no record of a write to that item is needed, so that its images need not be read.
    pub(crate) fn may_want(&self, key: &Value) -> bool {
        self.state().is_enabled && self.outlets.iter().any(|outlet| outlet.mapping.filter.may_match_key(key))
    }

    /// Waits for the turn of a write.
    pub(crate) async fn writing(&self) -> AsyncGuard<'_, ()> {
        self.writing.lock().await
    }

    /// Makes the records of a write.
    pub(crate) fn add(&self, changes: &[Change], now: DateTime<Utc>) {
        let mut state = self.state();
        for change in changes {
            let Some(record) = change.record(state.last_number + 1, now).filter(|_| state.is_enabled) else { continue };
            state.last_number += 1;
            let record = Arc::new(record);
            for outlet in self.outlets.iter().filter(|outlet| outlet.mapping.filter.matches(&record.event)) {
                self.waiting.send_modify(|waiting| *waiting += 1);
                if outlet.records.send(Arc::clone(&record)).is_err() {
                    // The deliveries have ended, with the process.
                    self.waiting.send_modify(|waiting| *waiting -= 1);
                }
            }
        }
    }

    /// Waits until every record so far, and those that their deliveries make, are handled or given up.
    pub(crate) async fn handled(&self) {
        // The sender is part of this stream, so that the channel is open.
        let mut waiting = self.waiting.subscribe();
        let _open = waiting.wait_for(|waiting| *waiting == 0).await;
    }

    /// Records that a delivery has handled.
    fn delivered(&self, records: &[Arc<Record>]) {
        self.state().delivered += u64::try_from(records.len()).unwrap_or_default();
        self.waiting.send_modify(|waiting| *waiting = waiting.saturating_sub(records.len()));
    }

    /// Records that are given up.
    fn failed(&self, mapping: &str, records: &[Arc<Record>], condition: Condition) {
        let mut state = self.state();
        for record in records {
            let (key, sequence_number) = (record.key(), record.sequence_number().to_owned());
            state.failed.push_back(Failed { mapping: mapping.to_owned(), key, sequence_number, condition });
            state.failed_count += 1;
        }
        let surplus = state.failed.len().saturating_sub(MOST_FAILED);
        state.failed.drain(..surplus);
        drop(state);
        self.waiting.send_modify(|waiting| *waiting = waiting.saturating_sub(records.len()));
    }

    /// State of the stream, for the controls.
    pub(crate) fn shown(&self) -> Shown {
        let state = self.state();
        Shown {
            enabled: state.is_enabled,
            delivered: state.delivered,
            waiting: *self.waiting.borrow(),
            failed_count: state.failed_count,
            failed: state.failed.clone(),
        }
    }
}

/// A new stream, with what its deliveries read.
pub(crate) struct Opened {
    /// The stream of the world.
    pub(crate) stream: Stream,
    /// Records for each mapping.
    pub(crate) inboxes: Vec<Inbox>,
}
