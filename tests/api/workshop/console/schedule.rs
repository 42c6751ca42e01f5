//! The schedule of reminders in the console.

use serde_json::json;

use super::{after, desk};

const TEXT: &str = "Bapak Budi Santoso untuk nomor kendaraan B 1234 ABC sebentar lagi tiba saat pemeliharaan rutin \
                    pada tanggal 18-12-2025, daftarkan segera melalui nomor pelayanan kami 087740659525";

#[tokio::test]
async fn the_schedule_is_shown_with_its_text_and_switched() {
    let (sandbox, owner) = desk().await;
    let page = owner.get("/console/schedule").await;
    for part in ["The schedule is on", "07:00 WIB", "2025-12-17 07:00 Jakarta", "06:00-21:00", "starsender", TEXT] {
        assert!(page.text().contains(part), "{part}: {}", page.text());
    }
    let started = owner.submit("/console/schedule", "/start", &[("hour", "22"), ("minute", "5")]).await;
    let page = after(&owner, &started).await.text();
    assert!(page.contains("22:05 WIB") && page.contains("outside the send hours"), "{page}");
    assert_eq!(sandbox.running().await.1[0]["trigger"], "cron[hour='22', minute='5']");
    let stopped = after(&owner, &owner.submit("/console/schedule", "/stop", &[]).await).await;
    assert!(stopped.text().contains("The schedule is off") && stopped.form("/stop").is_none(), "{}", stopped.text());
    assert_eq!(sandbox.running().await, (false, json!([])));
    let refused = owner.post("/console/schedule/start", &[("hour", "24"), ("minute", "5")]).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("Hour: 0 to 23."), "{}", refused.text());
}

#[tokio::test]
async fn a_run_lists_who_gets_a_message_before_it_sends_one() {
    let (sandbox, owner) = desk().await;
    for (id, name, phone, plate) in
        [("C-1", "Budi Santoso", "08551234561", "B1AA"), ("C-2", "Sari", "08551234562", "B2AA")]
    {
        sandbox.customer(id, name, phone).await;
        sandbox.vehicle(plate, id, "2025-08-18", Some("2025-12-18")).await;
    }
    owner.post("/console/vehicles/B2AA/opt-out", &[("why", "asked at the desk")]).await;
    let list = owner.submit("/console/schedule", "/run", &[]).await;
    assert_eq!(list.status, 200);
    for part in ["1 messages", "B 1 AA Budi Santoso 08551234561 2025-12-18", "B 2 AA Sari", "wants no reminders"] {
        assert!(list.text().contains(part), "{part}: {}", list.text());
    }
    assert!(sandbox.chats().await.is_empty());
    let (action, hidden) = list.form("/run").unwrap();
    let fields: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let result = after(&owner, &owner.post(&action, &fields).await).await.text();
    for part in
        ["The run is done.", "1 Reminded", "1 Skipped", "the owner wants no reminders: 1", "B 1 AA 2025-12-18 sent"]
    {
        assert!(result.contains(part), "{part}: {result}");
    }
    let chats = sandbox.chats().await;
    assert_eq!(chats.iter().map(|(to, _)| to.as_str()).collect::<Vec<_>>(), ["628551234561"]);
}

#[tokio::test]
async fn a_sample_goes_to_one_number_that_takes_messages_and_only_a_few_times() {
    let (sandbox, owner) = desk().await;
    let owner = &owner;
    let sample = |phone: &'static str| async move { owner.post("/console/schedule/sample", &[("phone", phone)]).await };
    let refused = sample("12").await;
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("value=\"12\"") && refused.text().contains("an Indonesian mobile number"));
    assert!(after(owner, &sample("0855-1234-567").await).await.text().contains("The sample was sent."));
    assert_eq!(sandbox.chats().await, [("628551234567".to_owned(), format!("[CONTOH] {TEXT}"))]);
    sandbox.customer("C-1", "Budi Santoso", "08557654321").await;
    owner.post("/console/customers/C-1/opt-out", &[("why", "asked at the desk")]).await;
    let refused = sample("0855-7654-321").await;
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("gets no reminders, so no sample"), "{}", refused.text());
    for _ in 1..5 {
        assert_eq!(sample("0855-1234-567").await.status, 303);
    }
    let refused = sample("0855-1234-567").await;
    assert!(refused.text().contains("Too many samples"), "{}", refused.text());
    assert_eq!(sandbox.chats().await.len(), 5);
}
