//! Follow-ups: one message some days after a visit that did not take place.

use reqwest::Method;
use serde_json::{Value, json};

use testing::support::Sandbox;

const CAR: &str = "/vehicles/B1234ABC";
const WEEK: [(&str, &str); 1] = [("REMINDER_FOLLOW_UP_DAYS", "7")];

/// A vehicle that is due on 18 December.
async fn workshop(now: &str, variables: &[(&str, &str)]) -> Sandbox {
    let sandbox = Sandbox::with(now, variables).await;
    sandbox.customer("C-1", "Budi Santoso", "08551234567").await;
    sandbox.vehicle("B1234ABC", "C-1", "2025-08-18", None).await;
    sandbox
}

async fn texts(sandbox: &Sandbox) -> Vec<String> {
    sandbox.chats().await.into_iter().map(|(_, text)| text).collect()
}

#[tokio::test]
async fn a_missed_visit_is_followed_up_once_and_shown_as_what_it_is() {
    let sandbox = workshop("2025-12-17T09:00:00+07:00", &WEEK).await;
    assert_eq!(sandbox.remind().await["reminder_sent"], 1);
    // The schedule's runs of the days between send nothing.
    sandbox.travel("2025-12-24T23:00:00+07:00").await;
    assert_eq!(texts(&sandbox).await.len(), 1);
    sandbox.travel("2025-12-25T06:30:00+07:00").await;
    let run = sandbox.remind().await;
    let row = &run["details"][0];
    assert_eq!(
        (&run["reminder_sent"], &run["follow_ups_sent"], &run["total_customers"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(
        (&row["kind"], &row["days_until_visit"], &row["status"]),
        (&json!("follow_up"), &json!(-7), &json!("sent"))
    );
    let text = "Bapak Budi Santoso, jadwal pemeliharaan rutin kendaraan B 1234 ABC pada tanggal 18-12-2025 sudah lewat, \
        daftarkan kembali melalui nomor pelayanan kami 087740659525";
    assert_eq!(texts(&sandbox).await[1], text);
    sandbox.travel("2026-01-10T12:00:00+07:00").await;
    assert_eq!(texts(&sandbox).await.len(), 2);
    let reminders = sandbox.seen(CAR).await["reminders"].clone();
    let kinds: Vec<&Value> = reminders.as_array().unwrap().iter().map(|reminder| &reminder["kind"]).collect();
    assert_eq!(kinds, [&Value::Null, &json!("follow_up")]);
}

#[tokio::test]
async fn a_run_makes_up_for_days_without_one_and_never_for_visits_missed_long_before() {
    for (day, sent) in [("24", 0), ("25", 1), ("27", 1), ("28", 0)] {
        let sandbox = workshop(&format!("2025-12-{day}T09:00:00+07:00"), &WEEK).await;
        assert_eq!(sandbox.remind().await["follow_ups_sent"], sent, "{day}");
    }
    // Not switched on.
    let sandbox = workshop("2025-12-25T09:00:00+07:00", &[]).await;
    assert_eq!(sandbox.remind().await["total_customers"], 0);
}

#[tokio::test]
async fn an_owner_who_came_or_agreed_on_a_date_or_opted_out_is_not_followed_up() {
    let changes = [
        (Method::POST, format!("{CAR}/visits"), json!({ "date": "2025-12-20" })),
        (
            Method::PUT,
            CAR.to_owned(),
            json!({ "customer_id": "C-1", "last_visit_date": "2025-08-18", "status": "booked" }),
        ),
        (
            Method::PUT,
            CAR.to_owned(),
            json!({ "customer_id": "C-1", "last_visit_date": "2025-08-18", "next_visit_date": "2026-01-20" }),
        ),
        (
            Method::PUT,
            "/customers/C-1".to_owned(),
            json!({ "name": "Budi", "phone": "08551234567", "opted_out": true }),
        ),
    ];
    for (method, path, body) in changes {
        let sandbox = workshop("2025-12-25T09:00:00+07:00", &WEEK).await;
        let (status, answer) = sandbox.staff(method, &path, Some(body)).await;
        assert!(status.is_success(), "{answer}");
        sandbox.remind().await;
        assert_eq!(texts(&sandbox).await, Vec::<String>::new(), "{path}");
    }
}

#[tokio::test]
async fn the_cloud_api_has_a_template_of_its_own_for_follow_ups() {
    let template = ("WHATSAPP_FOLLOW_UP_TEMPLATE", "maintenance_follow_up");
    let variables = [WEEK[0], ("REMINDER_PROVIDER", "cloud-api"), template];
    let sandbox = workshop("2025-12-25T09:00:00+07:00", &variables).await;
    assert_eq!(sandbox.remind().await["follow_ups_sent"], 1);
    assert_eq!(texts(&sandbox).await, ["maintenance_follow_up (id): Budi Santoso | B 1234 ABC | 18-12-2025"]);
}
