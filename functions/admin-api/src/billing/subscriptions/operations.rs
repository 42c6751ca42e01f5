//! Operations of staff on one subscription.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use shared::domain::billing::operations::{Operation, PAUSE_DAYS};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Operate};
use crate::billing::subscriptions::bodies::{
    CancelBody, EmailBody, ExtendGraceBody, MarkPaidBody, Note, NoteBody, OperationQuery, PauseBody, RefundBody,
    ResumeBody, TermsBody, UndoCancelBody,
};
use crate::billing::subscriptions::operate::{OperationRequest, RefundRequest, Requested, operate};
use crate::billing::subscriptions::preview::OperationAnswer;
use crate::http::given::Given;
use crate::http::idempotency::IdempotencyHeader;
use crate::http::reason::Reason;
use crate::http::refusals::{Conflicts, Missing, Refusals};
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// Routes of the operations.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(extend_grace))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(cancel))
        .routes(routes!(undo_cancel))
        .routes(routes!(mark_paid))
        .routes(routes!(terms))
        .routes(routes!(refund))
        .routes(routes!(change_email))
        .routes(routes!(add_note))
}

/// Extends the grace period.
///
/// Possible while it runs, after a failed charge. An end that a mail named to the customer is never brought forward.
#[utoipa::path(
    post, path = "/api/subscriptions/{id}/extend-grace", tag = "subscriptions", operation_id = "extend_grace",
    params(
        ("id" = String, Path, description = "Id of the subscription.", example = "DK8M2XQ7RT4B9KWZ5N3P"),
        OperationQuery, IdempotencyHeader,
    ),
    request_body = ExtendGraceBody,
    responses(
        (status = 200, description = "The subscription after it; of a dry run its effect.", body = OperationAnswer),
        Refusals, Missing, Conflicts,
    ),
    security(("token" = ["operate"])),
)]
pub(crate) async fn extend_grace(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: Caller<Operate>,
    given: Given<OperationQuery, ExtendGraceBody>,
) -> Result<Json<OperationAnswer>, Failure> {
    let ExtendGraceBody { days, why } = given.body;
    let requested = Requested::Operation(Operation::ExtendGrace { days });
    operate(&api, OperationRequest { id, requested, why, dry_run: given.query.dry_run }, &caller.context).await
}

/// Pauses dunning.
///
/// Until the pause ends there are no automatic retries, no mails about failures and no downgrade. A pause that runs
/// gets the new end.
#[utoipa::path(
    post, path = "/api/subscriptions/{id}/pause", tag = "subscriptions", operation_id = "pause_dunning",
    params(
        ("id" = String, Path, description = "Id of the subscription.", example = "DK8M2XQ7RT4B9KWZ5N3P"),
        OperationQuery, IdempotencyHeader,
    ),
    request_body = PauseBody,
    responses(
        (status = 200, description = "The subscription after it; of a dry run its effect.", body = OperationAnswer),
        Refusals, Missing, Conflicts,
    ),
    security(("token" = ["operate"])),
)]
pub(crate) async fn pause(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: Caller<Operate>,
    given: Given<OperationQuery, PauseBody>,
) -> Result<Json<OperationAnswer>, Failure> {
    let PauseBody { days, why } = given.body;
    let requested = Requested::Operation(Operation::Pause { days: days.unwrap_or(PAUSE_DAYS) });
    operate(&api, OperationRequest { id, requested, why, dry_run: given.query.dry_run }, &caller.context).await
}

/// Resumes dunning before the end of a pause.
///
/// The days of the pause are added to a grace period that runs.
#[utoipa::path(
    post, path = "/api/subscriptions/{id}/resume", tag = "subscriptions", operation_id = "resume_dunning",
    params(
        ("id" = String, Path, description = "Id of the subscription.", example = "DK8M2XQ7RT4B9KWZ5N3P"),
        OperationQuery, IdempotencyHeader,
    ),
    request_body = ResumeBody,
    responses(
        (status = 200, description = "The subscription after it; of a dry run its effect.", body = OperationAnswer),
        Refusals, Missing, Conflicts,
    ),
    security(("token" = ["operate"])),
)]
pub(crate) async fn resume(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: Caller<Operate>,
    given: Given<OperationQuery, ResumeBody>,
) -> Result<Json<OperationAnswer>, Failure> {
    let ResumeBody { why } = given.body;
    let requested = Requested::Operation(Operation::Resume);
    operate(&api, OperationRequest { id, requested, why, dry_run: given.query.dry_run }, &caller.context).await
}

