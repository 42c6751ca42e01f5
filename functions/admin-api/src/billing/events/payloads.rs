//! Bodies of events in the description: what `shared::domain::billing::app_events::data` serialises.

use serde::Serialize;
use serde_json::{Value, json};
use shared::domain::billing::app_events::AppEventType;
use utoipa::openapi::path::{HttpMethod, OperationBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{ContentBuilder, OpenApi, PathItem, PathsBuilder, Ref, Required, ResponseBuilder};
use utoipa::{Modify, ToSchema};

use crate::billing::subscriptions::names::{OrderCycle, SubscriptionStatus};

/// Content of an event, by its type.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only described: an event is stored as it is posted")]
pub(crate) enum EventData {
    Payment(PaymentEventData),
    Plan(PlanEventData),
    Subscription(SubscriptionEventData),
    Test(TestEventData),
}

macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident of $data:ident, $example:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Serialize, ToSchema)]
        pub(crate) struct $name {
            /// The same in every delivery (`webhook-id`).
            #[schema(example = "evt_DK8M2XQ7RT4B9KWZ5N3P_5_1")]
            id: String,
            /// Type of the event.
            #[serde(rename = "type")]
            #[schema(example = $example)]
            kind: String,
            /// Time of the event. Not the time of the delivery, which `webhook-timestamp` has.
            #[schema(format = DateTime, example = "2025-03-15T02:00:00Z")]
            timestamp: String,
            data: $data,
        }
    )*};
}

bodies! {
    /// Body of an event about a subscription.
    SubscriptionEvent of SubscriptionEventData, "subscription.past_due";
    /// Body of an event about a payment.
    PaymentEvent of PaymentEventData, "payment.succeeded";
    /// Body of an event about a user's plan.
    PlanEvent of PlanEventData, "user.plan_changed";
    /// Body of a test.
    TestEvent of TestEventData, "test";
}

/// Subscription after the change.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubscriptionEventData {
    /// MerchantTradeNo of the order at ECPay.
    #[schema(example = "DK8M2XQ7RT4B9KWZ5N3P")]
    subscription_id: String,
    /// Customer, as named by the business's app.
    #[schema(example = "user-42")]
    user_id: String,
    /// Of two events about a subscription the one with the higher version is newer; those of one version belong together.
    #[schema(example = 5)]
    version: u64,
    #[schema(value_type = SubscriptionStatus)]
    status: String,
    /// Plan that the order grants now: the ordered one or FREE.
    #[schema(example = "PRO")]
    plan_id: String,
    /// Plan that was ordered.
    #[schema(example = "PRO")]
    ordered_plan_id: String,
    #[schema(value_type = OrderCycle)]
    billing_cycle: String,
    /// Price of each charge in TWD.
    #[schema(example = 899)]
    price_twd: u32,
    /// Day after the paid period (Asia/Taipei): the due date of the next charge.
    #[schema(format = Date, example = "2025-04-15")]
    current_period_end: Option<String>,
    /// First instant after the grace period, while it runs.
    #[schema(format = DateTime, example = "2025-03-22T02:00:01Z")]
    grace_period_ends_at: Option<String>,
    /// Reason for which the order grants FREE: `payment_failure`, `not_charged`, `refunded` or `period_ended`; null while it grants its
    /// plan, and for one that another order replaced.
    #[schema(example = "payment_failure")]
    downgrade_reason: Option<String>,
    /// Time at which the customer requested the cancellation.
    #[schema(format = DateTime, example = "2025-03-20T02:00:00Z")]
    cancel_requested_at: Option<String>,
    /// Time at which it became known that ECPay makes no further charges. The plan stays until the paid period is over.
    #[schema(format = DateTime, example = "2025-03-23T04:00:00Z")]
    ended_at: Option<String>,
    /// Order that replaced this one.
    #[schema(example = "DK5T1ZB8NK6X4MRQ2W7H")]
    superseded_by: Option<String>,
    /// Rule that led to the change, as the history names it.
    #[schema(example = "grace-began")]
    rule: String,
}

/// Payment of a subscription, or an attempt at one.
#[derive(Serialize, ToSchema)]
pub(crate) struct PaymentEventData {
    /// MerchantTradeNo of the order at ECPay.
    #[schema(example = "DK8M2XQ7RT4B9KWZ5N3P")]
    subscription_id: String,
    /// Customer, as named by the business's app.
    #[schema(example = "user-42")]
    user_id: String,
    /// Version of the subscription that the payment led to.
    #[schema(example = 5)]
    version: u64,
    /// Id of the payment, as the subscription shows it.
    #[schema(example = "DK8M2XQ7RT4B9KWZ5N3P.G13401072")]
    payment_id: String,
    /// `succeeded`, `failed` or `paid_out_of_band` (recorded by staff).
    #[schema(example = "succeeded")]
    outcome: String,
    /// Amount in TWD; null for a success of unknown amount.
    #[schema(example = 899)]
    amount_twd: Option<u32>,
    /// Time of the authorisation.
    #[schema(format = DateTime, example = "2025-03-15T02:00:00Z")]
    process_date: String,
    /// ECPay's RtnCode, verbatim.
    #[schema(example = "1")]
    rtn_code: String,
    /// Class of a decline: `hard_decline` (only another card helps) or `soft_decline`; null for a success and for a first
    /// authorisation.
    #[schema(example = "soft_decline")]
    decline: Option<String>,
    /// TWD that must go back to the customer; null where that is a whole charge of unknown amount.
    #[schema(example = 0)]
    refund_due_twd: Option<u32>,
}

