//! The key figures of a story that was worked out by hand, and that counting cannot fail what it counts.

use serde_json::{Value, json};
use testing::harness::{Options, Outcome, TaskId, TestDeployment, Verdict};

use testing::support::{Reply, Sandbox, first, period, with};

const NO_CREDIT: &str = "10100252";
const EXPIRED: &str = "10100251";
const STOLEN: &str = "10100256";

async fn stats(sandbox: &Sandbox, hours: u32) -> Value {
    sandbox.get(&format!("/api/webhooks/webhook-stats?hours={hours}")).await
}

async fn billed(sandbox: &Sandbox, order: &str, code: &str, date: &str) {
    let (successes, gwsr) = if code == "1" { ("2", "13401071") } else { ("1", "") };
    let report = period(order, code, date, successes, gwsr);
    assert_eq!(sandbox.report("ecpay-billing", &report).await, Reply::ok());
}

fn at(sandbox: &Sandbox, time: &str) {
    sandbox.world.leap(format!("2025-02-{time}:00+08:00").parse().unwrap());
}

#[tokio::test]
async fn where_nothing_happened_there_is_nothing_to_measure() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let nothing = json!({ "recovered": 0, "rate": null });
    let none_lost = json!({ "recovered": 0, "downgraded": 0, "rate": null });
    assert_eq!(
        stats(&sandbox, 24).await,
        json!({
            "period_hours": 24, "generated_at": "2025-01-15T02:00:00Z", "webhook_types": {},
            "kpis": {
                "payment_success_rate": null, "webhook_success_rate": null,
                "recovery": {
                    "episodes_started": 0, "recovered": 0, "rate": null,
                    "by_retry": { "1": nothing, "2": nothing, "3": nothing, "4+": nothing },
                    "by_decline_class": { "hard_decline": none_lost, "soft_decline": none_lost },
                    "mean_days_to_recover": null,
                },
                "downgrades": { "payment_failure": 0, "not_charged": 0 },
                "plans_restored": 0,
            },
        })
    );
}

