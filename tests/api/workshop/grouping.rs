//! One message to an owner with several vehicles, each of which keeps its own reminder.

use serde_json::{Value, json};

use testing::support::Sandbox;

const NOW: &str = "2025-12-16T09:00:00+07:00";
const OWNER: (&str, &str) = ("REMINDER_GROUPING", "owner");

/// An owner with two vehicles, of which the second is stored with another customer of the same number, and another owner.
async fn owners(variables: &[(&str, &str)]) -> Sandbox {
    let sandbox = Sandbox::with(NOW, variables).await;
    sandbox.customer("C-1", "Budi Santoso", "08551234567").await;
    sandbox.customer("C-2", "Budi S.", "+62 855-1234-567").await;
    sandbox.customer("C-3", "Ibu Sari", "08551234999").await;
    sandbox.vehicle("B1AA", "C-1", "2025-08-16", None).await;
    sandbox.vehicle("B2AA", "C-3", "2025-08-17", None).await;
    sandbox.vehicle("B3AA", "C-2", "2025-08-18", None).await;
    sandbox
}

/// A company with so many vehicles that are due.
async fn fleet(variables: &[(&str, &str)], vehicles: usize) -> Sandbox {
    let sandbox = Sandbox::with(NOW, variables).await;
    sandbox.customer("C-1", "PT Maju Jaya", "08551234567").await;
    for place in 0..vehicles {
        sandbox.vehicle(&format!("B{}XY", 1000 + place), "C-1", "2025-08-17", None).await;
    }
    sandbox
}

fn rows(run: &Value) -> Vec<(&str, &str)> {
    run["details"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["no_pol"].as_str().unwrap(), row["status"].as_str().unwrap()))
        .collect()
}

const TOGETHER: &str = "Bapak Budi Santoso untuk nomor kendaraan berikut sebentar lagi tiba saat pemeliharaan rutin:\n\
    - B 1 AA: 16-12-2025\n- B 3 AA: 18-12-2025\ndaftarkan segera melalui nomor pelayanan kami 087740659525";

#[tokio::test]
async fn an_owner_is_a_number_and_gets_one_message_about_all_vehicles() {
    let sandbox = owners(&[OWNER]).await;
    let dry = sandbox.call(reqwest::Method::POST, "/runs/maintenance-reminder?dry_run=true", None).await.1;
    assert_eq!((&dry["would_send"], sandbox.chats().await.len()), (&json!(3), 0));
    let run = sandbox.remind().await;
    let chats = sandbox.chats().await;
    assert_eq!(chats.len(), 2, "{chats:?}");
    assert_eq!(chats[0], ("628551234567".to_owned(), TOGETHER.to_owned()));
    assert!(chats[1].1.starts_with("Ibu Sari untuk nomor kendaraan B 2 AA sebentar lagi"), "{chats:?}");
    assert_eq!(rows(&run), [("B 1 AA", "sent"), ("B 3 AA", "sent"), ("B 2 AA", "sent")]);
    assert_eq!((&run["total_customers"], &run["reminder_sent"]), (&json!(3), &json!(3)));
    assert_eq!(run["details"][1]["message"], TOGETHER);
    for plate in ["B1AA", "B2AA", "B3AA"] {
        let reminders = sandbox.seen(&format!("/vehicles/{plate}")).await["reminders"].clone();
        assert_eq!((reminders.as_array().unwrap().len(), &reminders[0]["state"]), (1, &json!("sent")), "{plate}");
    }
    assert_eq!(sandbox.remind().await["already_sent"], 3);
    // A vehicle that becomes due later has its own message.
    sandbox.vehicle("B4AA", "C-1", "2025-08-18", None).await;
    assert_eq!(sandbox.remind().await["reminder_sent"], 1);
    assert!(sandbox.chats().await[2].1.starts_with("Bapak Budi Santoso untuk nomor kendaraan B 4 AA sebentar lagi"));
}

#[tokio::test]
async fn a_fleet_is_reminded_in_several_messages_that_the_daily_cap_counts() {
    let sandbox = fleet(&[OWNER, ("REMINDER_DAILY_CAP", "2")], 50).await;
    let run = sandbox.remind().await;
    assert_eq!((&run["reminder_sent"], &run["skipped"]), (&json!(40), &json!(10)), "{run}");
    let chats = sandbox.chats().await;
    assert_eq!(chats.iter().map(|(_, text)| text.matches("- B 10").count()).collect::<Vec<_>>(), [20, 20]);
    assert!(chats.iter().all(|(_, text)| text.chars().count() < 1_000), "{chats:?}");
    sandbox.travel("2025-12-17T06:00:00+07:00").await;
    let run = sandbox.remind().await;
    assert_eq!((&run["reminder_sent"], &run["already_sent"]), (&json!(10), &json!(40)), "{run}");
}