/// Plan of a user before and after the change.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlanEventData {
    /// User, as named by the business's app.
    #[schema(example = "user-42")]
    user_id: String,
    /// Of two such events about a user the one with the higher number is newer.
    #[schema(example = 1_742_004_000_u64)]
    user_version: u64,
    /// Plan before the change.
    #[schema(example = "PRO")]
    previous_plan_id: String,
    /// Plan that the user has now: the best of the live orders.
    #[schema(example = "FREE")]
    plan_id: String,
    /// Order of which a change led to this one.
    #[schema(example = "DK8M2XQ7RT4B9KWZ5N3P")]
    subscription_id: String,
    /// Version of that order.
    #[schema(example = 9)]
    version: u64,
}

/// Content of a test.
#[derive(Serialize, ToSchema)]
pub(crate) struct TestEventData {
    /// Name of the token that requested it.
    #[schema(example = "support")]
    requested_by: String,
}

/// Meaning of a type, and the schema of its body.
const fn described(kind: AppEventType) -> (&'static str, &'static str) {
    match kind {
        AppEventType::Activated => {
            ("The first charge succeeded, or the order was adopted: it grants its plan.", "SubscriptionEvent")
        }
        AppEventType::Renewed => ("A further period is paid.", "SubscriptionEvent"),
        AppEventType::PastDue => (
            "A charge failed, and the grace period runs; also where it ends earlier than was known.",
            "SubscriptionEvent",
        ),
        AppEventType::GraceExtended => ("The grace period ends later than was known.", "SubscriptionEvent"),
        AppEventType::Downgraded => {
            ("The order grants its plan no longer; `downgrade_reason` says why.", "SubscriptionEvent")
        }
        AppEventType::Recovered => {
            ("An order that was past due or downgraded is paid, and grants its plan.", "SubscriptionEvent")
        }
        AppEventType::CancelRequested => {
            ("The customer requested the cancellation. The plan stays until the paid period ends.", "SubscriptionEvent")
        }
        AppEventType::CancelUndone => ("The customer undid the cancellation.", "SubscriptionEvent"),
        AppEventType::Cancelled => ("ECPay confirmed that it makes no further charges.", "SubscriptionEvent"),
        AppEventType::Completed => ("All ordered charges were made.", "SubscriptionEvent"),
        AppEventType::TermsChanged => {
            ("Price, number of charges or day of the next charge changed.", "SubscriptionEvent")
        }
        AppEventType::RefundDue => ("Money of a payment must go back to the customer.", "PaymentEvent"),
        AppEventType::PlanChanged => ("The user has another plan: the best of the live orders.", "PlanEvent"),
        AppEventType::PaymentSucceeded => {
            ("A charge succeeded, or staff recorded a payment outside ECPay.", "PaymentEvent")
        }
        AppEventType::PaymentFailed => ("A charge failed.", "PaymentEvent"),
        AppEventType::Test => ("Staff test the endpoints.", "TestEvent"),
    }
}

/// Body of an event of that type, invented.
fn example(kind: AppEventType, schema: &str) -> Value {
    let (order, user) = ("DK8M2XQ7RT4B9KWZ5N3P", "user-42");
    let is_failed = kind == AppEventType::PaymentFailed;
    let data = match schema {
        "PaymentEvent" => json!({
            "subscription_id": order, "user_id": user, "version": 5, "payment_id": format!("{order}.G13401072"),
            "outcome": if is_failed { "failed" } else { "succeeded" }, "amount_twd": 899,
            "process_date": "2025-03-15T02:00:00Z", "rtn_code": if is_failed { "10100058" } else { "1" },
            "decline": if is_failed { json!("soft_decline") } else { Value::Null },
            "refund_due_twd": if kind == AppEventType::RefundDue { 899 } else { 0 },
        }),
        "PlanEvent" => json!({
            "user_id": user, "user_version": 1_742_004_000_u64, "previous_plan_id": "FREE", "plan_id": "PRO",
            "subscription_id": order, "version": 5,
        }),
        "TestEvent" => json!({ "requested_by": "support" }),
        _ => json!({
            "subscription_id": order, "user_id": user, "version": 5, "status": "active", "plan_id": "PRO",
            "ordered_plan_id": "PRO", "billing_cycle": "monthly", "price_twd": 899, "current_period_end": "2025-04-15",
            "grace_period_ends_at": null, "downgrade_reason": null, "cancel_requested_at": null, "ended_at": null,
            "superseded_by": null, "rule": "renewed",
        }),
    };
    json!({ "id": format!("evt_{order}_5_1"), "type": kind.as_str(), "timestamp": "2025-03-15T02:00:00Z", "data": data })
}

/// Describes the requests that the business's app gets.
pub(crate) struct Webhooks;

impl Modify for Webhooks {
    fn modify(&self, description: &mut OpenApi) {
        let webhook = |kind: &AppEventType| {
            let (meaning, schema) = described(*kind);
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema)));
            let content = content.example(Some(example(*kind, schema))).build();
            let body = RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True));
            let answer = ResponseBuilder::new()
                .description("Any status from 200 to 299: it has the event. Otherwise it is posted again.");
            let operation = OperationBuilder::new()
                .summary(Some(meaning))
                .operation_id(Some(format!("on_{}", kind.as_str().replace('.', "_"))))
                .tag("events")
                // The signature in the headers says from whom it is.
                .securities(Some([]))
                .request_body(Some(body.build()))
                .response("2XX", answer.build());
            (kind.as_str(), PathItem::new(HttpMethod::Post, operation))
        };
        let webhooks = AppEventType::ALL.iter().map(webhook);
        let webhooks = webhooks.fold(PathsBuilder::new(), |paths, (name, item)| paths.path(name, item));
        description.webhooks = Some(webhooks.build());
    }
}
