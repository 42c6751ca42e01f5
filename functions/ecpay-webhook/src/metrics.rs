//! CloudWatch metrics of one callback.

use shared::domain::billing::business_events::BusinessEvent;
use shared::ecpay::callback_form;
use shared::platform::clock::InvocationTime;
use shared::platform::metrics::{Batch, CallbackOutcome, Point};

/// Outcome of one callback and the business events that it caused.
pub(crate) struct CallbackMetrics {
    outcome: CallbackOutcome,
    wrong_check_mac_value: bool,
    events: Vec<BusinessEvent>,
}

impl From<CallbackOutcome> for CallbackMetrics {
    fn from(outcome: CallbackOutcome) -> Self {
        Self { outcome, wrong_check_mac_value: false, events: Vec::new() }
    }
}

impl CallbackMetrics {
    pub(crate) fn applied(events: Vec<BusinessEvent>) -> Self {
        Self { events, ..CallbackOutcome::Applied.into() }
    }

    pub(crate) fn refused(error: &callback_form::Error) -> Self {
        let wrong_check_mac_value = *error == callback_form::Error::WrongDigest;
        Self { wrong_check_mac_value, ..CallbackOutcome::Refused.into() }
    }

    /// Prints one line of CloudWatch's embedded metric format.
    pub(crate) fn emit(&self, time: InvocationTime) {
        let mut batch = Batch::default();
        batch.count(Point::Callbacks(self.outcome), 1);
        // Counted apart from other refusals: a rise means a wrong key or an attack.
        batch.count(Point::CheckMacValueFailures, u64::from(self.wrong_check_mac_value));
        batch.measure(Point::CallbackLatency, time.stopwatch.elapsed_ms());
        self.events.iter().for_each(|event| batch.happened(event));
        batch.emit(time.wall);
    }
}
