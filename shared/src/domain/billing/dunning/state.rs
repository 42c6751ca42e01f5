//! Derives status, grace period and dunning mail of an active order from its charge history.

use crate::domain::billing::decide::retry::announced_retry_at;
use crate::domain::billing::decision::DecisionContext;
use crate::domain::billing::dunning::arrears::Arrears;
use crate::domain::billing::dunning::notice_state::DunningNoticeState;
use crate::domain::billing::notices::{Notice, NoticeKind};
use crate::domain::billing::subscription::{Status, Subscription};

/// Number of the last dunning mail: one each for the first, second and third failure.
const LAST_MAILED_ATTEMPT: u8 = 3;

/// Updates status and grace period from the charge history; returns the mail that is due. While dunning is paused no
/// mail is due: it is sent when dunning resumes.
pub(crate) fn refresh_dunning_state(next: &mut Subscription, context: DecisionContext<'_>) -> Option<Notice> {
    let DecisionContext { policy, now, .. } = context;
    let Some(arrears) = Arrears::of(next) else {
        next.status = Status::Active;
        next.dunning_notice = None;
        next.extra_grace_days = 0;
        return None;
    };
    // Kept for as long as anything is owed, whatever charge the mail was about.
    let promised = next.dunning_notice.and_then(|sent| sent.promised_until);
    let is_about =
        |sent: &DunningNoticeState| sent.charge_due == arrears.charge_due || sent.began_at == Some(arrears.began_at);
    if next.dunning_notice.is_some_and(|sent| !is_about(&sent) && sent.charge_due < arrears.charge_due) {
        // Staff added these days to an episode that is over.
        next.extra_grace_days = 0;
        next.dunning_notice = None;
    }
    let computed = arrears.grace_ends_at(policy, next.extra_grace_days);
    let grace_ends_at = promised.map_or(computed, |promised| promised.max(computed));
    next.status = Status::PastDue { grace_ends_at };
    // Status and grace period stay correct during a pause; only the mail is held back.
    if next.paused.is_some() {
        return None;
    }
    let sent = next.dunning_notice.filter(is_about);
    if let Some(sent) = next.dunning_notice.as_mut().filter(|sent| is_about(sent)) {
        sent.began_at = Some(arrears.began_at);
    }
    // No mail for the fourth failure; of failures that become known together only the last one is mailed.
    let attempt = u8::try_from(arrears.attempts).unwrap_or(u8::MAX).min(LAST_MAILED_ATTEMPT);
    if attempt <= sent.map_or(0, |sent| sent.attempt) {
        return None;
    }
    let kind = NoticeKind::of_attempt(attempt)?;
    next.dunning_notice = Some(DunningNoticeState {
        charge_due: sent.map_or(arrears.charge_due, |sent| sent.charge_due),
        began_at: Some(arrears.began_at),
        attempt,
        first_attempt: sent.map_or(attempt, |sent| sent.first_attempt),
        first_notice_at: sent.map_or(now, |sent| sent.first_notice_at),
        promised_until: promised.max(Some(grace_ends_at)),
    });
    let notice = Notice::about(next, kind, &arrears.charge_due.to_string(), now)
        .with_day("charge_due", arrears.charge_due)
        .with_instant("grace_ends_at", grace_ends_at)
        .with("hard_decline", arrears.needs_new_card())
        .with("retries", announced_retry_at(next, &arrears, policy).is_some());
    Some(notice)
}
