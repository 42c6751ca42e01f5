//! Buttons of the page, each pressed once and twice.

use serde_json::{Value, json};
use testing::support::{Sandbox, column};

use super::{BEGIN, EXPIRED_CARD, NO_CREDIT, Page, asked, last, link, mailed, pressed};
use crate::billing::checkout::{attempt, submit};

#[tokio::test]
async fn an_expired_card_is_replaced_from_the_mails_link_to_the_receipt_without_staff() {
    let sandbox = Sandbox::with(BEGIN, &[("RECEIPTS", "on")]).await;
    let old = sandbox.subscribe("mei", "monthly").await;
    sandbox.outcomes(&old, &[EXPIRED_CARD]).await;
    sandbox.travel("2025-02-15T12:00:00+08:00").await;
    let url = mailed(&sandbox, "mei@customer.example", "付款失敗通知").await;
    let page = Page::open(&sandbox, &url).await;
    assert!(page.says("扣款未成功。PRO 保留至 2025-02-22"), "{}", page.html);
    assert!(page.button("retry").is_none(), "the card would be declined again: {}", page.html);
    let reloaded = Page::open(&sandbox, &format!("{url}?said=paid")).await;
    assert_eq!(reloaded.html, page.html, "it says nothing that is not true");
    // Two presses lead to two pages of one offer.
    let (first, second) = (page.press(&sandbox, "pay").await, page.press(&sandbox, "pay").await);
    assert_ne!(first, second);
    let offers = sandbox.get("/api/subscriptions?status=pending").await;
    assert_eq!(offers["subscriptions"].as_array().unwrap().len(), 1, "{offers}");
    let paid = submit(&sandbox, &attempt(&sandbox, &json!({ "checkout_url": first })).await, "1").await;
    let other = Page::open(&sandbox, &second).await;
    assert!(other.says("Your payment has been received"), "{}", other.html);
    let account = sandbox.account(&paid).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("PRO")));
    let offer = sandbox.account(account["purchase"]["first"].as_str().unwrap()).await;
    assert_eq!((&offer["replaces"], &offer["history"][0]["by"]), (&json!(old), &json!("buyer")));
    // The same link shows the new subscription with the payments of both.
    let page = Page::open(&sandbox, &url).await;
    assert!(page.says("使用中，已付費至 2025-03-15"), "{}", page.html);
    let rows: Vec<&str> =
        page.html.split("<tr><td>").skip(1).map(|row| row.split("</td></tr>").next().unwrap()).collect();
    assert_eq!(
        rows,
        [
            "2025-02-15</td><td>NT$899</td><td>已付款",
            "2025-02-15</td><td>NT$899</td><td>未成功",
            "2025-01-15</td><td>NT$899</td><td>已付款",
        ]
    );
    sandbox.travel("2025-02-16T12:00:00+08:00").await;
    assert!(sandbox.subjects("mei@customer.example").await.last().unwrap().contains("付款收據"));
    let ended = sandbox.account(&old).await;
    assert_eq!((&ended["superseded_by"], &ended["status"]), (&json!(paid), &json!("cancelled")));
    assert_eq!(asked(&sandbox, "ReAuth").await, 0);
}