/// Cancels a subscription at the customer's request.
///
/// The cancellation is requested from ECPay after 72 hours (an annual order: 14 days), never later than 7 days before the next
/// charge, and at once where that is nearer; never while a retry or a charge result is open. Until then it can be undone. It is
/// confirmed by query. The plan stays until the paid period ends; a charge made all the same is a refund due.
#[utoipa::path(
    post, path = "/api/subscriptions/{id}/cancel", tag = "subscriptions", operation_id = "cancel_subscription",
    params(
        ("id" = String, Path, description = "Id of the subscription.", example = "DK8M2XQ7RT4B9KWZ5N3P"),
        OperationQuery, IdempotencyHeader,
    ),
    request_body = CancelBody,
    responses(
        (status = 200, description = "The subscription after it; of a dry run its effect.", body = OperationAnswer),
        Refusals, Missing, Conflicts,
    ),
    security(("token" = ["operate"])),
)]
pub(crate) async fn cancel(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: Caller<Operate>,
    given: Given<OperationQuery, CancelBody>,
) -> Result<Json<OperationAnswer>, Failure> {
    let CancelBody { why } = given.body;
    let requested = Requested::Operation(Operation::Cancel);
    operate(&api, OperationRequest { id, requested, why, dry_run: given.query.dry_run }, &caller.context).await
}

/// Withdraws the customer's cancellation.
///
/// Possible until it is requested from ECPay.
#[utoipa::path(
    post, path = "/api/subscriptions/{id}/undo-cancel", tag = "subscriptions", operation_id = "undo_cancel",
    params(
        ("id" = String, Path, description = "Id of the subscription.", example = "DK8M2XQ7RT4B9KWZ5N3P"),
        OperationQuery, IdempotencyHeader,
    ),
    request_body = UndoCancelBody,
    responses(
        (status = 200, description = "The subscription after it; of a dry run its effect.", body = OperationAnswer),
        Refusals, Missing, Conflicts,
    ),
    security(("token" = ["operate"])),
)]
pub(crate) async fn undo_cancel(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: Caller<Operate>,
    given: Given<OperationQuery, UndoCancelBody>,
) -> Result<Json<OperationAnswer>, Failure> {
    let UndoCancelBody { why } = given.body;
    let requested = Requested::Operation(Operation::UndoCancel);
    operate(&api, OperationRequest { id, requested, why, dry_run: given.query.dry_run }, &caller.context).await
}

/// Records a payment outside ECPay, for example a bank transfer.
///
/// It pays the charge that is owed, which ends the dunning and, after a downgrade, restores the plan. Later charges are owed as
/// before.
#[utoipa::path(
    post, path = "/api/subscriptions/{id}/mark-paid", tag = "subscriptions", operation_id = "mark_paid",
    params(
        ("id" = String, Path, description = "Id of the subscription.", example = "DK8M2XQ7RT4B9KWZ5N3P"),
        OperationQuery, IdempotencyHeader,
    ),
    request_body = MarkPaidBody,
    responses(
        (status = 200, description = "The subscription after it; of a dry run its effect.", body = OperationAnswer),
        Refusals, Missing, Conflicts,
    ),
    security(("token" = ["operate"])),
)]
pub(crate) async fn mark_paid(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: Caller<Operate>,
    given: Given<OperationQuery, MarkPaidBody>,
) -> Result<Json<OperationAnswer>, Failure> {
    let MarkPaidBody { amount_twd: amount, reference, why } = given.body;
    let requested =
        Requested::Operation(Operation::MarkPaid { amount, reference: reference.map(|reference| reference.0) });
    operate(&api, OperationRequest { id, requested, why, dry_run: given.query.dry_run }, &caller.context).await
}

/// Records terms that staff changed in ECPay's console.
///
/// ECPay is not called. A plan that was taken away for lack of a charge returns if the day of the next charge is given.
#[utoipa::path(
    post, path = "/api/subscriptions/{id}/terms", tag = "subscriptions", operation_id = "change_terms",
    params(
        ("id" = String, Path, description = "Id of the subscription.", example = "DK8M2XQ7RT4B9KWZ5N3P"),
        OperationQuery, IdempotencyHeader,
    ),
    request_body = TermsBody,
    responses(
        (status = 200, description = "The subscription after it; of a dry run its effect.", body = OperationAnswer),
        Refusals, Missing, Conflicts,
    ),
    security(("token" = ["operate"])),
)]
pub(crate) async fn terms(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: Caller<Operate>,
    given: Given<OperationQuery, TermsBody>,
) -> Result<Json<OperationAnswer>, Failure> {
    let TermsBody { amount_twd: amount, next_charge_on, why } = given.body;
    if amount.is_none() && next_charge_on.is_none() {
        return Err(Failure::invalid("amount_twd", "or next_charge_on is missing: the request changes nothing"));
    }
    let requested = Requested::Operation(Operation::Terms { amount, next_charge_on: next_charge_on.map(|day| day.0) });
    operate(&api, OperationRequest { id, requested, why, dry_run: given.query.dry_run }, &caller.context).await
}

