//! Figures in the console: over periods that are longer than hourly counters are read for, and payments by month.

use testing::support::Sandbox;

const BEGIN: &str = "2025-01-05T10:00:00+08:00";
const PAGE: &str = "/console/figures";

/// Cells of the row of that name.
fn row(html: &str, name: &str) -> Vec<String> {
    let row = html.split("<tr>").find(|row| row.contains(&format!(">{name}</th>"))).unwrap_or_else(|| panic!("{html}"));
    let cells = row.split("<td").skip(1).map(|cell| cell.split_once('>').unwrap().1.split("</td>").next().unwrap());
    cells.map(|cell| cell.replace("<span>", "").replace("</span>", "")).collect()
}

#[tokio::test]
async fn figures_count_by_day_over_three_periods_also_when_the_days_are_closed() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("mei", "monthly").await;
    sandbox.outcomes(&order, &["10100058", "1"]).await;
    sandbox.subscribe("ren", "annual").await;
    let staff = sandbox.signed_in("read-only").await;
    let charges = "Charges (succeeded, failed)";
    let today = staff.get(PAGE).await;
    assert_eq!(today.status, 200, "{}", today.body);
    assert_eq!(row(&today.body, charges), ["2, 0", "2, 0", "2, 0"]);
    // The order's second charge fails and its retry succeeds; day by day, so that each night's clean-up runs.
    for _ in 0..45 {
        sandbox.advance(1.0).await;
    }
    let closed = sandbox.items().into_iter().filter(|item| item.contains("COUNT#day")).count();
    assert_eq!(closed, 45, "every day that is over");
    let page = sandbox.signed_in("read-only").await.get(PAGE).await;
    assert_eq!(row(&page.body, charges), ["0, 0", "1, 1", "3, 1"]);
    assert_eq!(row(&page.body, "Payment success"), ["nothing to measure", "50 %", "75 %"]);
    assert_eq!(row(&page.body, "Recovery"), ["nothing to measure", "100 %", "100 %"]);
    assert_eq!(row(&page.body, "Recovered by retry 1"), ["0 (nothing to measure)", "1 (100 %)", "1 (100 %)"]);
    assert!(page.text().contains("active 2"), "{}", page.text());
    assert_eq!(page.body.matches("<svg class=\"chart\"").count(), 3);
    let january = row(&page.body, "2025-01");
    assert_eq!(january[..4], ["2", "NT$9,898", "NT$0", "NT$9,898"]);
    assert_eq!(row(&page.body, "2025-02")[..2], ["1", "NT$899"]);
}

#[tokio::test]
async fn a_month_is_one_file_that_equals_the_list_of_the_api() {
    let sandbox = Sandbox::at(BEGIN).await;
    for user in ["mei", "ren", "lin"] {
        sandbox.subscribe(user, "monthly").await;
    }
    let staff = sandbox.signed_in("read-only").await;
    let file = staff.get(&format!("{PAGE}?month=2025-01&format=csv")).await;
    let name = file.headers["content-disposition"].to_str().unwrap();
    assert_eq!((file.status, name), (200, "attachment; filename=\"payments-2025-01.csv\""));
    let (_, api) = sandbox.call(reqwest::Method::GET, "/api/payments?month=2025-01&format=csv", None).await;
    assert_eq!(file.body, api.as_str().unwrap());
    assert_eq!(file.body.lines().count(), 4);
    let refused = staff.get(&format!("{PAGE}?month=%3Cb%3E&format=csv")).await;
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("value=\"&#60;b&#62;\""), "{}", refused.body);
}
