//! Configuration, parsed once at start from a lookup: `main.rs` passes the environment, the sandbox the template's
//! variables. An error lists every fault.

use std::fmt::Display;
use std::path::Path;

use crate::domain::billing::dunning::policy::DunningPolicy;
use crate::domain::billing::plan::PriceTable;
use crate::domain::institutions::expiry_tier::TierThresholds;
use crate::domain::values::ids::{EmailAddress, MerchantId};
use crate::domain::values::text::is_invisible;
use crate::ecpay::order_form::{Environment, OrderUrls};
use crate::ecpay::published_credentials::is_published_merchant;
use crate::mail::overrides::Overrides;
use crate::mail::templates::{Brand, Templates};
use crate::platform::mail_folder;

/// Faults of a configuration. The text names settings and rules, never a secret's value.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("configuration: {}", .0.join("; "))]
pub struct Invalid(pub Vec<String>);

/// Reader of settings that collects their faults.
pub struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    faults: Vec<String>,
}

/// Settings of the connection to ECPay.
#[derive(Clone, Debug)]
pub struct Ecpay {
    /// `stage` or `production`.
    pub environment: Environment,
    /// Id of the business's merchant account.
    pub merchant: MerchantId,
    /// Name of the secret with the merchant's keys.
    pub secret_id: String,
    /// Payment host, without a slash at the end.
    pub endpoint: String,
    /// True if simulated payments count as real ones; never in production.
    pub apply_simulated: bool,
}

