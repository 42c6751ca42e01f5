//! Second implementation of the dunning rules, from the design alone: sets of events and sums of seconds.

use std::collections::BTreeSet;

use crate::dunning::calendar::{DAY, Dues, HOUR, MINUTE, day_of, iso, midnight};

/// Outcome of a retry request, as far as the rules need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Result pending or outcome unknown.
    Open,
    /// Closed, with a result or without.
    Closed,
    /// Never received by ECPay.
    NeverSent,
}

/// End of an order at ECPay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Cancelled: ExecStatus 0.
    Cancelled,
    /// Finished: ExecStatus 2.
    Finished,
    /// Terminated after six failures.
    Six,
}

/// Dunning mail that was queued.
#[derive(Clone, Copy, Debug)]
struct SentMail {
    due: i64,
    stage: usize,
    at: i64,
}

/// Unpaid charge: first failure, due date, number of failures, and hard decline or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Episode {
    pub(crate) began: i64,
    pub(crate) due: i64,
    pub(crate) times: usize,
    pub(crate) new_card: bool,
}

/// Visible effect of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    /// Mails about dunning and about the end of the plan.
    pub(crate) mails: Vec<String>,
    /// True if a refund is due.
    pub(crate) refund: bool,
}

/// Order as the set of its events.
#[derive(Clone, Debug)]
pub(crate) struct Oracle {
    pub(crate) created: i64,
    pub(crate) months: i64,
    pub(crate) exec_times: i64,
    pub(crate) paid: Vec<(i64, i64)>,
    pub(crate) failed: Vec<(i64, String)>,
    pub(crate) refunds: usize,
    pub(crate) asks: Vec<(i64, Ask)>,
    pub(crate) free: Option<(i64, &'static str)>,
    pub(crate) extra_days: i64,
    pub(crate) superseded: bool,
    pub(crate) superseded_at: i64,
    pub(crate) cancel_asked: bool,
    pub(crate) ended: Option<(i64, End)>,
    pub(crate) closed: Option<&'static str>,
    pub(crate) checked: i64,
    first_failed: bool,
    plan_after_close: bool,
    /// Mails of the open episode; `mailed` holds those of the whole life, since a mail about a due date is sent once.
    sent: Vec<SentMail>,
    mailed: BTreeSet<(i64, usize)>,
    missing_charge_notified_for: Vec<i64>,
}

/// Hard decline: expired, lost or stolen card.
fn needs_card(code: &str) -> bool {
    ["10100251", "10100255", "10100256"].contains(&code)
}

impl Oracle {
    pub(crate) fn ordered(created: i64, months: i64, exec_times: i64) -> Self {
        Self {
            created,
            months,
            exec_times,
            paid: Vec::new(),
            failed: Vec::new(),
            refunds: 0,
            asks: Vec::new(),
            free: None,
            extra_days: 0,
            superseded: false,
            superseded_at: 0,
            cancel_asked: false,
            ended: None,
            closed: None,
            checked: created,
            first_failed: false,
            plan_after_close: false,
            sent: Vec::new(),
            mailed: BTreeSet::new(),
            missing_charge_notified_for: Vec::new(),
        }
    }

    pub(crate) fn dues(&self) -> Dues {
        let first = self.paid.iter().find(|(number, _)| *number == 1).map_or(self.created, |(_, at)| *at);
        Dues { anchor: day_of(first), months: self.months }
    }

    /// "2 days before the next charge, so nobody on FREE is charged": the first due day that is not over and of whose
    /// charge nothing is known.
    pub(crate) fn charge_to_come(&self, day: i64) -> i64 {
        let dues = self.dues();
        let is_to_come = |k: &i64| dues.due(*k) >= day && !self.failed.iter().any(|(at, _)| dues.charge_of(*at) == *k);
        (1..).find(is_to_come).map_or(day, |k| dues.due(k))
    }

    fn last_paid(&self) -> Option<i64> {
        self.paid.iter().map(|(_, at)| *at).max()
    }

