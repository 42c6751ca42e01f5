//! The simulator's whole state.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::calendar::taipei_format;
use super::callbacks::notice::Notice;
use super::merchant::Merchant;
use super::message::PAID;
use super::order::Order;
use super::requests::traffic::Traffic;

/// All state of the simulated ECPay; it can be kept in a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ecpay {
    pub(super) merchant: Merchant,
    pub(super) orders: BTreeMap<String, Order>,
    pub(super) outcomes: BTreeMap<String, VecDeque<String>>,
    pub(super) notices: Vec<Notice>,
    pub(super) numbers: Numbers,
    #[serde(default)]
    pub(super) order_behavior: BTreeMap<String, OrderBehavior>,
    #[serde(default)]
    pub(crate) traffic: Traffic,
}

/// Treatment of an order by ECPay, as set by the controls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OrderBehavior {
    /// Neither its scheduled charges nor its retries are made.
    pub(super) paused: bool,
    /// Its callbacks are lost.
    pub(super) silent: bool,
    /// Queries about it are answered with a page that is no answer.
    #[serde(default)]
    pub(super) garbled: bool,
    /// Fields laid over the answers to queries about it.
    #[serde(default)]
    pub(super) query: Map<String, Value>,
    /// Fields laid over its next callback; null removes one.
    #[serde(default)]
    pub(super) callback: Map<String, Value>,
}

impl Ecpay {
    /// ECPay without any order.
    pub fn new(merchant: Merchant) -> Self {
        Self {
            merchant,
            orders: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            notices: Vec::new(),
            numbers: Numbers::default(),
            order_behavior: BTreeMap::new(),
            traffic: Traffic::default(),
        }
    }

    /// The merchant whose requests are accepted.
    pub fn merchant(&self) -> &Merchant {
        &self.merchant
    }

    /// Changes the key pair at once; waiting callbacks are signed with the new one.
    pub fn set_merchant(&mut self, merchant: Merchant) {
        self.merchant = merchant;
    }

    /// Treatment of the order; the default if the controls set none.
    pub(super) fn order_behavior(&self, merchant_trade_no: &str) -> OrderBehavior {
        self.order_behavior.get(merchant_trade_no).cloned().unwrap_or_default()
    }

    /// Takes the result of the order's next charge.
    pub(super) fn next_outcome(&mut self, merchant_trade_no: &str) -> String {
        let queued = self.outcomes.get_mut(merchant_trade_no);
        queued.and_then(VecDeque::pop_front).unwrap_or_else(|| PAID.to_owned())
    }
}

/// Every number ECPay gives out, each only once.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Numbers {
    authorisations: u64,
    trades: u64,
    notices: u64,
}

impl Numbers {
    /// The number of a successful authorisation.
    pub(super) fn gwsr(&mut self) -> u64 {
        self.authorisations += 1;
        13_400_000 + self.authorisations
    }

    /// The number of a callback.
    pub(super) fn notice(&mut self) -> u64 {
        self.notices += 1;
        self.notices
    }

    /// The number of an order, 16 digits like the real ones.
    pub(super) fn order(&mut self, at: DateTime<Utc>) -> String {
        self.trades += 1;
        format!("{}{:04}", taipei_format(at, "%y%m%d%H%M%S"), self.trades)
    }

    /// The number of a later charge, 20 digits like the real ones.
    pub(super) fn charge(&mut self, at: DateTime<Utc>) -> String {
        self.trades += 1;
        format!("{}{:06}", taipei_format(at, "%Y%m%d%H%M%S"), self.trades)
    }
}
