//! ECPay's controls over HTTP: edits of its console, odd answers and callbacks, payments, and the limit of calls.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use testing::support::{Sandbox, column, fields, form};

const BEGIN: &str = "2025-01-15T10:00:00+08:00";

fn path(order: &str) -> String {
    format!("/sandbox/ecpay/orders/{order}")
}

async fn refused(sandbox: &Sandbox, order: &str, edit: Value) -> u16 {
    sandbox.call(Method::PUT, &path(order), Some(edit)).await.0.as_u16()
}

async fn pay(sandbox: &Sandbox, order: &str, body: Option<Value>) -> (StatusCode, Value) {
    sandbox.call(Method::POST, &format!("{}/pay", path(order)), body).await
}

/// An order that no buyer has submitted.
async fn pending(sandbox: &Sandbox, user: &str) -> String {
    sandbox.order(user, "monthly", None).await["subscription_id"].as_str().unwrap().to_owned()
}

/// Answer to a query of ECPay, as it is on the wire.
async fn query(sandbox: &Sandbox, order: &str) -> reqwest::Response {
    let stamp = sandbox.world.now().timestamp().to_string();
    let body = form(&fields(&[("MerchantID", "3002607"), ("MerchantTradeNo", order), ("TimeStamp", &stamp)]));
    let url = format!("{}/ecpay/Cashier/QueryCreditCardPeriodInfo", sandbox.base);
    sandbox.http.post(url).body(body).send().await.unwrap()
}

async fn info(sandbox: &Sandbox, order: &str) -> Value {
    serde_json::from_str(&query(sandbox, order).await.text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn an_order_is_edited_as_in_ecpays_console() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("edited", "monthly").await;
    let edit = json!({ "amount": 999, "next_charge_at": "2025-02-20T09:00:00+08:00", "exec_times": 3 });
    sandbox.put(&path(&order), edit).await;
    // ECPay alone: Duekeeper's schedules stand still.
    sandbox.world.leap("2025-03-21T00:00:00+08:00".parse().unwrap());
    sandbox.advance(0.0).await;
    let view = sandbox.at_ecpay(&order).await;
    assert_eq!(column(&view["charges"], "amount"), ["899", "999", "999"]);
    assert_eq!(
        column(&view["charges"], "process_date"),
        ["2025/01/15 10:00:00", "2025/02/20 09:00:00", "2025/03/20 09:00:00"]
    );
    assert_eq!((&view["state"], &view["exec_times"]), (&json!("finished"), &json!(3)));
    assert_eq!(info(&sandbox, &order).await["PeriodAmount"], 999);
}

#[tokio::test]
async fn a_paused_order_goes_on_and_a_stopped_one_does_not() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("paused", "monthly").await;
    sandbox.put(&path(&order), json!({ "state": "paused" })).await;
    assert_eq!(info(&sandbox, &order).await["ExecStatus"], "1");
    sandbox.world.leap("2025-03-20T10:00:00+08:00".parse().unwrap());
    sandbox.put(&path(&order), json!({ "state": "running" })).await;
    assert_eq!(sandbox.at_ecpay(&order).await["next_charge_at"], "2025-04-15T02:00:00Z");
    sandbox.put(&path(&order), json!({ "state": "stopped" })).await;
    assert_eq!(info(&sandbox, &order).await["ExecStatus"], "0");
    assert_eq!(refused(&sandbox, &order, json!({ "state": "running" })).await, 409);
}

#[tokio::test]
async fn an_edit_that_the_console_cannot_make_changes_nothing() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("refused", "monthly").await;
    let before = sandbox.at_ecpay(&order).await;
    for (edit, status) in [
        (json!({ "amount": 0, "next_outcomes": ["9"] }), 409),
        (json!({ "next_charge_at": "2025-01-15T09:59:59+08:00" }), 409),
        (json!({ "state": "expired" }), 400),
        (json!({ "price": 999 }), 400),
        (json!({ "callback": { "checkmacvalue": "00" } }), 400),
        (json!({ "callback": { "Amount": [899] } }), 400),
    ] {
        assert_eq!(refused(&sandbox, &order, edit.clone()).await, status, "{edit}");
    }
    assert_eq!(sandbox.at_ecpay(&order).await, before);
    assert_eq!(refused(&sandbox, "DKUNKNOWN", json!({ "amount": 1 })).await, 409);
}