    /// "A success clears failures not later than its own ProcessDate"; only failures of the charge that failed
    /// first count, "a further due charge failing inside an open episode" changes nothing.
    pub(crate) fn episode(&self) -> Option<Episode> {
        let paid = self.last_paid().unwrap_or(i64::MIN);
        let open: Vec<_> = self.failed.iter().filter(|(at, _)| *at > paid).collect();
        let (began, _) = open.iter().min_by_key(|(at, _)| *at)?;
        let dues = self.dues();
        let charge = dues.charge_of(*began);
        let times = open.iter().filter(|(at, _)| dues.charge_of(*at) == charge).count();
        let (_, latest) = open.iter().max_by_key(|(at, _)| *at)?;
        Some(Episode { began: *began, due: dues.due(charge), times, new_card: needs_card(latest) })
    }

    /// True if the first and the last failed charge differ in the class of their decline.
    pub(crate) fn two_cards(&self) -> bool {
        let Some(episode) = self.episode() else { return false };
        let same = |at: i64| self.dues().due(self.dues().charge_of(at)) == episode.due;
        let first_charge = self.failed.iter().filter(|(at, _)| *at >= episode.began && same(*at));
        first_charge.max_by_key(|(at, _)| *at).is_some_and(|(_, code)| needs_card(code) != episode.new_card)
    }

    /// "Grace 7 days; the second failure makes it 10 (7 + 3); later failures add none."
    fn grace_end_of(&self, episode: Episode) -> i64 {
        let days = if episode.times >= 2 { 10 } else { 7 };
        episode.began + (days + self.extra_days) * DAY
    }

    pub(crate) fn status(&self) -> &'static str {
        if let Some(closed) = self.closed {
            closed
        } else if self.paid.is_empty() && self.refunds == 0 {
            if self.first_failed { "failed" } else { "pending" }
        } else if self.free.is_none() && !self.superseded && self.episode().is_some() {
            "past_due"
        } else {
            "active"
        }
    }

    pub(crate) fn grace_end(&self) -> Option<i64> {
        if self.status() == "past_due" { Some(self.grace_end_of(self.episode()?)) } else { None }
    }

    pub(crate) fn has_plan(&self) -> bool {
        if self.closed.is_some() {
            self.plan_after_close
        } else {
            !self.paid.is_empty() && self.free.is_none() && !self.superseded
        }
    }

    /// "`current_period_end` is the day of the next charge."
    pub(crate) fn period_end(&self) -> Option<i64> {
        let dues = self.dues();
        Some(dues.due(dues.charge_of(self.last_paid()?) + 1))
    }

    fn ask_open(&self) -> Option<i64> {
        self.asks.iter().find(|(_, state)| *state == Ask::Open).map(|(at, _)| *at)
    }

    /// True if a retry may be requested, also by staff.
    pub(crate) fn may_ask(&self) -> bool {
        let over = self.superseded || self.cancel_asked || self.ended.is_some();
        let owed = !self.paid.is_empty() && self.episode().is_some();
        owed && !over && self.ask_open().is_none() && self.failed.len() < 5
    }

    /// Next automatic retry: the first of days 1, 3 and 7 that lies after the latest request which reached ECPay.
    pub(crate) fn retry_at(&self) -> Option<i64> {
        let episode = self.episode().filter(|episode| !episode.new_card)?;
        if self.status() != "past_due" || !self.may_ask() {
            return None;
        }
        let asked = self.asks.iter().filter(|(_, state)| *state != Ask::NeverSent).map(|(at, _)| *at).max();
        [1, 3, 7].map(|day| episode.began + day * DAY).into_iter().find(|at| asked.is_none_or(|asked| *at > asked))
    }

