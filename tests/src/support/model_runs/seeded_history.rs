//! Tables on which time has passed by chance.

use crate::harness::TestDeployment;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::super::random::Random;
use super::life::Life;
use super::{deployment, list, request, view};

/// Results of charges; failures are more frequent than in practice.
const CODES: [&str; 6] = ["1", "1", "10100252", "10100252", "10100252", "10100251"];

/// Some orders of a day, and what chance and staff did to them in up to two months. At the end things are due: hours
/// passed without any run.
pub fn seeded_history(random: &mut Random, orders: usize) -> (TestDeployment, Vec<String>) {
    let mut deployment = deployment("2025-01-31T10:00:00+08:00");
    let ids: Vec<String> = (0..orders).map(|number| order(&mut deployment, random, number)).collect();
    let mut life = Life::of(deployment);
    life.pass_hours(24 * (27 + i64::try_from(random.below(4)).unwrap()));
    for _ in 0..random.below(5) {
        life.pass_hours(1 + i64::try_from(random.below(120)).unwrap());
        let id = &ids[random.below(ids.len())];
        operate(&mut life.deployment, random, id);
    }
    if random.one_in(5) {
        // Downgraded orders are cancelled two weeks later.
        life.pass_hours(24 * 15);
    }
    let mut deployment = life.deployment;
    if random.one_in(4) {
        deployment.order("late", "annual");
    }
    deployment.set_now(deployment.now() + TimeDelta::hours(random.below(72).try_into().unwrap()));
    (deployment, ids)
}

fn order(deployment: &mut TestDeployment, random: &mut Random, number: usize) -> String {
    let user = format!("user{number}");
    let id = if random.one_in(10) {
        // The buyer leaves without paying.
        let made = deployment.order(&user, "monthly");
        made["subscription_id"].as_str().unwrap().to_owned()
    } else {
        deployment.subscribe(&user, "monthly")
    };
    let codes = (0..9).map(|_| (*random.pick(&CODES)).to_owned()).collect();
    let (silent, paused) = (random.one_in(4), random.one_in(8));
    deployment.ecpay(|ecpay, now| {
        ecpay.set_next_outcomes(&id, codes);
        ecpay.set_callbacks(&id, !silent);
        ecpay.set_paused(&id, paused, now);
    });
    id
}

/// Performs a random operation of staff, which may be refused.
fn operate(deployment: &mut TestDeployment, random: &mut Random, id: &str) {
    let posted = random.one_in(2);
    let (operation, body) = match random.below(7) {
        0 => ("extend-grace", json!({ "days": 2, "why": "asked" })),
        1 => ("pause", json!({ "days": 2, "why": "on holiday" })),
        2 => ("resume", json!({ "why": "back" })),
        3 => ("cancel", json!({ "why": "leaves" })),
        4 => ("mark-paid", json!({ "amount_twd": 899, "reference": "transfer 17", "why": "by bank" })),
        5 => return retry(deployment, id),
        _ => return deployment.ecpay(|ecpay, _| ecpay.set_callbacks(id, posted)),
    };
    let (status, answer) = request(deployment, "POST", &format!("/api/subscriptions/{id}/{operation}"), Some(&body));
    assert!([200, 409].contains(&status), "{operation}: {status} {answer}");
}

fn retry(deployment: &mut TestDeployment, id: &str) {
    let Some(body) = retry_request(deployment, id) else { return };
    let (status, answer) = request(deployment, "POST", "/api/webhooks/ecpay-manual-retry", Some(&body));
    assert!([200, 409].contains(&status), "{status} {answer}");
}

/// The request for a retry of the latest failure, if there is one.
pub fn retry_request(deployment: &mut TestDeployment, id: &str) -> Option<Value> {
    let seen = view(deployment, id);
    let failed = list(&seen, "payments").iter().rfind(|payment| payment["outcome"] == "failed")?;
    Some(json!({ "payment_id": failed["id"], "why": "the customer called" }))
}
