//! The page for developers: each form does what it says, and no other site's page can post it.

use reqwest::Response;
use sandbox::demo;
use serde_json::{Value, json};

use testing::support::{Sandbox, column};

const BEGIN: &str = "2025-01-05T10:00:00+08:00";
const FORM: &str = "application/x-www-form-urlencoded";

/// Posts a form as a client does that is no browser.
async fn post(sandbox: &Sandbox, path: &str, form: &[(&str, &str)]) -> Response {
    sandbox.http.post(format!("{}/sandbox/{path}", sandbox.base)).form(form).send().await.unwrap()
}

/// Posts a form, and follows to the page with its outcome.
async fn done(sandbox: &Sandbox, path: &str, form: &[(&str, &str)]) -> String {
    let answer = post(sandbox, path, form).await;
    assert_eq!(answer.status(), 303, "{path}");
    let back = answer.headers()["location"].to_str().unwrap().to_owned();
    page(sandbox, &back).await
}

async fn page(sandbox: &Sandbox, path: &str) -> String {
    let answer = sandbox.http.get(format!("{}{path}", sandbox.base)).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.unwrap()
}

/// Makes an order by the form, and returns its number.
async fn order(sandbox: &Sandbox, user: &str) -> String {
    let email = format!("{user}@customer.example");
    let form = [("user", user), ("email", &email), ("plan", "PRO"), ("cycle", "monthly"), ("locale", "en")];
    let shown = done(sandbox, "orders", &form).await;
    let (_, number) = shown.split_once("<p>Order ").unwrap_or_else(|| panic!("{shown}"));
    number.split_once(' ').unwrap().0.to_owned()
}

#[tokio::test]
async fn an_order_is_made_and_paid() {
    let sandbox = Sandbox::at(BEGIN).await;
    let number = order(&sandbox, "maker").await;
    let shown = page(&sandbox, "/sandbox").await;
    assert!(shown.contains("not submitted") && shown.contains("NT$899 a month"), "{shown}");
    assert!(shown.contains(&format!("href=\"/console/subscriptions/{number}\"")), "{shown}");
    let (_, checkout) = shown.split_once(&format!("{}/checkout/", sandbox.base)).unwrap();
    let checkout = format!("/checkout/{}", checkout.split('"').next().unwrap());
    assert!(page(&sandbox, &checkout).await.contains("PRO"));
    let shown = done(&sandbox, &format!("orders/{number}/pay"), &[]).await;
    assert!(shown.contains("succeeded -&#62; 200 1|OK"), "{shown}");
    assert_eq!(sandbox.account(&number).await["status"], "active");
    let shown = done(&sandbox, &format!("orders/{number}/pay"), &[]).await;
    assert!(shown.contains(&format!("ECPay does not do this: order {number} is running.")), "{shown}");
}

#[tokio::test]
async fn a_buyer_is_declined_with_a_chosen_code() {
    let sandbox = Sandbox::at(BEGIN).await;
    let number = order(&sandbox, "declined").await;
    done(&sandbox, &format!("orders/{number}/pay"), &[("code", "10100252")]).await;
    assert_eq!(sandbox.account(&number).await["status"], "failed");
}

#[tokio::test]
async fn the_next_charge_fails_and_the_mail_is_shown_with_its_link() {
    let sandbox = Sandbox::streaming(BEGIN, &[]).await;
    let number = order(&sandbox, "expired").await;
    done(&sandbox, &format!("orders/{number}/pay"), &[]).await;
    let shown = done(&sandbox, &format!("orders/{number}/fail"), &[("code", "10100251"), ("page", "order")]).await;
    assert!(shown.contains(&format!("The next charge of {number} will fail with 10100251.")), "{shown}");
    assert!(shown.contains("<dt>Results to come</dt><dd>10100251</dd>"), "{shown}");
    let shown = done(&sandbox, "move", &[("by", "month")]).await;
    assert!(shown.contains("<p>It is 2025-02-05 10:00.</p>"), "{shown}");
    assert!(shown.contains(&format!("ecpay: charge 2 of {number} failed (10100251)")), "{shown}");
    assert_eq!(sandbox.account(&number).await["status"], "past_due");
    let mail = sandbox.mails("expired@customer.example").await.pop().unwrap();
    let subject = mail["subject"].as_str().unwrap();
    assert!(shown.contains(&format!("mail to expired@customer.example: {subject}")), "{shown}");
    assert!(shown.contains(&format!("<a href=\"{}/portal/", sandbox.base)), "{shown}");
    assert!(page(&sandbox, &format!("/sandbox/orders/{number}")).await.contains("expired card (10100251)"));
}

