//! Tests of the simulated MMS over HTTP.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::mms;
use crate::test_support::{answer, get, misbehave, put, request, sandbox, started};
use crate::world::World;
use crate::world::credentials::MMS_KEY;

const BASE: &str = "/mms/proxy/link-plus";
const PATH: &str = "/mms/proxy/link-plus/admin%2Forganization%2Fget%2Finfo%2FbyPage";
const INSTITUTIONS: &str = "/sandbox/mms/institutions";

fn wanted(page: i64, size: i64) -> Value {
    json!({
        "pageNumber": page, "pageSize": size, "organizationStatuses": [1], "expirationStatuses": [2],
        "searchKeyword": "",
    })
}

fn asked(world: &World, key: &str, body: &Value) -> RequestBuilder {
    request(world, Method::POST, PATH, body).header("authorization", key)
}

async fn page(world: &World, page: i64, size: i64) -> Value {
    let (status, text) = answer(asked(world, MMS_KEY, &wanted(page, size))).await;
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &answer["status"]), (200, &json!("success")), "{answer}");
    answer["data"]["data"]["pageData"].clone()
}

/// Five records, most of them broken.
fn records() -> Value {
    json!([{ "name": "甲", "uid": "INV-1" }, null, "text", { "purchasePlan": null }, { "expirationTime": "soon" }])
}

#[tokio::test]
async fn the_institutions_come_by_pages_in_the_order_put_and_however_lost_response() {
    let world = sandbox().await;
    assert_eq!(get(&world, INSTITUTIONS).await, json!([]));
    assert_eq!(page(&world, 1, 50).await, json!([]));
    assert_eq!(put(&world, INSTITUTIONS, &records()).await, (200, json!({ "institutions": 5 })));
    assert_eq!(get(&world, INSTITUTIONS).await, records());
    world.forget_calls();
    assert_eq!(page(&world, 1, 2).await, json!([{ "name": "甲", "uid": "INV-1" }, null]));
    assert_eq!(page(&world, 2, 2).await, json!(["text", { "purchasePlan": null }]));
    assert_eq!(page(&world, 3, 2).await, json!([{ "expirationTime": "soon" }]));
    assert_eq!(page(&world, 4, 2).await, json!([]));
    assert_eq!(page(&world, 1, 100).await, records());
    assert_eq!(page(&world, i64::MAX, 100).await, json!([]));
    assert_eq!(get(&world, "/sandbox/calls").await, json!({ "mms": { "byPage": 6 } }));
}

#[tokio::test]
async fn the_path_is_one_encoded_segment() {
    let world = sandbox().await;
    world.forget_calls();
    for path in ["/admin/organization/get/info/byPage", "/admin%2Forganization%2Fget%2Finfo", "/byPage", ""] {
        let plain = request(&world, Method::POST, &format!("{BASE}{path}"), &wanted(1, 50));
        assert_eq!(answer(plain.header("authorization", MMS_KEY)).await.0, 404, "{path}");
    }
    assert_eq!(get(&world, "/sandbox/calls").await, json!({}));
    let base = world.variable("MmsExpiryScan", "MMS_BASE_URL").unwrap();
    assert_eq!(base, format!("{}{BASE}", world.base_url));
}

