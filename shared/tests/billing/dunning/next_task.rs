//! The oracle's next action: task and time, from the design alone.

use crate::dunning::calendar::{DAY, HOUR, MINUTE, day_of, midnight};
use crate::dunning::oracle::{Ask, Oracle};

impl Oracle {
    pub(crate) fn ask_open(&self) -> Option<i64> {
        self.asks.iter().find(|(_, state)| *state == Ask::Open).map(|(at, _)| *at)
    }

    fn queried_since(&self, at: Option<i64>) -> bool {
        self.query.is_some_and(|(queried, _)| at.is_none_or(|at| queried >= at))
    }

    /// True if a retry may be requested, but for the number of failures.
    fn owes_a_charge(&self) -> bool {
        let over = self.superseded || self.cancel_asked || self.ended.is_some();
        !self.paid.is_empty() && self.episode().is_some() && !over && self.ask_open().is_none()
    }

    /// True if a retry may be requested, also by staff: "no retry after the fifth failure unless a query says that the
    /// order still runs".
    pub(crate) fn may_ask(&self) -> bool {
        let runs = self.queried_since(self.last_failed()) && self.query.is_some_and(|(_, runs)| runs);
        self.owes_a_charge() && (self.failed.len() < 5 || runs)
    }

    /// Next automatic retry: the first of days 1, 3 and 7 that lies after the latest request which reached ECPay. After
    /// five failures its query decides.
    pub(crate) fn retry_at(&self) -> Option<i64> {
        let episode = self.episode().filter(|episode| !episode.new_card)?;
        let open = self.may_ask() || self.owes_a_charge() && !self.queried_since(self.last_failed());
        if self.status() != "past_due" || !open {
            return None;
        }
        let asked = self.asks.iter().filter(|(_, state)| *state != Ask::NeverSent).map(|(at, _)| *at).max();
        [1, 3, 7].map(|day| episode.began + day * DAY).into_iter().find(|at| asked.is_none_or(|asked| *at > asked))
    }

    /// Next action and its time. A reconcile that was in vain waits for its backoff.
    pub(crate) fn next(&self, now: i64) -> Option<(&'static str, i64)> {
        let (task, at) = self.wanted(now)?;
        let again = self.backoff.filter(|_| task == "reconcile").map(|(_, again)| again);
        Some((task, again.map_or(at, |again| at.max(again))))
    }

    fn wanted(&self, now: i64) -> Option<(&'static str, i64)> {
        if let Some(asked) = self.ask_open() {
            return Some(("reconcile", asked));
        }
        match self.status() {
            "pending" => {
                let asked = self.query.map_or(self.created, |(at, _)| at);
                let ages = [10 * MINUTE, 40 * MINUTE, 24 * HOUR].map(|age| self.created + age);
                Some(("check-pending", ages.into_iter().find(|at| *at > asked).unwrap_or(self.created + DAY)))
            }
            "past_due" => self.past_due(),
            "active" if self.superseded => Some(("cancel", now)),
            "active" if self.free.is_some() => self.on_free(now),
            "active" if self.ended.is_none() => self.running(now),
            "failed" => None,
            _ if self.has_plan() => self.period_end().map(|end| ("end-grace", midnight(end))),
            _ => None,
        }
    }

    /// "At the same instant a retry goes before the downgrade", and "before FREE the order was queried within 24 h".
    fn past_due(&self) -> Option<(&'static str, i64)> {
        if let Some(at) = self.end_suspected() {
            return Some(("reconcile", at));
        }
        let end = self.downgrade_at()?;
        match self.retry_at() {
            Some(at) if at <= end => Some(("retry", at)),
            _ if self.queried_since(Some(end - 24 * HOUR)) => Some(("end-grace", end)),
            _ => Some(("reconcile", end - 12 * HOUR)),
        }
    }

    /// After a failure the order is cancelled in the end; one that was not charged "is queried daily for 14 days, then
    /// weekly", and never cancelled for this reason.
    fn on_free(&self, now: i64) -> Option<(&'static str, i64)> {
        let (since, why) = self.free?;
        if why == "not_charged" {
            let asked = self.query.map_or(since, |(at, _)| at.max(since));
            let days = if asked < since + 14 * DAY { 1 } else { 7 };
            return Some(("reconcile", asked + days * DAY));
        }
        if self.cancel_asked {
            return Some(("cancel", now));
        }
        let next_charge = self.charge_to_come(day_of(since));
        Some(("cancel", (since + 14 * DAY).min(midnight(next_charge - 2)).max(since)))
    }

    fn running(&self, now: i64) -> Option<(&'static str, i64)> {
        // Paid although a cancellation was requested: a query finds out at once if the order continues.
        if self.cancel_asked {
            return Some(("reconcile", now));
        }
        // ECPay counts a success without a report: a query searches for it at once.
        if self.lacks_a_success() {
            return Some(("reconcile", self.last_paid()?));
        }
        let open = self.days().unexplained.or_else(|| self.end_suspected());
        let open = open.or_else(|| self.annual_notice());
        Some(("reconcile", open.unwrap_or(midnight(self.period_end()? + 1))))
    }

    /// "A notice 14 days before an annual charge", after a query: none for the last period of the order.
    fn annual_notice(&self) -> Option<i64> {
        let highest = self.paid.iter().map(|(number, _)| *number).max().unwrap_or(0);
        let at = midnight(self.period_end()? - 14);
        (self.months == 12 && highest < self.exec_times && !self.queried_since(Some(at))).then_some(at)
    }

    /// The end of grace, not before the first notice is 3 days old; `None` while the customer has no notice. The end of
    /// the order at ECPay does not shorten it.
    fn downgrade_at(&self) -> Option<i64> {
        let episode = self.episode()?;
        let first = |about: fn(i64, i64) -> bool| {
            self.sent.iter().filter(|sent| about(sent.due, episode.due)).map(|sent| sent.at).min()
        };
        // A query may have shown since that the due day was moved.
        let sent = first(|sent, due| sent == due).or_else(|| first(|sent, due| sent > due))?;
        Some(self.kept_grace_end(episode).max(sent + 3 * DAY))
    }

    /// "The end of an order is what ECPay says, asked when we believe it: also after six failures."
    fn end_suspected(&self) -> Option<i64> {
        let highest = self.paid.iter().map(|(number, _)| *number).max().unwrap_or(0);
        let last = self.last_paid().filter(|_| highest >= self.exec_times);
        let sixth = self.last_failed().filter(|_| self.failed.len() >= 6);
        last.max(sixth).filter(|at| !self.queried_since(Some(*at)))
    }

    fn lacks_a_success(&self) -> bool {
        let highest = self.paid.iter().map(|(number, _)| *number).max().unwrap_or(0);
        (1..highest).any(|number| self.paid.iter().all(|(known, _)| *known != number))
    }
}
