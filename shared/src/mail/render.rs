//! Renders a notice as a mail from a template of `templates/`. A variable without a value is an error, not a blank.

use std::collections::BTreeMap;

use crate::domain::billing::notices::NoticeKind;

/// A mail, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Subject in one line.
    pub subject: String,
    /// Body as plain text.
    pub body: String,
}

/// Reasons why a template cannot be filled.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// The notice has no value for a variable.
    #[error("template {template}: variable {variable} has no value")]
    MissingVariable {
        /// Name of the notice's kind.
        template: &'static str,
        /// Name between the braces.
        variable: String,
    },
    /// A value would end the subject and begin a header.
    #[error("template {template}: the subject is not one line")]
    BrokenSubject {
        /// Name of the notice's kind.
        template: &'static str,
    },
    /// The template has no body or an open brace.
    #[error("template {template} is malformed")]
    MalformedTemplate {
        /// Name of the notice's kind.
        template: &'static str,
    },
}

const fn template(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::FirstPaymentFailure => include_str!("../../templates/customer/first-payment-failure.txt"),
        NoticeKind::SecondPaymentFailure => include_str!("../../templates/customer/second-payment-failure.txt"),
        NoticeKind::FinalPaymentFailure => include_str!("../../templates/customer/final-payment-failure.txt"),
        NoticeKind::Downgraded => include_str!("../../templates/customer/downgraded.txt"),
        NoticeKind::NotCharged => include_str!("../../templates/customer/not-charged.txt"),
        NoticeKind::AmountDiffers => include_str!("../../templates/staff/amount-differs.txt"),
        NoticeKind::UnrecordedCharge => include_str!("../../templates/staff/unrecorded-charge.txt"),
        NoticeKind::PlanEnded => include_str!("../../templates/customer/plan-ended.txt"),
        NoticeKind::Recovered => include_str!("../../templates/customer/recovered.txt"),
        NoticeKind::RefundDue => include_str!("../../templates/staff/refund-due.txt"),
        NoticeKind::Uncharged => include_str!("../../templates/staff/uncharged.txt"),
        NoticeKind::CancelUnconfirmed => include_str!("../../templates/staff/cancel-unconfirmed.txt"),
        NoticeKind::SecondLiveOrder => include_str!("../../templates/staff/second-live-order.txt"),
        NoticeKind::QuarantineDigest => include_str!("../../templates/staff/quarantine-digest.txt"),
        NoticeKind::Quarantined => include_str!("../../templates/staff/quarantined.txt"),
        NoticeKind::CancelConfirmed => include_str!("../../templates/customer/cancel-confirmed.txt"),
        NoticeKind::NeedsAttention => include_str!("../../templates/staff/needs-attention.txt"),
        NoticeKind::SlackRefused => include_str!("../../templates/staff/slack-refused.txt"),
        NoticeKind::RemindersFailed => include_str!("../../templates/staff/reminders-failed.txt"),
        NoticeKind::Undeliverable => include_str!("../../templates/staff/undeliverable.txt"),
    }
}

/// Advice after a soft decline, as `{{advice_zh}}` and `{{advice_en}}`.
const CHECK_CARD: [&str; 2] = [
    "我們會在接下來幾天再次嘗試扣款。請確認您的信用卡額度與狀態。",
    "We will try to charge the card again in the coming days. Please check that it is valid and has enough credit.",
];
/// Advice where no retry can follow although the card may work, e.g. because ECPay ended the order.
const NEW_ORDER: [&str; 2] = [
    "這筆訂單無法再自動重試扣款。若要繼續使用，請重新訂閱。",
    "We cannot try this charge again. To keep your plan, please subscribe again.",
];
/// Advice after a hard decline.
const NEW_CARD: [&str; 2] = [
    "這張信用卡無法再使用（已過期、掛失或失竊），因此不會自動重試扣款。請以新的信用卡重新訂閱。",
    "This card can no longer be charged (expired, lost or stolen), so we will not try it again. Please subscribe again with another card.",
];

/// Renders the mail of a notice from its fields.
///
/// # Errors
/// [`Error`] where a variable has no value or a value would break the subject.
pub fn render(kind: NoticeKind, fields: &BTreeMap<String, String>) -> Result<Mail, Error> {
    let mut values = fields.clone();
    if let Some(needed) = fields.get("hard_decline") {
        let is_retried = fields.get("retries").is_none_or(|retries| retries == "true");
        let [chinese, english] = match (needed == "true", is_retried) {
            (true, _) => NEW_CARD,
            (false, true) => CHECK_CARD,
            (false, false) => NEW_ORDER,
        };
        values.insert("advice_zh".to_owned(), chinese.to_owned());
        values.insert("advice_en".to_owned(), english.to_owned());
    }
    let malformed = Error::MalformedTemplate { template: kind.name() };
    let (subject, body) = template(kind).split_once("\n\n").ok_or(malformed)?;
    let mail = Mail { subject: fill(kind, subject, &values)?, body: fill(kind, body, &values)? };
    if mail.subject.contains(char::is_control) {
        return Err(Error::BrokenSubject { template: kind.name() });
    }
    Ok(mail)
}

fn fill(kind: NoticeKind, text: &str, values: &BTreeMap<String, String>) -> Result<String, Error> {
    let mut parts = text.split("{{");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (variable, rest) = part.split_once("}}").ok_or(Error::MalformedTemplate { template: kind.name() })?;
        let missing = || Error::MissingVariable { template: kind.name(), variable: variable.to_owned() };
        filled.push_str(values.get(variable).filter(|value| !value.is_empty()).ok_or_else(missing)?);
        filled.push_str(rest);
    }
    Ok(filled)
}
