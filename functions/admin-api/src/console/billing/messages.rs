//! Mails: those of an order with text and address, those that did not go out, and previews.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use lambda_http::http::StatusCode;
use shared::domain::billing::notices::NoticeKind;
use shared::domain::values::ids::SubscriptionId;

use crate::auth::scope::Scope;
use crate::billing::mail_templates::preview;
use crate::billing::notices::{NoticeAnswer, NoticeAudience, NoticeListQuery, list, resend};
use crate::billing::subscriptions::messages::{MessageAnswer, MessagesQuery, messages};
use crate::console::page::address;
use crate::console::page::failure::sentences;
use crate::console::page::field::{Choice, Field, FieldKind};
use crate::console::page::frame::Frame;
use crate::console::page::html;
use crate::console::page::moment::Moment;
use crate::console::page::visit::Visit;
use crate::console::words::billing::BillingWords;
use crate::console::words::common::CommonWords;
use crate::console::words::names::{NoticeNames, NoticeStates};
use crate::console::words::operations::OperationRefusals;
use crate::http::page::see_other;
use crate::http::response::Failure;

/// States by which mails of all orders are listed, in the API's names.
const STATES: [&str; 4] = ["dead", "unclear", "undeliverable", "queued"];
/// Path of the list.
const PAGE: &str = "/console/messages";
/// Parameter with the order whose mails are shown.
const ORDER: &str = "subscription";

/// List of mails.
#[derive(Template)]
#[template(path = "console/billing/messages.html")]
struct MessagesHtml {
    frame: Frame,
    w: &'static BillingWords,
    /// Order whose mails are shown; none for the mails of a state.
    order: Option<String>,
    state: Field,
    /// Field for the order whose mails are wanted.
    find: Field,
    why: Field,
    rows: Vec<MessageRow>,
    /// Kinds of mails with the addresses of their previews.
    previews: Vec<PreviewLink>,
    may_operate: bool,
    /// Address of this page, to which its forms lead back.
    back: String,
    key: String,
    faults: Vec<String>,
    more: Option<String>,
}

/// Mail in the list.
struct MessageRow {
    /// Address to which its form is sent.
    resend: String,
    kind: &'static str,
    state: &'static str,
    /// Class of the state for its colour.
    tone: &'static str,
    recipient: String,
    order: Option<String>,
    created: Moment,
    attempts: u32,
    again_at: Option<Moment>,
    ended_at: Option<Moment>,
    /// Provider's words, and what SES reported later.
    details: Vec<String>,
    resent: Option<String>,
    subject: Option<String>,
    text: Option<String>,
    can_resend: bool,
    /// Sentence about why it cannot be sent again.
    refusal: Option<&'static str>,
}

/// Link to a preview.
struct PreviewLink {
    name: &'static str,
    address: String,
}

/// Shows mails.
pub(crate) async fn show(visit: Visit) -> Result<Response, Failure> {
    page(&visit, StatusCode::OK, Vec::new()).await
}

async fn page(visit: &Visit, status: StatusCode, faults: Vec<String>) -> Result<Response, Failure> {
    let order = visit.parameter(ORDER).map(|order| {
        let order = order.trim();
        // Ids are issued in capitals; those of another system may have others.
        if SubscriptionId::is_misspelt(order) { order.to_ascii_uppercase() } else { order.to_owned() }
    });
    if order.is_some() {
        visit.may_or_refuse(Scope::Operate)?;
    }
    let (rows, next) = match &order {
        Some(order) => of_order(visit, order).await?,
        None => of_state(visit).await?,
    };
    let (language, w) = (visit.language(), BillingWords::of(visit.language()));
    html::page(
        status,
        &MessagesHtml {
            frame: visit.frame(),
            w,
            state: state(visit, order.is_some()),
            find: Field::text(ORDER, w.find_order, 20).required().with(order.clone().unwrap_or_default()),
            why: Field::why(language),
            previews: order.as_ref().map(|order| previews(visit, order)).unwrap_or_default(),
            order,
            rows,
            may_operate: visit.may(Scope::Operate),
            back: address::with(PAGE, visit.kept(&[ORDER, "state", "after"])),
            key: Visit::new_key()?,
            faults,
            more: next.map(|next| {
                let kept = visit.kept(&[ORDER, "state"]);
                address::with(PAGE, kept.into_iter().chain([("after", Some(next))]))
            }),
        },
    )
}

/// Filter by state, of which none is chosen beside the mails of an order.
fn state(visit: &Visit, is_of_order: bool) -> Field {
    let (w, names) = (BillingWords::of(visit.language()), NoticeStates::of(visit.language()));
    let states = STATES.map(|state| Choice::new(state, names.get(state).unwrap_or(state)));
    let label = CommonWords::of(visit.language()).state;
    if is_of_order {
        return Field::choice("state", label, Choice::none(w.choose_state, states)).required();
    }
    let chosen = visit.parameter("state").unwrap_or_else(|| "dead".to_owned());
    Field::choice("state", label, states.into()).required().with(chosen)
}

