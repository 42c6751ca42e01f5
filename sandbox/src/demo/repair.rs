//! A customer whose card has expired: failure mail, customer page, another card, receipt.

use serde_json::json;

use crate::Error;
use crate::demo::{Customer, DemoRunner, text, unexpected};

/// Decline code of an expired card.
const EXPIRED_CARD: &str = "10100251";
/// Words of the subject of a receipt.
const RECEIPT: &str = "Payment Receipt";

/// Plays the story from the failed charge to the end of the replaced order.
pub(super) async fn expired_card(runner: &mut DemoRunner<'_>, order: &str, customer: &Customer) -> Result<(), Error> {
    let outcomes = json!({ "next_outcomes": [EXPIRED_CARD] });
    runner.send("PUT", &format!("/sandbox/ecpay/orders/{order}"), &outcomes).await?;
    runner.travel("2025-03-12T12:00:00+08:00").await?;
    runner.expect(order, "past_due").await?;
    let link = link_of_latest_mail(runner, customer).ok_or_else(|| unexpected("no mail with a link"))?;
    let page = page_of(runner, &link).await?;
    let state = between(&page, "</h2>\n<p>", "</p>").ok_or_else(|| unexpected("the page shows no order"))?;
    runner.line(&format!("the customer opens the mail's link: \"{state}\""));
    let pay = between(&page, "action=\"", "/pay?").ok_or_else(|| unexpected("the page has no button to pay"))?;
    // Addresses on the page are relative to it.
    let (base, _) = link.split_once("/portal/").ok_or_else(|| unexpected("a link of another form"))?;
    let pressed = runner.world.http.post(format!("{base}/portal/{pay}/pay")).send().await?;
    let target = pressed.headers().get("location").and_then(|target| target.to_str().ok());
    let checkout = target.and_then(|target| target.strip_prefix("../../../"));
    let checkout = checkout.ok_or_else(|| unexpected("the button leads to no checkout page"))?;
    runner.line("the customer presses \"pay with another card\", and on the checkout page the button to ECPay");
    let form = runner.world.http.post(format!("{base}/{checkout}")).send().await?.text().await?;
    let paid = between(&form, "name=\"MerchantTradeNo\" value=\"", "\"");
    let paid = paid.ok_or_else(|| unexpected("the checkout page gives no form"))?;
    runner.send("POST", &format!("/sandbox/ecpay/orders/{paid}/pay"), &json!({})).await?;
    runner.line(&format!("the other card is charged, and ECPay calls back for order {paid}"));
    runner.expect(paid, "active").await?;
    runner.travel("2025-03-12T18:00:00+08:00").await?;
    runner.expect(order, "cancelled").await?;
    let account = runner.expect(paid, "active").await?;
    let has_receipt = runner.world.state().messages.iter().any(|message| {
        message.to == customer.email && message.subject.as_deref().is_some_and(|subject| subject.contains(RECEIPT))
    });
    if has_receipt && text(&account, "/plan_id")? == "PRO" {
        Ok(())
    } else {
        Err(unexpected("the customer is not back on the plan with a receipt"))
    }
}

fn link_of_latest_mail(runner: &DemoRunner<'_>, customer: &Customer) -> Option<String> {
    let state = runner.world.state();
    let mails = state.messages.iter().rev().filter(|message| message.to == customer.email);
    let texts = mails.map(|mail| mail.body.to_string());
    texts.into_iter().find_map(|text| Some(text.split_whitespace().find(|word| word.contains("/portal/"))?.to_owned()))
}

async fn page_of(runner: &DemoRunner<'_>, link: &str) -> Result<String, Error> {
    let page = runner.world.http.get(format!("{link}?lang=en")).send().await?;
    Ok(page.error_for_status()?.text().await?)
}

/// The text between two others.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}
