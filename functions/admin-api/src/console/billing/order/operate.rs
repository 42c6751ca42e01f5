//! Forms of a subscription, as they are posted: each calls the handler of the API's route of the same name.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use utoipa::ToSchema;

use crate::auth::scope::Scope;
use crate::billing::retry::RetryOutcome;
use crate::billing::subscriptions::bodies::OperationQuery;
use crate::billing::subscriptions::operations;
use crate::billing::subscriptions::preview::{OperationAnswer, OperationPreview};
use crate::billing::subscriptions::retry::{RetryChargeAnswer, RetryChargeBody, retry_charge};
use crate::console::billing::order::forms::{Name, Typed};
use crate::console::billing::order::{confirm, page};
use crate::console::page::address;
use crate::console::page::failure::sentences;
use crate::console::page::visit::Visit;
use crate::http::given::Given;
use crate::http::page::see_other;
use crate::http::response::Failure;

/// Outcome of a form.
enum Outcome {
    /// Done; the next page says so by this name.
    Said(&'static str),
    /// Nothing was done yet.
    Preview(OperationPreview),
}

/// Does what a form asks for, or shows what it would do.
pub(crate) async fn operate(visit: Visit, Path((id, operation)): Path<(String, String)>) -> Result<Response, Failure> {
    let name = Name::of(&operation).ok_or_else(Failure::no_route)?;
    visit.may_or_refuse(Scope::Operate)?;
    match Box::pin(run(&visit, &id, name)).await {
        Ok(Outcome::Said(said)) => {
            Ok(see_other(&address::saying(&address::below("/console/subscriptions", &id), said)))
        }
        Ok(Outcome::Preview(preview)) => confirm::page(&visit, &id, name, &preview),
        Err(failure) if failure.keeps_form() => {
            let faults = sentences(visit.language(), &failure);
            let typed = Typed { operation: name.as_str().to_owned(), values: visit.fields(), faults };
            page(&visit, &id, failure.status(), &typed).await
        }
        Err(failure) => Err(failure),
    }
}

/// Calls the handler of an operation with the posted fields.
macro_rules! call {
    ($visit:expr, $id:expr, $dry_run:expr, $handler:ident) => {
        operations::$handler(
            State(Arc::clone(&$visit.api)),
            Path($id.to_owned()),
            $visit.caller_with()?,
            posted($visit, $dry_run)?,
        )
        .await?
    };
}

async fn run(visit: &Visit, id: &str, name: Name) -> Result<Outcome, Failure> {
    let dry_run = name.is_confirmed() && !visit.is_confirmed();
    let Json(answer) = match name {
        Name::Retry => return retry(visit, id).await,
        Name::ExtendGrace => call!(visit, id, dry_run, extend_grace),
        Name::Pause => call!(visit, id, dry_run, pause),
        Name::Resume => call!(visit, id, dry_run, resume),
        Name::Cancel => call!(visit, id, dry_run, cancel),
        Name::UndoCancel => call!(visit, id, dry_run, undo_cancel),
        Name::MarkPaid => call!(visit, id, dry_run, mark_paid),
        Name::Terms => call!(visit, id, dry_run, terms),
        Name::Refund => call!(visit, id, dry_run, refund),
        Name::Email => call!(visit, id, dry_run, change_email),
        Name::Note => call!(visit, id, dry_run, add_note),
    };
    Ok(match answer {
        OperationAnswer::Shown(_) => Outcome::Said(name.as_str()),
        OperationAnswer::DryRun(preview) => Outcome::Preview(preview),
    })
}

async fn retry(visit: &Visit, id: &str) -> Result<Outcome, Failure> {
    let given: Given<OperationQuery, RetryChargeBody> = visit.posted()?;
    let (api, id) = (State(Arc::clone(&visit.api)), Path(id.to_owned()));
    let Json(answer) = retry_charge(api, id, visit.caller_with()?, given).await?;
    let outcome = match answer {
        RetryChargeAnswer::Requested(requested) => requested.outcome,
        RetryChargeAnswer::DryRun(preview) => preview.outcome,
    };
    Ok(Outcome::Said(match outcome {
        RetryOutcome::Asked => "retry-requested",
        RetryOutcome::Paid => "retry-paid",
        RetryOutcome::AlreadyAsked => "retry-already-requested",
    }))
}

fn posted<B: ToSchema + DeserializeOwned>(visit: &Visit, dry_run: bool) -> Result<Given<OperationQuery, B>, Failure> {
    let mut given: Given<OperationQuery, B> = visit.posted()?;
    given.query.dry_run = dry_run;
    Ok(given)
}
