//! Sends mail through Amazon SES v2 and judges the response.

use std::num::NonZeroU32;

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::SdkError;
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageTag};
use aws_types::SdkConfig;

use crate::domain::billing::notices::Recipient;
use crate::domain::values::ids::EmailAddress;
use crate::domain::values::send_outcome::SendOutcome;
use crate::mail::render::Mail;
use crate::mail::ses_error::SesError;
use crate::mail::ses_event::{NOTICE_TAG, tag_value};
use crate::platform::config::Reader;
use crate::platform::pace::Pace;
use crate::store::billing::notices::StoredNotice;

/// Settings of all mail.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// Sender of all mail.
    pub sender: EmailAddress,
    /// Recipient of notices to staff.
    pub staff: EmailAddress,
    /// Most mails that one run starts to send within a second: SES's sending rate of the account.
    pub per_second: NonZeroU32,
    /// Configuration set of SES whose events report bounces and complaints; none: they are not reported.
    pub configuration_set: Option<String>,
}

/// Client of SES with the configured addresses.
#[derive(Clone, Debug)]
pub struct Mailer {
    client: Client,
    settings: MailSettings,
}

impl MailSettings {
    /// SES's sending rate of an account that left its sandbox, in mails per second (SES Developer Guide, "Service quotas").
    const USUAL_PER_SECOND: &str = "14";

    /// Reads `MAIL_SENDER`, `STAFF_EMAIL`, `MAIL_PER_SECOND` (1 to 1,000; 14 where it is missing) and `MAIL_CONFIGURATION_SET`
    /// (optional).
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (sender, staff) = (reader.email("MAIL_SENDER"), reader.email("STAFF_EMAIL"));
        let mails = reader.optional("MAIL_PER_SECOND").unwrap_or_else(|| Self::USUAL_PER_SECOND.to_owned());
        let per_second = mails.parse().ok().filter(|mails: &NonZeroU32| mails.get() <= 1_000);
        if per_second.is_none() {
            reader.fault("MAIL_PER_SECOND", "must be 1 to 1000 mails");
        }
        let configuration_set = reader.optional("MAIL_CONFIGURATION_SET");
        if configuration_set.as_deref().is_some_and(|name| !is_configuration_set(name)) {
            reader.fault("MAIL_CONFIGURATION_SET", "must be 1 to 64 letters, digits, hyphens and underscores");
        }
        Some(Self { sender: sender?, staff: staff?, per_second: per_second?, configuration_set })
    }
}

impl Mailer {
    /// A mailer with a client that makes one attempt for each mail.
    #[must_use]
    pub fn new(aws: &SdkConfig, settings: MailSettings) -> Self {
        // After a lost response the SDK's own retries would send a mail up to three times.
        let retries = aws_sdk_sesv2::config::retry::RetryConfig::disabled();
        let config = aws_sdk_sesv2::config::Builder::from(aws).retry_config(retries).build();
        Self { client: Client::from_conf(config), settings }
    }

    /// The pace of one run.
    pub(crate) fn pace(&self) -> Pace {
        Pace::per_second(self.settings.per_second)
    }

    /// Configuration set by which SES reports bounces and complaints.
    #[must_use]
    pub fn configuration_set(&self) -> Option<&str> {
        self.settings.configuration_set.as_deref()
    }

    /// Sends the mail of a notice with one attempt. SES's events about the mail name the notice.
    pub async fn send(&self, notice: &StoredNotice, mail: &Mail) -> SendOutcome {
        let address = match &notice.to {
            Recipient::Customer(address) => address,
            Recipient::Staff => &self.settings.staff,
        };
        let (Ok(subject), Ok(body)) = (content(&mail.subject), content(&mail.body)) else {
            return SendOutcome::refused("the mail could not be built");
        };
        let message = Message::builder().subject(subject).body(Body::builder().text(body).build()).build();
        let request = self
            .client
            .send_email()
            .from_email_address(self.settings.sender.as_str())
            .destination(Destination::builder().to_addresses(address.as_str()).build())
            .content(EmailContent::builder().simple(message).build())
            .set_configuration_set_name(self.settings.configuration_set.clone())
            .set_email_tags(notice_tag(&notice.id).map(|tag| vec![tag]));
        match Box::pin(request.send()).await {
            Ok(answer) => SendOutcome::Sent { id: answer.message_id, reply: String::new() },
            Err(error) => judge(&error),
        }
    }
}

/// Tag that names the notice in SES's events; `None` for an id that is too long for one.
fn notice_tag(id: &str) -> Option<MessageTag> {
    MessageTag::builder().name(NOTICE_TAG).value(tag_value(id)?).build().ok()
}

/// True for a name that SES accepts (SES API v2, `CreateConfigurationSet`).
fn is_configuration_set(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

fn content(text: &str) -> Result<Content, aws_sdk_sesv2::error::BuildError> {
    Content::builder().data(text).charset("UTF-8").build()
}

/// Judges SES's error. Without a response SES may have accepted the mail.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the SDK's enum may grow; an unknown kind of error has an unknown outcome"
)]
fn judge(error: &SdkError<SendEmailError>) -> SendOutcome {
    match error {
        SdkError::ConstructionFailure(_) => SendOutcome::refused("the request could not be built"),
        SdkError::ServiceError(answer) => {
            let (status, details) = (answer.raw().status().as_u16(), answer.err().meta());
            SesError { status, code: details.code(), message: details.message() }.judge()
        }
        _ => SendOutcome::unknown("no answer"),
    }
}
