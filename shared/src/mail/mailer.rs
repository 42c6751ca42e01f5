//! Sends mail through Amazon SES v2 and judges the response.

use std::num::NonZeroU32;

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::{BuildError, SdkError};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{
    Attachment, AttachmentContentDisposition, AttachmentContentTransferEncoding, Body, Content, Destination,
    EmailContent, Message, MessageTag,
};
use aws_types::SdkConfig;

use crate::domain::billing::notices::Recipient;
use crate::domain::values::ids::EmailAddress;
use crate::domain::values::send_outcome::SendOutcome;
use crate::mail::overrides::LOGO;
use crate::mail::render::Mail;
use crate::mail::sender::from_header;
use crate::mail::ses_error::SesError;
use crate::mail::ses_event::{NOTICE_TAG, tag_value};
use crate::mail::templates::{LOGO_LINK, Templates};
use crate::platform::config::{Reader, display_name};
use crate::platform::pace::Pace;
use crate::store::billing::notices::StoredNotice;

/// Settings of all mail.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// Address of the sender of all mail.
    pub sender: EmailAddress,
    /// Name that mail programs show for the sender.
    pub sender_name: String,
    /// Address that receives answers to mails to customers; none: the sender's.
    pub reply_to: Option<EmailAddress>,
    /// Recipient of notices to staff.
    pub staff: EmailAddress,
    /// Most mails that one run starts to send within a second: SES's sending rate of the account.
    pub per_second: NonZeroU32,
    /// Configuration set of SES whose events report bounces and complaints; none: they are not reported.
    pub configuration_set: Option<String>,
    /// Texts of all mails.
    pub templates: Templates,
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

    /// Reads `MAIL_SENDER`, `MAIL_SENDER_NAME` (`BUSINESS_NAME` where it is missing), `MAIL_REPLY_TO` (optional), `STAFF_EMAIL`,
    /// `MAIL_PER_SECOND` (1 to 1,000; 14 where it is missing), `MAIL_CONFIGURATION_SET` (optional) and the templates' settings.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (sender, staff) = (reader.email("MAIL_SENDER"), reader.email("STAFF_EMAIL"));
        let reply_to = reader.optional("MAIL_REPLY_TO").and_then(|_| reader.email("MAIL_REPLY_TO"));
        let sender_name =
            reader.optional("MAIL_SENDER_NAME").and_then(|_| reader.parsed("MAIL_SENDER_NAME", display_name));
        let urls = reader.urls();
        let templates = reader.templates(urls.as_ref());
        let mails = reader.optional("MAIL_PER_SECOND").unwrap_or_else(|| Self::USUAL_PER_SECOND.to_owned());
        let per_second = mails.parse().ok().filter(|mails: &NonZeroU32| mails.get() <= 1_000);
        if per_second.is_none() {
            reader.fault("MAIL_PER_SECOND", "must be 1 to 1000 mails");
        }
        let configuration_set = reader.optional("MAIL_CONFIGURATION_SET");
        if configuration_set.as_deref().is_some_and(|name| !is_configuration_set(name)) {
            reader.fault("MAIL_CONFIGURATION_SET", "must be 1 to 64 letters, digits, hyphens and underscores");
        }
        let templates = templates?;
        Some(Self {
            sender: sender?,
            sender_name: sender_name.unwrap_or_else(|| templates.business().to_owned()),
            reply_to,
            staff: staff?,
            per_second: per_second?,
            configuration_set,
            templates,
        })
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

    /// Texts of all mails.
    pub(crate) const fn templates(&self) -> &Templates {
        &self.settings.templates
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
        let settings = &self.settings;
        let (address, reply_to) = match &notice.to {
            Recipient::Customer(address) => (address, settings.reply_to.as_ref()),
            Recipient::Staff => (&settings.staff, None),
        };
        let Ok(message) = message(mail, settings.templates.logo()) else {
            return SendOutcome::refused("the mail could not be built");
        };
        let request = self
            .client
            .send_email()
            .from_email_address(from_header(&settings.sender_name, &settings.sender))
            .set_reply_to_addresses(reply_to.map(|address| vec![address.as_str().to_owned()]))
            .destination(Destination::builder().to_addresses(address.as_str()).build())
            .content(EmailContent::builder().simple(message).build())
            .set_configuration_set_name(settings.configuration_set.clone())
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

/// The mail with its parts, and the logo that its HTML shows. A mail program shows the last part that it can.
fn message(mail: &Mail, logo: Option<&[u8]>) -> Result<Message, BuildError> {
    let html = mail.html.as_deref().map(content).transpose()?;
    let logo = logo.filter(|_| html.is_some()).map(attached).transpose()?;
    let body = Body::builder().text(content(&mail.text)?).set_html(html).build();
    let message = Message::builder().subject(content(&mail.subject)?).body(body);
    Ok(message.set_attachments(logo.map(|logo| vec![logo])).build())
}

/// The logo under the name by which the HTML refers to it ([`LOGO_LINK`]).
fn attached(logo: &[u8]) -> Result<Attachment, BuildError> {
    Attachment::builder()
        .file_name(LOGO)
        .content_type("image/png")
        .content_disposition(AttachmentContentDisposition::Inline)
        .content_transfer_encoding(AttachmentContentTransferEncoding::Base64)
        .content_id(LOGO_LINK.trim_start_matches("cid:"))
        .raw_content(Blob::new(logo))
        .build()
}

fn content(text: &str) -> Result<Content, BuildError> {
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