#[tokio::test]
async fn the_same_card_is_charged_again_once_a_day() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("again", "monthly").await;
    sandbox.charge(&order, json!({ "rtn_code": NO_CREDIT })).await;
    sandbox.outcomes(&order, &[NO_CREDIT, "1"]).await;
    let page = Page::of(&sandbox, "again").await;
    let address = page.button("retry").unwrap();
    let (first, second) = tokio::join!(pressed(&sandbox, &address), pressed(&sandbox, &address));
    for target in [first, second] {
        let page = Page::open(&sandbox, &target).await;
        assert!(page.says("已請綠界再次扣款") || page.says("請稍後再試"), "{}", page.html);
    }
    assert_eq!(asked(&sandbox, "ReAuth").await, 1);
    let requested: Vec<Value> = sandbox.account(&order).await["history"].as_array().unwrap().clone();
    let requested: Vec<&Value> = requested.iter().filter(|entry| entry["rule"] == "retry-requested").collect();
    assert_eq!((requested.len(), &requested[0]["by"]), (1, &json!("buyer")));
    // It failed within the hour; the card may be tried again on the next day (Taipei).
    sandbox.travel("2025-01-15T12:00:00+08:00").await;
    let page = Page::open(&sandbox, &page.url).await;
    assert!(page.button("retry").is_none() && page.says("今天已嘗試再次扣款"), "{}", page.html);
    let said = Page::open(&sandbox, &pressed(&sandbox, &address).await).await;
    assert!(said.says("今天已嘗試再次扣款"), "{}", said.html);
    assert_eq!(asked(&sandbox, "ReAuth").await, 1);
    sandbox.travel("2025-01-15T23:59:00+08:00").await;
    pressed(&sandbox, &address).await;
    assert_eq!(asked(&sandbox, "ReAuth").await, 1);
    sandbox.travel("2025-01-16T00:01:00+08:00").await;
    pressed(&sandbox, &address).await;
    assert_eq!(asked(&sandbox, "ReAuth").await, 2);
    sandbox.travel("2025-01-16T02:00:00+08:00").await;
    let page = Page::open(&sandbox, &page.url).await;
    assert!(page.says("使用中") && page.button("retry").is_none(), "{}", page.html);
    let said = Page::open(&sandbox, &pressed(&sandbox, &address).await).await;
    assert!(said.says("訂閱狀態已變更"), "{}", said.html);
    assert_eq!(asked(&sandbox, "ReAuth").await, 2);
}

#[tokio::test]
async fn a_customer_cancels_and_changes_their_mind() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("leaver", "monthly").await;
    let page = Page::of(&sandbox, "leaver").await;
    assert!(page.says("取消後不再扣款；方案可使用至 2025-02-15。"), "{}", page.html);
    let cancel = page.button("cancel").unwrap();
    let (first, second) = tokio::join!(pressed(&sandbox, &cancel), pressed(&sandbox, &cancel));
    assert_eq!((&first, &second), (&page_in(&page, "zh-TW"), &page_in(&page, "zh-TW")));
    let account = sandbox.account(&order).await;
    let entry = last(&account);
    assert_eq!((&entry["rule"], &entry["by"]), (&json!("cancel-requested"), &json!("buyer")));
    assert_eq!(entry["why"], "requested on the customer page");
    let rules = column(&account["history"], "rule");
    assert_eq!(rules.iter().filter(|rule| *rule == "cancel-requested").count(), 1);
    let page = Page::open(&sandbox, &first).await;
    assert!(page.says("已申請取消，不再扣款；方案可使用至 2025-02-15。") && !page.says("下次扣款"), "{}", page.html);
    assert!(page.button("cancel").is_none() && page.button("pay").is_none(), "{}", page.html);
    page.press(&sandbox, "undo-cancel").await;
    let page = Page::open(&sandbox, &first).await;
    assert!(page.says("使用中") && page.button("undo-cancel").is_none(), "{}", page.html);
    assert!(sandbox.account(&order).await["cancel_requested_at"].is_null());
    // Again, and too late to change it: what was requested from ECPay stays.
    page.press(&sandbox, "cancel").await;
    sandbox.travel("2025-01-19T10:00:00+08:00").await;
    let page = Page::open(&sandbox, &format!("{}?lang=en", page.url.split('?').next().unwrap())).await;
    assert!(page.says("Cancelled: there are no further charges. The plan stays until 2025-02-15."), "{}", page.html);
    assert!(page.button("undo-cancel").is_none() && page.says("Subscribe again"), "{}", page.html);
    sandbox.travel("2025-02-16T10:00:00+08:00").await;
    let page = Page::open(&sandbox, &format!("{}?lang=en", link(&sandbox, "leaver").await)).await;
    assert!(page.says("Ended: there are no further charges.") && page.says("Subscribe again"), "{}", page.html);
}

#[tokio::test]
async fn the_page_says_so_where_ecpay_cannot_be_reached_and_works_afterwards() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("down", "monthly").await;
    sandbox.charge(&order, json!({ "rtn_code": NO_CREDIT })).await;
    let page = Page::of(&sandbox, "down").await;
    sandbox.fault("ecpay", "down").await;
    let said = Page::open(&sandbox, &page.press(&sandbox, "retry").await).await;
    assert!(said.says("請稍後再試。"), "{}", said.html);
    sandbox.fault("ecpay", "none").await;
    let said = Page::open(&sandbox, &page.press(&sandbox, "retry").await).await;
    assert!(said.says("已請綠界再次扣款"), "{}", said.html);
    assert_eq!(asked(&sandbox, "ReAuth").await, 1);
}