#[tokio::test]
async fn the_key_figures_of_a_week_are_as_worked_out_by_hand() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let mut orders = Vec::new();
    for user in ["twice", "expired", "stolen", "open", "untold"] {
        let order = sandbox.subscribe(user, "monthly").await;
        // Only the charges that the story reports are made.
        sandbox.order_behavior(&order, json!({ "paused": true })).await;
        orders.push(order);
    }
    let [twice, expired, stolen, open, untold] = orders.as_slice() else { panic!("five orders") };
    at(&sandbox, "16T12:00");
    for (order, code) in [(twice, NO_CREDIT), (expired, EXPIRED), (stolen, STOLEN), (open, NO_CREDIT)] {
        billed(&sandbox, order, code, "2025/02/15 12:00:00").await;
    }
    // No downgrade before the first mail was sent three days ago.
    sandbox.post("/runs/send-mail", json!({})).await;
    // A day after its failure, and reported twice.
    billed(&sandbox, expired, "1", "2025/02/16 12:00:00").await;
    billed(&sandbox, expired, "1", "2025/02/16 12:00:00").await;
    // Signed, but of another merchant; and forged.
    let foreign = with(&period(open, "1", "2025/02/16 12:00:00", "2", "13401072"), "MerchantID", "2000132");
    assert_eq!(sandbox.report("ecpay-billing", &foreign).await, Reply::ok());
    assert_eq!(sandbox.callback("ecpay-billing", b"MerchantID=3002607&CheckMacValue=00".to_vec()).await.status, 400);
    // Found by a query: its run counts it by one update.
    sandbox.charge(untold, json!({ "rtn_code": "1", "callback": false })).await;
    sandbox.forget_calls().await;
    let reconciled = sandbox.post("/runs/reconcile", json!({})).await;
    assert_eq!(sandbox.calls("dynamodb").await.get("UpdateItem"), Some(&1), "{reconciled:?}");
    at(&sandbox, "17T12:00");
    billed(&sandbox, twice, NO_CREDIT, "2025/02/16 12:00:00").await;
    billed(&sandbox, twice, "1", "2025/02/17 12:00:00").await;
    at(&sandbox, "22T12:30");
    // The query before the downgrade.
    sandbox.post("/runs/reconcile", json!({})).await;
    sandbox.post("/runs/end-grace?dry_run=true", json!({})).await;
    sandbox.post("/runs/end-grace", json!({})).await;
    assert_eq!(sandbox.account(stolen).await["plan_id"], "FREE");
    let shown = stats(&sandbox, 168).await;
    assert_eq!(
        shown["webhook_types"],
        json!({ "billing_callback": { "total": 8, "success": 7, "failed": 1, "processing": 0, "refused": 1, "success_rate": 87.5 } })
    );
    let expected = json!({
        // Successes: twice, expired, untold. Failures: twice two, expired, stolen, open.
        "payment_success_rate": 37.5,
        "webhook_success_rate": 87.5,
        "recovery": {
            "episodes_started": 4,
            "recovered": 2,
            "rate": 66.67,
            "by_retry": {
                // It ended one episode, and another came to the second.
                "1": { "recovered": 1, "rate": 50.0 },
                "2": { "recovered": 1, "rate": 100.0 },
                "3": { "recovered": 0, "rate": null },
                "4+": { "recovered": 0, "rate": null },
            },
            "by_decline_class": {
                "hard_decline": { "recovered": 1, "downgraded": 1, "rate": 50.0 },
                "soft_decline": { "recovered": 1, "downgraded": 0, "rate": 100.0 },
            },
            // One day and two.
            "mean_days_to_recover": 1.5,
        },
        "downgrades": { "payment_failure": 1, "not_charged": 0 },
        "plans_restored": 0,
    });
    assert_eq!(shown["kpis"], expected);
    // A payment after the downgrade brings the plan back, and is no recovery in time.
    billed(&sandbox, stolen, "1", "2025/02/22 12:29:00").await;
    assert_eq!(sandbox.account(stolen).await["plan_id"], "PRO");
    let kpis = stats(&sandbox, 168).await["kpis"].clone();
    assert_eq!((&kpis["plans_restored"], &kpis["recovery"]), (&json!(1), &expected["recovery"]));
    assert_eq!(kpis["payment_success_rate"], 44.44);
    // Within the last hour there are the downgrade and that payment alone.
    let kpis = stats(&sandbox, 1).await["kpis"].clone();
    assert_eq!((&kpis["payment_success_rate"], &kpis["recovery"]["episodes_started"]), (&json!(100.0), &json!(0)));
    assert_eq!(kpis["downgrades"]["payment_failure"], 1);
}