#[tokio::test]
async fn a_fault_that_holds_mails_up_does_not_hold_the_page_up() {
    let sandbox = Sandbox::streaming(BEGIN, &[("RECEIPTS", "on")]).await;
    let number = order(&sandbox, "held").await;
    done(&sandbox, "set-faults", &[("mail", "held")]).await;
    let shown = done(&sandbox, &format!("orders/{number}/pay"), &[]).await;
    assert!(shown.contains("running") && !shown.contains("mail to held@customer.example"), "{shown}");
    done(&sandbox, "end-faults", &[]).await;
    let shown = done(&sandbox, "move", &[("by", "hour")]).await;
    assert!(shown.contains("mail to held@customer.example"), "{shown}");
    let number = order(&sandbox, "quick").await;
    let shown = done(&sandbox, &format!("orders/{number}/pay"), &[]).await;
    assert!(shown.contains("mail to quick@customer.example"), "the receipt is there at once: {shown}");
}

#[tokio::test]
async fn ecpay_charges_an_order_and_its_console_edits_it() {
    let sandbox = Sandbox::at(BEGIN).await;
    let number = order(&sandbox, "edited").await;
    done(&sandbox, &format!("orders/{number}/pay"), &[]).await;
    done(&sandbox, &format!("orders/{number}/charge"), &[]).await;
    let edit = format!("orders/{number}/edit");
    done(&sandbox, &edit, &[("amount", "999"), ("day", "2025-01-20"), ("exec_times", "3")]).await;
    let view = sandbox.at_ecpay(&number).await;
    assert_eq!(view["charges"].as_array().unwrap().len(), 2);
    assert_eq!((&view["amount"], &view["exec_times"]), (&json!(999), &json!(3)));
    assert_eq!(view["next_charge_at"], "2025-01-20T02:00:00Z");
    for (wanted, state) in [("paused", "paused"), ("running", "running"), ("stopped", "cancelled")] {
        done(&sandbox, &edit, &[("state", wanted), ("page", "order")]).await;
        assert_eq!(sandbox.at_ecpay(&number).await["state"], state);
    }
    let refused = done(&sandbox, &edit, &[("amount", "5")]).await;
    assert!(refused.contains(&format!("order {number} is cancelled")), "{refused}");
}

#[tokio::test]
async fn the_clock_moves_to_the_next_thing_that_happens() {
    let sandbox = Sandbox::streaming(BEGIN, &[]).await;
    let shown = done(&sandbox, "move", &[("by", "next")]).await;
    assert!(shown.contains("It is 2025-01-05 10:00. Nothing was due."), "{shown}");
    let number = order(&sandbox, "next").await;
    done(&sandbox, &format!("orders/{number}/pay"), &[]).await;
    // The clean-up of each night is no such thing.
    let shown = done(&sandbox, "move", &[("by", "next")]).await;
    assert!(shown.contains("It is 2025-02-05 10:00.") && shown.contains("charge 2 of"), "{shown}");
    // Visits within three days are reminded of at 07:00 in Jakarta.
    done(&sandbox, "samples/workshop", &[]).await;
    let shown = done(&sandbox, "move", &[("by", "next")]).await;
    assert!(shown.contains("It is 2025-02-06 08:00.") && shown.contains("DailyReminders: 3 sent of 3"), "{shown}");
    let shown = done(&sandbox, "move", &[("by", "week")]).await;
    assert!(shown.contains("It is 2025-02-13 08:00."), "{shown}");
    let shown = done(&sandbox, "move", &[("by", "year")]).await;
    assert!(shown.contains("Not done") && shown.contains("The clock moves by an hour"), "{shown}");
}

