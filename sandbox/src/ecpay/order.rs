//! An order as ECPay keeps it.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::calendar::{PeriodType, after_anchor, whole_second};
use super::message::{PAID, PENDING};

/// Terms of the order, as the buyer accepted them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Terms {
    pub(super) merchant_trade_no: String,
    pub(super) store_id: String,
    pub(super) item_name: String,
    pub(super) amount: u32,
    pub(super) period_type: PeriodType,
    pub(super) frequency: u32,
    pub(super) exec_times: u32,
    pub(super) return_url: String,
    pub(super) period_return_url: String,
    pub(super) client_back_url: String,
    pub(super) order_result_url: String,
    pub(super) custom_fields: [String; 4],
    pub(super) extra_info: bool,
}

/// State of an order at ECPay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Pending,
    NotEstablished,
    Running,
    /// Paused in ECPay's console: neither charges nor retries.
    Paused,
    Cancelled,
    Finished,
}

impl State {
    /// The word in the view.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::NotEstablished => "not_established",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
            Self::Finished => "finished",
        }
    }
}

/// Cause of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    First,
    Scheduled,
    Retry,
    Manual,
}

impl Kind {
    /// The word in the view.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Scheduled => "scheduled",
            Self::Retry => "retry",
            Self::Manual => "manual",
        }
    }
}

/// One authorisation, or a simulated one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Charge {
    pub(super) at: DateTime<Utc>,
    pub(super) kind: Kind,
    pub(super) rtn_code: String,
    pub(super) amount: u32,
    pub(super) gwsr: Option<u64>,
    pub(super) trade_no: String,
    pub(super) success_number: Option<u32>,
    pub(super) simulated: bool,
    /// Number of the scheduled execution, from 1; 0 for a charge outside the schedule.
    pub(super) execution: u32,
}

impl Charge {
    /// True if the charge was real and paid.
    pub(super) fn succeeded(&self) -> bool {
        !self.simulated && self.rtn_code == PAID
    }

    /// True if the result of the charge is not known yet.
    pub(super) fn pending(&self) -> bool {
        !self.simulated && self.rtn_code == PENDING
    }

    /// True if the charge was real and declined.
    pub(super) fn failed(&self) -> bool {
        !self.simulated && self.rtn_code != PAID && self.rtn_code != PENDING
    }

    /// The issuer's code; failures have none.
    pub(super) fn auth_code(&self) -> &'static str {
        if self.gwsr.is_some() { "777777" } else { "" }
    }

    /// The authorisation number on the wire; failures have none.
    pub(super) fn gwsr_text(&self) -> String {
        self.gwsr.map(|gwsr| gwsr.to_string()).unwrap_or_default()
    }
}

/// A request of the merchant about an order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Ask {
    pub(super) at: DateTime<Utc>,
    pub(super) accepted: bool,
}

/// A pending charge and when its result becomes known.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Unresolved {
    pub(super) at: DateTime<Utc>,
    pub(super) charge: usize,
}

/// Charge from which the days of the later ones follow.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Anchor {
    pub(super) at: DateTime<Utc>,
    /// Number of its execution, from 1.
    pub(super) execution: u32,
    /// Periods since then in which the order was paused and not charged.
    pub(super) skipped: u32,
}

/// An order with everything that happened to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) terms: Terms,
    pub(super) trade_no: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) state: State,
    pub(super) executions: u32,
    pub(super) charges: Vec<Charge>,
    pub(super) next_charge_at: Option<DateTime<Utc>>,
    /// `None` while no day was edited and no period skipped: the first charge then.
    #[serde(default)]
    pub(super) anchor: Option<Anchor>,
    pub(super) retry_at: Option<DateTime<Utc>>,
    pub(super) unresolved: Vec<Unresolved>,
    pub(super) retries_asked: Vec<Ask>,
    pub(super) cancels_asked: Vec<Ask>,
    pub(super) queries: u64,
}

impl Order {
    /// An order whose first charge has not been made yet.
    pub(super) fn new(terms: Terms, trade_no: String, now: DateTime<Utc>) -> Self {
        Self {
            terms,
            trade_no,
            created_at: whole_second(now),
            state: State::Pending,
            executions: 0,
            charges: Vec::new(),
            next_charge_at: None,
            anchor: None,
            retry_at: None,
            unresolved: Vec::new(),
            retries_asked: Vec::new(),
            cancels_asked: Vec::new(),
            queries: 0,
        }
    }

    /// Number of successful charges.
    pub(super) fn successes(&self) -> u32 {
        let count = self.charges.iter().filter(|c| c.succeeded()).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Sum of the successful charges, in TWD.
    pub(super) fn success_amount(&self) -> u64 {
        let paid = self.charges.iter().filter(|c| c.succeeded());
        paid.map(|c| u64::from(c.amount)).sum()
    }

    /// Number of failed charges over the life of the order.
    pub(super) fn failures(&self) -> usize {
        self.charges.iter().filter(|c| c.failed()).count()
    }

    /// The latest real authorisation.
    pub(super) fn latest(&self) -> Option<&Charge> {
        let real = self.charges.iter().filter(|c| !c.simulated);
        real.max_by_key(|c| c.at)
    }

    /// The amount of the first charge.
    pub(super) fn first_amount(&self) -> u32 {
        self.charges.first().map_or(self.terms.amount, |c| c.amount)
    }

    /// The first second from `at` on in which this order has no charge.
    pub(super) fn free_second(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        let mut second = whole_second(at);
        while self.charges.iter().any(|charge| charge.at == second) {
            second += TimeDelta::seconds(1);
        }
        second
    }

    /// Sets when the next scheduled charge falls due, or ends the order after its last.
    pub(super) fn schedule_next(&mut self) {
        self.next_charge_at = None;
        if self.executions >= self.terms.exec_times {
            self.state = State::Finished;
            return;
        }
        self.next_charge_at = self.anchor().and_then(|anchor| self.due_after(anchor));
    }

    /// The charge from which the days of the later ones follow; `None` before the first.
    pub(super) fn anchor(&self) -> Option<Anchor> {
        let first = self.charges.first().map(|charge| Anchor { at: charge.at, execution: 1, skipped: 0 });
        self.anchor.or(first)
    }

    /// Day of the next execution, counted from the anchor.
    pub(super) fn due_after(&self, anchor: Anchor) -> Option<DateTime<Utc>> {
        let next = self.executions.checked_add(1)?;
        let periods = next.checked_sub(anchor.execution)?.checked_add(anchor.skipped)?;
        after_anchor(anchor.at, self.terms.period_type, periods.checked_mul(self.terms.frequency)?)
    }

    /// Stops the order for good; an accepted retry is dropped with it.
    pub(super) fn cancel(&mut self) {
        self.state = State::Cancelled;
        self.next_charge_at = None;
        self.retry_at = None;
    }
}