async fn of_order(visit: &Visit, order: &str) -> Result<(Vec<MessageRow>, Option<String>), Failure> {
    let given = visit.query::<MessagesQuery>()?;
    let api = State(Arc::clone(&visit.api));
    let Json(page) = messages(api, Path(order.to_owned()), visit.caller_with()?, given).await?;
    Ok((page.messages.into_iter().map(|message| MessageRow::of_message(visit, message)).collect(), page.next))
}

async fn of_state(visit: &Visit) -> Result<(Vec<MessageRow>, Option<String>), Failure> {
    let given = visit.query::<NoticeListQuery>()?;
    let Json(page) = list(State(Arc::clone(&visit.api)), visit.caller_with()?, given).await?;
    Ok((page.notices.into_iter().map(|notice| MessageRow::of(visit, notice)).collect(), page.next))
}

impl MessageRow {
    fn of(visit: &Visit, notice: NoticeAnswer) -> Self {
        let (language, w) = (visit.language(), BillingWords::of(visit.language()));
        let recipient = match notice.to {
            NoticeAudience::Customer => w.customer,
            NoticeAudience::Staff => w.to_staff,
        };
        Self {
            kind: NoticeNames::of(language).get(notice.kind).unwrap_or(notice.kind),
            state: NoticeStates::of(language).get(notice.state).unwrap_or(notice.state),
            tone: tone(notice.state),
            recipient: recipient.to_owned(),
            // Whether a mail of an order can be sent again, its own list says.
            can_resend: notice.merchant_trade_no.is_none() && (notice.state != "queued" || notice.attempts > 0),
            order: notice.merchant_trade_no,
            created: visit.taipei(notice.created_at),
            attempts: notice.attempts,
            again_at: notice.again_at.map(|at| visit.taipei(at)),
            ended_at: notice.ended_at.map(|at| visit.taipei(at)),
            details: notice.detail.into_iter().collect(),
            resent: notice.resend.map(|resend| format!("{} {}: {}", w.resent_by, resend.by, resend.why)),
            subject: None,
            text: None,
            refusal: None,
            resend: format!("{}/resend", address::below(PAGE, &notice.id)),
        }
    }

    fn of_message(visit: &Visit, message: MessageAnswer) -> Self {
        let language = visit.language();
        let row = Self::of(visit, message.notice);
        // What became of the mail says more than that the provider took it.
        let known = message.feedback.as_ref().and_then(|feedback| NoticeStates::of(language).get(feedback.kind));
        let (state, tone) = known.map_or((row.state, row.tone), |known| (known, "bad"));
        let feedback = message
            .feedback
            .map(|feedback| [feedback.sub_type, feedback.status].into_iter().flatten().collect::<Vec<_>>().join(" "));
        let feedback = feedback.filter(|words| !words.is_empty());
        Self {
            state,
            tone,
            recipient: message.address.unwrap_or(row.recipient),
            details: row.details.into_iter().chain(feedback).collect(),
            subject: message.subject,
            text: message.text,
            can_resend: message.can_resend,
            refusal: message.resend_refusal.and_then(|code| OperationRefusals::of(language).get(code)),
            ..row
        }
    }
}

/// Class of a state for its colour.
fn tone(state: &str) -> &'static str {
    match state {
        "sent" => "good",
        "dead" | "undeliverable" => "bad",
        "unclear" => "warn",
        _ => "soft",
    }
}

fn previews(visit: &Visit, order: &str) -> Vec<PreviewLink> {
    let names = NoticeNames::of(visit.language());
    let kinds = NoticeKind::ALL.iter().filter(|kind| !kind.is_for_staff()).map(|kind| kind.name());
    let link = |kind| PreviewLink {
        name: names.get(kind).unwrap_or(kind),
        address: address::with(
            &address::below("/console/previews", kind),
            [("subscription_id", Some(order.to_owned())), ("format", Some("html".to_owned()))],
        ),
    };
    kinds.map(link).collect()
}

/// Queues a mail again.
pub(crate) async fn send_again(visit: Visit, Path(id): Path<String>) -> Result<Response, Failure> {
    let caller = visit.caller_with()?;
    let sent = async { resend(State(Arc::clone(&visit.api)), Path(id), caller, visit.posted()?).await };
    let sent = sent.await;
    let visit = visit.of_page(PAGE);
    match sent {
        Ok(_) => {
            let order = visit.parameter(ORDER);
            let shown = if order.is_some() { (ORDER, order) } else { ("state", Some("queued".to_owned())) };
            Ok(see_other(&address::saying(&address::with(PAGE, [shown]), "resent")))
        }
        Err(failure) if failure.keeps_form() => {
            page(&visit, failure.status(), sentences(visit.language(), &failure)).await
        }
        Err(failure) => Err(failure),
    }
}

/// Shows a mail as it would be sent now.
pub(crate) async fn show_preview(visit: Visit, Path(kind): Path<String>) -> Result<Response, Failure> {
    preview(State(Arc::clone(&visit.api)), Path(kind), visit.caller_with()?, visit.query()?).await
}