#[tokio::test]
async fn faults_are_set_and_ended() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.put("/sandbox/faults", json!({ "slack": { "fault": "limit", "after": 2, "times": 3 } })).await;
    let shown = page(&sandbox, "/sandbox").await;
    assert!(shown.contains("slack (after 2 calls, for 3 calls)"), "{shown}");
    done(&sandbox, "set-faults", &[("ecpay", "refuse"), ("slack", "limit"), ("mail", "none")]).await;
    let expected = json!({ "ecpay": "refuse", "slack": { "fault": "limit", "after": 2, "times": 3 } });
    assert_eq!(sandbox.get("/sandbox/faults").await, expected);
    let refused = done(&sandbox, "set-faults", &[("ecpay", "archived")]).await;
    assert!(refused.contains("has no fault"), "{refused}");
    assert_eq!(sandbox.get("/sandbox/faults").await, expected);
    sandbox.put("/sandbox/mail/refusal", json!({ "status": 400, "message": "no" })).await;
    done(&sandbox, "end-faults", &[]).await;
    assert_eq!(sandbox.get("/sandbox/faults").await, json!({}));
    let number = order(&sandbox, "mailed").await;
    done(&sandbox, &format!("orders/{number}/pay"), &[]).await;
    sandbox.charge(&number, json!({ "rtn_code": "10100252" })).await;
    sandbox.maintain().await;
    assert_eq!(sandbox.mails("mailed@customer.example").await.len(), 1, "SES refuses no more");
}

