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
use crate::mail::ses_error::SesError;

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
