//! A buyer holds a form that ECPay signed, and posts it in any letter case, as often as they like.

use sandbox::ecpay::{Fields, form_body};
use serde_json::json;

use testing::support::random::Random;
use testing::support::{Reply, STAFF, Sandbox, column, fields, first, period, signed, with};

const POSTS: usize = 300;

/// A signed form with the letter case of some names and values changed, which its CheckMacValue does not cover.
fn respelled(random: &mut Random, form: &Fields) -> Vec<u8> {
    let mut respell = |text: &String| -> String {
        let letter = |c: char| if random.below(4) == 0 { swapped(c) } else { c };
        text.chars().map(letter).collect()
    };
    let all: Fields = form
        .iter()
        .map(|(name, value)| (respell(name), if name == "CheckMacValue" { value.clone() } else { respell(value) }))
        .collect();
    form_body(&all)
}

fn swapped(c: char) -> char {
    if c.is_ascii_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() }
}

/// Items of the table that are no counters.
fn stored(sandbox: &Sandbox) -> usize {
    sandbox.items().iter().filter(|item| !item.starts_with("COUNT#")).count()
}

/// Posts the form 300 times; it may store one report with its log and notice.
async fn flooded(sandbox: &Sandbox, address: &str, form: &Fields, status: u16) {
    let form = signed(form);
    let mut random = Random::new(7);
    let before = stored(sandbox);
    for _ in 0..POSTS {
        let reply = sandbox.callback(address, respelled(&mut random, &form)).await;
        assert_eq!(reply.status, status, "{reply:?}");
    }
    sandbox.world.leap(sandbox.world.now() + chrono::TimeDelta::minutes(10));
    sandbox.maintain().await;
    assert!(sandbox.quarantine_items().await.len() <= 1);
    assert!(sandbox.mails(STAFF).await.len() <= 1);
    // What one application, one quarantined report and one run store: a run has a link from each of its eight jobs.
    assert!(stored(sandbox) <= before + 12 + 8, "{} items more", stored(sandbox) - before);
    assert_eq!(sandbox.get("/api/webhooks/health").await["status"], "healthy");
}

#[tokio::test]
async fn a_declined_first_charges_form_at_the_other_address_is_refused_each_time() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let made = sandbox.order("flood", "monthly", None).await;
    let order = made["subscription_id"].as_str().unwrap();
    let mut declined = first(order, "10100252", "2025/01/15 09:59:00");
    declined.extend(fields(&[
        ("gwsr", ""),
        ("process_date", "2025/01/15 09:59:00"),
        ("amount", "899"),
        ("AlipayID", ""),
    ]));
    flooded(&sandbox, "ecpay-billing", &declined, 400).await;
    assert_eq!(sandbox.quarantine_items().await.len(), 0);
    assert_eq!(sandbox.account(order).await["status"], "pending");
    // At its own address it is applied once.
    flooded(&sandbox, "ecpay-auth", &declined, 200).await;
    assert_eq!(sandbox.account(order).await["status"], "failed");
}

#[tokio::test]
async fn an_unusable_form_in_changing_letter_case_is_one_report_and_one_notice() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let order = sandbox.subscribe("flood", "monthly").await;
    let unusable = with(&period(&order, "1", "yesterday", "2", "99000002"), "CustomField1", "abc");
    flooded(&sandbox, "ecpay-billing", &unusable, 200).await;
    assert_eq!(column(&json!(sandbox.quarantine_items().await), "reason").len(), 1);
    let counts = sandbox.get("/api/webhooks/health").await["callbacks_24h"].clone();
    assert_eq!((&counts["applied"], &counts["quarantined"], &counts["refused"]), (&json!(1), &json!(1), &json!(0)));
}

#[tokio::test]
async fn of_one_order_twenty_open_reports_are_kept_and_staff_get_one_notice_for_a_reason_and_day() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let (order, other) = (sandbox.subscribe("many", "monthly").await, sandbox.subscribe("other", "monthly").await);
    let odd = |order: &str, number: usize| period(order, "1", &format!("no date {number}"), "2", "99000002");
    for number in 0..25 {
        assert_eq!(sandbox.report("ecpay-billing", &odd(&order, number)).await, Reply::ok());
    }
    let kept = sandbox.quarantine_items().await;
    assert_eq!(kept.len(), 20);
    // Another order has its own limit.
    assert_eq!(sandbox.report("ecpay-billing", &odd(&other, 0)).await, Reply::ok());
    assert_eq!(sandbox.quarantine_items().await.len(), 21);
    sandbox.travel("2025-01-15T10:05:00+08:00").await;
    let expected = [&order, &other].map(|order| format!("Quarantined: a report about order {order}"));
    let mut subjects = sandbox.subjects(STAFF).await;
    subjects.sort();
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(subjects, expected);
    let counts = sandbox.get("/api/webhooks/health").await["callbacks_24h"].clone();
    assert_eq!(counts["quarantined"], 21);
    // The next day staff are notified again.
    sandbox.travel("2025-01-16T10:00:00+08:00").await;
    assert_eq!(sandbox.report("ecpay-billing", &odd(&other, 1)).await, Reply::ok());
    assert_eq!(sandbox.report("ecpay-billing", &odd(&other, 2)).await, Reply::ok());
    sandbox.travel("2025-01-16T10:05:00+08:00").await;
    assert_eq!(sandbox.mails(STAFF).await.len(), 3);
}

#[tokio::test]
async fn a_resolved_report_makes_room_for_another() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let order = sandbox.subscribe("room", "monthly").await;
    // Twenty renewals that a clock ahead of ours reports two days early.
    let early = |number: usize| {
        period(
            &order,
            "1",
            &format!("2025/01/17 10:00:{number:02}"),
            &(number + 2).to_string(),
            &format!("990000{number:02}"),
        )
    };
    for number in 0..21 {
        assert_eq!(sandbox.report("ecpay-billing", &early(number)).await, Reply::ok());
    }
    let kept = sandbox.quarantine_items().await;
    assert_eq!(kept.len(), 20);
    sandbox.world.leap("2025-01-16T10:00:30+08:00".parse().unwrap());
    assert_eq!(sandbox.replay(kept[0]["id"].as_str().unwrap(), "its date has come").await["outcome"], "applied");
    for number in 21..23 {
        let odd = period(&order, "1", &format!("no date {number}"), "2", "99000002");
        assert_eq!(sandbox.report("ecpay-billing", &odd).await, Reply::ok());
    }
    assert_eq!(sandbox.quarantine_items().await.len(), 21);
    let open = sandbox.get("/quarantine?limit=100").await;
    assert_eq!(open["quarantine"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn forty_failures_of_one_order_at_once_are_all_stored() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let order = sandbox.subscribe("forty", "monthly").await;
    let posts = (0..40).map(|number| {
        let report = period(&order, "10100252", &format!("2025/01/15 10:01:{number:02}"), "1", "");
        let sandbox = &sandbox;
        async move { sandbox.report("ecpay-billing", &report).await }
    });
    for reply in futures::future::join_all(posts).await {
        assert_eq!(reply, Reply::ok());
    }
    assert_eq!(sandbox.account(&order).await["payments"].as_array().unwrap().len(), 41);
}
