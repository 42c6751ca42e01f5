//! The search by each value that staff may have at hand, and after an erasure.

use reqwest::Method;
use serde_json::{Value, json};
use testing::support::{Sandbox, column, first, period};

const BEGIN: &str = "2025-01-15T10:00:00+08:00";

async fn searched(sandbox: &Sandbox, q: &str) -> Value {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("q", q).finish();
    sandbox.get(&format!("/search?{query}")).await
}

async fn subscriptions(sandbox: &Sandbox, q: &str) -> Vec<String> {
    let mut found = column(&searched(sandbox, q).await["subscriptions"], "id");
    found.sort();
    found
}

async fn customers(sandbox: &Sandbox, q: &str) -> Vec<String> {
    column(&searched(sandbox, q).await["customers"], "customer_id")
}

/// Everything that may be searched for, with a token that has every scope.
async fn with_all_scopes() -> Sandbox {
    let mut sandbox = Sandbox::at(BEGIN).await;
    sandbox.token = sandbox.get("/sandbox/credentials").await["owner_token"].as_str().unwrap().to_owned();
    sandbox
}

#[tokio::test]
async fn an_order_is_found_by_each_of_its_values() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.order("mei", "monthly", None).await["subscription_id"].as_str().unwrap().to_owned();
    let other = sandbox.subscribe("wei", "monthly").await;
    let paid = first(&order, "1", "2025/01/15 09:59:59");
    let paid = testing::support::with(&paid, "card4no", "4242");
    let paid = testing::support::with(&paid, "gwsr", "13401071");
    assert_eq!(sandbox.report("ecpay-auth", &paid).await, testing::support::Reply::ok());
    sandbox.world.leap("2025-02-15T10:00:00+08:00".parse().unwrap());
    let renewed = period(&order, "1", "2025/02/15 09:59:59", "2", "13499999");
    assert_eq!(sandbox.report("ecpay-billing", &renewed).await, testing::support::Reply::ok());
    let payment = sandbox.latest_payment(&order).await;
    for q in [
        order.as_str(),
        &order.to_lowercase(),
        &format!("  {order} "),
        &payment,
        "mei",
        "mei@customer.example",
        "MEI@Customer.Example",
        "4242",
        "13401071",
        "13499999",
        "2501311000000001",
    ] {
        assert_eq!(subscriptions(&sandbox, q).await, std::slice::from_ref(&order), "{q}");
    }
    assert_eq!(subscriptions(&sandbox, "2222").await, [other]);
    for q in ["me", "mei@customer", "424", "42424", "1340107", "DK00000000000000000", "nothing at all"] {
        assert_eq!(subscriptions(&sandbox, q).await, Vec::<String>::new(), "{q}");
    }
}

#[tokio::test]
async fn all_orders_of_a_person_are_found_and_no_more_than_fifty_are_shown() {
    let sandbox = Sandbox::at(BEGIN).await;
    for number in 0..60 {
        sandbox.store_order(&format!("DKMANY{number:014}"), "mei", BEGIN).await;
    }
    let found = searched(&sandbox, "mei@customer.example").await;
    assert_eq!((found["subscriptions"].as_array().unwrap().len(), &found["more"]), (50, &json!(true)));
    let found = searched(&sandbox, "mei").await;
    assert_eq!((found["subscriptions"].as_array().unwrap().len(), &found["more"]), (50, &json!(true)));
}

