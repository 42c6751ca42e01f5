//! Rates of faults in one simulation.

use crate::harness::{HeldCall, Service, Verdict};
use crate::support::random::Random;

/// Rates in percent of calls.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FaultRates {
    /// A call to AWS is refused, or it or its answer is lost.
    network: u32,
    /// The same of ECPay and of mail, and they refuse or are down.
    outside: u32,
    /// An instance is gone at a call, in per mille.
    crash: u32,
}

impl FaultRates {
    pub(crate) fn draw(random: &mut Random) -> Self {
        Self {
            network: *random.pick(&[0, 1, 3, 8, 20]),
            outside: *random.pick(&[0, 3, 10, 25]),
            crash: *random.pick(&[0, 5, 20, 50]),
        }
    }

    /// Draws the verdict of a call.
    pub(crate) fn verdict(self, random: &mut Random, call: &HeldCall) -> Verdict {
        if random.below(1000) < usize::try_from(self.crash).expect("a small number") {
            return *random.pick(&[Verdict::CrashBefore, Verdict::CrashAfter]);
        }
        let (percent, kinds): (u32, &[Verdict]) = match call.service {
            Service::DynamoDb | Service::SecretsManager | Service::Lambda => (
                self.network,
                &[Verdict::Throttle, Verdict::Conflict, Verdict::LoseRequest, Verdict::LoseAnswer, Verdict::LoseAnswer],
            ),
            Service::Ses | Service::Ecpay | Service::StarSender | Service::Mms | Service::Slack | Service::App => (
                self.outside,
                &[Verdict::Throttle, Verdict::LoseRequest, Verdict::LoseAnswer, Verdict::Down, Verdict::Refuse],
            ),
        };
        let kinds: Vec<Verdict> =
            kinds.iter().copied().filter(|kind| kind.befalls(call.service, &call.action)).collect();
        if random.chance(percent) { *random.pick(&kinds) } else { Verdict::Proceed }
    }
}
