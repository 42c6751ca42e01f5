//! Content of a WhatsApp provider's callback, and its effect.

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use shared::domain::values::time::Timestamp;
use shared::domain::workshop::deliveries::{Delivery, DeliveryStage};
use shared::domain::workshop::opt_out::{ConfirmationState, OptOut, StatedWish, WishOrigin};
use shared::domain::workshop::phone::Phone;
use shared::domain::workshop::replies;
use shared::platform::clock::InvocationTime;
use shared::platform::hash::sha256_hex;
use shared::platform::metrics::{Batch, Point};

use crate::api::ApiState;
use crate::http::response::Failure;

/// Reports that are stored concurrently.
const CONCURRENT: usize = 16;

/// Content of a callback.
#[derive(Default)]
pub(crate) struct Inbound {
    pub(crate) replies: Vec<Reply>,
    pub(crate) deliveries: Vec<DeliveryReport>,
}

/// A person's message to the business.
pub(crate) struct Reply {
    pub(crate) phone: Phone,
    pub(crate) text: String,
    /// Time of the message (UTC), not later than now.
    pub(crate) at: Timestamp,
    /// Provider's id of the message.
    pub(crate) message: Option<String>,
}

/// Stage that one of the business's messages has reached.
pub(crate) struct DeliveryReport {
    pub(crate) message_id: String,
    pub(crate) delivery: Delivery,
}

/// Stores what a callback tells, then has confirmations sent. A provider that is answered with an error sends the callback again,
/// which changes nothing that is stored already.
pub(crate) async fn receive(
    api: &ApiState,
    inbound: Inbound,
    provider: &str,
    time: InvocationTime,
) -> Result<(), Failure> {
    let mut metrics = Batch::default();
    let recorded = stream::iter(inbound.deliveries).map(|DeliveryReport { message_id, delivery }| async move {
        let stage = delivery.stage;
        let is_new = api.store.workshop.record_delivery(&message_id, delivery, time.wall).await?;
        Ok::<_, Failure>(is_new.then_some(stage))
    });
    let recorded: Vec<Option<DeliveryStage>> = recorded.buffer_unordered(CONCURRENT).try_collect().await?;
    for stage in recorded.into_iter().flatten() {
        metrics.count(Point::ReminderDeliveries(stage), 1);
    }
    let mut waits = false;
    for reply in inbound.replies {
        waits |= answer(api, &reply, provider, time, &mut metrics).await?;
    }
    metrics.emit(time.wall);
    if waits {
        api.reminders.start(&json!({ "task": "confirm-opt-outs" })).await?;
    }
    Ok(())
}

/// Records the wish that a reply states; true where a confirmation waits.
async fn answer(
    api: &ApiState,
    reply: &Reply,
    provider: &str,
    time: InvocationTime,
    metrics: &mut Batch,
) -> Result<bool, Failure> {
    let Some(wish) = replies::wish(&reply.text) else { return Ok(false) };
    let origin = WishOrigin::Reply { message: reply.message.as_deref().map(sha256_hex) };
    let stated = StatedWish { wish, at: reply.at, origin };
    let hasher = api.phone_keys.get(time.wall).await.map_err(|error| Failure::upstream(&error))?;
    let result = api.store.workshop.record_wish(&reply.phone, &stated, Some(provider), &hasher).await?;
    if result.is_new {
        metrics.count(Point::OptOuts(wish), 1);
        tracing::info!(provider, opted_out = result.opt_out.as_ref().is_some_and(OptOut::is_open), "reply recorded");
    }
    let confirmation = result.opt_out.and_then(|opt_out| opt_out.confirmation);
    Ok(confirmation.is_some_and(|confirmation| confirmation.state == ConfirmationState::Waiting))
}
