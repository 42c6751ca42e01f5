//! Customers with a salutation of their own, by request and list, in the messages of both providers.

use serde_json::json;

use testing::support::Sandbox;

const NOW: &str = "2025-12-16T10:00:00+07:00";

/// Beginning of each owner's message.
async fn addressed(sandbox: &Sandbox) -> Vec<String> {
    let mut names: Vec<String> = sandbox
        .chats()
        .await
        .into_iter()
        .map(|(_, text)| text.split(" untuk nomor").next().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn each_owner_is_addressed_as_staff_or_the_name_says() {
    let sandbox = Sandbox::at(NOW).await;
    let people = [
        ("C-1", "Budi Santoso", None),
        ("C-2", "Sari Dewi", Some("ibu")),
        ("C-3", "Maju Motor", Some("none")),
        ("C-4", "Ibu Wati", None),
        ("C-5", "PT Maju Jaya", None),
    ];
    for (place, (id, name, salutation)) in people.into_iter().enumerate() {
        let phone = format!("0855000{place:04}");
        let person = json!({ "name": name, "phone": phone, "salutation": salutation });
        let shown = sandbox.keep(&format!("/customers/{id}"), person).await;
        assert_eq!(shown["salutation"], salutation.unwrap_or("bapak"));
        // A request without a salutation leaves it.
        let again = sandbox.keep(&format!("/customers/{id}"), json!({ "name": name, "phone": phone })).await;
        assert_eq!(again["salutation"], shown["salutation"]);
        sandbox.vehicle(&format!("B{}XY", 1000 + place), id, "2025-08-17", None).await;
    }
    assert_eq!(sandbox.remind().await["reminder_sent"], 5);
    let expected = ["Bapak Budi Santoso", "Ibu Sari Dewi", "Ibu Wati", "Maju Motor", "PT Maju Jaya"];
    assert_eq!(addressed(&sandbox).await, expected);
    assert_eq!(sandbox.seen("/customers?q=Sari").await["customers"][0]["salutation"], "ibu");
}

#[tokio::test]
async fn a_list_brings_salutations_and_loses_only_the_cells_that_are_none() {
    let sandbox = Sandbox::at(NOW).await;
    let list = "kode,nama,sapaan,no hp\nC-1,Budi,Bpk.,0812-1000-001\nC-2,Sari,IBU,0812-1000-002\n\
        C-3,Maju Motor,tanpa,0812-1000-003\nC-4,Agus,Manajer,0812-1000-004\nC-5,Wati,,0812-1000-005\n";
    let (_, answer) = sandbox.import(list).await;
    assert_eq!((&answer["stored"], &answer["refused_count"]), (&json!(5), &json!(0)), "{answer}");
    let notes = answer["notes"].as_array().unwrap();
    assert_eq!((notes.len(), &notes[0]["line"], &notes[0]["field"]), (1, &json!(5), &json!("salutation")), "{answer}");
    for (id, salutation) in [("C-1", "bapak"), ("C-2", "ibu"), ("C-3", "none"), ("C-4", "bapak"), ("C-5", "bapak")] {
        assert_eq!(sandbox.seen(&format!("/customers/{id}")).await["salutation"], salutation);
    }
    // An empty cell leaves what is stored.
    assert_eq!(sandbox.import("kode,nama,sapaan,no hp\nC-2,Sari,,0812-1000-002\n").await.1["unchanged"], 1);
}

#[tokio::test]
async fn a_template_of_the_cloud_api_takes_the_salutation_with_the_name_where_it_is_set() {
    for (setting, name) in [("false", "Sari Dewi"), ("true", "Ibu Sari Dewi")] {
        let settings = [("REMINDER_PROVIDER", "cloud-api"), ("WHATSAPP_TEMPLATE_SALUTATION", setting)];
        let sandbox = Sandbox::with(NOW, &settings).await;
        let person = json!({ "name": "Sari Dewi", "phone": "08551234567", "salutation": "ibu" });
        sandbox.keep("/customers/C-1", person).await;
        sandbox.vehicle("B1234ABC", "C-1", "2025-08-18", None).await;
        assert_eq!(sandbox.remind().await["reminder_sent"], 1);
        let text = &sandbox.chats().await[0].1;
        assert!(text.contains(&format!(": {name} | B 1234 ABC | 18-12-2025")), "{text}");
    }
}
