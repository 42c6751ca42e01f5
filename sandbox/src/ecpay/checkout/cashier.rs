//! ECPay's cashier page: a person chooses how the payment ends. A client that does not ask for a page is charged at once.

use askama::Template;
use axum::response::Html;
use http::HeaderMap;
use http::header::ACCEPT;

use crate::ecpay::checkout::{CheckoutResult, Refusal};
use crate::ecpay::form::{Fields, parse_form, value};

/// Field with the chosen RtnCode, which ECPay's form does not have and its signature does not cover.
const CHOICE: &str = "SandboxRtnCode";

/// Posted form of an order, with the choice if there is one.
pub(in crate::ecpay) struct Submission {
    /// The form as the shop made it.
    pub(in crate::ecpay) form: Fields,
    /// RtnCode of the first charge.
    pub(in crate::ecpay) rtn_code: Option<String>,
}

#[derive(Template)]
#[template(path = "cashier.html")]
struct Cashier<'a> {
    page: Page<'a>,
}

enum Page<'a> {
    Choice { number: &'a str, amount: &'a str, fields: &'a Fields },
    Result { number: &'a str, text: &'a str, amount: u32, back: &'a str },
    Refused { reason: &'a str },
}

impl Submission {
    /// Reads a posted form; `None` where it is none.
    pub(in crate::ecpay) fn read(body: &[u8]) -> Option<Self> {
        let mut form = parse_form(body)?;
        let rtn_code = form.iter().find(|(name, _)| name == CHOICE).map(|(_, code)| code.trim().to_owned());
        form.retain(|(name, _)| name != CHOICE);
        Some(Self { form, rtn_code })
    }

    /// True for a browser that has not chosen yet.
    pub(in crate::ecpay) fn is_to_choose(&self, headers: &HeaderMap) -> bool {
        let accepts = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        self.rtn_code.is_none() && accepts.contains("text/html")
    }

    /// The page on which the buyer chooses.
    pub(in crate::ecpay) fn choice(&self) -> Html<String> {
        let (number, amount) = (value(&self.form, "MerchantTradeNo"), value(&self.form, "TotalAmount"));
        page(Page::Choice { number, amount, fields: &self.form })
    }
}

/// The page after the payment, or after a refusal of the form.
pub(in crate::ecpay) fn result(result: &Result<CheckoutResult, Refusal>) -> Html<String> {
    match result {
        Ok(result) => page(Page::Result {
            number: &result.merchant_trade_no,
            text: &result.rtn_msg,
            amount: result.amount,
            back: &result.client_back_url,
        }),
        Err(refusal) => page(Page::Refused { reason: &refusal.to_string() }),
    }
}

fn page(page: Page<'_>) -> Html<String> {
    Html(Cashier { page }.render().unwrap_or_else(|error| error.to_string()))
}
