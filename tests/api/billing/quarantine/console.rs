//! The quarantine in the console: what differs from the order, and a replay that is seen before it is done.

use testing::support::console::Page;
use testing::support::{Sandbox, first, period, with};

const BEGIN: &str = "2025-01-15T10:00:00+08:00";
const FIRST: &str = "2025/01/15 09:59:59";
const LATE: &str = "DKLATE00000000000001";
const LIST: &str = "/console/quarantine";
const REPLAY: &str = "/console/quarantine/replay";

/// Rows of the comparison that are marked, as field, received and expected.
fn differences(page: &Page) -> Vec<Vec<String>> {
    let rows = page.body.split("<tr class=\"differs\">").skip(1).map(|row| row.split("</tr>").next().unwrap());
    let cells = |row: &str| {
        let cells = row.split("<td>").skip(1).map(|cell| cell.split(['<', '\n']).next().unwrap().trim().to_owned());
        cells.collect()
    };
    rows.map(cells).collect()
}

/// A first payment of an order that was stored after it.
async fn overtaken(sandbox: &Sandbox) -> String {
    let id = sandbox.have_quarantined("ecpay-auth", &first(LATE, "1", FIRST)).await;
    sandbox.store_order(LATE, "late", BEGIN).await;
    id
}

#[tokio::test]
async fn what_differs_from_the_order_is_marked_and_hostile_text_stays_text() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("mei", "monthly").await;
    let staff = sandbox.signed_in("support").await;
    let report = period(&order, "1", "2031/01/15 10:00:00", "5000", "13409999");
    let report = with(&with(&report, "Amount", "1"), "RtnMsg", "<script>alert(1)</script>");
    sandbox.have_quarantined("ecpay-billing", &report).await;
    let page = staff.get(LIST).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let differing = [
        ["Amount", "1", "899"],
        ["ProcessDate", "2031/01/15 10:00:00", "2025-01-14 – 2025-01-16"],
        ["TotalSuccessTimes", "5000", "at most 99 (so far 1)"],
    ];
    assert_eq!(differences(&page), differing);
    assert!(page.text().contains("The date is implausible") && page.text().contains("<script>"), "{}", page.text());
    assert!(!page.body.contains("<script>alert"), "{}", page.body);
    assert!(page.body.contains(&format!("href=\"/console/subscriptions/{order}\"")));
    // In the language of the page.
    let chinese = staff.get(&format!("{LIST}?lang=zh-TW&reason=implausible_date")).await.text();
    assert!(chinese.contains("日期不合理") && chinese.contains("最多 99"), "{chinese}");
    assert!(!staff.get(&format!("{LIST}?reason=conflict")).await.body.contains(&order));
    // Of an unknown order nothing is expected but that there is one.
    sandbox.have_quarantined("ecpay-auth", &first(LATE, "1", FIRST)).await;
    let unknown = staff.get(&format!("{LIST}?reason=unknown_order")).await;
    assert_eq!(differences(&unknown), [["MerchantTradeNo", LATE, "there is no such order"]]);
}

#[tokio::test]
async fn a_marked_report_is_replayed_after_staff_saw_what_it_would_do() {
    let sandbox = Sandbox::at(BEGIN).await;
    let late = overtaken(&sandbox).await;
    let other = sandbox.have_quarantined("ecpay-auth", &first("DKNEVER0000000000001", "1", FIRST)).await;
    let staff = sandbox.signed_in("support").await;
    let marks = [format!("mark.{late}"), format!("mark.{other}")];
    let fields = [(marks[0].as_str(), "yes"), (marks[1].as_str(), "yes"), ("why", "imported late")];
    let preview = staff.submit(LIST, REPLAY, &fields).await;
    let text = preview.text();
    assert_eq!(preview.status, 200, "{text}");
    assert!(text.contains("Would be applied as: payment processed: the first charge succeeded"), "{text}");
    assert!(text.contains("Still quarantined because: The order is unknown"), "{text}");
    assert_eq!(sandbox.account(LATE).await["status"], "pending", "seen, not done");
    let (address, hidden) = preview.form(REPLAY).unwrap();
    let hidden: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let done = staff.post(&address, &hidden).await;
    assert_eq!(done.status, 303, "{}", done.body);
    assert_eq!(sandbox.account(LATE).await["status"], "active");
    let result = staff.get(done.location()).await.text();
    assert!(
        result.contains("Applied") && result.contains("Still quarantined because: The order is unknown"),
        "{result}"
    );
    let resolved = staff.get(&format!("{LIST}?state=resolved")).await.text();
    assert!(resolved.contains("staff:support") && resolved.contains("imported late"), "{resolved}");
}

#[tokio::test]
async fn a_form_without_a_reason_is_shown_again_as_it_was_marked_and_nothing_is_done() {
    let sandbox = Sandbox::at(BEGIN).await;
    let late = overtaken(&sandbox).await;
    let staff = sandbox.signed_in("support").await;
    let refused = staff.submit(LIST, REPLAY, &[(&format!("mark.{late}"), "yes"), ("confirmed", "yes")]).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("Give a reason"), "{}", refused.text());
    assert!(refused.body.contains("value=\"yes\" checked"), "{}", refused.body);
    let refused = staff.submit(LIST, REPLAY, &[("why", "no \"mark\""), ("confirmed", "yes")]).await;
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("value=\"no &#34;mark&#34;\""), "{}", refused.body);
    assert_eq!(sandbox.account(LATE).await["status"], "pending");
    // One report by its own button.
    let preview = staff.submit(LIST, REPLAY, &[("only", &late), ("why", "imported late")]).await;
    assert!(preview.text().contains("Would be applied as"), "{}", preview.text());
}

#[tokio::test]
async fn a_filter_with_a_fault_is_shown_again_and_readers_have_no_form() {
    let sandbox = Sandbox::at(BEGIN).await;
    let late = overtaken(&sandbox).await;
    let reader = sandbox.signed_in("read-only").await;
    let page = reader.get(LIST).await;
    assert!(page.body.contains(LATE) && page.form(REPLAY).is_none(), "{}", page.body);
    let fields = [("only", late.as_str()), ("why", "mine"), ("confirmed", "yes")];
    assert_eq!(reader.post(REPLAY, &fields).await.status, 403);
    assert_eq!(sandbox.account(LATE).await["status"], "pending");
    let refused = reader.get(&format!("{LIST}?from=2025-01-20&to=2025-01-10")).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("to must not be before from"), "{}", refused.text());
    assert!(refused.body.contains("value=\"2025-01-20\""), "{}", refused.body);
}
