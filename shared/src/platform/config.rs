//! Configuration, parsed once at start from a lookup: `main.rs` gives the environment, the sandbox the template's
//! variables. All faults are named at once.

use std::fmt::Display;
use std::time::Duration;

use aws_smithy_types::timeout::TimeoutConfig;

use crate::domain::billing::plan::PriceTable;
use crate::domain::billing::policy::DunningPolicy;
use crate::domain::institutions::TierThresholds;
use crate::domain::values::ids::{EmailAddress, MerchantId};
use crate::ecpay::order_form::{Environment, OrderUrls};
use crate::platform::aws;

/// Every fault of a configuration. The text names settings and rules, never a secret.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("configuration: {}", .0.join("; "))]
pub struct Invalid(pub Vec<String>);

/// Reads settings and collects what is wrong with them.
pub struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    faults: Vec<String>,
}

/// How ECPay is spoken to.
#[derive(Clone, Debug)]
pub struct Ecpay {
    /// Stage or production.
    pub environment: Environment,
    /// Our merchant.
    pub merchant: MerchantId,
    /// Where its keys are: a name in Secrets Manager.
    pub secret_id: String,
    /// The payment host, without a slash at the end.
    pub endpoint: String,
    /// Whether simulated payments count as real ones. Stage only.
    pub apply_simulated: bool,
}

/// The stage merchants that ECPay publishes.
const PUBLISHED_MERCHANTS: [&str; 2] = ["3002607", "2000132"];

