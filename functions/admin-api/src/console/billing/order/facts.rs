//! Facts of a subscription at the head of its page.

use shared::domain::billing::dunning::arrears::Arrears;
use shared::domain::billing::next_action::{NextAction, announced_charge};
use shared::domain::billing::payments::payment::{Payment, PaymentOutcome};
use shared::domain::billing::subscription::{Status, Subscription};
use shared::domain::values::money::Twd;
use shared::domain::values::time::{LocalDate, Zone};

use crate::auth::scope::Scope;
use crate::billing::subscriptions::translations::{Language, why};
use crate::console::billing::order::stored::Stored;
use crate::console::billing::rows::{NextStep, PaymentRow, ShownStatus, price};
use crate::console::page::address;
use crate::console::page::moment::Moment;
use crate::console::page::visit::Visit;
use crate::console::words::names::{DeclineNames, EcpayStates};

/// Payments that are shown; the timeline has all.
const SHOWN_PAYMENTS: usize = 12;

/// Facts of a subscription.
pub(super) struct OrderFacts {
    pub(super) id: String,
    pub(super) user: String,
    /// Address of the user's page.
    pub(super) user_page: String,
    /// Mail address; none for a visitor who may not see it, and after an erasure.
    pub(super) email: Option<String>,
    /// State, next action and reasons in sentences.
    pub(super) headline: String,
    /// Reason for which the latest charge failed, while it is owed.
    pub(super) decline: Option<String>,
    pub(super) status: ShownStatus,
    pub(super) plan: String,
    pub(super) ordered_plan: String,
    pub(super) price: String,
    pub(super) card: Option<String>,
    pub(super) created: Moment,
    pub(super) paid_until: Option<LocalDate>,
    pub(super) next_charge: Option<(LocalDate, Twd)>,
    pub(super) grace: Option<GraceBar>,
    pub(super) next_action: Option<NextStep>,
    /// Reason of the next action.
    pub(super) next_why: Option<String>,
    pub(super) last_query: Option<(Moment, String)>,
    pub(super) replaces: Option<String>,
    pub(super) replaced_by: Option<String>,
    /// Order of the same purchase that was paid in place of this one.
    pub(super) paid_by: Option<String>,
    pub(super) payments: Vec<PaymentRow>,
    /// Items of the order that cannot be read.
    pub(super) unreadable: usize,
    pub(super) may_see_mails: bool,
}

/// Grace period that runs.
pub(super) struct GraceBar {
    pub(super) ends: Moment,
    /// Hours of it.
    pub(super) all: i64,
    /// Hours that have passed.
    pub(super) passed: i64,
}

impl OrderFacts {
    pub(super) fn of(visit: &Visit, stored: &Stored) -> Self {
        let (order, now, language) = (&stored.file.order.value, visit.now(), visit.language());
        let may_see_mails = visit.may(Scope::Operate);
        let next = NextAction::of(order, &visit.api.config.policy);
        let paid_by = stored.surroundings.purchase.paid.as_ref().filter(|paid| **paid != order.id);
        Self {
            id: order.id.to_string(),
            user: order.user.to_string(),
            user_page: address::below("/console/users", order.user.as_str()),
            email: Some(order.email.as_str().to_owned()).filter(|_| may_see_mails && !order.email.is_erased()),
            headline: stored.answer.explanation.in_language(language).to_owned(),
            decline: decline(language, order, &stored.file.payments),
            status: ShownStatus::of(language, stored.answer.status.name(), order.downgrade.is_some()),
            plan: order.plan.to_string(),
            ordered_plan: order.terms.plan.to_string(),
            price: price(language, order.terms.price, order.terms.cycle),
            card: order.charge_history.card_last4.clone(),
            created: visit.taipei(order.created_at),
            paid_until: order.paid_period().map(|period| period.to),
            next_charge: announced_charge(order, now.day(Zone::Taipei)),
            grace: grace(visit, order),
            next_action: next.map(|next| NextStep::of(visit, next.kind.as_str(), next.at)),
            next_why: next.map(|next| why(language, next.why)),
            last_query: order.last_query.map(|query| {
                let state = name_of(&query.state);
                let known = EcpayStates::of(language).get(&state).map(str::to_owned);
                (visit.taipei(query.at), known.unwrap_or(state))
            }),
            replaces: order.replaces.as_ref().map(ToString::to_string),
            replaced_by: order.superseded_by.as_ref().map(ToString::to_string),
            paid_by: paid_by.map(ToString::to_string),
            payments: stored.file.payments.iter().take(SHOWN_PAYMENTS).map(|one| PaymentRow::of(visit, one)).collect(),
            unreadable: stored.file.unreadable,
            may_see_mails,
        }
    }
}

/// Reason of the latest failure of the charge that is owed, in the page's language where its code is known, and in ECPay's words.
fn decline(language: Language, order: &Subscription, payments: &[Payment]) -> Option<String> {
    let is_failed = matches!(order.status, Status::Failed);
    if !is_failed {
        Arrears::of(order)?;
    }
    let failed = payments.iter().find(|payment| payment.outcome == PaymentOutcome::Failed)?;
    let known = DeclineNames::of(language).get(&format!("c{}", failed.rtn_code));
    let verbatim = format!("{} {}", failed.rtn_code, failed.rtn_msg);
    Some(match known {
        Some(known) => format!("{known} ({})", verbatim.trim()),
        None => verbatim.trim().to_owned(),
    })
}

fn grace(visit: &Visit, order: &Subscription) -> Option<GraceBar> {
    let ends_at = order.status.grace_ends_at()?;
    let began_at = Arrears::of(order).map(|arrears| arrears.began_at)?;
    let hours = |from: i64, to: i64| to.saturating_sub(from).max(0) / 3_600;
    let all = hours(began_at.unix(), ends_at.unix()).max(1);
    Some(GraceBar { ends: visit.taipei(ends_at), all, passed: hours(began_at.unix(), visit.now().unix()).min(all) })
}

/// Name of a value that the API writes as a text.
fn name_of(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}
