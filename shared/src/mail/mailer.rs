//! Sends mail through Amazon SES v2 and says what came of it.

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::SdkError;
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};
use aws_types::SdkConfig;

use crate::domain::billing::notices::Recipient;
use crate::domain::values::ids::EmailAddress;
use crate::mail::render::Mail;

/// What came of sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The provider took it, under this id.
    Delivered(String),
    /// It will never be taken.
    Refused(String),
    /// It was not taken; later it may be.
    TryLater(String),
    /// Nobody knows whether it was taken.
    Unclear(String),
}

/// The way out for mail.
#[derive(Clone, Debug)]
pub struct Mailer {
    client: Client,
    sender: EmailAddress,
    staff: EmailAddress,
}

impl Mailer {
    /// Mail from `sender`; what is for staff goes to `staff`.
    #[must_use]
    pub fn new(aws: &SdkConfig, sender: EmailAddress, staff: EmailAddress) -> Self {
        // With an answer lost the SDK's own retries would send a mail three times.
        let retries = aws_sdk_sesv2::config::retry::RetryConfig::disabled();
        let config = aws_sdk_sesv2::config::Builder::from(aws).retry_config(retries).build();
        Self { client: Client::from_conf(config), sender, staff }
    }

    /// Sends one mail, once.
    pub async fn send(&self, to: &Recipient, mail: &Mail) -> Delivery {
        let address = match to {
            Recipient::Customer(address) => address,
            Recipient::Staff => &self.staff,
        };
        let (Ok(subject), Ok(body)) = (content(&mail.subject), content(&mail.body)) else {
            return Delivery::Refused("the mail could not be built".to_owned());
        };
        let message = Message::builder().subject(subject).body(Body::builder().text(body).build()).build();
        let request = self
            .client
            .send_email()
            .from_email_address(self.sender.as_str())
            .destination(Destination::builder().to_addresses(address.as_str()).build())
            .content(EmailContent::builder().simple(message).build());
        match request.send().await {
            Ok(answer) => Delivery::Delivered(answer.message_id.unwrap_or_default()),
            Err(error) => verdict(&error),
        }
    }
}

fn content(text: &str) -> Result<Content, aws_sdk_sesv2::error::BuildError> {
    Content::builder().data(text).charset("UTF-8").build()
}

/// What an error says about the mail. The reasons name the error's kind only: SES repeats addresses in its texts.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the SDK's enums may grow; what is not named is unclear or judged by its status"
)]
fn verdict(error: &SdkError<SendEmailError>) -> Delivery {
    match error {
        SdkError::ConstructionFailure(_) => Delivery::Refused("the request could not be built".to_owned()),
        SdkError::ServiceError(answer) => match answer.err() {
            SendEmailError::MessageRejected(_) => Delivery::Refused("MessageRejected".to_owned()),
            SendEmailError::BadRequestException(_) => Delivery::Refused("BadRequest".to_owned()),
            SendEmailError::MailFromDomainNotVerifiedException(_) => {
                Delivery::TryLater("MailFromDomainNotVerified".to_owned())
            }
            SendEmailError::NotFoundException(_) => Delivery::TryLater("NotFound".to_owned()),
            SendEmailError::AccountSuspendedException(_) => Delivery::TryLater("AccountSuspended".to_owned()),
            SendEmailError::SendingPausedException(_) => Delivery::TryLater("SendingPaused".to_owned()),
            SendEmailError::LimitExceededException(_) => Delivery::TryLater("LimitExceeded".to_owned()),
            SendEmailError::TooManyRequestsException(_) => Delivery::TryLater("TooManyRequests".to_owned()),
            _ => by_status(answer.raw().status().as_u16()),
        },
        _ => Delivery::Unclear("no answer".to_owned()),
    }
}

fn by_status(status: u16) -> Delivery {
    match status {
        429 | 503 => Delivery::TryLater(format!("HTTP {status}")),
        400..500 => Delivery::Refused(format!("HTTP {status}")),
        _ => Delivery::Unclear(format!("HTTP {status}")),
    }
}
