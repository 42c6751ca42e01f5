//! Payments of a month for accounting, as JSON or CSV.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use csv::{QuoteStyle, WriterBuilder};
use lambda_http::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LINK};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::domain::billing::payments::payment::PaymentOutcome;
use shared::domain::billing::plan::{BillingCycle, PlanId};
use shared::domain::values::ids::{GatewayAuthorization, PaymentId, SubscriptionId, TradeNo, UserId};
use shared::domain::values::money::Twd;
use shared::domain::values::time::LocalDate;
use shared::store::billing::find::payments::{ListedPayment, ZONE};
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Read};
use crate::billing::subscriptions::names::OrderCycle;
use crate::http::cursor;
use crate::http::cursor::ListCursor;
use crate::http::dates::Month;
use crate::http::given::Given;
use crate::http::refusals::Refusals;
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// Default number of payments in one response.
const PAGE: usize = 1_000;
/// Most pages in the file of a month: a response of Lambda has at most 6 MB.
const FILE_PAGES: usize = 10;
/// Signs with which a spreadsheet lets a formula begin.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Route of payments.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(list))
}

/// Query of the payments of a month.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PaymentListQuery {
    /// Month of the payments (Asia/Taipei), for example `2025-03`.
    #[param(value_type = String, pattern = "^[0-9]{4}-[0-9]{2}$", example = "2025-03")]
    pub(crate) month: Month,
    /// Form of the response; `json` where it is absent.
    #[serde(default)]
    #[param(inline)]
    pub(crate) format: PaymentFormat,
    /// Payments in one response; 1,000 where it is absent.
    #[param(minimum = 1, maximum = 1000, default = 1000)]
    limit: Option<usize>,
    /// `next` of the page before: only later payments follow.
    #[param(value_type = Option<String>, max_length = 500)]
    after: Option<ListCursor>,
}

/// Form of the response.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PaymentFormat {
    #[default]
    Json,
    Csv,
}

/// Payments of one page, the earliest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct PaymentList {
    payments: Vec<AccountedPayment>,
    /// `after` of the next page; null on the last one.
    next: Option<String>,
}

/// A payment as accounting needs it.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountedPayment {
    /// Day of the charge, or of the entry of a payment outside ECPay (Asia/Taipei).
    #[schema(value_type = String, format = Date, example = "2025-03-15")]
    day: LocalDate,
    /// Time of the authorisation (Asia/Taipei).
    #[schema(value_type = String, format = DateTime, example = "2025-03-15T10:00:00+08:00")]
    process_date: String,
    /// MerchantTradeNo of the order at ECPay.
    #[schema(value_type = String, example = "DK8M2XQ7RT4B9KWZ5N3P")]
    merchant_trade_no: SubscriptionId,
    /// Id of the payment: the order and a key.
    #[schema(value_type = String, example = "DK8M2XQ7RT4B9KWZ5N3P.G13401072")]
    payment_id: PaymentId,
    /// Customer, as named by the business's app; a pseudonym after an erasure.
    #[schema(value_type = Option<String>, example = "user-42")]
    user_id: Option<UserId>,
    /// Plan that was ordered.
    #[schema(value_type = Option<String>, example = "PRO")]
    plan_id: Option<PlanId>,
    #[schema(value_type = Option<OrderCycle>)]
    billing_cycle: Option<BillingCycle>,
    /// `succeeded`: a charge at ECPay. `paid_out_of_band`: a payment outside ECPay.
    #[schema(example = "succeeded")]
    outcome: &'static str,
    /// Number of the charge within the order, 1 for the first; null outside ECPay.
    #[schema(example = 2)]
    number: Option<u32>,
    /// Amount in TWD; null for a success of unknown amount.
    #[schema(value_type = Option<u32>, example = 899)]
    amount_twd: Option<Twd>,
    /// TWD that went back to the customer until now, also in a later month.
    #[schema(value_type = u32, example = 0)]
    refunded_twd: Twd,
    /// True while money of the payment must go back to the customer.
    #[schema(example = false)]
    refund_due: bool,
    /// ECPay's authorisation number.
    #[schema(value_type = Option<String>, example = "13401072")]
    gwsr: Option<GatewayAuthorization>,
    /// ECPay's TradeNo; callbacks name that of the first charge only.
    #[schema(value_type = Option<String>, example = "2503151000001234")]
    trade_no: Option<TradeNo>,
    /// TWD that must still go back; null where that is a whole charge of unknown amount.
    #[schema(value_type = Option<u32>, example = 0)]
    refund_due_twd: Option<Twd>,
}

