//! Description of the whole HTTP API (OpenAPI 3.1): what is common to all routes, and the routes themselves from their handlers.

use utoipa::openapi::OpenApi as Description;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::billing::callbacks::refusals::DetailBody;
use crate::billing::events::payloads::{PaymentEvent, PlanEvent, SubscriptionEvent, TestEvent, Webhooks};
use crate::http::refusals::{ErrorBody, ErrorDetail, FaultDetail};
use crate::workshop::reminder_answers::ReminderError;

/// Parts that no handler of this function has: conventions, tokens, and the routes of `ecpay-webhook`.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Duekeeper",
        license(name = "MIT", identifier = "MIT"),
        description = include_str!("conventions.md"),
    ),
    servers((url = "https://api.duekeeper.example", description = "The stack's API_BASE_URL.")),
    modifiers(&Tokens, &Webhooks),
    paths(ecpay_auth, ecpay_billing),
    components(schemas(
        ErrorBody, ErrorDetail, FaultDetail, DetailBody, ReminderError, SubscriptionEvent, PaymentEvent, PlanEvent, TestEvent,
    )),
    tags(
        (name = "subscriptions", description = "Orders at ECPay and what staff do with them. Without an `Idempotency-Key` each `POST /api/subscriptions` creates an order of its own. A user may have several unpaid orders; if two of them are paid, staff are notified. While an order is live, a new one needs `replaces`."),
        (name = "payments", description = "Charges and payments of a month, for accounting."),
        (name = "search", description = "One field over subscriptions, payments, customers and vehicles."),
        (name = "users", description = "Personal data of the customers of subscriptions."),
        (name = "checkout", description = "Pages for buyers. Each press of the button gives ECPay's form for an order number that was not submitted before, at most 20 in one purchase. The first order that is paid counts: `purchase.paid_by` of each of them names it, and a later charge is a refund due."),
        (name = "portal", description = "Customer page: the customer sees the subscriptions and repairs them, without a login. It shows nothing beyond plan, amounts, days and the last four digits of the card."),
        (name = "notices", description = "Mails. The id of a notice is also that in the answer for its subscription. A resent mail is sent once, however many requests and runs there are at the same time. Only for an `unclear` mail, which may have arrived, do staff decide that the customer may get it twice."),
        (name = "events", description = "Events for the business's app, posted to its endpoints in Standard Webhooks form and listed for an app that polls. The requests that endpoints get are described as webhooks, and receivers in docs/EVENTS.md."),
        (name = "quarantine", description = "Reports of ECPay that were not applied. Replay one once its cause is fixed, for example when the order exists by now or the parser accepts the form. It is processed like a new callback, so nothing is applied twice; if it is refused again it stays open with the new reason. A test notification of ECPay is never applied by a replay, whatever `ECPAY_APPLY_SIMULATED` says, and an ambiguous form never at all. At most 20 open reports of one order are kept, and 200 a day about unknown orders; further ones are acknowledged and counted. Staff get one mail for each order, reason and day."),
        (name = "callbacks", description = "Routes of the ECPay document, in its shapes. `kpis` of the statistics are defined in METRICS.md. `callbacks_24h` of the health counts callbacks by what became of them: `applied`, `quarantined`, `not_kept` (signed, and quarantined before or beyond a limit), `refused`. `status` is `degraded` if at least three were quarantined and less than 95 % of the applied and quarantined ones were applied; refused ones do not count, since a stranger can send any number. HEAD is answered as well."),
        (name = "webhooks", description = "Callbacks of WhatsApp providers and of Slack. They carry no token: each is verified by a signature or by the unguessable part of its address."),
        (name = "workshop", description = "Customers of the workshop and their vehicles. Phone numbers are Indonesian mobile numbers in any usual notation; a number of another country is refused, with or without its plus sign."),
        (name = "reminders", description = "The reminders' schedule, in the shapes of the reminder document. The send hours are `REMINDER_SEND_HOURS`."),
        (name = "institutions", description = "Institutions of MMS that are about to expire."),
        (name = "runs", description = "Jobs on demand and their history. A run that takes longer than 25 seconds is answered with 202 and its address; it continues. A dry run of `mms-expiry-scan` returns the exact messages."),
        (name = "api", description = "The API itself."),
    ),
)]
pub(crate) struct Common;

/// Scheme of the tokens.
struct Tokens;

impl Modify for Tokens {
    fn modify(&self, description: &mut Description) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("admin token or JSON Web Token")
            .description(Some("An admin token with the scope, or an app's JSON Web Token with it."))
            .build();
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// Takes the result of a first authorisation.
///
/// Called by ECPay (ReturnURL). `1|OK` after everything that follows is stored; 400 `0|reason` if ECPay did not sign the form;
/// 503 if it could not be stored. Names are read in any letter case, a field may come twice with one value, and empty pairs are
/// left out.
#[utoipa::path(
    post, path = "/api/webhooks/ecpay-auth", tag = "callbacks", operation_id = "ecpay_auth",
    request_body(content = BTreeMap<String, String>, content_type = "application/x-www-form-urlencoded", description = "Form signed by ECPay."),
    responses(
        (status = 200, description = "Stored.", body = String, content_type = "text/plain", example = "1|OK"),
        (status = 400, description = "Not signed by ECPay.", body = String, content_type = "text/plain"),
        (status = 503, description = "Not stored; ECPay sends it again.", body = String, content_type = "text/plain"),
    ),
    security(()),
)]
#[expect(dead_code, reason = "only described: `ecpay-webhook` answers it")]
fn ecpay_auth() {}

/// Takes the result of a recurring charge.
///
/// Called by ECPay (PeriodReturnURL). A form with a ProcessDate is a recurring charge's at either address. A first charge's form
/// (PaymentDate without ProcessDate) is answered here with 400, stored nowhere and only counted, because buyers hold such forms.
/// Any other form that ECPay signed is answered with `1|OK`: applied, or quarantined.
#[utoipa::path(
    post, path = "/api/webhooks/ecpay-billing", tag = "callbacks", operation_id = "ecpay_billing",
    request_body(content = BTreeMap<String, String>, content_type = "application/x-www-form-urlencoded", description = "Form signed by ECPay."),
    responses(
        (status = 200, description = "Stored.", body = String, content_type = "text/plain", example = "1|OK"),
        (status = 400, description = "Not signed by ECPay.", body = String, content_type = "text/plain"),
        (status = 503, description = "Not stored; ECPay sends it again.", body = String, content_type = "text/plain"),
    ),
    security(()),
)]
#[expect(dead_code, reason = "only described: `ecpay-webhook` answers it")]
fn ecpay_billing() {}
