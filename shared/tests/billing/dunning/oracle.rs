//! Second implementation of the dunning rules, from the design alone: sets of events and sums of seconds.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::dunning::calendar::{DAY, Dues, HOUR, day_of, iso, midnight};
use crate::dunning::paid_days::PaidDays;

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

/// End of an order at ECPay, as a query says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Cancelled, or terminated by ECPay: ExecStatus 0.
    Cancelled,
    /// Finished: ExecStatus 2.
    Finished,
}

/// Dunning mail that was queued.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SentMail {
    pub(crate) due: i64,
    began: i64,
    attempt: usize,
    pub(crate) at: i64,
    /// End of the grace period that the mail names.
    promised: i64,
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
    /// Time of the latest query, and whether it said that the order runs.
    pub(crate) query: Option<(i64, bool)>,
    /// Queries in vain in a row, and the time of the next one.
    pub(crate) backoff: Option<(usize, i64)>,
    pending: Vec<i64>,
    first_failed: bool,
    plan_after_close: bool,
    /// Mails of the open episode; `mailed` holds those of the whole life, since a mail about a due date is sent once.
    pub(crate) sent: Vec<SentMail>,
    mailed: BTreeSet<(i64, usize)>,
    /// [`Self::days`] of the present charges and queries: the long tables ask for it millions of times.
    known_days: RefCell<Option<PaidDays>>,
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
            query: None,
            backoff: None,
            pending: Vec::new(),
            first_failed: false,
            plan_after_close: false,
            sent: Vec::new(),
            mailed: BTreeSet::new(),
            known_days: RefCell::new(None),
            missing_charge_notified_for: Vec::new(),
        }
    }

    pub(crate) fn dues(&self) -> Dues {
        let first = self.paid.iter().find(|(number, _)| *number == 1).map_or(self.created, |(_, at)| *at);
        Dues { anchor: day_of(first), months: self.months }
    }

    /// The due dates as far as the charges show that they were moved, and the latest that was paid.
    pub(crate) fn days(&self) -> PaidDays {
        let derived = || {
            let paid: Vec<_> = self.paid.iter().map(|(_, at)| *at).collect();
            let failed: Vec<_> = self.failed.iter().map(|(at, _)| *at).collect();
            PaidDays::of(self.dues(), &paid, &failed, self.query.map(|(at, _)| at))
        };
        self.known_days.borrow_mut().get_or_insert_with(derived).clone()
    }

    /// "2 days before the next charge": the first due day that is not over and of whose charge nothing is known.
    pub(crate) fn charge_to_come(&self, day: i64) -> i64 {
        let days = self.days().due_days;
        let due = days.of(day);
        let is_made = self.failed.iter().any(|(at, _)| days.of(day_of(*at)) == due);
        let next = if due < day || is_made { days.after(due) } else { due };
        self.failed.iter().filter_map(|(at, _)| days.shown_by(day_of(*at))).filter(|on| *on > day).fold(next, i64::min)
    }

    pub(crate) fn last_paid(&self) -> Option<i64> {
        self.paid.iter().map(|(_, at)| *at).max()
    }

    pub(crate) fn last_failed(&self) -> Option<i64> {
        self.failed.iter().map(|(at, _)| *at).max()
    }

    /// "A success clears failures not later than its own ProcessDate"; only failures of the charge that failed
    /// first count, "a further due charge failing inside an open episode" changes nothing.
    pub(crate) fn episode(&self) -> Option<Episode> {
        let paid = self.last_paid().unwrap_or(i64::MIN);
        let open: Vec<_> = self.failed.iter().filter(|(at, _)| *at > paid).collect();
        let (began, _) = open.iter().min_by_key(|(at, _)| *at)?;
        let days = self.days();
        let due = days.due_of_charge(day_of(*began));
        let times = open.iter().filter(|(at, _)| days.due_of_charge(day_of(*at)) == due).count();
        let (_, latest) = open.iter().max_by_key(|(at, _)| *at)?;
        Some(Episode { began: *began, due, times, new_card: needs_card(latest) })
    }

    /// True if the first and the last failed charge differ in the class of their decline.
    pub(crate) fn two_cards(&self) -> bool {
        let Some(episode) = self.episode() else { return false };
        let days = self.days();
        let same = |at: i64| days.due_of_charge(day_of(at)) == episode.due;
        let first_charge = self.failed.iter().filter(|(at, _)| *at >= episode.began && same(*at));
        first_charge.max_by_key(|(at, _)| *at).is_some_and(|(_, code)| needs_card(code) != episode.new_card)
    }

    /// "Grace 7 days; the second failure makes it 10 (7 + 3); later failures add none."
    fn grace_end_of(&self, episode: Episode) -> i64 {
        let days = if episode.times >= 2 { 10 } else { 7 };
        episode.began + (days + self.extra_days) * DAY
    }

    /// "A grace end that was mailed is kept."
    pub(crate) fn kept_grace_end(&self, episode: Episode) -> i64 {
        let promised = self.sent.iter().map(|sent| sent.promised).max();
        self.grace_end_of(episode).max(promised.unwrap_or(i64::MIN))
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
        if self.status() == "past_due" { Some(self.kept_grace_end(self.episode()?)) } else { None }
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
        let days = self.days();
        Some(days.due_days.after(days.paid?))
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
        let is_about = |sent: &&SentMail| sent.due == episode.due || sent.began == episode.began;
        let sent = self.sent.iter().filter(is_about).map(|sent| sent.attempt).max();
        // Of failures that become known together only the last one is mailed.
        let attempt = episode.times.min(3);
        if sent.is_some_and(|sent| attempt <= sent) {
            return Vec::new();
        }
        let name = ["first-payment-failure", "second-payment-failure", "final-payment-failure"][attempt - 1];
        let promised = self.kept_grace_end(episode);
        self.sent.push(SentMail { due: episode.due, began: episode.began, attempt, at: now, promised });
        let retries = self.may_ask() && self.retry_at().is_some();
        let mail = format!("{name} about {} new-card {} retries {retries}", iso(episode.due), episode.new_card);
        self.mailed.insert((episode.due, attempt)).then_some(mail).into_iter().collect()
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
        self.known_days.take();
        // The order runs after all: staff had ordered further charges.
        self.ended = self.ended.filter(|(ended, how)| *how == End::Cancelled || at < *ended);
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
        self.known_days.take();
        Effect { mails: self.mail(now), ..Effect::default() }
    }

    pub(crate) fn first_failure(&mut self) {
        self.first_failed = true;
    }

    /// Query of a pending order without a payment.
    pub(crate) fn check(&mut self, now: i64) -> bool {
        let pending = self.status() == "pending";
        if pending {
            self.query = Some((now, false));
            self.known_days.take();
            self.first_failed = now >= self.created + DAY;
        }
        pending
    }

    pub(crate) fn open_result(&mut self, at: i64) {
        self.pending.push(at);
    }

    /// Anything else than a query in vain ends the backoff.
    pub(crate) fn moved(&mut self) {
        self.backoff = None;
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

    /// A result of ECPay's is open for three days at most, and ends with a later charge.
    fn awaits_result(&self, now: i64) -> bool {
        let known = self.last_paid().max(self.last_failed());
        let open = self.pending.iter().filter(|at| known < Some(**at)).max();
        open.is_some_and(|at| now < at + 3 * DAY)
    }

    /// "Running but uncharged 3 days after the due day": staff are notified once; 7 days after it FREE.
    pub(crate) fn uncharged(&mut self, now: i64) -> Option<Effect> {
        if !self.is_running() || self.status() != "active" || self.ended.is_some() {
            return None;
        }
        let due = self.period_end()?;
        if now >= midnight(due + 7) && !self.awaits_result(now) {
            self.free = Some((now, "not_charged"));
            return Some(Effect { mails: vec!["not-charged".to_owned()], refund: false });
        }
        if now < midnight(due + 3) || self.missing_charge_notified_for.contains(&due) {
            return None;
        }
        self.missing_charge_notified_for.push(due);
        Some(Effect { mails: vec!["uncharged".to_owned()], refund: false })
    }

    /// Answer of a query: the order runs, or ECPay makes no further charges. On FREE that confirms the end.
    pub(crate) fn queried(&mut self, ended: Option<End>, now: i64) -> Effect {
        self.query = Some((now, ended.is_none()));
        self.known_days.take();
        let waited = self.backoff.take().map_or(0, |(times, _)| times);
        if let Some(how) = ended.filter(|_| self.status() != "pending") {
            let news = self.ended.is_none();
            let over = self.status() == "active" && !self.has_plan();
            self.ended = self.ended.or(Some((now, how)));
            if over {
                self.close();
            }
            if news || over {
                return Effect::default();
            }
        }
        // "Next ask after 2 h, doubling to 24 h", but not later than something is decided about the order.
        if self.next(now).is_some_and(|(task, at)| task == "reconcile" && at <= now) {
            let wait = [2, 4, 8, 16].get(waited).copied().unwrap_or(24);
            let late = self.period_end().into_iter().flat_map(|due| [3, 7].map(|days| midnight(due + days)));
            // The result of a charge comes within the hour.
            let result = self.awaits_result(now).then_some(now + HOUR);
            let deadlines = late.chain(self.ask_open().map(|asked| asked + DAY)).chain(result).filter(|at| *at > now);
            self.backoff = Some((waited + 1, deadlines.fold(now + wait * HOUR, i64::min)));
        }
        // The log may have shown a new charge day.
        Effect { mails: self.mail(now), ..Effect::default() }
    }
}
