//! Writes that are repeated: under optimistic locking, read, decide, write under a condition, and again where another write came
//! first; and at a table that is at its limit.

use std::time::Duration;

use crate::platform::logging::error_chain;
use crate::store::error::Error;

/// Maximum attempts of a write that other writes keep refusing. An attempt is lost to a write that succeeded, so of N writers
/// at one item the last needs N attempts: forty reports about one order at once are stored without a wait between attempts,
/// which would only delay the reply to ECPay. More point to a defect.
pub const MAX_ATTEMPTS: usize = 64;

/// Milliseconds between attempts at a table that takes no more for now. One of 1,000 writes a second takes five transactions of a
/// hundred items a second.
const WAITS_MS: [u64; 5] = [100, 200, 400, 800, 1_600];

/// Outcome of one attempt.
#[derive(Debug)]
pub enum Attempt<T, S = ()> {
    /// Written, or found to need no write.
    Done(T),
    /// Another write came first; contains the state from which the next attempt starts.
    Conflict(S),
}

/// Repeats `attempt` until it is done. `state` is the input of the first attempt.
///
/// # Errors
/// The first error of an attempt; [`Error::Contended`] after [`MAX_ATTEMPTS`] conflicts.
// Not `AsyncFnMut`: a future over one cannot be shown to be `Send` (rust-lang/rust#100013), which Lambda's runtime
// requires.
pub async fn retry_on_conflict<T, S, E, F>(
    doing: &'static str,
    mut state: S,
    mut attempt: impl FnMut(S) -> F,
) -> Result<T, E>
where
    E: From<Error>,
    F: Future<Output = Result<Attempt<T, S>, E>>,
{
    for _ in 0..MAX_ATTEMPTS {
        match attempt(state).await? {
            Attempt::Done(done) => return Ok(done),
            Attempt::Conflict(next) => state = next,
        }
    }
    Err(Error::Contended { doing }.into())
}

/// Repeats a call of a table that is at its limit, for about three seconds. The call must do no harm when it is made twice.
///
/// # Errors
/// The last error of the call.
pub(in crate::store) async fn patiently<T, F>(call: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    for wait in WAITS_MS {
        match call().await {
            Err(error) if error.is_retryable() => {
                tracing::debug!(error = error_chain(&error), "the table did not take a write");
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
            done => return done,
        }
    }
    call().await
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn attempts_until(winner: usize) -> Result<usize, Error> {
        retry_on_conflict("testing", 1, |number| async move {
            Ok(if number == winner { Attempt::Done(number) } else { Attempt::Conflict(number + 1) })
        })
        .await
    }

    #[tokio::test]
    async fn the_last_attempt_counts_and_none_follows_it() {
        assert_eq!(attempts_until(MAX_ATTEMPTS).await.unwrap(), MAX_ATTEMPTS);
        assert!(matches!(attempts_until(MAX_ATTEMPTS + 1).await, Err(Error::Contended { .. })));
    }
}