impl<'a> Reader<'a> {
    /// A reader over `lookup`. Empty values count as absent: a template cannot leave a variable out.
    #[must_use]
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, faults: Vec::new() }
    }

    /// The value of a setting that may be absent.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    /// The value of a setting that must be there.
    pub fn required(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.fault(name, "is missing");
            String::new()
        })
    }

    /// A setting that `parse` understands; `None` is a fault that was noted.
    pub fn parsed<T, E: Display>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let Some(value) = self.optional(name) else {
            self.fault(name, "is missing");
            return None;
        };
        parse(&value).map_err(|error| self.fault(name, &error.to_string())).ok()
    }

    /// A setting that says where another is simulated, if it does: a key is sent by TLS, or stays on this machine.
    pub fn endpoint(&mut self, name: &str) -> Option<String> {
        self.optional(name)?;
        self.parsed(name, base_url)
    }

    /// Notes a fault of a setting.
    pub fn fault(&mut self, name: &str, what: &str) {
        self.faults.push(format!("{name} {what}"));
    }

    /// Ends reading: the configuration, or every fault.
    ///
    /// # Errors
    /// [`Invalid`].
    pub fn finish<T>(self, config: Option<T>) -> Result<T, Invalid> {
        match config {
            Some(config) if self.faults.is_empty() => Ok(config),
            _ => Err(Invalid(self.faults)),
        }
    }

    /// `ECPAY_ENVIRONMENT`, `ECPAY_MERCHANT_ID`, `ECPAY_SECRET_ID`, `ECPAY_ENDPOINT_URL` (only where ECPay is
    /// simulated) and `ECPAY_APPLY_SIMULATED` (`true` on stage only).
    pub fn ecpay(&mut self) -> Option<Ecpay> {
        let environment = self.parsed("ECPAY_ENVIRONMENT", |value| match value {
            "stage" => Ok(Environment::Stage),
            "production" => Ok(Environment::Production),
            _ => Err("must be stage or production"),
        });
        let merchant = self.parsed("ECPAY_MERCHANT_ID", MerchantId::parse);
        let secret_id = self.required("ECPAY_SECRET_ID");
        let apply_simulated = match self.optional("ECPAY_APPLY_SIMULATED").as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                self.fault("ECPAY_APPLY_SIMULATED", "must be true or false");
                false
            }
        };
        let endpoint = self.endpoint("ECPAY_ENDPOINT_URL");
        if environment == Some(Environment::Production) {
            if apply_simulated {
                self.fault("ECPAY_APPLY_SIMULATED", "cannot be true in production: simulated payments are not money");
            }
            if merchant.as_ref().is_some_and(|merchant| PUBLISHED_MERCHANTS.contains(&merchant.as_str())) {
                self.fault("ECPAY_MERCHANT_ID", "is a published test merchant, which production refuses");
            }
            if endpoint.is_some() {
                self.fault("ECPAY_ENDPOINT_URL", "cannot be set in production");
            }
        }
        let endpoint = endpoint.or_else(|| environment.map(|environment| environment.host().to_owned()))?;
        Some(Ecpay { environment: environment?, merchant: merchant?, secret_id, endpoint, apply_simulated })
    }

    /// `DUNNING_RETRY_DAYS`, `DUNNING_GRACE_DAYS`, `DUNNING_EXTRA_GRACE_DAYS`.
    pub fn policy(&mut self) -> Option<DunningPolicy> {
        let number = |value: &str| value.trim().parse::<u32>().map_err(|_| "must be whole days");
        let retry_days =
            self.parsed("DUNNING_RETRY_DAYS", |value| value.split(',').map(number).collect::<Result<Vec<_>, _>>());
        let grace = self.parsed("DUNNING_GRACE_DAYS", number);
        let extra = self.parsed("DUNNING_EXTRA_GRACE_DAYS", number);
        let policy = DunningPolicy::new(&retry_days?, grace?, extra?);
        policy
            .map_err(|error| {
                self.fault("DUNNING_RETRY_DAYS, DUNNING_GRACE_DAYS, DUNNING_EXTRA_GRACE_DAYS:", &error.to_string())
            })
            .ok()
    }

    /// `API_BASE_URL` and `FRONTEND_URL`.
    pub fn urls(&mut self) -> Option<OrderUrls> {
        let api = self.parsed("API_BASE_URL", base_url);
        let frontend = self.parsed("FRONTEND_URL", base_url);
        Some(OrderUrls { api: api?, frontend: frontend? })
    }

    /// `PLAN_PRICES`.
    pub fn prices(&mut self) -> Option<PriceTable> {
        self.parsed("PLAN_PRICES", PriceTable::parse)
    }

    /// `NOTIFICATION_URGENT_THRESHOLD`, `NOTIFICATION_WARNING_THRESHOLD`, `EXPIRY_THRESHOLD`: days before an expiry.
    pub fn tiers(&mut self) -> Option<TierThresholds> {
        let names = ["NOTIFICATION_URGENT_THRESHOLD", "NOTIFICATION_WARNING_THRESHOLD", "EXPIRY_THRESHOLD"];
        let days = |value: &str| {
            value.parse::<u32>().ok().filter(|days| (1..=3_650).contains(days)).ok_or("must be 1 to 3650 days")
        };
        let [urgent, warning, horizon] = names.map(|name| self.parsed(name, days));
        let tiers = TierThresholds::new(urgent?, warning?, horizon?);
        tiers.map_err(|error| self.fault(&names.join(", "), &error.to_string())).ok()
    }

    /// A setting that is a mail address.
    pub fn email(&mut self, name: &str) -> Option<EmailAddress> {
        self.parsed(name, EmailAddress::parse)
    }
}

/// ECPay takes addresses of at most 200 characters; the longest path that is added has 31.
fn base_url(value: &str) -> Result<String, &'static str> {
    let rest = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://127.0.0.1:"));
    let clean =
        |rest: &str| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:/_".contains(&b));
    match rest {
        Some(rest) if clean(rest) && value.len() <= 160 && !value.ends_with('/') => Ok(value.to_owned()),
        _ => Err("must be an https address of at most 160 characters, without query or slash at the end"),
    }
}

/// A variable of the environment: what `main.rs` gives as the lookup.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the room")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The AWS configuration of this process. Connecting and reading are bounded, so that no call outlives ECPay's patience.
pub async fn aws() -> aws_types::SdkConfig {
    let bounds = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(3))
        .operation_timeout(Duration::from_secs(7))
        .build();
    aws::aws(environment, bounds).await
}

/// What `start` comes to, while the table that `TABLE_NAME` names is connected to.
pub async fn while_connecting<T>(aws: &aws_types::SdkConfig, start: impl Future<Output = T>) -> T {
    let connected = async {
        if let Some(table) = environment("TABLE_NAME") {
            Box::pin(aws::connect(aws, &table)).await;
        }
    };
    tokio::join!(start, connected).0
}
