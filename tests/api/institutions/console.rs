//! Institutions in the console: what expires, and what staff say to it.

use serde_json::json;

use super::{BEGIN, institution};
use testing::support::Sandbox;

const LIST: &str = "/console/institutions";

#[tokio::test]
async fn what_expires_stands_by_tier_with_the_state_of_the_last_scan() {
    let sandbox = Sandbox::at(BEGIN).await;
    let staff = sandbox.signed_in("owner").await;
    let never = staff.get(LIST).await;
    assert_eq!(never.status, 200, "{}", never.body);
    assert!(never.text().contains("There was no scan yet"), "{}", never.text());
    let mut hostile = institution("U-2", 20);
    hostile["name"] = json!("<img src=x>\u{202e}".to_owned() + &"長".repeat(60));
    sandbox.mms(&[institution("U-1", 3), hostile, institution("U-3", 45)]).await;
    sandbox.scan().await;
    let page = staff.get(LIST).await;
    let text = page.text();
    let places = ["Urgent (1)", "Institution U-1", "Warning (1)", "<img src=x>", "Notice (1)", "Institution U-3"];
    let places: Vec<usize> =
        places.iter().map(|part| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"))).collect();
    assert!(places.is_sorted(), "{text}");
    assert!(text.contains("2026-11-23 (3 days left)") && text.contains("Lin") && text.contains("Plan A"), "{text}");
    assert!(page.body.contains("href=\"tel:0255500100\"") && !page.body.contains("<img"), "{}", page.body);
    // The list stays while MMS is down, and the page says so.
    sandbox.fault("mms", "down").await;
    sandbox.travel("2026-11-23T12:00:00+08:00").await;
    let staff = sandbox.signed_in("owner").await;
    let text = staff.get(LIST).await.text();
    assert!(text.contains("The last scan did not succeed") && text.contains("Institution U-1"), "{text}");
    assert!(text.contains("2026-11-23 (today)"), "{text}");
}

#[tokio::test]
async fn an_expiry_is_acknowledged_and_that_is_taken_back() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.mms(&[institution("U-1", 3)]).await;
    sandbox.scan().await;
    let staff = sandbox.signed_in("owner").await;
    let form = "/console/institutions/U-1/acknowledge";
    let refused = staff.submit(LIST, form, &[("until", "2030-01-01"), ("why", "a \"new\" contract")]).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("at most 366 days"), "{}", refused.text());
    assert!(refused.body.contains("value=\"2030-01-01\""), "{}", refused.body);
    assert!(refused.body.contains("value=\"a &#34;new&#34; contract\""), "{}", refused.body);
    let done = staff.submit(LIST, form, &[("until", "2026-12-01"), ("why", "the contract is signed")]).await;
    assert_eq!((done.status, done.location()), (303, "/console/institutions?said=acknowledged"));
    let text = staff.get(done.location()).await.text();
    assert!(text.contains("The expiry is acknowledged."), "{text}");
    assert!(text.contains("No notice until 2026-12-01: the contract is signed (owner"), "{text}");
    let back = staff.submit(LIST, form, &[("why", "it was not")]).await;
    assert_eq!((back.status, back.location()), (303, "/console/institutions?said=acknowledgement_ended"));
    assert!(!staff.get(LIST).await.text().contains("the contract is signed"));
    assert_eq!(
        staff.post("/console/institutions/U-9/acknowledge", &[("until", "2026-12-01"), ("why", "x")]).await.status,
        404
    );
    let reader = sandbox.signed_in("read-only").await;
    assert_eq!(reader.get(LIST).await.status, 403);
    assert_eq!(reader.post(form, &[("until", "2026-12-01"), ("why", "x")]).await.status, 403);
}