/// The page's address with a language.
fn page_in(page: &Page, language: &str) -> String {
    format!("{}?lang={language}", page.url)
}

#[tokio::test]
async fn no_card_is_charged_a_second_time_while_a_result_is_open_or_the_page_is_out_of_date() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("open", "monthly").await;
    let before = Page::of(&sandbox, "open").await.button("pay").unwrap();
    sandbox.charge(&order, json!({ "rtn_code": NO_CREDIT })).await;
    let page = Page::of(&sandbox, "open").await;
    let pay = page.button("pay").unwrap();
    // Of a page that was shown before the charge failed.
    let said = Page::open(&sandbox, &pressed(&sandbox, &before).await).await;
    assert!(said.says("訂閱狀態已變更"), "{}", said.html);
    let checkout = page.press(&sandbox, "pay").await;
    page.press(&sandbox, "retry").await;
    // Also on the checkout page that was opened before.
    let refused = sandbox.http.post(&checkout).send().await.unwrap();
    assert_eq!(refused.status(), 409);
    assert!(refused.text().await.unwrap().contains("您目前的訂閱有一筆扣款正在處理中"));
    let page = Page::open(&sandbox, &page.url).await;
    assert!(page.says("扣款未成功。") && !page.says("請在此之前付款"), "{}", page.html);
    assert!(page.button("pay").is_none() && page.says("已請綠界再次扣款"), "{}", page.html);
    assert!(page.says("除處理中的扣款外，不再扣款"), "{}", page.html);
    let said = Page::open(&sandbox, &pressed(&sandbox, &pay).await).await;
    assert!(said.says("訂閱狀態已變更"), "{}", said.html);
    // The retry succeeds: what was owed is paid, and a page from before asks for no second payment.
    sandbox.travel("2025-01-15T12:00:00+08:00").await;
    assert!(pressed(&sandbox, &pay).await.contains("said=changed"));
    let offers = sandbox.get("/api/subscriptions?status=pending").await;
    assert_eq!(offers["subscriptions"].as_array().unwrap().len(), 1, "the one from before: {offers}");
}

#[tokio::test]
async fn an_open_offer_is_offered_again_and_a_customer_who_pays_early_gets_the_rest_back() {
    let sandbox = Sandbox::at(BEGIN).await;
    let old = sandbox.subscribe("early", "annual").await;
    let page = Page::of(&sandbox, "early").await;
    // 365 days from today on are paid, none of them used.
    assert!(page.says("綠界會立即收取整期 NT$8999") && page.says("NT$8999（365 天）將另外退還給您"), "{}", page.html);
    page.press(&sandbox, "pay").await;
    sandbox.travel("2025-01-16T00:01:00+08:00").await;
    let pending = async || sandbox.get("/api/subscriptions?status=pending").await["subscriptions"].clone();
    page.press(&sandbox, "pay").await;
    assert_eq!(pending().await.as_array().unwrap().len(), 1);
    // Not one that would mail to an address of before.
    let email = json!({ "email": "later@customer.example", "why": "moved" });
    sandbox.post(&format!("/api/subscriptions/{old}/email"), email).await;
    let checkout = page.press(&sandbox, "pay").await;
    assert_eq!(pending().await.as_array().unwrap().len(), 2);
    // A day is used: 364 of 365 days of NT$8999 are NT$8974.35.
    let shown = Page::open(&sandbox, &checkout).await;
    assert!(shown.says("NT$8974（364 天）"), "{}", shown.html);
    let form = attempt(&sandbox, &json!({ "checkout_url": checkout })).await;
    let paid = submit(&sandbox, &form, "1").await;
    assert_eq!(sandbox.account(&old).await["payments"][0]["refund_due_twd"], 8974);
    let page = Page::open(&sandbox, &page.url).await;
    assert!(page.says("已付款，將退款 NT$8974"), "{}", page.html);
    assert_eq!(sandbox.account(&paid).await["plan_id"], "PRO");
    // Three days later the next offer is another one.
    sandbox.travel("2025-01-20T10:00:00+08:00").await;
    page.press(&sandbox, "pay").await;
    sandbox.travel("2025-01-24T10:00:00+08:00").await;
    let later = Page::open(&sandbox, &page.press(&sandbox, "pay").await).await;
    assert!(later.says("前往綠界付款"), "{}", later.html);
}
