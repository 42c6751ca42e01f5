//! Confirmations of opt-outs and of their ends: one message to the person who replied, by the provider that brought the reply.

use serde_json::{Value, json};
use shared::domain::values::send_outcome::{RefusalScope, SendOutcome};
use shared::domain::workshop::opt_out::{Confirmation, ConfirmationState};
use shared::domain::workshop::replies;
use shared::platform::clock::InvocationTime;
use shared::platform::logging::error_chain;
use shared::store::workshop::opt_outs::DueConfirmation;
use shared::whatsapp::Provider;

use crate::providers::{Content, Message};
use crate::{Error, LATEST_SECONDS, Reminders};

/// Hours after a reply for which it is confirmed: the Cloud API takes free text for as long.
const VALID_HOURS: i64 = 24;
/// Minutes after which a claim without an outcome was left by a crash.
const CLAIM_MINUTES: i64 = 2;

/// Sends the confirmations that wait, and answers with their number by state. One that fails does not stop the others.
pub(crate) async fn send_due(reminders: &Reminders, time: InvocationTime) -> Result<Value, Error> {
    let (mut sent, mut not_sent) = (0_u32, 0_u32);
    let mut refused = Vec::new();
    for due in reminders.workshop.due_confirmations(time.wall).await? {
        if time.stopwatch.elapsed().as_secs() >= LATEST_SECONDS {
            break;
        }
        match send(reminders, due, time, &mut refused).await {
            Ok(Some(ConfirmationState::Sent)) => sent += 1,
            Ok(Some(_)) => not_sent += 1,
            Ok(None) => {}
            Err(error) => {
                not_sent += 1;
                tracing::error!(error = error_chain(&error), "an opt-out could not be confirmed");
            }
        }
    }
    if sent > 0 || not_sent > 0 {
        tracing::info!(sent, not_sent, "opt-outs confirmed");
    }
    Ok(json!({ "sent": sent, "not_sent": not_sent }))
}

/// Claims, sends, and records the outcome; `None` where another invocation does, or where the provider is among those that refused
/// an earlier one for no fault of its person.
async fn send(
    reminders: &Reminders,
    due: DueConfirmation,
    time: InvocationTime,
    refused: &mut Vec<Provider>,
) -> Result<Option<ConfirmationState>, Error> {
    let workshop = &reminders.workshop;
    let Some(confirmation) = due.opt_out.confirmation.clone() else { return Ok(None) };
    let wall = time.wall_now();
    if let Some(claimed_at) = confirmation.claimed_at {
        if wall < claimed_at.plus_minutes(CLAIM_MINUTES) {
            return Ok(None);
        }
        // The message may have been sent, and a person gets none twice.
        workshop.record_confirmation(due, Confirmation { state: ConfirmationState::Unclear, ..confirmation }).await?;
        return Ok(Some(ConfirmationState::Unclear));
    }
    let is_late = wall >= confirmation.at.plus_hours(VALID_HOURS);
    let (Some(provider), Some(phone), false) = (provider(reminders, &confirmation), due.opt_out.phone.clone(), is_late)
    else {
        workshop.record_confirmation(due, Confirmation { state: ConfirmationState::Failed, ..confirmation }).await?;
        return Ok(Some(ConfirmationState::Failed));
    };
    if refused.contains(&provider) {
        return Ok(None);
    }
    let claim = Confirmation { claimed_at: Some(wall), ..confirmation.clone() };
    let Some(claimed) = workshop.record_confirmation(due, claim).await? else { return Ok(None) };
    let text = replies::confirmation(claimed.opt_out.latest.wish);
    let message = Message { to: &phone, text, content: Content::Answer, delay: 0 };
    let state = state_after(&reminders.sender.send(provider, &message, time.wall_now()).await);
    if state == ConfirmationState::Waiting {
        refused.push(provider);
    }
    workshop.record_confirmation_outcome(claimed, state).await?;
    Ok(Some(state))
}

/// The provider of the reply, or another one where that sends no longer.
fn provider(reminders: &Reminders, confirmation: &Confirmation) -> Option<Provider> {
    let active = reminders.sender.providers();
    let of_reply = Provider::of_name(&confirmation.provider).filter(|provider| active.contains(provider));
    of_reply.or_else(|| active.first().copied())
}

fn state_after(outcome: &SendOutcome) -> ConfirmationState {
    match outcome {
        SendOutcome::Sent { .. } => ConfirmationState::Sent,
        SendOutcome::Unknown { .. } => ConfirmationState::Unclear,
        SendOutcome::Refused { scope: RefusalScope::Message, .. } => ConfirmationState::Failed,
        // Not the person's fault: the next invocation or daily run tries again.
        SendOutcome::Refused { .. } | SendOutcome::NotSent { .. } => ConfirmationState::Waiting,
    }
}

/// Sends the confirmations that wait after a run of reminders. What fails waits for the next one.
pub(crate) async fn send_after_run(reminders: &Reminders, time: InvocationTime) {
    if let Err(error) = send_due(reminders, time).await {
        tracing::error!(error = error_chain(&error), "opt-outs could not be confirmed");
    }
}
