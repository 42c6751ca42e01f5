//! Callbacks for an erased customer's orders, later or at the same time: recorded without personal data.

use serde_json::{Value, json};
use testing::harness::{Outcome, TaskId, TestDeployment, Verdict};
use testing::lambda::environment;

use super::{
    EMAIL, ERASE, EXPORT, Story, USER, answer, ask, callback, contains_personal_data, deliver, erase, odd, run, story,
    traces, why,
};
use testing::support::lambda::{Bootstrap, http_event};
use testing::support::{Sandbox, column, first, period, with};

const BOTH: &str = "2025-03-12T12:00:00+08:00";

fn account(deployment: &mut TestDeployment, order: &str) -> Value {
    ask(deployment, "GET", &format!("/api/subscriptions/{order}"), None).1
}

fn park(deployment: &mut TestDeployment, task: TaskId, action: &str) {
    while !deployment.held_calls().iter().any(|call| call.task == task && call.action == action) {
        assert_eq!(deployment.finished(task), None, "it ends without {action}");
        deployment.release(task, Verdict::Proceed);
    }
}

#[test]
fn a_buyer_who_pays_after_all_is_given_the_money_back_and_the_order_is_cancelled() {
    let Story { mut deployment, bystander, made, .. } = story();
    assert_eq!(erase(&mut deployment).0, 200);
    let late = deployment.submit(&made);
    run(&mut deployment, BOTH, &["cancel"]);
    let shown = account(&mut deployment, &late);
    assert_eq!(column(&shown["history"], "rule")[3..], ["refund-due", "cancel-requested-at-ecpay", "order-over"]);
    assert_eq!((shown["plan_id"].as_str(), &shown["payments"][0]["refund_due"]), (Some("FREE"), &json!(true)));
    run(&mut deployment, "2025-03-12T14:00:00+08:00", &["cancel", "send-mail"]);
    let shown = account(&mut deployment, &late);
    assert_eq!((shown["status"].as_str(), &shown["next_action"]), (Some("cancelled"), &json!(null)));
    assert_eq!(deployment.ecpay(|ecpay, _| ecpay.view(&late)).unwrap()["state"], "cancelled");
    assert_eq!(traces(&deployment, &bystander), Vec::<String>::new());
    let told = deployment
        .messages()
        .into_iter()
        .filter(|mail| mail.subject.as_deref() == Some(&format!("Refund due: order {late}")));
    assert_eq!(told.map(|mail| mail.to).collect::<Vec<_>>(), ["staff@duekeeper.example"]);
    assert!(deployment.messages().iter().all(|mail| !mail.to.contains("erased")));
}

#[test]
fn a_report_that_is_quarantined_afterwards_keeps_neither_card_nor_address() {
    let Story { mut deployment, bystander, over, .. } = story();
    assert_eq!(erase(&mut deployment).0, 200);
    deliver(&mut deployment, &odd(&over, "99000002"));
    assert_eq!(traces(&deployment, &bystander), Vec::<String>::new());
    let kept: Vec<Value> = deployment.items().into_iter().filter(|item| item["data"]["reason"] == "conflict").collect();
    let mut numbers = column(&json!(kept.iter().map(|item| &item["data"]["fields"]).collect::<Vec<_>>()), "gwsr");
    numbers.sort();
    assert_eq!(numbers, ["99000001", "99000002"]);
}

#[test]
fn a_callback_that_was_being_stored_is_decided_again_without_the_card() {
    let Story { mut deployment, bystander, made, .. } = story();
    let late = deployment.submit(&made);
    let callback = deployment.due_callbacks().remove(0);
    let task = deployment.spawn_callback(&callback);
    park(&mut deployment, task, "TransactWriteItems");
    assert_eq!(erase(&mut deployment).0, 200);
    assert_eq!(deployment.run_to_end(task), Outcome::Answered { status: 200, body: "1|OK".to_owned() });
    assert_eq!(traces(&deployment, &bystander), Vec::<String>::new());
    assert_eq!(account(&mut deployment, &late)["payments"][0]["refund_due"], true);
}