#[tokio::test]
async fn an_episode_whose_failure_came_before_the_first_success_is_counted_at_both_ends_or_at_none() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    // The first charge is older than the failure in one order, so that it is past due, and newer in the other.
    for (user, first_paid) in [("due", "2025/01/15 10:00:00"), ("paid", "2025/01/15 10:30:00")] {
        let made = sandbox.order(user, "monthly", None).await;
        let order = made["subscription_id"].as_str().unwrap();
        billed(&sandbox, order, NO_CREDIT, "2025/01/15 10:15:00").await;
        assert_eq!(sandbox.report("ecpay-auth", &first(order, "1", first_paid)).await, Reply::ok());
        let expected = if user == "due" { "past_due" } else { "active" };
        assert_eq!(sandbox.account(order).await["status"], expected);
        billed(&sandbox, order, "1", "2025/01/15 10:45:00").await;
        assert_eq!(sandbox.account(order).await["status"], "active");
    }
    let recovery = stats(&sandbox, 24).await["kpis"]["recovery"].clone();
    assert_eq!((&recovery["episodes_started"], &recovery["recovered"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn a_charge_that_was_set_aside_counts_once_it_is_replayed() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let order = "DKLATE00000000000001";
    assert_eq!(sandbox.report("ecpay-auth", &first(order, "1", "2025/01/15 09:59:59")).await, Reply::ok());
    assert_eq!(stats(&sandbox, 24).await["kpis"]["payment_success_rate"], json!(null));
    sandbox.store_order(order, "late", "2025-01-15T10:00:00+08:00").await;
    for _ in 0..2 {
        let range = json!({ "from": "2025-01-15", "to": "2025-01-15", "why": "imported" });
        sandbox.post("/quarantine/replay", range).await;
    }
    let failed = period(order, NO_CREDIT, "2025/01/15 10:00:30", "1", "");
    assert_eq!(sandbox.report("ecpay-billing", &failed).await, Reply::ok());
    let kpis = stats(&sandbox, 24).await["kpis"].clone();
    // One charge succeeded and one failed; of two callbacks one was quarantined.
    assert_eq!((&kpis["payment_success_rate"], &kpis["webhook_success_rate"]), (&json!(50.0), &json!(50.0)));
}

/// Proceeds with a task up to its update of the counters, where the store is down.
fn without_counter(deployment: &mut TestDeployment, task: TaskId) -> Outcome {
    let mut met = 0;
    while let Some(call) = deployment.held_calls().into_iter().find(|call| call.task == task) {
        let counts = call.action == "UpdateItem";
        met += u32::from(counts);
        deployment.release(task, if counts { Verdict::LoseRequest } else { Verdict::Proceed });
    }
    assert!(met > 0, "it counts");
    deployment.finished(task).unwrap()
}

fn kpis(deployment: &mut TestDeployment) -> Value {
    let task = deployment.spawn_admin("GET", "/api/webhooks/webhook-stats?hours=24", None, &[]);
    let Outcome::Answered { status: 200, body } = deployment.run_to_end(task) else { panic!("no statistics") };
    serde_json::from_str::<Value>(&body).unwrap()["kpis"].clone()
}

#[test]
fn counters_that_cannot_be_written_change_no_answer_and_come_with_the_next_write() {
    let mut deployment = TestDeployment::new(Options {
        now: "2025-01-31T10:00:00+08:00".parse().unwrap(),
        variables: Default::default(),
    });
    for user in ["amy", "ben"] {
        let made = deployment.order(user, "monthly");
        deployment.submit(&made);
    }
    let [first, second] = deployment.due_callbacks().try_into().unwrap();
    let task = deployment.spawn_callback(&first);
    let answer = without_counter(&mut deployment, task);
    assert_eq!(answer, Outcome::Answered { status: 200, body: "1|OK".to_owned() });
    assert_eq!(kpis(&mut deployment)["payment_success_rate"], json!(null));
    deployment.deliver(&second);
    let told = kpis(&mut deployment);
    assert_eq!((&told["payment_success_rate"], &told["webhook_success_rate"]), (&json!(100.0), &json!(100.0)));
    let task = deployment.spawn_admin("GET", "/api/webhooks/webhook-stats?hours=24", None, &[]);
    let Outcome::Answered { body, .. } = deployment.run_to_end(task) else { panic!("no statistics") };
    let shown: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(shown["webhook_types"]["auth_callback"]["total"], 2);
}

#[test]
fn a_run_whose_figures_cannot_be_counted_is_done_all_the_same() {
    let mut deployment = TestDeployment::new(Options {
        now: "2025-01-31T10:00:00+08:00".parse().unwrap(),
        variables: Default::default(),
    });
    let order = deployment.subscribe("amy", "monthly");
    deployment.ecpay(|ecpay, _| ecpay.set_next_outcomes(&order, vec![NO_CREDIT.to_owned()]));
    // The charge of February fails, and its callback is lost.
    deployment.set_now("2025-03-01T00:00:00+08:00".parse().unwrap());
    let run = deployment.spawn_maintenance(json!({ "task": "reconcile" }), 0);
    let Outcome::Answered { body, .. } = without_counter(&mut deployment, run) else { panic!("the run failed") };
    let report: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&report["status"], &report["tasks"]["reconcile"]["done"]), (&json!("done"), &json!(1)));
    assert_eq!(kpis(&mut deployment)["recovery"]["episodes_started"], 0);
}
