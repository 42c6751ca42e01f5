//! Sends what is due: claim, send, settle. Only here is a send ever repeated.

use crate::domain::billing::notices::NoticeKind;
use crate::domain::values::time::Timestamp;
use crate::mail::mailer::{Delivery, Mailer};
use crate::mail::render::{self, Mail};
use crate::platform::clock::InvocationTime;
use crate::store::billing::notices::DueNotice;
use crate::store::table::record::{NoticeState, StoredNotice};
use crate::store::{Error, Store};

/// A claim ends after this many minutes; who claimed it is then taken for crashed.
const LEASE_MINUTES: i64 = 2;
/// Minutes to the next attempt, by attempts made; after the last one a notice is given up.
const BACKOFF_MINUTES: [i64; 8] = [5, 10, 30, 60, 120, 240, 480, 720];
/// Notices sent by one drain.
const LIMIT: usize = 500;

/// What a drain did, or when rehearsing would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// Taken by the provider.
    pub sent: u64,
    /// To be tried again.
    pub later: u64,
    /// Given up.
    pub dead: u64,
    /// Nobody knows.
    pub unclear: u64,
    /// When the first that was due fell due.
    pub oldest: Option<Timestamp>,
    /// Each of them.
    pub handled: Vec<Handled>,
}

/// One notice that was handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handled {
    /// Its id.
    pub id: String,
    /// What is told.
    pub kind: NoticeKind,
    /// What became of it.
    pub outcome: NoticeState,
}

/// What is to be done with a notice that is due.
enum Plan {
    /// Its lease has ended: whoever claimed it may have sent it, and a person is not told twice.
    Unclear,
    /// It cannot be written.
    Dead(render::Error),
    /// Send it.
    Send(Mail),
}

impl DrainReport {
    /// All that were touched.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.sent + self.later + self.dead + self.unclear
    }

    fn add(&mut self, notice: &StoredNotice, outcome: NoticeState) {
        match outcome {
            NoticeState::Sent => self.sent += 1,
            NoticeState::Unclear => self.unclear += 1,
            NoticeState::Dead => self.dead += 1,
            NoticeState::Queued | NoticeState::Claimed => self.later += 1,
        }
        self.handled.push(Handled { id: notice.id.clone(), kind: notice.kind, outcome });
    }
}

/// Sends the notices that are due, for at most `seconds`. With nothing due it is one query.
///
/// # Errors
/// [`Error`] when the store failed; what was sent until then is settled.
pub async fn drain(
    store: &Store,
    messenger: &Mailer,
    moment: InvocationTime,
    seconds: u64,
) -> Result<DrainReport, Error> {
    let mut drained = DrainReport::default();
    let (mut count, mut cursor) = (0, None);
    loop {
        let page = store.billing.due_notices(moment.wall, cursor).await?;
        drained.oldest = drained.oldest.or(page.oldest);
        for notice in page.items {
            count += 1;
            if count > LIMIT || moment.stopwatch.elapsed().as_secs() >= seconds {
                return Ok(drained);
            }
            handle(store, messenger, notice, (moment.wall_now(), &mut drained)).await?;
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(drained);
        }
    }
}

fn plan(notice: &StoredNotice) -> Plan {
    if notice.state == NoticeState::Claimed {
        return Plan::Unclear;
    }
    match render::render(notice.kind, &notice.fields) {
        Ok(mail) => Plan::Send(mail),
        Err(error) => Plan::Dead(error),
    }
}

async fn handle(
    store: &Store,
    messenger: &Mailer,
    due: DueNotice,
    (wall, drained): (Timestamp, &mut DrainReport),
) -> Result<(), Error> {
    let (state, detail) = match plan(&due.notice) {
        Plan::Send(_) if store.is_dry_run() => {
            drained.add(&due.notice, NoticeState::Sent);
            return Ok(());
        }
        Plan::Send(mail) => return send(store, messenger, (due, &mail), (wall, drained)).await,
        Plan::Unclear => (NoticeState::Unclear, "claimed and never settled".to_owned()),
        Plan::Dead(error) => (NoticeState::Dead, error.to_string()),
    };
    tracing::error!(notice = due.notice.id, outcome = state.name(), detail, "a mail is not sent");
    drained.add(&due.notice, state);
    store.billing.settle_notice(due, state, Some(detail), None).await.map(|_| ())
}

async fn send(
    store: &Store,
    messenger: &Mailer,
    (due, mail): (DueNotice, &Mail),
    (wall, drained): (Timestamp, &mut DrainReport),
) -> Result<(), Error> {
    let Some(claimed) = store.billing.claim_notice(due, wall.plus_minutes(LEASE_MINUTES)).await? else { return Ok(()) };
    let delivery = messenger.send(&claimed.notice.to, mail).await;
    let (state, detail, again_at) = settlement(&delivery, claimed.notice.attempts, wall);
    drained.add(&claimed.notice, state);
    tracing::info!(
        notice = claimed.notice.id,
        kind = claimed.notice.kind.name(),
        outcome = state.name(),
        detail,
        "mail handled"
    );
    store.billing.settle_notice(claimed, state, Some(detail), again_at).await.map(|_| ())
}

fn settlement(delivery: &Delivery, attempts: u32, wall: Timestamp) -> (NoticeState, String, Option<Timestamp>) {
    match delivery {
        Delivery::Delivered(id) => (NoticeState::Sent, id.clone(), None),
        Delivery::Refused(reason) => (NoticeState::Dead, reason.clone(), None),
        Delivery::Unclear(reason) => (NoticeState::Unclear, reason.clone(), None),
        Delivery::TryLater(reason) => {
            let made = usize::try_from(attempts).unwrap_or(usize::MAX).saturating_sub(1);
            match BACKOFF_MINUTES.get(made) {
                Some(minutes) => (NoticeState::Queued, reason.clone(), Some(wall.plus_minutes(*minutes))),
                None => (NoticeState::Dead, reason.clone(), None),
            }
        }
    }
}
