//! What a callback was seen to be, for metrics.

use shared::domain::billing::business_events::BusinessEvent;
use shared::ecpay::callback_form::{self, CallbackKind};
use shared::platform::clock::InvocationTime;
use shared::platform::metrics::{Batch, CallbackOutcome, Point};

pub(crate) struct CallbackMetrics {
    outcome: CallbackOutcome,
    wrong_digest: bool,
    happened: Vec<BusinessEvent>,
}

impl From<CallbackOutcome> for CallbackMetrics {
    fn from(outcome: CallbackOutcome) -> Self {
        Self { outcome, wrong_digest: false, happened: Vec::new() }
    }
}

impl CallbackMetrics {
    pub(crate) fn applied(happened: Vec<BusinessEvent>) -> Self {
        Self { happened, ..CallbackOutcome::Applied.into() }
    }

    pub(crate) fn refused(error: &callback_form::Error) -> Self {
        Self { wrong_digest: *error == callback_form::Error::WrongDigest, ..CallbackOutcome::Refused.into() }
    }

    /// Prints one line.
    pub(crate) fn tell(&self, kind: CallbackKind, moment: InvocationTime) {
        let mut batch = Batch::default();
        batch.count(Point::Callbacks(kind.into(), self.outcome), 1);
        batch.count(Point::CheckMacValueFailures, u64::from(self.wrong_digest));
        batch.measure(Point::CallbackLatency, moment.stopwatch.elapsed_ms());
        self.happened.iter().for_each(|happening| batch.happened(happening));
        batch.emit(moment.wall);
    }
}