impl<'a> Reader<'a> {
    /// A reader over `lookup`. An empty value counts as absent, since a template cannot leave a variable out.
    #[must_use]
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, faults: Vec::new() }
    }

    /// Returns the value of an optional setting.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    /// Returns the value of a required setting; an absent one is a fault.
    pub fn required(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.fault(name, "is missing");
            String::new()
        })
    }

    /// Returns a required setting, parsed; `None` where a fault was recorded.
    pub fn parsed<T, E: Display>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let Some(value) = self.optional(name) else {
            self.fault(name, "is missing");
            return None;
        };
        parse(&value).map_err(|error| self.fault(name, &error.to_string())).ok()
    }

    /// Returns the address of a simulated service, if it is set: by TLS or on this machine, since keys are sent to it.
    pub fn endpoint(&mut self, name: &str) -> Option<String> {
        self.optional(name)?;
        self.parsed(name, base_url)
    }

    /// Returns a required setting that is `true` or `false`; `None` where a fault was recorded.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        self.parsed(name, |value| match value {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("must be true or false"),
        })
    }

    /// Returns an optional setting that is `true` or `false`, `false` where it is absent or a fault was recorded.
    pub fn optional_flag(&mut self, name: &str) -> bool {
        self.optional(name).is_some() && self.flag(name).unwrap_or_default()
    }

    /// Records a fault of a setting.
    pub fn fault(&mut self, name: &str, what: &str) {
        self.faults.push(format!("{name} {what}"));
    }

    /// Returns the configuration.
    ///
    /// # Errors
    /// [`Invalid`] where a fault was recorded.
    pub fn finish<T>(self, config: Option<T>) -> Result<T, Invalid> {
        match config {
            Some(config) if self.faults.is_empty() => Ok(config),
            _ => Err(Invalid(self.faults)),
        }
    }

    /// Reads `ECPAY_ENVIRONMENT`, `ECPAY_MERCHANT_ID`, `ECPAY_SECRET_ID`, `ECPAY_ENDPOINT_URL` (only where ECPay is
    /// simulated) and `ECPAY_APPLY_SIMULATED` (`true` on stage only).
    pub fn ecpay(&mut self) -> Option<Ecpay> {
        let environment = self.parsed("ECPAY_ENVIRONMENT", |value| match value {
            "stage" => Ok(Environment::Stage),
            "production" => Ok(Environment::Production),
            _ => Err("must be stage or production"),
        });
        let merchant = self.parsed("ECPAY_MERCHANT_ID", MerchantId::parse);
        let secret_id = self.required("ECPAY_SECRET_ID");
        let apply_simulated = self.optional_flag("ECPAY_APPLY_SIMULATED");
        let endpoint = self.endpoint("ECPAY_ENDPOINT_URL");
        if environment == Some(Environment::Production) {
            if apply_simulated {
                self.fault("ECPAY_APPLY_SIMULATED", "cannot be true in production: simulated payments are not money");
            }
            if merchant.as_ref().is_some_and(is_published_merchant) {
                self.fault("ECPAY_MERCHANT_ID", "is a published test merchant, which production refuses");
            }
            if endpoint.is_some() {
                self.fault("ECPAY_ENDPOINT_URL", "cannot be set in production");
            }
        }
        let endpoint = endpoint.or_else(|| environment.map(|environment| environment.host().to_owned()))?;
        Some(Ecpay { environment: environment?, merchant: merchant?, secret_id, endpoint, apply_simulated })
    }

    /// Reads `DUNNING_RETRY_DAYS`, `DUNNING_GRACE_DAYS`, `DUNNING_EXTRA_GRACE_DAYS` and `RECEIPTS` (`on` or `off`).
    pub fn policy(&mut self) -> Option<DunningPolicy> {
        let number = |value: &str| value.trim().parse::<u32>().map_err(|_| "must be whole days");
        let retry_days =
            self.parsed("DUNNING_RETRY_DAYS", |value| value.split(',').map(number).collect::<Result<Vec<_>, _>>());
        let grace = self.parsed("DUNNING_GRACE_DAYS", number);
        let extra = self.parsed("DUNNING_EXTRA_GRACE_DAYS", number);
        let receipts = self.parsed("RECEIPTS", |value| match value {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err("must be on or off"),
        });
        let policy = DunningPolicy::new(&retry_days?, grace?, extra?)
            .map_err(|error| {
                self.fault("DUNNING_RETRY_DAYS, DUNNING_GRACE_DAYS, DUNNING_EXTRA_GRACE_DAYS:", &error.to_string())
            })
            .ok();
        Some(policy?.with_receipts(receipts?))
    }

    /// Reads `API_BASE_URL` and `FRONTEND_URL`.
    pub fn urls(&mut self) -> Option<OrderUrls> {
        let api = self.parsed("API_BASE_URL", base_url);
        let frontend = self.parsed("FRONTEND_URL", base_url);
        Some(OrderUrls { api: api?, frontend: frontend? })
    }

    /// Reads `BUSINESS_NAME` (one line of 1 to 60 characters) and `MAIL_TEMPLATES` (folder with the business's own, optional), and
    /// returns the mails' templates; `urls` are those that were read.
    pub fn templates(&mut self, urls: Option<&OrderUrls>) -> Option<Templates> {
        let business = self.parsed("BUSINESS_NAME", display_name);
        let folder = self.optional("MAIL_TEMPLATES");
        let brand = Brand { business: business?, urls: urls?.clone() };
        let overrides = folder.map_or_else(|| Ok(Overrides::default()), |folder| mail_folder::read(Path::new(&folder)));
        overrides
            .and_then(|overrides| Ok(Templates::new(brand, &overrides)?))
            .map_err(|error| self.fault("MAIL_TEMPLATES:", &error.to_string()))
            .ok()
    }

    /// Reads `PLAN_PRICES`, monthly and annual prices by plan.
    pub fn prices(&mut self) -> Option<PriceTable> {
        self.parsed("PLAN_PRICES", PriceTable::parse)
    }

    /// Reads `NOTIFICATION_URGENT_THRESHOLD`, `NOTIFICATION_WARNING_THRESHOLD` and `EXPIRY_THRESHOLD`, in days.
    pub fn tiers(&mut self) -> Option<TierThresholds> {
        let names = ["NOTIFICATION_URGENT_THRESHOLD", "NOTIFICATION_WARNING_THRESHOLD", "EXPIRY_THRESHOLD"];
        let days = |value: &str| {
            value.parse::<u32>().ok().filter(|days| (1..=3_650).contains(days)).ok_or("must be 1 to 3650 days")
        };
        let [urgent, warning, horizon] = names.map(|name| self.parsed(name, days));
        let tiers = TierThresholds::new(urgent?, warning?, horizon?);
        tiers.map_err(|error| self.fault(&names.join(", "), &error.to_string())).ok()
    }

    /// Reads a mail address.
    pub fn email(&mut self, name: &str) -> Option<EmailAddress> {
        self.parsed(name, EmailAddress::parse)
    }
}

/// A name as mails show it.
///
/// # Errors
/// The rule that it breaks.
pub(crate) fn display_name(value: &str) -> Result<String, &'static str> {
    let is_shown = |letter: char| !letter.is_control() && !is_invisible(letter);
    let is_name = (1..=60).contains(&value.chars().count()) && value.chars().all(is_shown) && value.trim() == value;
    if is_name {
        Ok(value.to_owned())
    } else {
        Err("must be one line of 1 to 60 characters, with none around or within it that shows nothing")
    }
}

/// Parses a base URL. ECPay accepts addresses of at most 200 characters; the longest path that is added has 31.
fn base_url(value: &str) -> Result<String, &'static str> {
    let rest = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://127.0.0.1:"));
    let clean =
        |rest: &str| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:/_".contains(&b));
    match rest {
        Some(rest) if clean(rest) && value.len() <= 160 && !value.ends_with('/') => Ok(value.to_owned()),
        _ => Err("must be an https address of at most 160 characters, without query or slash at the end"),
    }
}

/// Returns a variable of the environment: the lookup of `main.rs`.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the only reader of the environment")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
