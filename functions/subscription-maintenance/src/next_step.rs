//! Decision after each order of a task: the task goes on, stops, or records a failure at the order.

use shared::ecpay::client;
use shared::platform::logging::error_chain;
use shared::platform::metrics::StopReason;
use shared::store::table_failures::TableFailures;

use crate::Error;
use crate::ecpay_session::Failure;
use crate::report::{TaskOutcome, stop_text};
use crate::tasks::changed_meanwhile;

/// A task stops after this many orders without an answer from ECPay, if ECPay answered for none.
const UNANSWERED_LIMIT: usize = 3;

/// Knowledge about ECPay from the orders before, and about the table up to this one.
#[derive(Clone, Copy)]
pub(crate) struct SoFar {
    /// True if ECPay answered a query in this run.
    pub(crate) has_answered: bool,
    /// Orders of the task for which ECPay did not answer.
    pub(crate) unanswered: usize,
    pub(crate) table_failures: TableFailures,
}

/// Next step of the loop after one order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Continue,
    /// The task ends here, because no later order would fare better.
    Stop(StopReason),
    /// The failure is recorded at the order, which is retried with backoff; the loop goes on.
    Defer(String),
    /// As [`Next::Defer`], once ECPay answers for another order. If it answers for none, ECPay is down and the failure is
    /// no order's.
    DeferIfAnswered(String),
}

/// Outcome of one order for the report, and the loop's next step.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct After {
    pub(crate) outcome: TaskOutcome,
    pub(crate) next: Next,
}

/// Decides how the loop goes on after one order.
///
/// # Errors
/// Errors that concern no single order, such as the third in a row of the table: they end the run.
pub(crate) fn after(handled: Result<TaskOutcome, Failure>, so_far: SoFar) -> Result<After, Error> {
    let failure = match handled {
        Ok(outcome) => return Ok(After { outcome, next: Next::Continue }),
        Err(failure) => failure,
    };
    let failed = |reason: String, next: Next| After { outcome: TaskOutcome::Failed(reason), next };
    Ok(match failure {
        Failure::Blocked => {
            let reason = StopReason::EcpayBlocked;
            After { outcome: TaskOutcome::Skipped(stop_text(reason).to_owned()), next: Next::Stop(reason) }
        }
        Failure::Changed => After { outcome: changed_meanwhile(), next: Next::Continue },
        // ECPay is up, but its answer about this order is unusable.
        Failure::Query(error @ client::Error::Query(_)) => {
            let reason = error_chain(&error);
            failed(reason.clone(), Next::Defer(reason))
        }
        Failure::Query(error) => {
            let is_down = !so_far.has_answered && so_far.unanswered.saturating_add(1) >= UNANSWERED_LIMIT;
            let next = if is_down {
                Next::Stop(StopReason::EcpayUnanswered)
            } else {
                Next::DeferIfAnswered(error.to_string())
            };
            failed(error_chain(&error), next)
        }
        // The order records the request or that it was not sent, and the next run queries it.
        Failure::Action(error) => failed(error_chain(&error), Next::Continue),
        Failure::Unconfirmed => {
            let reason = "ECPay accepted the cancellation, but the order is still active there".to_owned();
            failed(reason.clone(), Next::Defer(reason))
        }
        Failure::Fatal(error) => {
            if error.of_table().is_none() || so_far.table_failures.is_table_down() {
                return Err(error);
            }
            let reason = error_chain(&error);
            failed(reason.clone(), Next::Defer(reason))
        }
    })
}

#[cfg(test)]
mod tests {
    use shared::ecpay::period_query;
    use shared::store;

    use super::*;

    fn silent() -> SoFar {
        SoFar { has_answered: false, unanswered: 0, table_failures: TableFailures::default() }
    }

    /// After so many orders for which the table failed with this error, this one among them.
    fn failing(orders: usize, error: &store::Error) -> SoFar {
        let mut so_far = silent();
        (0..orders).for_each(|_| so_far.table_failures.add(Some(error)));
        so_far
    }

    fn timeout() -> Failure {
        Failure::Query(client::Error::Unknown("HTTP 500".into()))
    }

    fn next(failure: Failure, so_far: SoFar) -> Next {
        let after = after(Err(failure), so_far).unwrap();
        assert_ne!(after.outcome, TaskOutcome::Done);
        after.next
    }

    fn of_store(error: store::Error) -> Failure {
        Failure::Fatal(Error::Store(error))
    }

    #[test]
    fn an_order_that_was_handled_or_skipped_lets_the_loop_go_on() {
        for outcome in [TaskOutcome::Done, TaskOutcome::Skipped("not needed".to_owned())] {
            assert_eq!(after(Ok(outcome.clone()), silent()).unwrap(), After { outcome, next: Next::Continue });
        }
    }

    #[test]
    fn an_open_circuit_breaker_stops_the_task_and_fails_no_order() {
        let after = after(Err(Failure::Blocked), silent()).unwrap();
        assert!(matches!(after.outcome, TaskOutcome::Skipped(_)));
        assert_eq!(after.next, Next::Stop(StopReason::EcpayBlocked));
    }

    #[test]
    fn an_unusable_answer_defers_the_order_with_the_reason_of_the_report() {
        let failure = Failure::Query(client::Error::Query(period_query::Error::Malformed));
        let After { outcome, next } = after(Err(failure), silent()).unwrap();
        let TaskOutcome::Failed(reason) = outcome else { panic!("{outcome:?}") };
        assert!(reason.contains("malformed"), "{reason}");
        assert_eq!(next, Next::Defer(reason));
        let unconfirmed = after(Err(Failure::Unconfirmed), silent()).unwrap();
        assert!(matches!(unconfirmed.next, Next::Defer(reason) if reason.contains("still active")));
    }

    #[test]
    fn the_third_timeout_stops_the_task_unless_ecpay_answered_for_another_order() {
        for unanswered in 0..5 {
            for has_answered in [false, true] {
                let stops = !has_answered && unanswered >= 2;
                let next = next(timeout(), SoFar { has_answered, unanswered, ..silent() });
                assert_eq!(next == Next::Stop(StopReason::EcpayUnanswered), stops, "{unanswered} {has_answered}");
                assert_eq!(matches!(next, Next::DeferIfAnswered(_)), !stops, "{unanswered} {has_answered}");
            }
        }
    }

    #[test]
    fn a_lost_response_to_a_request_is_left_to_the_next_query() {
        assert_eq!(next(Failure::Action(client::Error::Unknown("cut".into())), silent()), Next::Continue);
    }

    #[test]
    fn a_store_error_about_one_item_fails_that_order_however_many_there_are() {
        for table_failures in 0..5 {
            let item = store::Error::Contended { doing: "storing a decision" };
            let so_far = failing(table_failures + 1, &item);
            let next = next(of_store(item), so_far);
            assert!(matches!(&next, Next::Defer(reason) if reason.contains("too many conflicts")), "{next:?}");
        }
    }

    #[test]
    fn the_third_order_in_a_row_for_which_the_table_fails_ends_the_run() {
        for table_failures in 0..5 {
            let down = store::Error::Unavailable { doing: "storing a decision", source: "HTTP 500".into() };
            let so_far = failing(table_failures + 1, &down);
            let after = after(Err(of_store(down)), so_far);
            let ends = matches!(after, Err(Error::Store(_)));
            assert_eq!(ends, table_failures >= 2, "{table_failures}: {after:?}");
        }
    }
}