/// Records money that went back to the customer, by refund or chargeback.
///
/// Staff refund in ECPay's console; this request moves no money. At most what was paid less what went back before, else 409. It
/// lowers `refund_due_twd`, and clears `refund_due` once what was due went back: a whole charge, or the unused part of one. With
/// `end_access` the plan ends now and the order is cancelled at ECPay.
#[utoipa::path(
    post, path = "/api/subscriptions/{id}/refund", tag = "subscriptions", operation_id = "record_refund",
    params(
        ("id" = String, Path, description = "Id of the subscription.", example = "DK8M2XQ7RT4B9KWZ5N3P"),
        OperationQuery, IdempotencyHeader,
    ),
    request_body = RefundBody,
    responses(
        (status = 200, description = "The subscription after it; of a dry run its effect.", body = OperationAnswer),
        Refusals, Missing, Conflicts,
    ),
    security(("token" = ["operate"])),
)]
pub(crate) async fn refund(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: Caller<Operate>,
    given: Given<OperationQuery, RefundBody>,
) -> Result<Json<OperationAnswer>, Failure> {
    let RefundBody { payment_id, amount_twd, reference, end_access, why } = given.body;
    let requested = Requested::Refund(RefundRequest {
        payment: payment_id,
        amount: amount_twd,
        reference: reference.map(|reference| reference.0),
        end_access: end_access.unwrap_or(false),
    });
    operate(&api, OperationRequest { id, requested, why, dry_run: given.query.dry_run }, &caller.context).await
}

/// Changes the address to which the order's mails go.
///
/// Mails that wait go to the new address, too; one that a run is sending goes to the old one, but its next attempt, if SES does not
/// accept it, to the new one. Mails of the last 14 days that are undeliverable are queued for the new address as well. One that was
/// refused at the old address, or bounced there, goes to the new one when staff resend it. Other orders of the customer keep their
/// address. The history says that the address changed, and never which it was or is. Possible in every state of the order, since a
/// mail may be due after its end; refused with the code `erased` once the customer is erased.
#[utoipa::path(
    post, path = "/api/subscriptions/{id}/email", tag = "subscriptions", operation_id = "change_email",
    params(
        ("id" = String, Path, description = "Id of the subscription.", example = "DK8M2XQ7RT4B9KWZ5N3P"),
        OperationQuery, IdempotencyHeader,
    ),
    request_body = EmailBody,
    responses(
        (status = 200, description = "The subscription after it; of a dry run its effect.", body = OperationAnswer),
        Refusals, Missing, Conflicts,
    ),
    security(("token" = ["operate"])),
)]
pub(crate) async fn change_email(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: Caller<Operate>,
    given: Given<OperationQuery, EmailBody>,
) -> Result<Json<OperationAnswer>, Failure> {
    let EmailBody { email, why } = given.body;
    if email.is_erased() {
        return Err(Failure::invalid("email", "is not a deliverable address"));
    }
    let requested = Requested::Operation(Operation::ChangeEmail { email });
    operate(&api, OperationRequest { id, requested, why, dry_run: given.query.dry_run }, &caller.context).await
}

/// Adds a note to the history.
///
/// Changes nothing else. Refused with the code `erased` once the customer is erased.
#[utoipa::path(
    post, path = "/api/subscriptions/{id}/note", tag = "subscriptions", operation_id = "add_note",
    params(
        ("id" = String, Path, description = "Id of the subscription.", example = "DK8M2XQ7RT4B9KWZ5N3P"),
        OperationQuery, IdempotencyHeader,
    ),
    request_body = NoteBody,
    responses(
        (status = 200, description = "The subscription after it; of a dry run its effect.", body = OperationAnswer),
        Refusals, Missing, Conflicts,
    ),
    security(("token" = ["operate"])),
)]
pub(crate) async fn add_note(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: Caller<Operate>,
    given: Given<OperationQuery, NoteBody>,
) -> Result<Json<OperationAnswer>, Failure> {
    let NoteBody { note: Note(note) } = given.body;
    let requested = Requested::Operation(Operation::Note);
    let request = OperationRequest { id, requested, why: Reason(note), dry_run: given.query.dry_run };
    operate(&api, request, &caller.context).await
}