#[test]
fn a_mail_that_is_on_its_way_leaves_no_address_behind() {
    let Story { mut deployment, bystander, .. } = story();
    let run = deployment.spawn_maintenance(json!({ "task": "send-mail" }), 0);
    park(&mut deployment, run, "SendEmail");
    assert_eq!(erase(&mut deployment).0, 200);
    let sent = deployment.messages().len();
    deployment.run_to_end(run);
    // That one was with the provider; those behind it are not sent.
    let mails = deployment.messages().split_off(sent);
    assert_eq!(mails.iter().filter(|mail| contains_personal_data(&mail.to)).count(), 1);
    assert_eq!(traces(&deployment, &bystander), Vec::<String>::new());
}

#[test]
fn who_orders_again_while_being_erased_keeps_the_new_order() {
    let Story { mut deployment, over, .. } = story();
    let task = deployment.spawn_admin("DELETE", ERASE, Some(&why()), &[]);
    park(&mut deployment, task, "DeleteItem");
    let wanted = json!({ "user_id": "canary|7q", "email": "new@customer.example", "plan_id": "PRO", "billing_cycle": "monthly" });
    let (status, made) = ask(&mut deployment, "POST", "/api/subscriptions", Some(wanted));
    assert_eq!(status, 201);
    let (status, refused) = answer(deployment.run_to_end(task));
    assert_eq!((status, refused["error"]["code"].as_str()), (409, Some("not_paid")));
    let (_, export) = ask(&mut deployment, "GET", EXPORT, None);
    assert_eq!(json!(column(&export["subscriptions"], "id")), json!([made["subscription_id"]]));
    assert_ne!(account(&mut deployment, &over)["erased_at"], json!(null));
}

#[tokio::test]
async fn the_verbose_log_of_an_export_and_an_erasure_has_no_personal_data() {
    let sandbox = Sandbox::at(&shared::platform::clock::now().to_string()).await;
    let wanted = json!({
        "user_id": "canary|7q", "email": "mei.canary@customer.example", "plan_id": "PRO", "billing_cycle": "monthly",
    });
    let made = sandbox.post("/api/subscriptions", wanted).await;
    let day = shared::ecpay::date::format(shared::platform::clock::now());
    let declined = with(&first(made["subscription_id"].as_str().unwrap(), "10100252", &day), "card4no", "2222");
    assert_eq!(sandbox.report("ecpay-auth", &declined).await.status, 200);
    let mut talkative = environment(&sandbox.world, "AdminApi");
    talkative.insert("LOG_LEVEL".to_owned(), "debug".to_owned());
    let mut admin = Bootstrap::start("admin-api", &talkative).await;
    let bearer = format!("Bearer {}", sandbox.token);
    let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    let (status, _, body) = admin.request(&http_event(&format!("GET {EXPORT}"), &headers, b"")).await;
    assert!(status == 200 && contains_personal_data(&body), "{status} {body}");
    for _ in 0..2 {
        let event = http_event(&format!("DELETE {ERASE}"), &headers, why().to_string().as_bytes());
        assert_eq!(admin.request(&event).await.0, 200);
    }
    let (stdout, stderr) = admin.stop().await;
    assert!(stdout.contains("user erased") && stdout.contains("user data exported"), "{stdout}");
    assert!(!contains_personal_data(&stdout) && !contains_personal_data(&stderr), "{stdout}{stderr}");
}

#[test]
fn what_staff_wrote_when_they_replayed_a_report_is_erased() {
    let Story { mut deployment, over, bystander, .. } = story();
    // Dated ahead, so that it is quarantined and can be applied later.
    deliver(&mut deployment, &callback(&over, &period(&over, "1", "2025/03/14 10:00:00", "2", "99000002")));
    deployment.set_now("2025-03-14T12:00:00+08:00".parse().unwrap());
    let (_, open) = ask(&mut deployment, "GET", &format!("/quarantine?subscription={over}"), None);
    let reports = open["quarantine"].as_array().unwrap_or_else(|| panic!("{open}"));
    let report =
        reports.iter().find(|report| report["fields"]["gwsr"] == "99000002").unwrap_or_else(|| panic!("{open}"));
    let path = format!("/quarantine/{}/replay", report["id"].as_str().unwrap());
    let why = json!({ "why": format!("{USER} says from {EMAIL} that it is paid") });
    let (status, answer) = ask(&mut deployment, "POST", &path, Some(why));
    assert_eq!(status, 200, "{answer}");
    assert!(!traces(&deployment, &bystander).is_empty());
    let (status, answer) = erase(&mut deployment);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(traces(&deployment, &bystander), Vec::<String>::new());
}