    /// `None` while the customer has no notice.
    fn downgrade_at(&self) -> Option<i64> {
        let episode = self.episode()?;
        let sent = self.sent.iter().filter(|sent| sent.due == episode.due).map(|sent| sent.at).min()?;
        let mut due = self.grace_end_of(episode);
        if self.ended.is_some() {
            due = due.min(midnight(self.period_end()?));
        }
        Some(due.max(sent + 3 * DAY))
    }

    /// Next action and its time.
    pub(crate) fn next(&self, now: i64) -> Option<(&'static str, i64)> {
        if let Some(asked) = self.ask_open() {
            return Some(("reconcile", asked));
        }
        match self.status() {
            "pending" => {
                let ages = [10 * MINUTE, 40 * MINUTE, 24 * HOUR].map(|age| self.created + age);
                Some(("check-pending", ages.into_iter().find(|at| *at > self.checked).unwrap_or(self.created + DAY)))
            }
            "past_due" => match self.retry_at() {
                Some(at) => Some(("retry", at)),
                None => Some(("end-grace", self.downgrade_at()?)),
            },
            "active" if self.superseded || self.cancel_asked && self.free.is_some() => Some(("cancel", now)),
            // "Order ended at ECPay: no more asks."
            "active" if self.free.is_some() && self.ended.is_some() => None,
            "active" if self.free.is_some() => {
                let (since, _) = self.free?;
                let next_charge = self.charge_to_come(day_of(since));
                Some(("cancel", (since + 14 * DAY).min(midnight(next_charge - 2)).max(since)))
            }
            // Paid although a cancellation was requested: a query finds out at once if the order continues.
            "active" if self.ended.is_none() && self.cancel_asked => Some(("reconcile", now)),
            // ECPay counts a success without a report: a query searches for it at once.
            "active" if self.ended.is_none() && self.lacks_a_success() => Some(("reconcile", self.last_paid()?)),
            "active" if self.ended.is_none() => Some(("reconcile", midnight(self.period_end()? + 1))),
            "failed" => None,
            _ if self.has_plan() => self.period_end().map(|end| ("end-grace", midnight(end))),
            _ => None,
        }
    }

    fn lacks_a_success(&self) -> bool {
        let highest = self.paid.iter().map(|(number, _)| *number).max().unwrap_or(0);
        (1..highest).any(|number| self.paid.iter().all(|(known, _)| *known != number))
    }

    fn is_running(&self) -> bool {
        ["active", "past_due"].contains(&self.status()) && self.free.is_none() && !self.superseded
    }

    /// First medium, second high, third critical, the fourth none; each once.
    fn mail(&mut self, now: i64) -> Vec<String> {
        if !self.is_running() {
            return Vec::new();
        }
        let Some(episode) = self.episode() else { return Vec::new() };
        let sent = self.sent.iter().filter(|sent| sent.due == episode.due).map(|sent| sent.stage).max();
        let names = ["first-payment-failure", "second-payment-failure", "final-payment-failure"];
        let is_new = sent.is_none_or(|sent| episode.times > sent);
        let (Some(name), true) = (names.get(episode.times - 1), is_new) else { return Vec::new() };
        self.sent.push(SentMail { due: episode.due, stage: episode.times, at: now });
        let mail = format!("{name} about {} new-card {}", iso(episode.due), episode.new_card);
        self.mailed.insert((episode.due, episode.times)).then_some(mail).into_iter().collect()
    }

    fn result_of_ask(&mut self, processed: i64) {
        for (asked, state) in &mut self.asks {
            if *state == Ask::Open && processed >= *asked {
                *state = Ask::Closed;
            }
        }
    }

    pub(crate) fn knows_failure(&self, at: i64) -> bool {
        self.failed.iter().any(|(known, _)| *known == at)
    }

