//! Instances of the functions: started when one is needed and none is free, as Lambda does, and again after a crash.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use admin_api::AdminApi;
use aws_types::SdkConfig;
use ecpay_webhook::Webhook;
use maintenance_reminder::Reminders;
use mms_expiry_scan::{ExpiryScan, UncheckedConfig};
use sandbox::aws::template::Template;
use sandbox::world::Site;
use sandbox::world::state::test_merchant;
use shared::domain::values::time::Timestamp;
use subscription_maintenance::Maintenance;

use super::aws;
use super::tasks::{Gate, Shared};
use crate::support::mails::SHOP;

pub(crate) fn template() -> &'static Template {
    Template::of_the_stack().expect("the template")
}

/// The instances of one function.
pub(crate) struct Instances<F>(Vec<Instance<F>>);

pub(crate) struct Instance<F> {
    pub(crate) function: Arc<F>,
    pub(crate) gate: Arc<Gate>,
}

/// Environment that an instance is started with.
pub(crate) struct Start<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) base_url: &'a str,
    pub(crate) variables: &'a BTreeMap<String, String>,
    pub(crate) wall: Timestamp,
}

impl<F> Default for Instances<F> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<F> Clone for Instance<F> {
    fn clone(&self) -> Self {
        Self { function: Arc::clone(&self.function), gate: Arc::clone(&self.gate) }
    }
}

impl<F: Function> Instances<F> {
    /// The first place whose instance has nothing to do, or where there is none.
    pub(crate) fn first_free(&self) -> usize {
        let free = self.0.iter().position(|instance| instance.gate.is_free() || instance.gate.is_gone());
        free.unwrap_or(self.0.len())
    }

    /// The instance at a place, started where there is none.
    pub(crate) async fn at(&mut self, place: usize, start: &Start<'_>) -> Instance<F> {
        while self.0.len() <= place {
            self.0.push(start.instance().await);
        }
        if self.0[place].gate.is_gone() {
            self.0[place] = start.instance().await;
        }
        assert!(self.0[place].gate.is_free(), "{} {place} is busy", F::NAME);
        self.0[place].clone()
    }
}

impl Start<'_> {
    async fn instance<F: Function>(&self) -> Instance<F> {
        let (number, gate) = self.shared.new_gate();
        let merchant = test_merchant();
        let site = Site { base_url: self.base_url, merchant_id: &merchant.merchant_id };
        let here = format!("{}/{number}", self.base_url);
        let variable = |name: &str| match name {
            "ECPAY_ENDPOINT_URL" | "STARSENDER_ENDPOINT_URL" | "SLACK_ENDPOINT_URL" => Some(here.clone()),
            "MMS_BASE_URL" => Some(format!("{here}/mms")),
            "AWS_LAMBDA_FUNCTION_NAME" => Some(F::NAME.to_owned()),
            // The same for each deployment, so that copies of one send the same mails.
            "FRONTEND_URL" => Some(SHOP.to_owned()),
            // The clock does not move during a run, so that waiting has no effect.
            "API_RETRY_DELAY" | "SLACK_PACE_SECONDS" => Some("0".to_owned()),
            _ => self.variables.get(name).cloned().or_else(|| site.variable(template(), F::NAME, name)),
        };
        let function = F::start(&aws::config(self.shared, &gate, &here), &variable, self.wall).await;
        Instance { function: Arc::new(function), gate }
    }
}

/// Start of a function.
pub(crate) trait Function: Sized {
    /// Its name in the template.
    const NAME: &'static str;

    fn start(
        aws: &SdkConfig,
        variable: &(dyn Fn(&str) -> Option<String> + Sync),
        wall: Timestamp,
    ) -> impl Future<Output = Self>;
}

impl Function for Webhook {
    const NAME: &'static str = "EcpayWebhook";

    async fn start(aws: &SdkConfig, variable: &(dyn Fn(&str) -> Option<String> + Sync), wall: Timestamp) -> Self {
        let config = ecpay_webhook::Config::parse(&variable).expect("a configuration");
        Self::start(aws, config, wall).await.expect("a start")
    }
}

impl Function for AdminApi {
    const NAME: &'static str = "AdminApi";

    async fn start(aws: &SdkConfig, variable: &(dyn Fn(&str) -> Option<String> + Sync), wall: Timestamp) -> Self {
        let config = admin_api::Config::parse(&variable).expect("a configuration");
        Self::start(aws, config, wall).await.expect("a start")
    }
}

impl Function for Reminders {
    const NAME: &'static str = "MaintenanceReminder";

    async fn start(aws: &SdkConfig, variable: &(dyn Fn(&str) -> Option<String> + Sync), wall: Timestamp) -> Self {
        let config = maintenance_reminder::Config::parse(&variable).expect("a configuration");
        Self::start(aws, config, wall).await.expect("a start")
    }
}

impl Function for ExpiryScan {
    const NAME: &'static str = "MmsExpiryScan";

    async fn start(aws: &SdkConfig, variable: &(dyn Fn(&str) -> Option<String> + Sync), wall: Timestamp) -> Self {
        Self::start(aws, UncheckedConfig::read(&variable), wall).await.expect("a start")
    }
}

impl Function for Maintenance {
    const NAME: &'static str = "SubscriptionMaintenance";

    async fn start(aws: &SdkConfig, variable: &(dyn Fn(&str) -> Option<String> + Sync), wall: Timestamp) -> Self {
        let config = subscription_maintenance::Config::parse(&variable).expect("a configuration");
        Self::start(aws, config, wall).await.expect("a start")
    }
}