#[tokio::test]
async fn only_the_raw_key_is_valid() {
    let world = sandbox().await;
    let refused = (401, r#"{"error":{"message":"token not valid"},"status":"failure"}"#.to_owned());
    for key in ["", "another-key-invented", &format!("Bearer {MMS_KEY}")] {
        assert_eq!(answer(asked(&world, key, &wanted(1, 50))).await, refused, "{key}");
    }
    assert_eq!(answer(request(&world, Method::POST, PATH, &wanted(1, 50))).await, refused);
}

#[tokio::test]
async fn what_is_no_proper_question_fails_with_status_200() {
    let world = sandbox().await;
    let with = |name: &str, value: Value| {
        let mut body = wanted(1, 50);
        body[name] = value;
        body
    };
    let other_statuses = "only organizationStatuses [1] with expirationStatuses [2] is simulated here";
    for (body, why) in [
        (wanted(0, 50), "pageNumber must be 1 or more"),
        (wanted(1, 0), "pageSize must be 1 to 100"),
        (wanted(1, 101), "pageSize must be 1 to 100"),
        (with("pageNumber", json!("1")), "invalid type: string"),
        (with("pageNumber", json!(-1)), "invalid value: integer `-1`"),
        (with("organizationStatuses", json!([])), other_statuses),
        (with("expirationStatuses", json!([1, 2])), other_statuses),
        (with("searchKeyword", json!("甲")), "a search is not simulated here"),
        (json!({ "pageNumber": 1, "pageSize": 50 }), "missing field `organizationStatuses`"),
        (json!([]), "invalid length 0"),
    ] {
        let (status, text) = answer(asked(&world, MMS_KEY, &body)).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((status, &answer["status"]), (200, &json!("failure")), "{body}");
        assert!(answer["error"]["message"].as_str().unwrap().starts_with(why), "{answer}");
    }
}

#[tokio::test]
async fn each_fault_is_distinguishable() {
    let world = sandbox().await;
    put(&world, INSTITUTIONS, &records()).await;
    let refused = r#"{"error":{"message":"token not valid"},"status":"failure"}"#;
    let html = "<!doctype html><title>One moment, please</title>";
    for (fault, expected) in
        [("down", (503, "")), ("refuse", (401, refused)), ("refuse_with_ok", (200, refused)), ("html", (200, html))]
    {
        misbehave(&world, json!({ "mms": fault })).await;
        let (status, text) = answer(asked(&world, MMS_KEY, &wanted(1, 50))).await;
        assert_eq!((status, text.as_str()), expected, "{fault}");
    }
    misbehave(&world, json!({ "mms": "answer_lost" })).await;
    let lost = asked(&world, MMS_KEY, &wanted(1, 50)).send().await;
    let lost = async { lost?.text().await };
    assert!(lost.await.is_err());
    misbehave(&world, json!({ "mms": "held" })).await;
    let impatient = asked(&world, MMS_KEY, &wanted(1, 50)).timeout(Duration::from_millis(300)).send().await;
    assert!(impatient.unwrap_err().is_timeout());
    misbehave(&world, json!({ "mms": "none" })).await;
    assert_eq!(page(&world, 1, 50).await, records());
}

#[tokio::test]
async fn the_last_page_can_come_for_ever() {
    let world = sandbox().await;
    misbehave(&world, json!({ "mms": "repeat_page" })).await;
    assert_eq!(page(&world, 1, 2).await, json!([]), "there is no page to repeat");
    put(&world, INSTITUTIONS, &records()).await;
    let last = json!([{ "expirationTime": "soon" }]);
    assert_eq!(page(&world, 2, 2).await, json!(["text", { "purchasePlan": null }]));
    for number in [3, 4, 5, 1000] {
        assert_eq!(page(&world, number, 2).await, last, "{number}");
    }
}

#[tokio::test]
async fn a_page_has_the_total_unless_a_fault_leaves_it_out() {
    let world = sandbox().await;
    put(&world, INSTITUTIONS, &records()).await;
    for (fault, number, expected) in [
        ("none", 3, json!({ "pageData": [{ "expirationTime": "soon" }], "total": 5 })),
        ("none", 4, json!({ "pageData": [], "total": 5 })),
        ("null_page", 4, json!({ "pageData": null, "total": 5 })),
        ("no_total", 4, json!({ "pageData": [] })),
        ("repeat_page", 4, json!({ "pageData": [{ "expirationTime": "soon" }] })),
        ("repeat_page_with_total", 4, json!({ "pageData": [{ "expirationTime": "soon" }], "total": 5 })),
    ] {
        misbehave(&world, json!({ "mms": fault })).await;
        let (_, text) = answer(asked(&world, MMS_KEY, &wanted(number, 2))).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["data"]["data"], expected, "{fault}");
    }
}

#[tokio::test]
async fn a_list_can_change_between_two_pages() {
    let world = sandbox().await;
    put(&world, INSTITUTIONS, &json!([1, 2, 3, 4])).await;
    put(&world, &format!("{INSTITUTIONS}?after_pages=2"), &json!([2, 3, 4, 5])).await;
    assert_eq!(page(&world, 1, 1).await, json!([1]));
    assert_eq!(page(&world, 2, 1).await, json!([2]));
    assert_eq!(page(&world, 3, 1).await, json!([4]));
    assert_eq!(page(&world, 1, 4).await, json!([2, 3, 4, 5]));
    for query in ["after_pages=", "after_pages=x", "after=1"] {
        assert_eq!(put(&world, &format!("{INSTITUTIONS}?{query}"), &json!([])).await.0, 400, "{query}");
    }
}