    pub(crate) fn success(&mut self, number: i64, at: i64, now: i64) -> Effect {
        self.result_of_ask(at);
        let confirmed = self.ended.filter(|(_, how)| *how == End::Cancelled || self.closed.is_some());
        let replaced = self.superseded && at >= self.superseded_at;
        if replaced || confirmed.is_some_and(|(ended, _)| at >= ended) {
            self.refunds += 1;
            return Effect { refund: true, ..Effect::default() };
        }
        let newest = self.last_paid().is_none_or(|known| at > known);
        let owed = self.episode().map(|open| open.began);
        self.paid.push((number, at));
        // The end after six failures is inferred; a charge made after the sixth disproves it.
        self.ended =
            self.ended.filter(|(_, how)| *how != End::Six || self.episode().is_some() || self.closed.is_some());
        if number >= self.exec_times && self.ended.is_none() {
            self.ended = Some((now, End::Finished));
        }
        if self.superseded {
            // Paid for the time before; the plan is the new order's.
            return Effect::default();
        }
        if self.closed.is_some() {
            if self.period_end().is_some_and(|end| midnight(end) > now) {
                self.plan_after_close = true;
                // With the plan restored the downgrade is over.
                self.free = None;
            }
            return Effect::default();
        }
        match self.episode() {
            None => {
                self.sent.clear();
                self.extra_days = 0;
                if newest {
                    self.free = None;
                }
            }
            // The charge that led to FREE is paid, and the grace period of the next one still runs.
            Some(open) if owed != Some(open.began) && self.grace_end_of(open) > now => self.free = None,
            Some(_) => {}
        }
        Effect { mails: self.mail(now), ..Effect::default() }
    }

    pub(crate) fn failure(&mut self, at: i64, code: &str, now: i64) -> Effect {
        self.result_of_ask(at);
        self.failed.push((at, code.to_owned()));
        if self.failed.len() >= 6 && self.ended.is_none() {
            self.ended = Some((now, End::Six));
        }
        Effect { mails: self.mail(now), ..Effect::default() }
    }

    pub(crate) fn first_failure(&mut self) {
        self.first_failed = true;
    }

    /// Query of a pending order without a payment.
    pub(crate) fn check(&mut self, now: i64) -> bool {
        let pending = self.status() == "pending";
        if pending {
            self.checked = now;
            self.first_failed = now >= self.created + DAY;
        }
        pending
    }

    /// Downgrade, if it is due.
    pub(crate) fn end_grace(&mut self, now: i64) -> Option<Effect> {
        self.next(now).filter(|(kind, at)| *kind == "end-grace" && *at <= now)?;
        if self.status() == "past_due" {
            self.free = Some((now, "payment_failure"));
            self.extra_days = 0;
            return Some(Effect { mails: vec!["downgraded".to_owned()], refund: false });
        }
        self.close();
        Some(Effect::default())
    }

    fn close(&mut self) {
        let finished = self.ended.is_some_and(|(_, how)| how == End::Finished);
        self.closed = Some(if finished { "completed" } else { "cancelled" });
        self.plan_after_close = false;
    }

    /// "Running but uncharged 3 days after the due day": staff are notified once; 7 days after it FREE.
    pub(crate) fn uncharged(&mut self, now: i64) -> Option<Effect> {
        if !self.is_running() || self.status() != "active" || self.ended.is_some() {
            return None;
        }
        let due = self.period_end()?;
        if now >= midnight(due + 7) {
            self.free = Some((now, "not_charged"));
            return Some(Effect { mails: vec!["downgraded".to_owned()], refund: false });
        }
        if now < midnight(due + 3) || self.missing_charge_notified_for.contains(&due) {
            return None;
        }
        self.missing_charge_notified_for.push(due);
        Some(Effect { mails: vec!["uncharged".to_owned()], refund: false })
    }

    /// Query result: ECPay makes no further charges. On FREE that confirms the end.
    pub(crate) fn order_ended(&mut self, how: End, now: i64) -> bool {
        let news = self.ended.is_none();
        let how = self.ended.map_or(how, |(_, known)| known);
        let over = self.status() == "active" && !self.has_plan();
        self.ended = Some(self.ended.filter(|(_, how)| !over || *how != End::Six).unwrap_or((now, how)));
        if over {
            self.close();
        }
        news || over
    }
}
