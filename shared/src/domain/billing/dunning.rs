//! Puts status, grace and mails of a running order in step with its facts.

use crate::domain::billing::arrears::Arrears;
use crate::domain::billing::decision::DecisionContext;
use crate::domain::billing::notices::{Notice, NoticeKind};
use crate::domain::billing::subscription::{DunningNoticeState, Status, Subscription};

/// Mails of dunning: for the first, the second and the third failure.
const LAST_STAGE: u8 = 3;

/// Sets status and grace to what the facts say; gives the mail that is new. While staff hold dunning there is none: it
/// is sent when they let it go on.
pub(crate) fn refresh_dunning_state(next: &mut Subscription, context: DecisionContext<'_>) -> Option<Notice> {
    let DecisionContext { policy, now } = context;
    let Some(arrears) = Arrears::of(next) else {
        next.status = Status::Active;
        next.dunning_notice = None;
        next.extra_grace_days = 0;
        return None;
    };
    if next.dunning_notice.is_some_and(|told| told.charge_due < arrears.charge_due) {
        // Staff gave those days to an episode that is over.
        next.extra_grace_days = 0;
        next.dunning_notice = None;
    }
    let grace_ends_at = arrears.grace_ends_at(policy, next.extra_grace_days);
    next.status = Status::PastDue { grace_ends_at };
    if next.paused.is_some() {
        return None;
    }
    let told = next.dunning_notice.filter(|told| told.charge_due == arrears.charge_due);
    // The fourth failure sends none; several that become known at once send the latest warning.
    let stage = u8::try_from(arrears.attempts).unwrap_or(u8::MAX).min(LAST_STAGE);
    if stage <= told.map_or(0, |told| told.stage) {
        return None;
    }
    let kind = NoticeKind::of_stage(stage)?;
    next.dunning_notice = Some(DunningNoticeState {
        charge_due: arrears.charge_due,
        stage,
        first_notice_at: told.map_or(now, |told| told.first_notice_at),
    });
    let notice = Notice::about(next, kind, &arrears.charge_due.to_string(), now)
        .with_day("charge_due", arrears.charge_due)
        .with_instant("grace_ends_at", grace_ends_at)
        .with("hard_decline", arrears.needs_new_card());
    Some(notice)
}
