//! The sandbox is killed in a burst of callbacks, again and again on one directory: every acknowledged one is there, once.

use std::collections::BTreeMap;
use std::path::Path;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use testing::support::process::Process;
use testing::support::random::Random;
use testing::support::{column, form, period, scale, with};

const SEED: u64 = 9_000_001;
const ORDERS: usize = 24;
const CLIENTS: usize = 6;
/// Callbacks of one order in one round.
const EACH: usize = 12;

/// A callback: its order and the number of the success that it reports.
type Report = (String, usize);

/// Callbacks that were sent, each with its acknowledgement.
type Sent = Vec<(Report, bool)>;

fn body((order, number): &Report) -> Vec<u8> {
    let date = format!("2025/01/15 {:02}:{:02}:{:02}", 10 + number / 3_600, number / 60 % 60, number % 60);
    let report = period(order, "1", &date, &number.to_string(), &(14_000_000 + number).to_string());
    // More successes than were ordered: the order was lengthened at ECPay.
    form(&with(&report, "ExecTimes", "999"))
}

/// Posts a callback; true if it was acknowledged. Any other response must be a 503 or lost.
async fn post(http: &reqwest::Client, base: &str, report: &Report) -> bool {
    let request = http.post(format!("{base}/api/webhooks/ecpay-billing"));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(body(report));
    let Ok(answer) = request.send().await else { return false };
    let status = answer.status().as_u16();
    let Ok(text) = answer.text().await else { return false };
    assert!((status, text.as_str()) == (200, "1|OK") || status == 503, "{report:?}: {status} {text}");
    status == 200
}

/// An order whose first charge succeeded.
async fn order(process: &Process, user: usize) -> String {
    let wanted = json!({
        "user_id": format!("burst-{user}"), "email": format!("burst-{user}@customer.example"), "plan_id": "PRO",
        "billing_cycle": "monthly",
    });
    let made = process.call(Method::POST, "/api/subscriptions", Some(wanted)).await;
    let fields: BTreeMap<String, String> = serde_json::from_value(made["form_data"].clone()).unwrap();
    process.http.post(made["action_url"].as_str().unwrap()).form(&fields).send().await.unwrap();
    made["subscription_id"].as_str().unwrap().to_owned()
}

/// Several clients send everything, some of it twice; after so many acknowledgements the process is killed.
async fn burst(process: Process, reports: &[Report], kill_after: usize) -> Sent {
    let (tell, mut told) = mpsc::unbounded_channel();
    let (http, base) = (process.http.clone(), process.base.clone());
    let clients: Vec<_> = reports
        .chunks(reports.len().div_ceil(CLIENTS))
        .map(|part| {
            let (tell, http, base) = (tell.clone(), &http, base.as_str());
            async move {
                let mut sent = Sent::new();
                for (place, report) in part.iter().enumerate() {
                    let mut acknowledged = post(http, base, report).await;
                    if place % 5 == 0 {
                        acknowledged |= post(http, base, report).await;
                    }
                    if acknowledged {
                        tell.send(()).unwrap();
                    }
                    sent.push((report.clone(), acknowledged));
                }
                sent
            }
        })
        .collect();
    drop(tell);
    // The outside world is being written too, until its writer finds the server gone.
    let writer = async {
        let path = format!("{base}/sandbox/ecpay/orders/{}", reports[0].0);
        let outcomes = || http.put(&path).body(json!({ "next_outcomes": vec!["1"; 50] }).to_string());
        while outcomes().send().await.is_ok() {}
    };
    let killer = async move {
        for _ in 0..kill_after {
            told.recv().await.unwrap();
        }
        drop(process);
        // Clients go on telling until they have tried everything.
        while told.recv().await.is_some() {}
    };
    let (sent, (), ()) = tokio::join!(join_all(clients), killer, writer);
    sent.into_iter().flatten().collect()
}

/// Reads all orders as staff see them.
async fn accounts(process: &Process, orders: &[String]) -> BTreeMap<String, Value> {
    let mut accounts = BTreeMap::new();
    for order in orders {
        accounts.insert(order.clone(), process.call(Method::GET, &format!("/api/subscriptions/{order}"), None).await);
    }
    accounts
}

fn times(accounts: &BTreeMap<String, Value>, (order, number): &Report) -> usize {
    let numbers = column(&accounts[order]["payments"], "number");
    numbers.iter().filter(|known| **known == number.to_string()).count()
}

fn state_is_readable(data: &Path) {
    let state = std::fs::read(data.join("state.json")).unwrap();
    let state: Value = serde_json::from_slice(&state).unwrap();
    // Mails are sent meanwhile, at a pace of 14 in a second of the clock.
    assert!(state["now"].as_str().unwrap().starts_with("2025-01-15T02:00:"), "{}", state["now"]);
}

#[tokio::test]
async fn every_callback_acknowledged_before_a_kill_is_there_once() {
    let data = tempfile::tempdir().unwrap();
    let mut random = Random::new(SEED);
    let mut process = Process::start(data.path()).await;
    let mut orders = Vec::new();
    for user in 0..ORDERS {
        orders.push(order(&process, user).await);
    }
    for round in 0..scale::count(40) {
        let mut reports: Vec<Report> = (0..ORDERS * EACH)
            .map(|place| (orders[place % ORDERS].clone(), 2 + round * EACH + place / ORDERS))
            .collect();
        random.shuffle(&mut reports);
        let kill_after = 1 + random.below(reports.len() - 1);
        let sent = burst(process, &reports, kill_after).await;
        let acknowledged = sent.iter().filter(|(_, acknowledged)| *acknowledged).count();
        assert!((kill_after..reports.len() + 1).contains(&acknowledged), "{acknowledged}, {kill_after}");
        state_is_readable(data.path());

        process = Process::start(data.path()).await;
        let found = accounts(&process, &orders).await;
        for (report, acknowledged) in &sent {
            let times = times(&found, report);
            assert!(times == 1 || (!acknowledged && times == 0), "{report:?} is there {times} times");
        }
        for (report, _) in sent.iter().filter(|(_, acknowledged)| *acknowledged) {
            assert!(post(&process.http, &process.base, report).await, "{report:?}");
        }
        assert_eq!(accounts(&process, &orders).await, found, "a repeat changes nothing");
        for (report, _) in sent.iter().filter(|(_, acknowledged)| !acknowledged) {
            assert!(post(&process.http, &process.base, report).await, "{report:?}");
        }
        let complete = accounts(&process, &orders).await;
        for account in complete.values() {
            let mut numbers: Vec<usize> =
                column(&account["payments"], "number").iter().map(|number| number.parse().unwrap()).collect();
            numbers.sort_unstable();
            assert_eq!(numbers, (1..2 + (round + 1) * EACH).collect::<Vec<_>>());
        }
    }
}
