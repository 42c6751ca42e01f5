//! Values of the template's parameters in a sandbox.

use crate::aws::template::{STACK, TABLE, Template};
use crate::world::credentials;

/// Name of the simulated business, as its mails show it.
pub const BUSINESS: &str = "月松 Moonpine";

/// Values of the template's parameters in a sandbox.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// Base URL of the API.
    pub base_url: &'a str,
    /// The merchant at ECPay.
    pub merchant_id: &'a str,
}

impl Site<'_> {
    /// A function's variable as the template gives it, deployed with these parameters.
    #[must_use]
    pub fn variable(&self, template: &Template, function: &str, name: &str) -> Option<String> {
        // Lambda sets it; the sandbox's functions have their logical names.
        if name == "AWS_LAMBDA_FUNCTION_NAME" {
            return Some(function.to_owned());
        }
        template.variable(function, name, &|reference| self.parameter(reference))
    }

    /// Value of a reference: a parameter without a default, or a resource's name.
    #[must_use]
    pub fn parameter(&self, reference: &str) -> Option<String> {
        Some(match reference {
            "Table" => TABLE.to_owned(),
            "EcpayMerchantId" => self.merchant_id.to_owned(),
            "ApiBaseUrl" => self.base_url.to_owned(),
            "FrontendUrl" => format!("{}/shop", self.base_url),
            "BusinessName" => BUSINESS.to_owned(),
            "EventsSecretId" => credentials::EVENTS_SECRET.to_owned(),
            "MailReplyTo" => "help@duekeeper.example".to_owned(),
            "MailSender" => "billing@duekeeper.example".to_owned(),
            "MailIdentity" => "duekeeper.example".to_owned(),
            // As a business has it that staff can press them.
            "SlackAcknowledgeButtons" => "true".to_owned(),
            "StaffEmail" => "staff@duekeeper.example".to_owned(),
            "WhatsappPhoneNumberId" => credentials::PHONE_NUMBER_ID.to_owned(),
            "AWS::StackName" => STACK.to_owned(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::Region" => "ap-northeast-1".to_owned(),
            "AWS::AccountId" => "000000000000".to_owned(),
            "SubscriptionMaintenance" | "MaintenanceReminder" | "MmsExpiryScan" => reference.to_owned(),
            _ => return None,
        })
    }
}
