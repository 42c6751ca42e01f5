//! Requests to ECPay: no retry while one is open, each under a claim, few queries, none while the circuit breaker is
//! open.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::money::{charges, is_paid, made_at, view};
use super::table_mirror::{Mirror, instant, tag, text};
use super::{Checked, done};
use crate::harness::{Service, Step, TaskId, TestDeployment, Verdict};

/// Requests of the tasks so far.
#[derive(Default)]
pub(crate) struct EcpayCalls {
    queries: BTreeMap<(TaskId, String), u32>,
    cancels: BTreeMap<(TaskId, String), u32>,
    /// Times at which ECPay last answered a query about an order.
    pub(crate) answered: BTreeMap<String, DateTime<Utc>>,
    /// Reads of the closed circuit breaker that no call to ECPay has followed yet. A run handles several orders at a time.
    looks: BTreeMap<TaskId, usize>,
    /// Time until which the circuit breaker is open.
    stopped: Option<DateTime<Utc>>,
}

impl EcpayCalls {
    /// After a call was decided on.
    pub(crate) fn after(&mut self, deployment: &mut TestDeployment, step: &Step, mirror: &Mirror) -> Checked {
        let call = &step.call;
        if call.subject == "BREAKER" {
            match call.action.as_str() {
                "GetItem" if step.verdict == Verdict::Proceed => {
                    let is_closed = self.stopped.is_none_or(|until| until <= deployment.now());
                    *self.looks.entry(call.task).or_default() += usize::from(is_closed);
                }
                "PutItem" if done(step.verdict) => {
                    let until = instant(&mirror.item("BREAKER", "ecpay")["data"]).ok_or("a breaker without an end")?;
                    self.stopped = Some(until);
                }
                _ => {}
            }
        }
        if call.service != Service::Ecpay {
            return Ok(());
        }
        self.permitted(call.task)?;
        let place: usize = call.subject.trim_start_matches("order").parse().map_err(|_| "an order without a number")?;
        let id = deployment.orders()[place].clone();
        let key = (call.task, call.subject.clone());
        match call.action.as_str() {
            "QueryCreditCardPeriodInfo" => {
                let count = self.queries.entry(key.clone()).or_default();
                *count += 1;
                if step.verdict == Verdict::Proceed {
                    self.answered.insert(id.clone(), deployment.now());
                }
                let allowed = 1 + self.cancels.get(&key).copied().unwrap_or(0);
                if *count > allowed {
                    return Err(format!("task {} asked {count} times about {id}", call.task.0));
                }
                Ok(())
            }
            "ReAuth" if done(step.verdict) => retried(deployment, mirror, &id),
            "Cancel" => {
                *self.cancels.entry(key).or_default() += 1;
                if done(step.verdict) { cancelled(deployment, mirror, &id) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// Checks that the task found the circuit breaker closed before this call.
    fn permitted(&mut self, task: TaskId) -> Checked {
        let looks = self.looks.entry(task).or_default();
        *looks = looks.checked_sub(1).ok_or_else(|| {
            let until = self.stopped;
            format!("task {} calls ECPay without a look at the breaker, which is open until {until:?}", task.0)
        })?;
        Ok(())
    }
}

/// Times of the accepted retries of an order that have no result. A callback does not say whether its charge is a retry
/// or a scheduled one made after the request: either passes for the result.
fn open_retries(view: &Value, before: usize) -> impl Iterator<Item = DateTime<Utc>> {
    let asks = view["retries_asked"].as_array().into_iter().flatten().take(before);
    let accepted = asks.filter(|ask| ask["accepted"] == true).filter_map(|ask| instant(&ask["at"]));
    let settled = charges(view).filter(|charge| charge["rtn_code"] != "10300066").map(made_at).max();
    accepted.filter(move |at| settled.is_none_or(|settled| settled < *at))
}

/// True if ECPay accepted a retry within a day and has not made it.
pub(crate) fn retry_is_open(deployment: &TestDeployment, view: &Value, before: usize) -> bool {
    open_retries(view, before).any(|at| deployment.now() - at < TimeDelta::hours(24))
}

/// A retry reached ECPay.
fn retried(deployment: &mut TestDeployment, mirror: &Mirror, id: &str) -> Checked {
    let view = view(deployment, id);
    let asked = view["retries_asked"].as_array().map_or(0, Vec::len);
    if retry_is_open(deployment, &view, asked - 1) {
        return Err(format!("a retry of {id} was asked while another is open: {view}"));
    }
    let pk = format!("SUB#{id}");
    let claims = mirror.rows(&pk, "HISTORY#").filter(|row| row["data"]["event"] == "retry_requested").count();
    if asked > claims {
        return Err(format!("{asked} retries of {id} were asked under {claims} claims"));
    }
    let latest = charges(&view).max_by_key(|charge| made_at(charge)).ok_or("a retry of an order without charges")?;
    let settled = deployment.now() - made_at(latest) > TimeDelta::minutes(5);
    if is_paid(latest) && settled {
        return Err(format!("a retry of {id} was asked, which is paid: {latest}"));
    }
    runs_on(&view, mirror.order(id))
}

/// Checks that after five failures in a row a query said that the order still runs.
fn runs_on(view: &Value, order: &Value) -> Checked {
    let paid_at = charges(view).filter(|charge| is_paid(charge)).map(made_at).max();
    let failures = charges(view).filter(|charge| !is_paid(charge) && charge["rtn_code"] != "10300066").map(made_at);
    let open: Vec<_> = failures.filter(|at| Some(*at) > paid_at).collect();
    let query = &order["last_query"];
    let is_running = query["state"] == "running" && instant(&query["at"]) >= open.iter().max().copied();
    if open.len() < 5 || is_running {
        Ok(())
    } else {
        Err(format!("a retry after {} failures, the latest query said {query}", open.len()))
    }
}

/// Checks a cancellation that reached ECPay: the order is not wanted any more, and no retry is open.
fn cancelled(deployment: &mut TestDeployment, mirror: &Mirror, id: &str) -> Checked {
    let order = mirror.order(id);
    let reasons = ["superseded_by", "cancel_requested", "downgrade"];
    if tag(&order["status"]) != "pending" && reasons.iter().all(|reason| order[*reason].is_null()) {
        return Err(format!("{id} was cancelled without a request: {order}"));
    }
    let view = view(deployment, id);
    let is_wished = ["superseded_by", "cancel_requested", "erased"].iter().any(|wish| !order[*wish].is_null());
    if !is_wished && tag(&order["status"]) != "pending" {
        for_unpaid(&view, order)?;
    }
    let asked = view["retries_asked"].as_array().map_or(0, Vec::len);
    let open = matches!(text(&order["retry"]["state"]), "unknown" | "accepted");
    if open || retry_is_open(deployment, &view, asked) {
        Err(format!("{id} was cancelled while a retry is open: {order}"))
    } else {
        Ok(())
    }
}

/// Checks a cancellation without a wish: the customer owes a charge, and no success since is known.
fn for_unpaid(view: &Value, order: &Value) -> Checked {
    let downgrade = &order["downgrade"];
    let (since, queried) = (instant(&downgrade["at"]), instant(&order["last_query"]["at"]));
    let is_proof =
        |charge: &&Value| is_paid(charge) && Some(made_at(charge)) > since && Some(made_at(charge)) <= queried;
    if downgrade["reason"] == "not_charged" {
        return Err(format!("an order that ECPay did not charge was cancelled: {order}"));
    }
    match charges(view).find(is_proof) {
        Some(charge) => Err(format!("an order was cancelled although ECPay listed {charge}: {order}")),
        None => Ok(()),
    }
}
