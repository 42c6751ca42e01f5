//! The table as it is, kept in step by reading again what was written: after each call only that may have changed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::harness::TestDeployment;

type Partition = BTreeMap<String, Value>;

/// Items of the table, by partition.
#[derive(Default)]
pub(crate) struct Mirror(BTreeMap<String, Partition>);

/// An item before and after; `Null` where there is none.
pub(crate) struct Diff {
    pub(crate) sk: String,
    pub(crate) old: Value,
    pub(crate) new: Value,
}

impl Mirror {
    /// Reads a partition again; gives what differs.
    pub(crate) fn refresh(&mut self, deployment: &TestDeployment, pk: &str) -> Vec<Diff> {
        let items = deployment.partition(pk).into_iter();
        let fresh: Partition = items.map(|item| (text(&item["sk"]).to_owned(), item)).collect();
        let mut old = self.0.insert(pk.to_owned(), fresh).unwrap_or_default();
        let mut differs = Vec::new();
        for (sk, new) in &self.0[pk] {
            let before = old.remove(sk).unwrap_or_default();
            if before != *new {
                differs.push(Diff { sk: sk.clone(), old: before, new: new.clone() });
            }
        }
        differs.extend(old.into_iter().map(|(sk, item)| Diff { sk, old: item, new: Value::Null }));
        differs
    }

    /// The items of a partition whose sort key begins with `prefix`, in that order.
    pub(crate) fn rows<'a>(&'a self, pk: &str, prefix: &'a str) -> impl Iterator<Item = &'a Value> + use<'a> {
        let rows = self.0.get(pk).into_iter().flatten();
        rows.filter(move |(sk, _)| sk.starts_with(prefix)).map(|(_, item)| item)
    }

    /// One item; `Null` where there is none.
    pub(crate) fn item(&self, pk: &str, sk: &str) -> &Value {
        self.0.get(pk).and_then(|partition| partition.get(sk)).unwrap_or(&Value::Null)
    }

    /// Stored subscription; `Null` if there is none.
    pub(crate) fn order(&self, id: &str) -> &Value {
        &self.item(&format!("SUB#{id}"), "STATE")["data"]
    }

    /// Every item of partitions that begin with `prefix`.
    pub(crate) fn all<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |(pk, _)| pk.starts_with(prefix)).flat_map(|(_, rows)| rows.values())
    }

    /// The items of all subscriptions.
    pub(crate) fn subscriptions(&self) -> impl Iterator<Item = &Value> {
        self.all("SUB#").filter(|item| item["sk"] == "STATE")
    }

    /// True if a report about an authorisation is quarantined.
    pub(crate) fn is_quarantined(&self, order: &str, gwsr: &str) -> bool {
        self.all("QUARANTINE#").any(|item| {
            let fields = &item["data"]["fields"];
            item["data"]["subscription"] == order && (fields["gwsr"] == gwsr || fields["Gwsr"] == gwsr)
        })
    }
}

/// A text; empty where there is none.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Parses an instant of an item (RFC 3339).
pub(crate) fn instant(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str()?.parse().ok()
}

/// True for a payment that must go back as a whole, and so pays no period.
pub(crate) fn is_whole_due(payment: &Value) -> bool {
    payment["refund_due"] == true && payment["refund_due_part"].is_null()
}

/// The name of a fact, an outcome or a status, whether it carries anything or not.
pub(crate) fn tag(value: &Value) -> &str {
    let key = value.as_object().and_then(|object| object.keys().next()).map(String::as_str);
    value.as_str().or(key).unwrap_or_default()
}
