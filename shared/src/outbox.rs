//! Sends what is due: claim, send, settle. Only here is a send ever repeated.

use crate::clock::Moment;
use crate::domain::time::Timestamp;
use crate::email;
use crate::messenger::{Delivery, Messenger};
use crate::store::notices::DueNotice;
use crate::store::records::NoticeState;
use crate::store::{Error, Store};

/// A claim ends after this many minutes; who claimed it is then taken for crashed.
const LEASE_MINUTES: i64 = 2;
/// Minutes to the next attempt, by attempts made; after the last one a notice is given up.
const BACKOFF_MINUTES: [i64; 8] = [5, 10, 30, 60, 120, 240, 480, 720];
/// Notices sent by one drain.
const LIMIT: usize = 500;

/// What a drain did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Taken by the provider.
    pub sent: u64,
    /// To be tried again.
    pub later: u64,
    /// Given up.
    pub dead: u64,
    /// Nobody knows.
    pub unclear: u64,
}

impl Drained {
    /// All that were touched.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.sent + self.later + self.dead + self.unclear
    }
}

/// Sends the notices that are due, for at most `seconds`. With nothing due it is one query.
///
/// # Errors
/// [`Error`] when the store failed; what was sent until then is settled.
pub async fn drain(store: &Store, messenger: &Messenger, moment: Moment, seconds: u64) -> Result<Drained, Error> {
    let mut drained = Drained::default();
    let (mut count, mut cursor) = (0, None);
    loop {
        let (due, next) = store.due_notices(moment.wall, cursor).await?;
        for notice in due {
            count += 1;
            if count > LIMIT || moment.stopwatch.elapsed().as_secs() >= seconds {
                return Ok(drained);
            }
            send_one(store, messenger, notice, (moment.wall_now(), &mut drained)).await?;
        }
        cursor = next;
        if cursor.is_none() {
            return Ok(drained);
        }
    }
}

async fn send_one(
    store: &Store,
    messenger: &Messenger,
    due: DueNotice,
    (wall, drained): (Timestamp, &mut Drained),
) -> Result<(), Error> {
    if due.notice.state == NoticeState::Claimed {
        // Its lease has ended: whoever claimed it may have sent it, and a person is not told twice.
        drained.unclear += 1;
        tracing::warn!(notice = due.notice.id, "a mail was claimed and never settled: unclear");
        let detail = Some("claimed and never settled".to_owned());
        return store.settle_notice(due, NoticeState::Unclear, detail, None).await.map(|_| ());
    }
    let mail = match email::render(due.notice.kind, &due.notice.fields) {
        Ok(mail) => mail,
        Err(error) => {
            drained.dead += 1;
            tracing::error!(notice = due.notice.id, error = error.to_string(), "a mail could not be written");
            return store.settle_notice(due, NoticeState::Dead, Some(error.to_string()), None).await.map(|_| ());
        }
    };
    let Some(claimed) = store.claim_notice(due, wall.plus_minutes(LEASE_MINUTES)).await? else { return Ok(()) };
    let delivery = messenger.send(&claimed.notice.to, &mail).await;
    let (state, detail, again_at) = settlement(&delivery, claimed.notice.attempts, wall);
    match state {
        NoticeState::Sent => drained.sent += 1,
        NoticeState::Unclear => drained.unclear += 1,
        NoticeState::Dead => drained.dead += 1,
        NoticeState::Queued | NoticeState::Claimed => drained.later += 1,
    }
    tracing::info!(
        notice = claimed.notice.id,
        kind = claimed.notice.kind.name(),
        outcome = state.name(),
        detail,
        "mail handled"
    );
    store.settle_notice(claimed, state, Some(detail), again_at).await.map(|_| ())
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
