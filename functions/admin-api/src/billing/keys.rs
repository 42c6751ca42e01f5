//! Receipts of `Idempotency-Key`s as handlers use them.

use shared::domain::billing::operations::{KeyReceipt, KeyedRequest, OperationContext};
use shared::domain::values::ids::SubscriptionId;
use shared::domain::values::time::Timestamp;

use crate::api::ApiState;
use crate::http::response::Failure;

/// Receipt of the same request under the same key; `None` where it is new. Another request under the key is refused.
pub(crate) async fn earlier(api: &ApiState, request: Option<&KeyedRequest>) -> Result<Option<KeyReceipt>, Failure> {
    let Some(request) = request else { return Ok(None) };
    match api.store.billing.key_receipt(&request.key).await? {
        Some(receipt) if receipt.is_of(request) => Ok(Some(receipt)),
        Some(_) => Err(Failure::key_reused()),
        None => Ok(None),
    }
}

/// Notes the key of a request that finds everything as it wants it: repeated later, it must not act after all. `false` where
/// the key was used in between.
pub(crate) async fn note(
    api: &ApiState,
    cause: &OperationContext,
    order: &SubscriptionId,
    at: Timestamp,
) -> Result<bool, Failure> {
    match cause.receipt(order, at) {
        Some(receipt) => Ok(api.store.billing.note_key(&receipt).await?),
        None => Ok(true),
    }
}
