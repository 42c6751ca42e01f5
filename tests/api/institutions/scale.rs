//! The expiry scan's bootstrap with few institutions and with many: all of them arrive, and the memory stays flat.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::domain::values::time::Zone;
use shared::platform::clock;
use testing::lambda::environment;

use testing::support::Sandbox;
use testing::support::lambda::{Bootstrap, lines_and_metrics};

/// Institutions of a page (`API_PAGE_SIZE`).
const PAGE: usize = 50;
const MANY: usize = 5_000;
/// Memory that the digest of `MANY` may take beyond that of one page, in kilobytes.
const MORE: u64 = 20 * 1024;
/// As [`MORE`], where each institution has a section with a button.
const MORE_WITH_BUTTONS: u64 = 40 * 1024;

/// Invented institutions that expire today and on the days after it, up to the sixtieth.
fn institutions(count: usize) -> Vec<Value> {
    let today = clock::now().day(Zone::Taipei);
    let one = |number: usize| {
        let day = today.plus_days(i64::try_from(number % 61).unwrap());
        json!({
            "name": format!("虛構教室 {number:05}"), "uid": format!("INV-{number:05}"),
            "expirationTime": format!("{day}T04:00:00.000Z"), "ownerLastName": "林", "ownerFirstName": "虛構",
            "contactNumbers": [{ "type": 1, "number": "02-5550-0101" }], "address": "臺北市範例區虛構路 1 號",
            "purchasePlan": { "name": "標準方案", "accountLimit": 50 },
        })
    };
    (0..count).map(one).collect()
}

/// Occurrences of each institution in the messages in Slack, and the number of messages.
async fn posted(sandbox: &Sandbox) -> (BTreeMap<String, usize>, usize) {
    let messages = sandbox.get("/sandbox/messages").await;
    let messages = messages["messages"].as_array().unwrap();
    let mut times = BTreeMap::new();
    for message in messages {
        let blocks = message["body"]["blocks"].to_string();
        for link in blocks.split("/organizations/").skip(1) {
            *times.entry(link.split('|').next().unwrap().to_owned()).or_default() += 1;
        }
    }
    (times, messages.len())
}

/// Has a fresh process post the digest of so many institutions; its peak of memory in kilobytes, and the messages.
async fn scanned(count: usize, buttons: &str) -> (u64, usize) {
    let sandbox = Sandbox::at(&clock::now().to_string()).await;
    sandbox.put("/sandbox/mms/institutions", Value::from(institutions(count))).await;
    let mut environment = environment(&sandbox.world, "MmsExpiryScan");
    environment.insert("SLACK_ACKNOWLEDGE_BUTTONS".to_owned(), buttons.to_owned());
    let mut scan = Bootstrap::start("mms-expiry-scan", &environment).await;
    sandbox.forget_calls().await;
    let run = scan.invoke(&json!({ "task": "mms-expiry-scan", "scheduled_at": clock::now() })).await;
    assert_eq!((&run["status"], &run["tasks"]["mms-expiry-scan"]["done"]), (&json!("done"), &json!(count)), "{run}");
    let peak = scan.peak_memory();
    let (stdout, stderr) = scan.stop().await;
    assert_eq!(stderr, "");
    let (lines, _) = lines_and_metrics(&stdout);
    assert!(lines.iter().all(|line| line["level"] == "INFO"), "{stdout}");
    let pages = u64::try_from(count / PAGE).unwrap();
    // One more, which is empty.
    assert_eq!(sandbox.calls("mms").await, BTreeMap::from([("byPage".to_owned(), pages + 1)]));
    let (times, messages) = posted(&sandbox).await;
    let expected: BTreeMap<String, usize> = (0..count).map(|number| (format!("INV-{number:05}"), 1)).collect();
    assert_eq!(times, expected);
    assert_eq!(run["posting"]["posted"], messages);
    (peak, messages)
}

#[tokio::test]
async fn five_thousand_institutions_arrive_complete_in_flat_memory() {
    for (buttons, more) in [("false", MORE), ("true", MORE_WITH_BUTTONS)] {
        let (little, few) = scanned(PAGE, buttons).await;
        let (much, many) = scanned(MANY, buttons).await;
        println!("{buttons} {PAGE}: {little} kB, {few} messages; {MANY}: {much} kB, {many} messages");
        assert!(few <= 3 && many >= 50, "{few} {many}");
        assert!(much.saturating_sub(little) <= more, "{little} kB for {PAGE}, {much} kB for {MANY}");
    }
}
