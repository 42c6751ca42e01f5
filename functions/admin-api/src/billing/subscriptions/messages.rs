//! Messages of an order: its mails with text and address, as the customer was or will be sent them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use shared::domain::billing::notices::feedback::AddressFacts;
use shared::domain::billing::notices::{Recipient, resend_refusal};
use shared::mail::customer_page::MASKED_TOKEN;
use shared::mail::templates::Templates;
use shared::store::billing::mail_feedback::OrderFeedback;
use shared::store::billing::notices::list::ListedNotice;
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Operate};
use crate::billing::notices;
use crate::billing::notices::{FeedbackAnswer, NoticeAnswer};
use crate::billing::subscriptions::show::find;
use crate::http::cursor;
use crate::http::cursor::NoticeCursor;
use crate::http::given::Given;
use crate::http::refusals::{Missing, Refusals};
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// Default number of messages in one response.
const PAGE: usize = 20;

/// Route of the messages.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(messages))
}

/// Query of the messages of an order.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MessagesQuery {
    /// Messages in one response; 20 where it is absent.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub(crate) limit: Option<usize>,
    /// `next` of the page before: only earlier messages follow.
    #[param(value_type = Option<String>, max_length = 500)]
    pub(crate) after: Option<NoticeCursor>,
}

/// Messages of an order, latest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct MessageList {
    pub(crate) messages: Vec<MessageAnswer>,
    /// `after` of the next page; null on the last one.
    pub(crate) next: Option<String>,
}

/// A notice about an order, with the customer's data.
#[derive(Serialize, ToSchema)]
pub(crate) struct MessageAnswer {
    #[serde(flatten)]
    pub(crate) notice: NoticeAnswer,
    /// Customer's address; null for a mail to staff and after the customer's erasure.
    #[schema(example = "mei@customer.example")]
    pub(crate) address: Option<String>,
    /// Subject, from the template of the running version; null after the customer's erasure and where a value is missing.
    #[schema(example = "付款失敗通知 - Payment Failure Notice")]
    pub(crate) subject: Option<String>,
    /// Text, as `subject`. The token of the link to the customer page is masked.
    #[schema(example = "…")]
    pub(crate) text: Option<String>,
    /// Bounce or complaint that SES reported after it accepted the mail; null without one.
    pub(crate) feedback: Option<FeedbackAnswer>,
    /// True if `POST /notices/{id}/resend` sends it again.
    #[schema(example = false)]
    pub(crate) can_resend: bool,
    /// Code with which that is refused; null where it is not.
    #[schema(example = "already_sent")]
    pub(crate) resend_refusal: Option<&'static str>,
}

/// Lists the mails about a subscription with their text and address, latest first.
///
/// Mails to staff about it are in the list as well. The text is personal data, so the scope is that of the export.
#[utoipa::path(
    get, path = "/api/subscriptions/{id}/messages", tag = "subscriptions", operation_id = "list_messages",
    params(
        ("id" = String, Path, description = "Id of the subscription.", example = "DK8M2XQ7RT4B9KWZ5N3P"),
        MessagesQuery,
    ),
    responses((status = 200, description = "One page of the list.", body = MessageList), Refusals, Missing),
    security(("token" = ["operate"])),
)]
pub(crate) async fn messages(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: Caller<Operate>,
    given: Given<MessagesQuery>,
) -> Result<Json<MessageList>, Failure> {
    let MessagesQuery { limit, after } = given.query;
    let order = find(&api, &id).await?.value;
    let after = after.map(|NoticeCursor(position)| position);
    let page = api.store.billing.messages(&order.id, after.as_ref(), limit.unwrap_or(PAGE)).await?;
    tracing::info!(subscription = %order.id, by = caller.context.actor(), "texts of messages shown");
    let context = MailContext {
        templates: &api.config.templates,
        feedback: api.store.billing.order_feedback(&order.id).await?,
        is_blocked: api.store.billing.address_block(&order.email).await?.is_some(),
    };
    let messages = page.notices.into_iter().map(|listed| MessageAnswer::of(listed, &context)).collect();
    Ok(Json(MessageList { messages, next: page.next.as_ref().map(cursor::encode_notice) }))
}

/// Texts of mails, and SES's reports about those of an order.
struct MailContext<'a> {
    templates: &'a Templates,
    feedback: OrderFeedback,
    /// True if the order's address gets no mail.
    is_blocked: bool,
}

impl MessageAnswer {
    fn of(listed: ListedNotice, context: &MailContext<'_>) -> Self {
        let ListedNotice { notice, at } = listed;
        let address = match &notice.to {
            Recipient::Customer(address) if !address.is_erased() => Some(address.as_str().to_owned()),
            Recipient::Customer(_) | Recipient::Staff => None,
        };
        let mail = context.templates.render(notice.kind, &notice.fields, Some(MASKED_TOKEN)).ok();
        let (subject, text) = mail.map(|mail| (mail.subject, mail.text)).unzip();
        let facts = AddressFacts { did_bounce: context.feedback.did_bounce(&notice), is_blocked: context.is_blocked };
        let refusal = resend_refusal(notice.state, notice.attempts, &notice.to, facts).map(notices::refusal_code);
        Self {
            notice: notices::shown(&notice, at),
            feedback: context.feedback.of(&notice).map(FeedbackAnswer::from),
            address,
            subject,
            text,
            can_resend: refusal.is_none(),
            resend_refusal: refusal,
        }
    }
}
