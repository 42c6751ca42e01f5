//! Delivery of a run's messages: the providers that still accept them, in the order in which they are tried.

use shared::domain::values::send_outcome::{RefusalScope, SendOutcome};
use shared::domain::values::time::Timestamp;
use shared::domain::workshop::provider_health::ProviderHealth;
use shared::whatsapp::Provider;

use crate::providers::{Message, Sender};

/// Providers of one run.
pub(crate) struct Delivery<'a> {
    sender: &'a Sender,
    /// In the order in which they are tried, without the disabled ones.
    active: Vec<ActiveProvider>,
    /// Disabled providers, each with the words of its last response.
    pub(crate) disabled: Vec<String>,
    /// Words of the last provider, once none is left.
    pub(crate) stopped: Option<String>,
}

/// A provider that still accepts messages.
struct ActiveProvider {
    provider: Provider,
    health: ProviderHealth,
}

/// Outcome of a message, and the provider that it belongs to.
pub(crate) struct Sent {
    pub(crate) provider: Option<Provider>,
    pub(crate) outcome: SendOutcome,
}

impl<'a> Delivery<'a> {
    pub(crate) fn new(sender: &'a Sender) -> Self {
        let active = |provider| ActiveProvider { provider, health: ProviderHealth::default() };
        let active = sender.providers().into_iter().map(active).collect();
        Self { sender, active, disabled: Vec::new(), stopped: None }
    }

    /// Provider that is tried first for the next message.
    pub(crate) fn next_provider(&self) -> Option<Provider> {
        self.active.first().map(|active| active.provider)
    }

    /// Sends a message by the first provider that accepts it. The next one is tried only if the one before certainly did
    /// not accept it, so that a message cannot arrive twice.
    pub(crate) async fn send(&mut self, message: &Message<'_>, wall: Timestamp) -> Sent {
        let mut last = SendOutcome::unavailable("no provider is left");
        let mut place = 0;
        while let Some(active) = self.active.get_mut(place) {
            let provider = active.provider;
            let outcome = without_personal(self.sender.send(provider, message, wall).await, message);
            if active.health.count(&outcome, message.to) {
                place += 1;
            } else {
                self.disable(place, &outcome);
            }
            match outcome {
                SendOutcome::NotSent { .. }
                | SendOutcome::Refused { scope: RefusalScope::Sender | RefusalScope::Unrecognised, .. } => {
                    last = outcome;
                }
                SendOutcome::Sent { .. }
                | SendOutcome::Unknown { .. }
                | SendOutcome::Refused { scope: RefusalScope::Message, .. } => {
                    return Sent { provider: Some(provider), outcome };
                }
            }
        }
        Sent { provider: None, outcome: last }
    }

    /// Sends no further message by this provider in this run.
    fn disable(&mut self, place: usize, outcome: &SendOutcome) {
        let name = self.active.remove(place).provider.name();
        tracing::error!(provider = name, "the provider is disabled for this run");
        let words = words(outcome);
        self.disabled.push(format!("{name}: {words}"));
        if self.active.is_empty() {
            self.stopped = Some(words.to_owned());
        }
    }
}

fn words(outcome: &SendOutcome) -> &str {
    let (SendOutcome::Sent { reply: words, .. }
    | SendOutcome::NotSent { reason: words, .. }
    | SendOutcome::Refused { reason: words, .. }
    | SendOutcome::Unknown { reason: words }) = outcome;
    words
}

/// Masks name and plate: a provider may repeat parts of the message in its response, which is stored and shown.
fn without_personal(mut outcome: SendOutcome, message: &Message<'_>) -> SendOutcome {
    let (SendOutcome::Sent { reply: words, .. }
    | SendOutcome::NotSent { reason: words, .. }
    | SendOutcome::Refused { reason: words, .. }
    | SendOutcome::Unknown { reason: words }) = &mut outcome;
    for personal in message.content.personal() {
        *words = words.replace(personal, "***");
    }
    outcome
}