/// Lists the payments of a month.
///
/// For accounting: charges that succeeded and payments outside ECPay, the earliest first, by the day of the charge in
/// Asia/Taipei. In CSV all cells are quoted, a cell that a spreadsheet would take for a formula or shorten as a number begins with
/// `'`, and a header
/// `Link` with `rel="next"` leads to the next page.
#[utoipa::path(
    get, path = "/api/payments", tag = "payments", operation_id = "list_payments", params(PaymentListQuery),
    responses(
        (
            status = 200, description = "One page of the list.",
            content((PaymentList = "application/json"), (String = "text/csv")),
        ),
        Refusals,
    ),
    security(("token" = ["read"])),
)]
async fn list(
    State(api): State<Arc<ApiState>>,
    _: Caller<Read>,
    given: Given<PaymentListQuery>,
) -> Result<Response, Failure> {
    let PaymentListQuery { month: Month(month), format, limit, after } = given.query;
    let after = after.map(|ListCursor(position)| position);
    let limit = limit.unwrap_or(PAGE);
    let (page, next) = api.store.billing.payments_of_month(month, after.as_ref(), limit).await?;
    let payments = page.into_iter().filter_map(AccountedPayment::of).collect();
    let list = PaymentList { payments, next: next.as_ref().map(cursor::encode_list) };
    match format {
        PaymentFormat::Json => Ok(Json(list).into_response()),
        PaymentFormat::Csv => csv(&api, &list, month, limit),
    }
}

/// All payments of a month in one CSV file; refused where it has more than a file may have.
pub(crate) async fn month_file(api: &ApiState, month: LocalDate) -> Result<Response, Failure> {
    let (mut payments, mut after) = (Vec::new(), None);
    for _ in 0..FILE_PAGES {
        let (page, next) = api.store.billing.payments_of_month(month, after.as_ref(), PAGE).await?;
        payments.extend(page.into_iter().filter_map(AccountedPayment::of));
        after = next;
        if after.is_none() {
            return csv(api, &PaymentList { payments, next: None }, month, PAGE);
        }
    }
    Err(Failure::conflict("too_many_payments", "the month has too many payments for one file; read GET /api/payments"))
}

impl AccountedPayment {
    fn of(listed: ListedPayment) -> Option<Self> {
        let ListedPayment { payment, subscription } = listed;
        let number = match payment.outcome {
            PaymentOutcome::Succeeded { number } => Some(number),
            PaymentOutcome::Failed | PaymentOutcome::Pending | PaymentOutcome::PaidOutOfBand => None,
        };
        Some(Self {
            day: payment.processed_at.day(ZONE),
            process_date: payment.processed_at.to_rfc3339(ZONE),
            merchant_trade_no: payment.id.subscription().ok()?,
            billing_cycle: subscription.as_ref().map(|order| order.terms.cycle),
            plan_id: subscription.as_ref().map(|order| order.terms.plan.clone()),
            user_id: subscription.map(|order| order.user),
            outcome: payment.outcome.as_str(),
            number,
            amount_twd: payment.amount,
            refunded_twd: payment.refunded,
            refund_due: payment.refund_due.is_any(),
            refund_due_twd: payment.refund_due_twd(),
            gwsr: payment.gwsr,
            trade_no: payment.trade_no,
            payment_id: payment.id,
        })
    }

    /// Cells of the payment, in the order of its fields.
    fn cells(&self) -> Result<Vec<String>, serde_json::Error> {
        let fields = serde_json::to_value(self)?;
        let cell = |name: &&str| match fields.get(*name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        Ok(COLUMNS.iter().map(cell).collect())
    }
}

/// CSV in which all cells are quoted. A spreadsheet takes none of them for a formula and shortens none.
pub(crate) fn spreadsheet(columns: &[&str], rows: Vec<Vec<String>>) -> Result<Vec<u8>, Failure> {
    let mut writer = WriterBuilder::new().quote_style(QuoteStyle::Always).from_writer(Vec::new());
    writer.write_record(columns).map_err(|error| Failure::upstream(&error))?;
    for row in rows {
        writer.write_record(row.iter().map(|cell| guarded(cell))).map_err(|error| Failure::upstream(&error))?;
    }
    writer.into_inner().map_err(|error| Failure::upstream(&error))
}

/// A cell that a spreadsheet shows as it is.
fn guarded(text: &str) -> String {
    if text.starts_with(FORMULA) || is_long_number(text) { format!("'{text}") } else { text.to_owned() }
}

/// True for a number of which a spreadsheet keeps the first 15 digits only.
fn is_long_number(text: &str) -> bool {
    text.len() > 15 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Columns of the CSV form.
const COLUMNS: [&str; 15] = [
    "day",
    "process_date",
    "merchant_trade_no",
    "payment_id",
    "user_id",
    "plan_id",
    "billing_cycle",
    "outcome",
    "number",
    "amount_twd",
    "refunded_twd",
    "refund_due",
    "gwsr",
    "trade_no",
    "refund_due_twd",
];

fn csv(api: &ApiState, list: &PaymentList, month: LocalDate, limit: usize) -> Result<Response, Failure> {
    let month = month.to_string().chars().take(7).collect::<String>();
    let rows = list.payments.iter().map(AccountedPayment::cells).collect::<Result<Vec<_>, _>>();
    let text = spreadsheet(&COLUMNS, rows.map_err(|error| Failure::upstream(&error))?)?;
    let file = format!("attachment; filename=\"payments-{month}.csv\"");
    let headers = [(CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, file)];
    let next = list.next.as_ref().map(|after| {
        let path = format!("{}/api/payments", api.config.urls.api);
        format!("<{path}?month={month}&format=csv&limit={limit}&after={after}>; rel=\"next\"")
    });
    Ok((headers, next.map(|next| [(LINK, next)]), text).into_response())
}