#[tokio::test]
async fn a_refused_or_unanswered_message_counts_for_each_vehicle_and_is_only_repeated_where_it_was_refused() {
    let sandbox = owners(&[OWNER]).await;
    sandbox.put("/sandbox/whatsapp/628551234567", json!({ "fault": "refuse" })).await;
    let run = sandbox.remind().await;
    // The owner who was reached is not kept waiting by the one who was not.
    assert_eq!((&run["failed"], &run["reminder_sent"]), (&json!(2), &json!(1)), "{run}");
    sandbox.put("/sandbox/whatsapp/628551234567", json!({ "fault": "none" })).await;
    assert_eq!(sandbox.remind().await["reminder_sent"], 2);
    assert_eq!(sandbox.chats().await[1].1, TOGETHER);
    let unanswered = owners(&[OWNER]).await;
    unanswered.fault("starsender", "answer_lost").await;
    assert_eq!(unanswered.remind().await["unclear"], 3);
    unanswered.fault("starsender", "none").await;
    assert_eq!(unanswered.remind().await["unclear"], 3);
    assert_eq!(unanswered.chats().await.len(), 2);
}

#[tokio::test]
async fn the_cloud_api_gets_the_vehicles_in_one_parameter_of_a_template_of_its_own() {
    let template = ("WHATSAPP_GROUP_TEMPLATE", "maintenance_reminder_group");
    let sandbox = owners(&[OWNER, ("REMINDER_PROVIDER", "cloud-api"), template]).await;
    assert_eq!(sandbox.remind().await["reminder_sent"], 3);
    let chats = sandbox.chats().await;
    assert_eq!(chats[0].1, "maintenance_reminder_group (id): Budi Santoso | B 1 AA: 16-12-2025, B 3 AA: 18-12-2025");
    assert_eq!(chats[1].1, "maintenance_reminder (id): Ibu Sari | B 2 AA | 17-12-2025");
}

#[tokio::test]
async fn reminders_come_before_follow_ups_under_the_daily_cap() {
    for grouping in ["owner", "vehicle"] {
        let variables =
            [("REMINDER_GROUPING", grouping), ("REMINDER_FOLLOW_UP_DAYS", "1"), ("REMINDER_DAILY_CAP", "1")];
        let sandbox = Sandbox::with(NOW, &variables).await;
        sandbox.customer("C-1", "Budi Santoso", "08551234567").await;
        sandbox.customer("C-2", "Siti Aminah", "08551234568").await;
        // A visit that was missed yesterday, and one of tomorrow.
        sandbox.vehicle("B1AA", "C-1", "2025-08-15", None).await;
        sandbox.vehicle("B2AA", "C-2", "2025-08-17", None).await;
        sandbox.remind().await;
        let to: Vec<String> = sandbox.chats().await.into_iter().map(|(to, _)| to).collect();
        assert_eq!(to, ["628551234568"], "{grouping}");
    }
}

#[tokio::test]
async fn the_stage_of_a_message_stands_at_each_of_its_vehicles() {
    let cloud = [OWNER, ("REMINDER_PROVIDER", "cloud-api"), ("WHATSAPP_GROUP_TEMPLATE", "maintenance_reminder_group")];
    let sandbox = owners(&cloud).await;
    assert_eq!(sandbox.remind().await["reminder_sent"], 3);
    let stage = json!({ "status": "delivered" });
    let answer = sandbox.post("/sandbox/whatsapp/08551234567/statuses", stage).await;
    assert_eq!(answer["status"], 200);
    let runs = sandbox.call(reqwest::Method::GET, "/runs?job=maintenance-reminder&limit=1", None).await.1;
    let id = runs["runs"][0]["id"].as_str().unwrap();
    let run = sandbox.call(reqwest::Method::GET, &format!("/runs/{id}"), None).await.1;
    let delivered = |reminder: &&Value| reminder["delivery"]["stage"] == "delivered";
    let mut plates: Vec<&str> = run["reminders"]
        .as_array()
        .unwrap()
        .iter()
        .filter(delivered)
        .map(|one| one["plate"].as_str().unwrap())
        .collect();
    plates.sort_unstable();
    assert_eq!(plates, ["B 1 AA", "B 3 AA"]);
}