#[tokio::test]
async fn sample_data_is_that_of_the_workshop_and_of_mms() {
    let sandbox = Sandbox::at(BEGIN).await;
    for _ in 0..2 {
        done(&sandbox, "samples/workshop", &[]).await;
        done(&sandbox, "samples/institutions", &[]).await;
    }
    let owner = sandbox.get("/sandbox/credentials").await["owner_token"].as_str().unwrap().to_owned();
    let listed = async |path: &str| -> Value {
        let request = sandbox.http.get(format!("{}{path}", sandbox.base)).bearer_auth(&owner);
        serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
    };
    let institutions = listed("/institutions/expiring").await;
    assert_eq!(column(&institutions["institutions"], "uid").len(), 5, "{institutions}");
    let customer = listed("/customers/sample-2").await;
    assert_eq!(customer["vehicles"], json!(["D 1357 MN", "D 4321 QR"]));
    assert_eq!(sandbox.get("/sandbox/mms/institutions").await.as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn the_sample_customers_stand_beside_those_of_the_demo() {
    let sandbox = Sandbox::at(BEGIN).await;
    let (status, imported) = sandbox.import(demo::WORKSHOP_LIST).await;
    assert_eq!((status.as_u16(), &imported["stored"]), (200, &json!(2)), "{imported}");
    let shown = done(&sandbox, "samples/workshop", &[]).await;
    assert!(shown.contains("The workshop has sample customers.") && !shown.contains("Not done"), "{shown}");
    let mut phones: Vec<String> = Vec::new();
    for (customer, plates) in [
        ("c-1", &["B 1234 ABC"][..]),
        ("c-2", &["D 88 XY"]),
        ("sample-1", &["B 2468 KLM"]),
        ("sample-2", &["D 1357 MN", "D 4321 QR"]),
        ("sample-3", &["L 7 JKL"]),
        ("sample-4", &["F 5678 GH"]),
    ] {
        let known = sandbox.seen(&format!("/customers/{customer}")).await;
        assert_eq!(known["vehicles"], json!(plates), "{customer}: {known}");
        phones.push(known["phone"].as_str().unwrap().to_owned());
    }
    phones.sort();
    phones.dedup();
    assert_eq!(phones.len(), 6, "each customer has a number of their own");
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let sandbox = Sandbox::at(BEGIN).await;
    for (site, status) in [("cross-site", 403), ("same-site", 403), ("same-origin", 303), ("none", 303)] {
        let request = sandbox.http.post(format!("{}/sandbox/move", sandbox.base)).header("sec-fetch-site", site);
        let answer = request.header("content-type", FORM).body("by=day").send().await.unwrap();
        assert_eq!(answer.status(), status, "{site}");
    }
    assert_eq!(sandbox.get("/sandbox/clock").await["now"], "2025-01-07T02:00:00Z");
}

#[tokio::test]
async fn texts_from_outside_are_no_markup() {
    let sandbox = Sandbox::at(BEGIN).await;
    let user = "<img-src=x-onerror=alert(1)>\"'&";
    let form = [("user", user), ("email", "o'hara&co@customer.example"), ("plan", "PRO"), ("cycle", "monthly")];
    let shown = done(&sandbox, "orders", &form).await;
    assert!(shown.contains("&#60;img-src=x-onerror=alert(1)&#62;&#34;&#39;&#38;"), "{shown}");
    let (_, number) = shown.split_once("<p>Order ").unwrap();
    let number = number.split_once(' ').unwrap().0;
    done(&sandbox, &format!("orders/{number}/pay"), &[]).await;
    sandbox.charge(number, json!({ "rtn_code": "10100252" })).await;
    sandbox.maintain().await;
    let own = done(&sandbox, &format!("orders/{number}/edit"), &[("amount", "<img src=x>"), ("page", "order")]).await;
    assert!(own.contains("&#60;img src=x&#62;"), "{own}");
    let message = json!({ "text": "<img src=y>", "via": "starsender" });
    sandbox.post("/sandbox/whatsapp/08551234567/messages", message).await;
    let shown = page(&sandbox, "/sandbox").await;
    assert!(shown.contains("mail to o&#39;hara&#38;co@customer.example"), "{shown}");
    for shown in [own, shown, page(&sandbox, &format!("/sandbox/orders/{number}")).await] {
        assert!(!shown.contains("<img") && !shown.contains("<script") && !shown.contains("style="), "{shown}");
    }
}

#[tokio::test]
async fn what_a_form_lacks_is_said_in_a_sentence() {
    let sandbox = Sandbox::at(BEGIN).await;
    let number = order(&sandbox, "checked").await;
    done(&sandbox, &format!("orders/{number}/pay"), &[]).await;
    for (path, form, sentence) in [
        ("orders", &[("user", ""), ("email", "x")][..], "The API answers: "),
        ("orders/DKNONE/pay", &[], "There is no order DKNONE."),
        ("orders/DKNONE/charge", &[], "no order DKNONE"),
        ("orders/DKNONE/fail", &[("code", "10100251")], "ECPay has no order DKNONE."),
        (&format!("orders/{number}/fail"), &[("code", "no")], "is no result code of ECPay"),
        (&format!("orders/{number}/fail"), &[("code", "10100251"), ("times", "13")], "1 to 12 charges can fail"),
        (&format!("orders/{number}/edit"), &[], "Fill in what the console is to change."),
        (&format!("orders/{number}/edit"), &[("day", "tomorrow")], "is not a day"),
        (&format!("orders/{number}/edit"), &[("day", "2025-01-04")], "next_charge_at is past"),
        (&format!("orders/{number}/edit"), &[("state", "expired")], "is none of running, paused and stopped"),
    ] {
        let shown = done(&sandbox, path, form).await;
        assert!(shown.contains("Not done") && shown.contains(sentence), "{path} {form:?}: {shown}");
    }
    let unknown = sandbox.http.get(format!("{}/sandbox/orders/DKNONE", sandbox.base)).send().await.unwrap();
    assert_eq!(unknown.status(), 404);
    let role = sandbox.http.get(format!("{}/sandbox/sign-in/chief", sandbox.base)).send().await.unwrap();
    assert_eq!(role.status(), 404);
}

#[tokio::test]
async fn pages_have_a_strict_policy_and_a_style_sheet() {
    let sandbox = Sandbox::at(BEGIN).await;
    let answer = sandbox.http.get(format!("{}/sandbox", sandbox.base)).send().await.unwrap();
    assert_eq!(
        answer.headers()["content-security-policy"],
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let style = sandbox.http.get(format!("{}/sandbox/style.css", sandbox.base)).send().await.unwrap();
    assert_eq!(style.headers()["content-type"], "text/css; charset=utf-8");
    assert!(style.text().await.unwrap().contains("prefers-color-scheme: dark"));
}
