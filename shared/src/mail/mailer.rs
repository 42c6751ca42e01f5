//! Sends mail through Amazon SES v2 and judges the response.

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::SdkError;
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};
use aws_types::SdkConfig;

use crate::domain::billing::notices::Recipient;
use crate::domain::values::ids::EmailAddress;
use crate::domain::values::send_outcome::SendOutcome;
use crate::mail::render::Mail;

/// Client of SES with the configured addresses.
#[derive(Clone, Debug)]
pub struct Mailer {
    client: Client,
    sender: EmailAddress,
    staff: EmailAddress,
}

impl Mailer {
    /// A mailer from the address `sender`; notices for staff are sent to `staff`.
    #[must_use]
    pub fn new(aws: &SdkConfig, sender: EmailAddress, staff: EmailAddress) -> Self {
        // After a lost response the SDK's own retries would send a mail up to three times.
        let retries = aws_sdk_sesv2::config::retry::RetryConfig::disabled();
        let config = aws_sdk_sesv2::config::Builder::from(aws).retry_config(retries).build();
        Self { client: Client::from_conf(config), sender, staff }
    }

    /// Sends one mail with one attempt.
    pub async fn send(&self, to: &Recipient, mail: &Mail) -> SendOutcome {
        let address = match to {
            Recipient::Customer(address) => address,
            Recipient::Staff => &self.staff,
        };
        let (Ok(subject), Ok(body)) = (content(&mail.subject), content(&mail.body)) else {
            return SendOutcome::refused("the mail could not be built");
        };
        let message = Message::builder().subject(subject).body(Body::builder().text(body).build()).build();
        let request = self
            .client
            .send_email()
            .from_email_address(self.sender.as_str())
            .destination(Destination::builder().to_addresses(address.as_str()).build())
            .content(EmailContent::builder().simple(message).build());
        match request.send().await {
            Ok(answer) => SendOutcome::Sent { id: answer.message_id, reply: String::new() },
            Err(error) => judge(&error),
        }
    }
}

fn content(text: &str) -> Result<Content, aws_sdk_sesv2::error::BuildError> {
    Content::builder().data(text).charset("UTF-8").build()
}

/// Judges SES's error. Reasons name the kind of error only, since SES repeats addresses in its texts.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the SDK's enums may grow; an unknown error is judged by its status or has an unknown outcome"
)]
fn judge(error: &SdkError<SendEmailError>) -> SendOutcome {
    match error {
        SdkError::ConstructionFailure(_) => SendOutcome::refused("the request could not be built"),
        SdkError::ServiceError(answer) => match answer.err() {
            SendEmailError::MessageRejected(_) => SendOutcome::refused("MessageRejected"),
            SendEmailError::BadRequestException(_) => SendOutcome::refused("BadRequest"),
            SendEmailError::MailFromDomainNotVerifiedException(_) => {
                SendOutcome::unavailable("MailFromDomainNotVerified")
            }
            SendEmailError::NotFoundException(_) => SendOutcome::unavailable("NotFound"),
            SendEmailError::AccountSuspendedException(_) => SendOutcome::unavailable("AccountSuspended"),
            SendEmailError::SendingPausedException(_) => SendOutcome::unavailable("SendingPaused"),
            SendEmailError::LimitExceededException(_) => SendOutcome::rate_limited("LimitExceeded", None),
            SendEmailError::TooManyRequestsException(_) => SendOutcome::rate_limited("TooManyRequests", None),
            _ => by_status(answer.raw().status().as_u16()),
        },
        _ => SendOutcome::unknown("no answer"),
    }
}

fn by_status(status: u16) -> SendOutcome {
    let reason = format!("HTTP {status}");
    match status {
        429 => SendOutcome::rate_limited(reason, None),
        503 => SendOutcome::unavailable(reason),
        400..500 => SendOutcome::refused(reason),
        _ => SendOutcome::unknown(reason),
    }
}