#[tokio::test]
async fn a_fault_can_begin_after_some_calls_and_end_after_more() {
    let world = sandbox().await;
    misbehave(&world, json!({ "mms": { "fault": "down", "after": 2, "times": 1 } })).await;
    let mut statuses = Vec::new();
    for _ in 0..2 {
        statuses.push(answer(asked(&world, MMS_KEY, &wanted(1, 50))).await.0);
    }
    assert_eq!(get(&world, "/sandbox/faults").await, json!({ "mms": { "fault": "down", "times": 1 } }));
    for _ in 0..2 {
        statuses.push(answer(asked(&world, MMS_KEY, &wanted(1, 50))).await.0);
    }
    assert_eq!(statuses, [200, 200, 503, 200]);
    assert_eq!(get(&world, "/sandbox/faults").await, json!({}));
    misbehave(&world, json!({ "mms": { "fault": "down", "after": 1 } })).await;
    statuses.clear();
    for _ in 0..3 {
        statuses.push(answer(asked(&world, MMS_KEY, &wanted(1, 50))).await.0);
    }
    assert_eq!(statuses, [200, 503, 503]);
}

#[tokio::test]
async fn what_is_no_list_and_what_no_service_can_have_is_refused() {
    let world = sandbox().await;
    put(&world, INSTITUTIONS, &records()).await;
    for body in [json!({ "institutions": [] }), json!(null), json!("甲")] {
        let (status, answer) = put(&world, INSTITUTIONS, &body).await;
        assert_eq!(status, 400);
        let why = answer["error"].as_str().unwrap();
        assert!(why.starts_with("the body must be a JSON list of institutions: invalid type: "), "{why}");
    }
    assert_eq!(get(&world, INSTITUTIONS).await, records(), "what is refused changes nothing");
    for (service, fault) in [
        ("mms", "limit"),
        ("mms", "archived"),
        ("slack", "repeat_page"),
        ("slack", "device_off"),
        ("mail", "refuse_with_ok"),
        ("starsender", "invalid_blocks"),
        ("ecpay", "html"),
    ] {
        let (status, answer) = put(&world, "/sandbox/faults", &json!({ service: fault })).await;
        assert_eq!((status, answer), (400, json!({ "error": format!("\"{service}\" has no fault \"{fault}\"") })));
    }
    let negative = put(&world, "/sandbox/faults", &json!({ "mms": { "fault": "down", "after": -1 } })).await;
    assert_eq!(negative.0, 400);
    assert_eq!(get(&world, "/sandbox/faults").await, json!({}));
}

#[tokio::test]
async fn five_thousand_institutions_are_a_hundred_pages_and_are_kept_in_the_data_directory() {
    let data = tempfile::tempdir().unwrap();
    let many: Vec<_> =
        (0..5000).map(|number| json!({ "uid": format!("INV-{number}"), "address": "虛構路".repeat(50) })).collect();
    {
        let world = started(Some(data.path().to_owned())).await;
        assert_eq!(put(&world, INSTITUTIONS, &json!(many)).await, (200, json!({ "institutions": 5000 })));
        assert_eq!(page(&world, 100, 50).await[49]["uid"], "INV-4999");
        assert_eq!(page(&world, 101, 50).await, json!([]));
    }
    let kept = std::fs::read(data.path().join("state.json")).unwrap();
    let state: crate::world::state::State = serde_json::from_slice(&kept).unwrap();
    assert_eq!(state.institutions, many);
}

#[test]
fn the_invented_institutions_expire_around_the_given_day_at_noon_in_taipei() {
    let invented = mms::invented("2026-03-01".parse().unwrap());
    let mut times: Vec<_> = invented.iter().map(|one| one["expirationTime"].as_str().unwrap()).collect();
    times.sort_unstable();
    // 04:00Z is noon in Taipei; 2026 is no leap year.
    let days = ["2026-02-28", "2026-03-01", "2026-03-06", "2026-03-08", "2026-03-22", "2026-04-15"];
    assert_eq!(times, days.map(|day| format!("{day}T04:00:00.000Z")));
    let escaped = invented.iter().filter(|one| one["name"].as_str().unwrap().contains('&')).count();
    assert_eq!(escaped, 1);
    for one in &invented {
        for field in ["name", "uid", "ownerLastName", "ownerFirstName", "address"] {
            assert!(one[field].as_str().is_some_and(|text| !text.is_empty()), "{field} of {one}");
        }
        assert!(one["contactNumbers"].is_array() && one["purchasePlan"]["name"].is_string(), "{one}");
    }
}
