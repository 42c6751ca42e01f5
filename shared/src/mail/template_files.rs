//! Default templates of all mails, compiled into the functions.

/// A template: its file below `templates/`, and its text.
pub(crate) struct TemplateFile {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(TemplateFile { name: $name, text: include_str!(concat!("../../templates/", $name)) }),*]
    };
}

/// Every template. Those of a mail have a subject, an empty line and a body.
pub(crate) const FILES: &[TemplateFile] = files![
    "customer/layout.html",
    "customer/layout.txt",
    "customer/en/advice.txt",
    "customer/en/annual-charge.txt",
    "customer/en/cancel-confirmed.txt",
    "customer/en/downgraded.txt",
    "customer/en/final-payment-failure.txt",
    "customer/en/first-payment-failure.txt",
    "customer/en/not-charged.txt",
    "customer/en/plan-ended.txt",
    "customer/en/receipt.txt",
    "customer/en/recovered.txt",
    "customer/en/second-payment-failure.txt",
    "customer/zh-TW/advice.txt",
    "customer/zh-TW/annual-charge.txt",
    "customer/zh-TW/cancel-confirmed.txt",
    "customer/zh-TW/downgraded.txt",
    "customer/zh-TW/final-payment-failure.txt",
    "customer/zh-TW/first-payment-failure.txt",
    "customer/zh-TW/not-charged.txt",
    "customer/zh-TW/plan-ended.txt",
    "customer/zh-TW/receipt.txt",
    "customer/zh-TW/recovered.txt",
    "customer/zh-TW/second-payment-failure.txt",
    "staff/amount-differs.txt",
    "staff/cancel-unconfirmed.txt",
    "staff/endpoint-off.txt",
    "staff/needs-attention.txt",
    "staff/quarantine-digest.txt",
    "staff/quarantined.txt",
    "staff/refund-due.txt",
    "staff/reminders-failed.txt",
    "staff/second-live-order.txt",
    "staff/slack-refused.txt",
    "staff/uncharged.txt",
    "staff/undeliverable.txt",
    "staff/unrecorded-charge.txt",
];

impl TemplateFile {
    /// True for a layout, which gets the finished parts of a mail; false for the texts themselves.
    pub(crate) fn is_layout(&self) -> bool {
        self.name.starts_with("customer/layout.")
    }
}
