//! Imports of customers that outlast their request: the rows that `admin-api` saved.

use std::time::Duration;

use serde_json::{Value, json};
use shared::platform::clock::InvocationTime;
use shared::platform::logging::error_chain;
use shared::store::workshop::background_import::BackgroundImport;

use crate::{Error, LATEST_SECONDS, Reminders};

/// Longest wait for a table at its limit, in seconds.
const LONGEST_WAIT: u64 = 8;

/// Stores the rows of an import that are left.
///
/// # Errors
/// Where the table or the time did not suffice. Repeating the invocation stores the rest.
pub(crate) async fn go_on(reminders: &Reminders, id: &str, time: InvocationTime) -> Result<Value, Error> {
    let Some(import) = reminders.workshop.background_import(id).await? else {
        return Ok(json!({ "status": "unknown" }));
    };
    let hasher = reminders.phone_keys.get(time.wall).await?;
    let mut wait = 1;
    let mut place = 0;
    while place < import.chunks {
        if time.stopwatch.elapsed().as_secs() >= LATEST_SECONDS {
            return Err(Error::CutOff);
        }
        match reminders.workshop.import_chunk(id, place, &hasher).await {
            Ok(_) => (place, wait) = (place + 1, 1),
            Err(error) if error.is_retryable() => {
                tracing::warn!(error = error_chain(&error), "the table did not take rows of an import");
                tokio::time::sleep(Duration::from_secs(wait)).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            Err(error) => return Err(error.into()),
        }
    }
    end(reminders, id, import).await
}

async fn end(reminders: &Reminders, id: &str, import: BackgroundImport) -> Result<Value, Error> {
    let by = import.by.clone();
    reminders.workshop.end_import(id, import).await?;
    tracing::info!(by, "import ended");
    Ok(json!({ "status": "done" }))
}

/// Stores what is left of imports whose invocation was lost, after a run of reminders. What fails is tried by the next run.
pub(crate) async fn go_on_after_run(reminders: &Reminders, time: InvocationTime) {
    let open = match reminders.workshop.open_imports(time.wall).await {
        Ok(open) => open,
        Err(error) => return tracing::error!(error = error_chain(&error), "imports could not be found"),
    };
    for id in open {
        if let Err(error) = Box::pin(go_on(reminders, &id, time)).await {
            tracing::error!(error = error_chain(&error), "an import did not end");
        }
    }
}
