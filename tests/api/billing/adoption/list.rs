//! Lists of orders: within ECPay's pace, over several invocations, and refused as a whole where a row is faulty.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use testing::support::{STAFF, Sandbox};

use super::{NOW, adopted, calls, existing, stored};

const PATH: &str = "/api/adoptions";
const TITLES: &str = "merchant_trade_no,user_id,email,plan_id,billing_cycle";

async fn send(sandbox: &Sandbox, path: &str, list: &str) -> (StatusCode, Value) {
    let request = sandbox.http.post(format!("{}{path}", sandbox.base)).bearer_auth(&sandbox.token);
    let answer = request.header(CONTENT_TYPE, "text/csv").body(list.to_owned()).send().await.unwrap();
    (answer.status(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

/// The list when every row has its outcome.
async fn ended(sandbox: &Sandbox, answer: &Value) -> Value {
    // Lambda's queued invocations are made while time passes.
    sandbox.advance(0.02).await;
    let shown = sandbox.get(&format!("{PATH}/{}", answer["adoption_id"].as_str().unwrap())).await;
    assert_eq!((&shown["status"], &shown["remaining"]), (&json!("done"), &json!(0)), "{shown}");
    shown
}

fn row(number: &str) -> String {
    format!("{number},user-{number},{number}@customer.example,PRO,monthly\n")
}

/// Orders of the long list: at one a second more than several invocations may take.
const MANY: usize = 1_000;

#[tokio::test]
async fn a_long_list_is_taken_over_at_ecpays_pace_by_several_invocations() {
    let sandbox = Sandbox::with(NOW, &[("ECPAY_CALLS_PER_SECOND", "1")]).await;
    let mut list = format!("{TITLES}\n");
    for place in 0..MANY {
        let number = format!("shop{place:04}x");
        existing(&sandbox, &number, &["2026-02-15", "2026-03-15"], json!({})).await;
        list.push_str(&row(&number));
    }
    let (status, answer) = send(&sandbox, PATH, &list).await;
    assert_eq!((status, &answer["remaining"]), (StatusCode::ACCEPTED, &json!(MANY)), "{answer}");
    let shown = ended(&sandbox, &answer).await;
    assert_eq!(shown["counts"], json!({ "adopted": MANY }));
    let pace = sandbox.get("/sandbox/ecpay/pace").await;
    let queries = calls(&sandbox, "QueryCreditCardPeriodInfo").await;
    // One at the end of a second, one at the beginning of the next.
    assert!(pace["most_in_one_second"].as_u64().unwrap() <= 2 && queries == MANY as u64, "{pace}");
    // Each works for 200 seconds.
    assert!(sandbox.calls("lambda").await["Invoke"] >= 5);
    let last = format!("shop{:04}x", MANY - 1);
    assert_eq!(sandbox.account(&last).await["current_period_end"], "2026-04-15");
    assert_eq!(sandbox.subjects(STAFF).await.len(), 0);
    // Its event once more, as Lambda repeats one, and the whole list again.
    let items = stored(&sandbox);
    sandbox.world.invoke_maintenance(json!({ "adopt_list": answer["adoption_id"] })).await.unwrap();
    assert_eq!(stored(&sandbox), items);
    let (_, again) = send(&sandbox, PATH, &list).await;
    assert_eq!(ended(&sandbox, &again).await["counts"], json!({ "already_held": MANY }));
}

#[tokio::test]
async fn each_row_has_its_outcome_and_a_dry_run_holds_nothing() {
    let sandbox = Sandbox::at(NOW).await;
    adopted(&sandbox, "HELD1", &["2026-03-15"], json!({})).await;
    existing(&sandbox, "NEW1", &["2026-03-15"], json!({})).await;
    existing(&sandbox, "YEAR1", &["2025-06-15"], json!({ "period_type": "Y" })).await;
    let rows = ["NEW1", "YEAR1", "GONE1"].map(row).concat();
    let held = "HELD1;user-held1;held1@customer.example;PRO;monthly;en\n";
    // As a spreadsheet of another locale writes it, with blank lines.
    let list = format!("\u{feff}{};locale\r\n{}\n{held}", TITLES.replace(',', ";"), rows.replace(',', ";"));
    let (status, answer) = send(&sandbox, &format!("{PATH}?dry_run=true"), &list).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    let shown = ended(&sandbox, &answer).await;
    assert_eq!(
        (&shown["dry_run"], &shown["counts"]),
        (&json!(true), &json!({ "already_held": 1, "refused": 2, "would_adopt": 1 }))
    );
    let row = |place: usize, name: &str| shown["rows"][place][name].clone();
    assert_eq!(
        [row(0, "line"), row(0, "outcome"), row(0, "order")["next_charge_on"].clone()],
        [json!(2), json!("would_adopt"), json!("2026-04-15")]
    );
    assert_eq!([row(1, "merchant_trade_no"), row(1, "field")], [json!("YEAR1"), json!("billing_cycle")]);
    assert_eq!([row(2, "field"), row(3, "line")], [json!("merchant_trade_no"), json!(6)]);
    assert_eq!(sandbox.call(Method::GET, "/api/subscriptions/NEW1", None).await.0, StatusCode::NOT_FOUND);
    let (_, answer) = send(&sandbox, PATH, &list).await;
    let counts = ended(&sandbox, &answer).await["counts"].clone();
    assert_eq!(counts, json!({ "adopted": 1, "already_held": 1, "refused": 2 }));
    // Addresses of customers are not kept with the list.
    let kept = json!(sandbox::world::table_inspect::contents(&sandbox.world));
    let of_list = |item: &&Value| item["pk"]["S"].as_str().is_some_and(|pk| pk.starts_with("ADOPTION#"));
    let left: Vec<String> = kept.as_array().unwrap().iter().filter(of_list).map(Value::to_string).collect();
    assert!(!left.is_empty() && !left.iter().any(|item| item.contains("customer.example")));
}

#[tokio::test]
async fn a_list_with_a_faulty_row_is_refused_with_its_line_and_nothing_is_asked() {
    let sandbox = Sandbox::at(NOW).await;
    let good = row("GOOD1");
    for (list, words) in [
        (format!("{TITLES}\n{good}BAD-1,u,a@b.example,PRO,monthly\n"), "line 3: merchant_trade_no"),
        (format!("{TITLES}\n{good}{}", row("good1")), "line 3: merchant_trade_no is in line 2"),
        (format!("{TITLES}\n{good}B2,u,no-address,PRO,monthly\n"), "line 3: email"),
        (format!("{TITLES}\n{good}B2,u,a@b.example,GOLD,monthly\n"), "line 3: plan_id"),
        (format!("{TITLES}\n{good}B2,u,a@b.example,PRO,weekly\n"), "line 3: billing_cycle"),
        (format!("{TITLES}\n{good}B2,,a@b.example,PRO,monthly\n"), "line 3: user_id is missing"),
        (format!("{TITLES}\n{good}B2,u,a@b.example,PRO,monthly,en,x\n"), "line 3: row has more cells"),
        (format!("{TITLES},price\n{good}"), "has a column \"price\""),
        (format!("order,user_id,email,plan_id,billing_cycle\n{good}"), "has no column merchant_trade_no"),
        (format!("{TITLES}\n\n , \n"), "has no row"),
        (String::new(), "has no column"),
    ] {
        let (status, answer) = send(&sandbox, PATH, &list).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(status == StatusCode::BAD_REQUEST && message.contains(words), "{list}: {status} {answer}");
    }
    assert_eq!((sandbox.items(), calls(&sandbox, "QueryCreditCardPeriodInfo").await), (vec![], 0));
    for id in ["NONE1", "a%23b"] {
        assert_eq!(sandbox.call(Method::GET, &format!("{PATH}/{id}"), None).await.0, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn rows_that_ecpay_did_not_answer_are_said_and_taken_over_by_the_list_sent_again() {
    let sandbox = Sandbox::at(NOW).await;
    for number in ["ONE1", "TWO2"] {
        existing(&sandbox, number, &["2026-03-15"], json!({})).await;
    }
    let list = format!("{TITLES}\n{}{}", row("ONE1"), row("TWO2"));
    sandbox.order_behavior("TWO2", json!({ "answers": false })).await;
    let (_, answer) = send(&sandbox, PATH, &list).await;
    assert_eq!(ended(&sandbox, &answer).await["counts"], json!({ "adopted": 1, "unavailable": 1 }));
    sandbox.order_behavior("TWO2", json!({ "answers": true })).await;
    let (_, answer) = send(&sandbox, PATH, &list).await;
    assert_eq!(ended(&sandbox, &answer).await["counts"], json!({ "adopted": 1, "already_held": 1 }));
}
