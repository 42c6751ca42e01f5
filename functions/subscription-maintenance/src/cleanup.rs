//! Task `clean-up`: deletes old callback logs, brings back items that were unreadable, closes the counters of days that are over,
//! and mails staff which reports were quarantined.

use shared::domain::billing::notices::{Notice, NoticeKind};
use shared::domain::values::time::{LocalDate, Timestamp, Zone};
use shared::domain::values::time_range::TimeRange;
use shared::ecpay::order_form::Environment;

use crate::Error;
use crate::ecpay_session::EcpaySession;
use crate::report::{TaskReport, UNREADABLE};

/// Callback logs deleted by one run.
const DELETE_LIMIT: usize = 5_000;
/// Reasons named in one mail about quarantined reports.
const MAIL_REASONS: usize = 10;
/// Days back for which the mail is made, so that missed runs are caught up.
const MAIL_DAYS: i64 = 3;

/// State of the mail about one day's quarantined reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QuarantineMail {
    /// No report was quarantined on that day.
    NotNeeded,
    /// Queued by an earlier run.
    QueuedBefore,
    /// Queued by this run.
    Queued,
}

pub(crate) async fn clean_up(session: &EcpaySession<'_>, now: Timestamp) -> Result<TaskReport, Error> {
    let deleted = session.store.billing.delete_old_webhook_logs(now, DELETE_LIMIT).await?;
    let count = u64::try_from(deleted.count).unwrap_or(u64::MAX);
    let mut report = TaskReport { due: count, done: count, ..TaskReport::default() };
    report.record_age(deleted.oldest, now);
    let restored = session.store.billing.restore_unreadable(now).await?;
    report.due += restored.moved.saturating_add(restored.left);
    report.done += restored.moved;
    if restored.left > 0 {
        report.failed.insert(UNREADABLE.to_owned(), restored.left);
    }
    let closed = session.store.billing.close_days(now).await?;
    tracing::info!(closed, "days of the counters closed");
    // ECPay's test merchant is shared with strangers, whose orders are always quarantined: such mails would mean nothing.
    if session.maintenance.environment == Environment::Production {
        let today = now.day(Zone::Taipei);
        for ago in 1..=MAIL_DAYS {
            let mail = mail_quarantined(session, today.plus_days(-ago), now).await?;
            report.due += u64::from(mail != QuarantineMail::NotNeeded);
            report.done += u64::from(mail == QuarantineMail::Queued);
        }
    }
    Ok(report)
}

async fn mail_quarantined(session: &EcpaySession<'_>, day: LocalDate, now: Timestamp) -> Result<QuarantineMail, Error> {
    let range = TimeRange { from: day.start(Zone::Taipei), to: day.plus_days(1).start(Zone::Taipei) };
    let quarantined = session.store.billing.all_quarantined(range).await?;
    if quarantined.is_empty() {
        return Ok(QuarantineMail::NotNeeded);
    }
    let mut reasons: Vec<_> = quarantined.iter().map(|report| report.detail.clone()).collect();
    reasons.sort();
    reasons.dedup();
    reasons.truncate(MAIL_REASONS);
    // The day is part of the notice's id, so that every later run finds it queued.
    let notice = Notice::to_staff(NoticeKind::QuarantineDigest, &day.to_string(), now)
        .with_day("day", day)
        .with("count", quarantined.len())
        .with("reasons", reasons.join("\n"));
    let is_new = session.store.billing.enqueue(&notice).await?;
    Ok(if is_new { QuarantineMail::Queued } else { QuarantineMail::QueuedBefore })
}
