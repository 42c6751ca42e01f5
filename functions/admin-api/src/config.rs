//! Settings of `admin-api`, read from the environment once at start.

use std::time::Duration;

use shared::domain::billing::dunning::policy::DunningPolicy;
use shared::domain::billing::plan::{BillingCycle, PriceTable};
use shared::domain::institutions::expiry_tier::TierThresholds;
use shared::domain::workshop::reminders::SendHours;
use shared::ecpay::order_form::OrderUrls;
use shared::mail::templates::Templates;
use shared::platform::config;
use shared::platform::config::{Invalid, Reader};

/// Settings of the function, read from the environment at start.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) table: String,
    pub(crate) ecpay: config::Ecpay,
    pub(crate) policy: DunningPolicy,
    pub(crate) urls: OrderUrls,
    pub(crate) templates: Templates,
    pub(crate) prices: PriceTable,
    pub(crate) admin_secret: String,
    pub(crate) phone_secret: String,
    pub(crate) whatsapp_callback_secret: String,
    /// Secret by which presses of buttons in Slack are verified; none where digests have no buttons.
    pub(crate) slack_callback_secret: Option<String>,
    pub(crate) maintenance_function: String,
    pub(crate) reminders: RemindersConfig,
    pub(crate) expiry_function: String,
    pub(crate) tiers: TierThresholds,
    pub(crate) exec_times: ExecTimes,
    pub(crate) patience: Duration,
}

/// Function and schedule of the reminders, and the hours in which they may be sent.
#[derive(Clone, Debug)]
pub(crate) struct RemindersConfig {
    pub(crate) function: String,
    /// Group of the schedule.
    pub(crate) group: String,
    pub(crate) schedule: String,
    pub(crate) hours: SendHours,
}

/// Number of charges of a new order (`ExecTimes` of the order form), by billing cycle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExecTimes {
    pub(crate) monthly: u32,
    pub(crate) annual: u32,
}

impl ExecTimes {
    pub(crate) const fn of(self, cycle: BillingCycle) -> u32 {
        match cycle {
            BillingCycle::Monthly => self.monthly,
            BillingCycle::Annual => self.annual,
        }
    }
}

impl Config {
    /// Parses the settings; `lookup` returns an environment variable.
    ///
    /// # Errors
    /// [`Invalid`] lists every missing or malformed setting.
    pub fn parse(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, Invalid> {
        let mut reader = Reader::new(lookup);
        let table = reader.required("TABLE_NAME");
        let (admin_secret, phone_secret) = (reader.required("ADMIN_SECRET_ID"), reader.required("PHONE_SECRET_ID"));
        let whatsapp_callback_secret = reader.required("WHATSAPP_CALLBACK_SECRET_ID");
        let slack_callback_secret = reader.required("SLACK_CALLBACK_SECRET_ID");
        let has_buttons = reader.optional_flag("SLACK_ACKNOWLEDGE_BUTTONS");
        let slack_callback_secret = has_buttons.then_some(slack_callback_secret);
        let maintenance_function = reader.required("MAINTENANCE_FUNCTION");
        let (function, schedule) = (reader.required("REMINDER_FUNCTION"), reader.required("REMINDER_SCHEDULE"));
        let group = reader.required("SCHEDULE_GROUP");
        let hours = reader.parsed("REMINDER_SEND_HOURS", SendHours::parse);
        let reminders = hours.map(|hours| RemindersConfig { function, group, schedule, hours });
        let expiry_function = reader.required("EXPIRY_FUNCTION");
        let tiers = reader.tiers();
        // Every setting is read before the first error ends the start, so that one attempt names all faults.
        let urls = reader.urls();
        let templates = reader.templates(urls.as_ref());
        let parts = (reader.ecpay(), reader.policy(), urls.zip(templates), reader.prices());
        // ECPay's error texts allow 2 to 999 monthly and 2 to 99 annual charges. Its older SDKs and console stop at 99 and 9,
        // which the template therefore sets.
        let monthly = reader.parsed("EXEC_TIMES_MONTHLY", |value| number(value, 2..=999, "must be 2 to 999 charges"));
        let annual = reader.parsed("EXEC_TIMES_ANNUAL", |value| number(value, 2..=99, "must be 2 to 99 charges"));
        // API Gateway ends a request after 30 seconds; the answer must be sent before.
        let patience =
            reader.parsed("INVOKE_PATIENCE_SECONDS", |value| number(value, 1..=28, "must be 1 to 28 seconds"));
        let config = match (parts, monthly.zip(annual), reminders.zip(patience).zip(tiers)) {
            (
                (Some(ecpay), Some(policy), Some((urls, templates)), Some(prices)),
                Some((monthly, annual)),
                Some(((reminders, patience), tiers)),
            ) => {
                let exec_times = ExecTimes { monthly, annual };
                Some(Self {
                    table,
                    ecpay,
                    policy,
                    urls,
                    templates,
                    prices,
                    admin_secret,
                    phone_secret,
                    whatsapp_callback_secret,
                    slack_callback_secret,
                    maintenance_function,
                    reminders,
                    expiry_function,
                    tiers,
                    exec_times,
                    patience: Duration::from_secs(patience.into()),
                })
            }
            _ => None,
        };
        reader.finish(config)
    }
}

fn number(value: &str, range: std::ops::RangeInclusive<u32>, rule: &'static str) -> Result<u32, &'static str> {
    value.parse().ok().filter(|count| range.contains(count)).ok_or(rule)
}
