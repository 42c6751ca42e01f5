//! An institution whose item cannot be read ends no digest.

use serde_json::{Value, json};

use testing::support::Sandbox;

/// The item of an institution.
fn item(sandbox: &Sandbox, uid: &str) -> Value {
    let key = format!("INSTITUTION#{uid}");
    sandbox::world::table_inspect::contents(&sandbox.world).into_iter().find(|item| item["pk"]["S"] == *key).unwrap()
}

/// The blocks of the latest message in Slack.
async fn latest(sandbox: &Sandbox) -> String {
    let messages = sandbox.get("/sandbox/messages").await;
    messages["messages"].as_array().unwrap().last().unwrap()["body"]["blocks"].to_string()
}

#[tokio::test]
async fn an_item_that_cannot_be_read_leaves_the_digest_complete_day_after_day() {
    let sandbox = Sandbox::at("2026-11-20T01:30:00Z").await;
    let one = |number: u32| json!({ "uid": format!("INV-{number}"), "name": format!("虛構教室 {number}"), "expirationTime": "2026-11-25" });
    sandbox.put("/sandbox/mms/institutions", json!([one(1), one(2), one(3)])).await;
    let run = || async { sandbox.world.invoke("MmsExpiryScan", json!({ "task": "mms-expiry-scan" })).await.unwrap() };
    assert_eq!(run().await["posting"]["posted"], 1);
    let mut broken = item(&sandbox, "INV-2");
    broken["data"]["M"]["institution"]["M"]["expires"]["S"] = json!("soon");
    sandbox::world::table_inspect::put(&sandbox.world, &broken).unwrap();
    for day in 21..=23 {
        sandbox.world.leap(format!("2026-11-{day}T01:30:00Z").parse().unwrap());
        let report = run().await;
        assert_eq!((&report["status"], &report["posting"]["posted"]), (&json!("done"), &json!(1)), "{report}");
        let blocks = latest(&sandbox).await;
        for (uid, news) in [("INV-1", false), ("INV-2", true), ("INV-3", false)] {
            let number = uid.rsplit('-').next().unwrap();
            assert!(blocks.contains(&format!("/{uid}|")), "{blocks}");
            // Nothing is known of the broken one, so it is announced again rather than not at all.
            assert_eq!(blocks.contains(&format!("*虛構教室 {number}* 【新】")), news, "{blocks}");
        }
    }
    // The broken item is kept for a later repair.
    assert_eq!(item(&sandbox, "INV-2"), broken);
}