#[tokio::test]
async fn a_customer_of_the_workshop_is_found_by_each_of_their_values() {
    let sandbox = with_all_scopes().await;
    let budi = json!({ "name": "Budi Santoso", "phone": "08551234567", "email": "budi@customer.example" });
    sandbox.keep("/customers/C-1", budi).await;
    sandbox.keep("/customers/C-2", json!({ "name": "Ani B. Lestari", "phone": "08551234568" })).await;
    let car = json!({ "customer_id": "C-1", "last_visit_date": "2024-12-18" });
    sandbox.keep("/vehicles/B%201234%20ABC", car).await;
    for q in [
        "C-1",
        "0855-1234-567",
        "+62 855 1234 567",
        "Budi@customer.example",
        "b1234abc",
        "B 1234 ABC",
        "budi",
        "BUD",
        "santoso budi",
        "san",
    ] {
        assert_eq!(customers(&sandbox, q).await, ["C-1"], "{q}");
    }
    assert_eq!(customers(&sandbox, "lestari").await, ["C-2"]);
    let found = searched(&sandbox, "budi").await;
    assert_eq!(
        found["customers"],
        json!([{
            "customer_id": "C-1", "name": "Budi Santoso", "phone": "628551234567", "email": "budi@customer.example",
            "salutation": "bapak", "opted_out": false, "vehicles": ["B 1234 ABC"],
        }])
    );
    for q in ["budi lestari", "antoso", "0855-1234-569", "B 9999 ZZ", "C-3"] {
        assert_eq!(customers(&sandbox, q).await, Vec::<String>::new(), "{q}");
    }
    // A new name, phone and address replace the old ones.
    sandbox.keep("/customers/C-1", json!({ "name": "Budi Wijaya", "phone": "08551230000" })).await;
    for (q, wanted) in [
        ("santoso", Vec::new()),
        ("08551234567", Vec::new()),
        ("budi@customer.example", Vec::new()),
        ("wijaya", vec!["C-1".to_owned()]),
        ("budi", vec!["C-1".to_owned()]),
        ("08551230000", vec!["C-1".to_owned()]),
    ] {
        assert_eq!(customers(&sandbox, q).await, wanted, "{q}");
    }
    // An imported list is found like a stored customer.
    let list = "customer_id,name,phone,email,plate,last_visit_date,next_visit_date\n\
                C-9,Citra Dewi,08551239999,citra@customer.example,B 77 CD,2024-12-01,\n";
    assert_eq!(sandbox.import(list).await.0, 200);
    for q in ["citra", "08551239999", "citra@customer.example", "B77CD"] {
        assert_eq!(customers(&sandbox, q).await, ["C-9"], "{q}");
    }
}

#[tokio::test]
async fn a_token_searches_what_its_scopes_allow() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.subscribe("mei", "monthly").await;
    sandbox.keep("/customers/mei", json!({ "name": "Mei Lin", "phone": "08551234567" })).await;
    let found = searched(&sandbox, "mei").await;
    assert_eq!((found["subscriptions"].as_array().unwrap().len(), &found["customers"]), (1, &Value::Null));
    let (status, found) = sandbox.staff(Method::GET, "/search?q=mei", None).await;
    assert_eq!((status.as_u16(), &found["subscriptions"]), (200, &Value::Null));
    assert_eq!(column(&found["customers"], "customer_id"), ["mei"]);
    let found = sandbox.seen("/customers?q=mei").await;
    assert_eq!(column(&found["customers"], "customer_id"), ["mei"]);
    for q in ["", "q=", "q=x", "q=%20x%20"] {
        let (status, answer) = sandbox.call(Method::GET, &format!("/search?{q}"), None).await;
        assert_eq!((status.as_u16(), answer["error"]["param"].as_str()), (400, Some("q")), "{q}");
    }
}

#[tokio::test]
async fn an_erased_customer_of_the_workshop_is_not_found() {
    let sandbox = with_all_scopes().await;
    let canary = json!({ "name": "Kenari Santoso", "phone": "08551234567", "email": "kenari@customer.example" });
    sandbox.keep("/customers/C-1", canary).await;
    let car = json!({ "customer_id": "C-1", "last_visit_date": "2024-12-18" });
    sandbox.keep("/vehicles/B%201234%20ABC", car).await;
    assert_eq!(sandbox.forget("C-1", "asked for").await.0, 200);
    for q in ["C-1", "kenari", "santoso", "08551234567", "kenari@customer.example", "B 1234 ABC"] {
        assert_eq!(customers(&sandbox, q).await, Vec::<String>::new(), "{q}");
    }
    let left: Vec<String> = sandbox.items().into_iter().filter(|item| item.starts_with("FIND#")).collect();
    assert_eq!(left, Vec::<String>::new());
    let all = sandbox::world::table_inspect::contents(&sandbox.world);
    assert!(!json!(all).to_string().to_lowercase().contains("kenari"));
}
