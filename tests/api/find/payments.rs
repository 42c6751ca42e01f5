//! The payments of a month, as JSON and as CSV.

use reqwest::Method;
use serde_json::{Value, json};
use testing::support::{Sandbox, column};

const BEGIN: &str = "2025-01-31T10:00:00+08:00";

/// Two orders: one is charged on 31 January and 28 February, of which one failed first; one pays by bank transfer.
async fn books() -> (Sandbox, String, String) {
    let sandbox = Sandbox::at(BEGIN).await;
    let mei = sandbox.subscribe("mei", "monthly").await;
    let wei = sandbox.subscribe("=wei", "monthly").await;
    sandbox.outcomes(&wei, &["10100252"]).await;
    sandbox.travel("2025-02-28T11:00:00+08:00").await;
    let transfer = json!({ "amount_twd": 899, "reference": "transfer 77", "why": "the transfer arrived" });
    sandbox.post(&format!("/api/subscriptions/{wei}/mark-paid"), transfer).await;
    (sandbox, mei, wei)
}

#[tokio::test]
async fn a_month_has_what_was_paid_in_it_and_no_failure() {
    let (sandbox, mei, wei) = books().await;
    let january = sandbox.get("/api/payments?month=2025-01").await;
    assert_eq!(column(&january["payments"], "number"), ["1", "1"]);
    let february = sandbox.get("/api/payments?month=2025-02").await;
    let payments = february["payments"].as_array().unwrap();
    assert_eq!((payments.len(), &february["next"]), (2, &Value::Null));
    let charge = &payments[0];
    assert_eq!(
        (charge["merchant_trade_no"].as_str(), charge["day"].as_str(), charge["amount_twd"].as_u64()),
        (Some(mei.as_str()), Some("2025-02-28"), Some(899))
    );
    assert_eq!(
        (charge["user_id"].as_str(), charge["plan_id"].as_str(), charge["outcome"].as_str(), charge["number"].as_u64()),
        (Some("mei"), Some("PRO"), Some("succeeded"), Some(2))
    );
    assert!(charge["process_date"].as_str().unwrap().ends_with("+08:00"));
    let transfer = &payments[1];
    assert_eq!(
        (transfer["merchant_trade_no"].as_str(), transfer["outcome"].as_str(), &transfer["number"]),
        (Some(wei.as_str()), Some("paid_out_of_band"), &Value::Null)
    );
    assert_eq!(sandbox.get("/api/payments?month=2025-03").await["payments"], json!([]));
    // What goes back later is shown in the month of the payment.
    let refund = json!({ "payment_id": charge["payment_id"], "amount_twd": 100, "why": "half a week" });
    sandbox.post(&format!("/api/subscriptions/{mei}/refund"), refund).await;
    let february = sandbox.get("/api/payments?month=2025-02").await;
    assert_eq!(february["payments"][0]["refunded_twd"], 100);
}

#[tokio::test]
async fn a_charge_at_midnight_in_taipei_counts_to_the_month_that_begins() {
    let sandbox = Sandbox::at("2025-01-31T23:59:59+08:00").await;
    let last = sandbox.subscribe("mei", "monthly").await;
    sandbox.world.leap("2025-02-01T00:00:00+08:00".parse().unwrap());
    let first = sandbox.subscribe("wei", "monthly").await;
    for (month, order) in [("2025-01", last), ("2025-02", first)] {
        let payments = sandbox.get(&format!("/api/payments?month={month}")).await;
        assert_eq!(column(&payments["payments"], "merchant_trade_no"), [order], "{month}");
    }
}

#[tokio::test]
async fn the_csv_form_holds_the_same_and_no_formula() {
    let (sandbox, mei, wei) = books().await;
    let ask = async |path: &str| {
        let request = sandbox.http.get(format!("{}{path}", sandbox.base)).bearer_auth(&sandbox.token);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (kind, file, link) = (header("content-type"), header("content-disposition"), header("link"));
        (kind.unwrap(), file.unwrap(), link, answer.text().await.unwrap())
    };
    let (kind, file, link, text) = ask("/api/payments?month=2025-02&format=csv").await;
    assert_eq!(kind, "text/csv; charset=utf-8");
    assert_eq!((file.as_str(), link), ("attachment; filename=\"payments-2025-02.csv\"", None));
    let rows: Vec<Vec<&str>> =
        text.lines().map(|line| line.trim_matches('"').split("\",\"").collect::<Vec<&str>>()).collect();
    assert_eq!(rows.len(), 3, "{text}");
    assert_eq!(rows[0][..5], ["day", "process_date", "merchant_trade_no", "payment_id", "user_id"]);
    assert_eq!((rows[1][2], rows[1][4], rows[1][9]), (mei.as_str(), "mei", "899"));
    assert_eq!((rows[2][2], rows[2][4], rows[2][8]), (wei.as_str(), "'=wei", ""));
    // Page by page, by the header.
    let (_, _, link, one) = ask("/api/payments?month=2025-02&format=csv&limit=1").await;
    assert_eq!(one.lines().count(), 2);
    let link = link.unwrap();
    let next = link.trim_start_matches('<').split('>').next().unwrap();
    let path = next.split_once("/api/payments").unwrap().1;
    let (_, _, _, two) = ask(&format!("/api/payments{path}")).await;
    assert_eq!(two.lines().nth(1), text.lines().nth(2));
}

#[tokio::test]
async fn a_month_is_needed_and_real() {
    let sandbox = Sandbox::at(BEGIN).await;
    for query in ["", "month=2025", "month=2025-13", "month=1999-12", "month=2025-1", "month=2025-01-31"] {
        let (status, answer) = sandbox.call(Method::GET, &format!("/api/payments?{query}"), None).await;
        assert_eq!((status.as_u16(), answer["error"]["param"].as_str()), (400, Some("month")), "{query}: {answer}");
    }
}