#[tokio::test]
async fn queries_are_answered_as_given_until_that_is_taken_back() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("odd", "monthly").await;
    let entry = json!({ "RtnCode": 1, "amount": "899.5", "process_date": "2025/02/30 10:00:00" });
    let odd = json!({ "ExecStatus": "3", "TotalSuccessTimes": 3, "ExecLog": [entry] });
    sandbox.put(&path(&order), json!({ "query": odd })).await;
    for _ in 0..2 {
        let info = info(&sandbox, &order).await;
        assert_eq!(
            (&info["ExecStatus"], &info["TotalSuccessTimes"], &info["ExecLog"]),
            (&json!("3"), &json!(3), &json!([entry]))
        );
        assert_eq!(info["MerchantTradeNo"], json!(order));
    }
    sandbox.put(&path(&order), json!({ "query": null })).await;
    assert_eq!(info(&sandbox, &order).await["TotalSuccessTimes"], 1);
    // Also an order that the buyer has not submitted.
    let unknown = pending(&sandbox, "declined").await;
    sandbox.put(&path(&unknown), json!({ "query": { "RtnCode": "10100058" } })).await;
    assert_eq!(info(&sandbox, &unknown).await["RtnCode"], "10100058");
}

#[tokio::test]
async fn one_callback_is_as_given_and_signed() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("signed", "monthly").await;
    sandbox.put(&path(&order), json!({ "callback": { "ProcessDate": "2025/01/15 12:00:00", "StoreID": null } })).await;
    let charged = sandbox.charge(&order, json!({})).await;
    assert_eq!(charged["callbacks"], json!([format!("callback: manual charge of {order} succeeded -> 200 1|OK")]));
    assert_eq!(charged["order"]["callback"], json!({}));
    let payments = sandbox.account(&order).await["payments"].clone();
    assert_eq!(payments[1]["process_date"], "2025-01-15T04:00:00Z", "{payments}");
}

#[tokio::test]
async fn a_buyer_pays_without_the_checkout_page() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = pending(&sandbox, "buyer").await;
    let (status, paid) = pay(&sandbox, &order, None).await;
    assert_eq!((status, &paid["order"]["state"]), (StatusCode::OK, &json!("running")), "{paid}");
    assert_eq!(sandbox.account(&order).await["status"], "active");
    assert_eq!(pay(&sandbox, &order, None).await.0, StatusCode::CONFLICT);
    assert_eq!(pay(&sandbox, "DKUNKNOWN", None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(pay(&sandbox, &order, Some(json!({ "code": "1" }))).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_payment_is_declined_or_left_open_and_decided_later() {
    let sandbox = Sandbox::at(BEGIN).await;
    let declined = pending(&sandbox, "declined").await;
    pay(&sandbox, &declined, Some(json!({ "rtn_code": "10100251" }))).await;
    assert_eq!(sandbox.account(&declined).await["status"], "failed");
    let open = pending(&sandbox, "open").await;
    pay(&sandbox, &open, Some(json!({ "rtn_code": "10300066" }))).await;
    assert_eq!(sandbox.account(&open).await["status"], "pending");
    pay(&sandbox, &open, None).await;
    assert_eq!(sandbox.account(&open).await["status"], "active");
}

#[tokio::test]
async fn more_calls_in_a_second_than_the_limit_are_answered_with_403_for_half_an_hour() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("fast", "monthly").await;
    sandbox.put("/sandbox/ecpay/pace", json!({ "limit": 2 })).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(query(&sandbox, &order).await.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 403, 403]);
    sandbox.world.leap("2025-01-15T10:30:00+08:00".parse().unwrap());
    assert_eq!(query(&sandbox, &order).await.status(), 200);
    let pace = sandbox.get("/sandbox/ecpay/pace").await;
    assert_eq!((&pace["most_in_one_second"], &pace["limit"]), (&json!(4), &json!(2)));
    let (_, pace) = sandbox.call(Method::DELETE, "/sandbox/ecpay/pace", None).await;
    assert_eq!((&pace["most_in_one_second"], &pace["calls"]), (&json!(0), &json!({})));
}

/// Posts a form as a browser does; the page.
async fn browse(sandbox: &Sandbox, form: &[(String, String)], made: &Value) -> String {
    let request = sandbox.http.post(made["action_url"].as_str().unwrap()).header("accept", "text/html,*/*;q=0.8");
    request.form(form).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_person_chooses_on_the_cashiers_page_how_the_payment_ends() {
    let sandbox = Sandbox::at(BEGIN).await;
    for (user, choice, status) in
        [("paid", "1", "active"), ("declined", "10100256", "failed"), ("open", "10300066", "pending")]
    {
        let made = sandbox.order(user, "monthly", None).await;
        let order = made["subscription_id"].as_str().unwrap();
        let fields = made["form_data"].as_object().unwrap().iter();
        let mut form: Vec<(String, String)> =
            fields.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
        let page = browse(&sandbox, &form, &made).await;
        let button = format!("name=\"SandboxRtnCode\" value=\"{choice}\"");
        assert!(page.contains(&button) && page.contains("NT$899"), "{page}");
        assert_eq!(sandbox.account(order).await["status"], "pending", "nothing is charged yet");
        form.push(("SandboxRtnCode".to_owned(), choice.to_owned()));
        let page = browse(&sandbox, &form, &made).await;
        assert!(page.contains(order) && !page.contains(&button), "{page}");
        assert_eq!(sandbox.account(order).await["status"], status);
    }
}
