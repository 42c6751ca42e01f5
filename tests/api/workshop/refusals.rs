//! Refusals of WhatsApp messages: those that are about one person, and those that are about the workshop's own account.

use serde_json::{Value, json};
use testing::support::{STAFF, Sandbox};

const NOON: &str = "2025-12-16T12:00:00+07:00";
/// Words that no list has.
const NEW_WORDS: &str = "gagal: kode tidak dikenal";

/// Invented owners with one vehicle each, due on the 17th.
async fn owners(sandbox: &Sandbox, count: usize) {
    for place in 0..count {
        let id = format!("c{place}");
        sandbox.customer(&id, &format!("Owner {place}"), &format!("0855000{place:04}")).await;
        sandbox.vehicle(&format!("B{}XY", 1000 + place), &id, "2025-01-10", Some("2025-12-17")).await;
    }
}

fn phone(place: usize) -> String {
    format!("62855000{place:04}")
}

/// Numbers of sent, failed and skipped reminders.
fn counts(run: &Value) -> [i64; 3] {
    ["reminder_sent", "failed", "skipped"].map(|name| run[name].as_i64().unwrap())
}

fn plates<'a>(run: &'a Value, status: &str) -> Vec<&'a str> {
    let rows = run["details"].as_array().unwrap().iter().filter(|row| row["status"] == status);
    rows.map(|row| row["no_pol"].as_str().unwrap()).collect()
}

fn starsender(words: &str) -> Value {
    json!({ "status": 200, "body": { "success": false, "message": words } })
}

fn meta(code: u32, details: &str) -> Value {
    let error = json!({ "code": code, "message": format!("(#{code}) x"), "error_data": { "details": details } });
    json!({ "status": 400, "body": { "error": error } })
}

async fn refuse(sandbox: &Sandbox, refusals: Value) {
    sandbox.put("/sandbox/whatsapp/refusals", refusals).await;
}

async fn calls(sandbox: &Sandbox, provider: &str) -> u64 {
    sandbox.calls(provider).await.values().sum()
}

/// Mails to staff about reminders.
async fn notices(sandbox: &Sandbox) -> Vec<Value> {
    let is_about = |mail: &Value| mail["subject"].as_str().unwrap().starts_with("WhatsApp reminders need attention");
    sandbox.mails(STAFF).await.into_iter().filter(is_about).collect()
}

#[tokio::test]
async fn everybody_refused_in_new_words_is_three_calls_a_failed_run_and_one_mail_a_day() {
    let sandbox = Sandbox::at(NOON).await;
    owners(&sandbox, 10).await;
    refuse(&sandbox, json!({ "starsender": starsender(NEW_WORDS) })).await;
    let run = sandbox.remind().await;
    assert_eq!((counts(&run), &run["status"], &run["stopped"]), ([0, 3, 7], &json!("failed"), &json!(NEW_WORDS)));
    assert_eq!(plates(&run, "failed"), ["B 1000 XY", "B 1001 XY", "B 1002 XY"]);
    assert_eq!(calls(&sandbox, "starsender").await, 3);
    let shown = sandbox.get(&format!("/runs/{}", run["run"].as_str().unwrap())).await;
    assert_eq!((&shown["status"], &shown["failed"]), (&json!("failed"), &json!(3)), "{shown}");
    let listed = sandbox.get("/runs?status=failed").await;
    assert_eq!(listed["runs"][0]["id"], run["run"], "{listed}");
    let done = sandbox.get("/runs?status=done&job=maintenance-reminder").await;
    assert_eq!(done["runs"], json!([]));
    // The next run finds all ten, and begins behind the three.
    let next = sandbox.remind().await;
    assert_eq!((counts(&next), &next["total_customers"]), ([0, 3, 7], &json!(10)));
    assert_eq!(plates(&next, "failed"), ["B 1003 XY", "B 1004 XY", "B 1005 XY"]);
    sandbox.travel("2025-12-16T23:00:00+07:00").await;
    let mails = notices(&sandbox).await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert_eq!(mails[0]["subject"], "WhatsApp reminders need attention: 2025-12-16");
    let text = mails[0]["body"].as_str().unwrap();
    for part in ["10 vehicles", "of 0 were sent and of 3 failed; 7 were skipped", NEW_WORDS] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // The schedule's run of the next morning is another day.
    sandbox.travel("2025-12-17T09:00:00+07:00").await;
    assert_eq!(notices(&sandbox).await.len(), 2);
    refuse(&sandbox, json!({})).await;
    let repaired = sandbox.remind().await;
    assert_eq!((counts(&repaired), &repaired["status"]), ([10, 0, 0], &json!("done")));
}

#[tokio::test]
async fn everybody_refused_in_new_words_is_reminded_by_the_other_provider() {
    let sandbox = Sandbox::with(NOON, &[("REMINDER_FALLBACK_PROVIDER", "cloud-api")]).await;
    owners(&sandbox, 7).await;
    refuse(&sandbox, json!({ "starsender": starsender(NEW_WORDS) })).await;
    let run = sandbox.remind().await;
    assert_eq!((counts(&run), &run["status"], &run["stopped"]), ([7, 0, 0], &json!("done"), &Value::Null));
    assert_eq!((calls(&sandbox, "starsender").await, calls(&sandbox, "whatsapp-cloud").await), (3, 7));
    assert_eq!(sandbox.chats().await.len(), 7);
    // Staff learn that the first provider works no more.
    sandbox.travel("2025-12-16T23:00:00+07:00").await;
    let mails = notices(&sandbox).await;
    assert!(mails.len() == 1 && mails[0]["body"].as_str().unwrap().contains("starsender: gagal"), "{mails:?}");
}

#[tokio::test]
async fn three_numbers_without_whatsapp_keep_no_other_owner_from_a_reminder() {
    for provider in ["starsender", "cloud-api"] {
        let sandbox = Sandbox::with(NOON, &[("REMINDER_PROVIDER", provider)]).await;
        owners(&sandbox, 10).await;
        for place in 0..3 {
            sandbox.put(&format!("/sandbox/whatsapp/{}", phone(place)), json!({ "fault": "refuse" })).await;
        }
        let run = sandbox.remind().await;
        assert_eq!((counts(&run), &run["status"]), ([7, 3, 0], &json!("done")), "{provider}");
        // The three alone are left, and nothing is wrong with the provider.
        let next = sandbox.remind().await;
        assert_eq!((counts(&next), &next["status"]), ([0, 3, 0], &json!("done")), "{provider}");
        sandbox.travel("2025-12-16T23:00:00+07:00").await;
        assert_eq!(notices(&sandbox).await, Vec::<Value>::new(), "{provider}");
    }
}

#[tokio::test]
async fn three_owners_refused_in_new_words_hold_the_others_back_for_one_run_only() {
    for (repeat, later) in [("once", NOON), ("daily", NOON), ("daily", "2025-12-17T06:00:00+07:00")] {
        let sandbox = Sandbox::with(NOON, &[("REMINDER_REPEAT", repeat)]).await;
        owners(&sandbox, 10).await;
        let bad: Vec<String> = (0..3).map(phone).collect();
        let mut refusal = starsender(NEW_WORDS);
        refusal["to"] = json!(bad);
        refuse(&sandbox, json!({ "starsender": refusal })).await;
        assert_eq!(counts(&sandbox.remind().await), [0, 3, 7], "{repeat}");
        if later != NOON {
            sandbox.travel(later).await;
        }
        let next = sandbox.remind().await;
        assert_eq!(counts(&next), [7, 3, 0], "{repeat} {later}");
        assert_eq!(plates(&next, "failed"), ["B 1000 XY", "B 1001 XY", "B 1002 XY"], "{repeat} {later}");
        assert_eq!(sandbox.chats().await.len(), 7, "{repeat} {later}");
    }
}

#[tokio::test]
async fn vehicles_that_all_failed_take_turns() {
    let sandbox = Sandbox::at(NOON).await;
    owners(&sandbox, 6).await;
    refuse(&sandbox, json!({ "starsender": starsender(NEW_WORDS) })).await;
    let [early, late] = [["B 1000 XY", "B 1001 XY", "B 1002 XY"], ["B 1003 XY", "B 1004 XY", "B 1005 XY"]];
    for (minute, tried) in [(10, early), (20, late), (30, early)] {
        sandbox.travel(&format!("2025-12-16T12:{minute}:00+07:00")).await;
        assert_eq!(plates(&sandbox.remind().await, "failed"), tried, "{minute}");
    }
    // The last three work again, the first three do not.
    let mut refusal = starsender(NEW_WORDS);
    refusal["to"] = json!((0..3).map(phone).collect::<Vec<_>>());
    refuse(&sandbox, json!({ "starsender": refusal })).await;
    sandbox.travel("2025-12-16T12:40:00+07:00").await;
    let run = sandbox.remind().await;
    assert_eq!((counts(&run), plates(&run, "sent")), ([3, 3, 0], late.to_vec()));
}

#[tokio::test]
async fn one_owner_of_many_vehicles_is_one_number() {
    let sandbox = Sandbox::at(NOON).await;
    owners(&sandbox, 4).await;
    for place in 0..5 {
        sandbox.vehicle(&format!("A{}XY", 1000 + place), "c0", "2025-01-10", Some("2025-12-17")).await;
    }
    let mut refusal = starsender(NEW_WORDS);
    refusal["to"] = json!([phone(0)]);
    refuse(&sandbox, json!({ "starsender": refusal })).await;
    let run = sandbox.remind().await;
    assert_eq!((counts(&run), &run["status"]), ([3, 6, 0], &json!("done")));
}

#[tokio::test]
async fn a_run_of_which_everything_failed_has_failed_however_small() {
    for (refusal, reason) in [(starsender(NEW_WORDS), NEW_WORDS), (starsender(""), "no reason given")] {
        let sandbox = Sandbox::at(NOON).await;
        owners(&sandbox, 1).await;
        refuse(&sandbox, json!({ "starsender": refusal })).await;
        let run = sandbox.remind().await;
        assert_eq!((counts(&run), &run["status"], &run["stopped"]), ([0, 1, 0], &json!("failed"), &Value::Null));
        sandbox.travel("2025-12-16T23:00:00+07:00").await;
        let mails = notices(&sandbox).await;
        assert!(mails.len() == 1 && mails[0]["body"].as_str().unwrap().contains(reason), "{mails:?}");
    }
    // A day without anything due is no failure, and neither is a dry run.
    let sandbox = Sandbox::at(NOON).await;
    assert_eq!(sandbox.remind().await["status"], "done");
    owners(&sandbox, 1).await;
    refuse(&sandbox, json!({ "starsender": starsender(NEW_WORDS) })).await;
    let dry = sandbox.call(reqwest::Method::POST, "/runs/maintenance-reminder?dry_run=true", None).await.1;
    assert_eq!((&dry["status"], &dry["would_send"]), (&json!("done"), &json!(1)), "{dry}");
    sandbox.travel("2025-12-16T12:30:00+07:00").await;
    assert_eq!(notices(&sandbox).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_provider_that_repeats_the_message_puts_no_personal_data_into_run_and_mail() {
    let sandbox = Sandbox::at(NOON).await;
    owners(&sandbox, 3).await;
    refuse(&sandbox, json!({ "starsender": starsender("aneh: Bapak Owner 2, B 1002 XY, 628550000002") })).await;
    let run = sandbox.remind().await;
    assert_eq!(run["stopped"], "aneh: Bapak ***, ***, ***");
    sandbox.travel("2025-12-16T23:00:00+07:00").await;
    let text = notices(&sandbox).await[0]["body"].as_str().unwrap().to_owned();
    assert!(!text.contains("Owner") && !text.contains("1002") && text.contains("aneh"), "{text}");
}

/// Calls that a refusal of everybody causes, of five due: 1 where it is the account's, 3 where its words say nothing, 5
/// where it is the recipient's.
#[tokio::test]
async fn every_class_of_refusal_stops_the_batch_and_tries_the_other_provider_unless_it_is_the_persons() {
    let [account, unknown, person] = [1, 3, 5];
    let of_starsender = [
        ("device is disconnected", account),
        ("WhatsApp belum terhubung", account),
        ("Please scan QR code", account),
        ("Invalid API Key", account),
        ("kuota habis", account),
        ("Paket anda sudah habis", account),
        ("akun diblokir", account),
        ("Failed to send message", unknown),
        ("server sedang maintenance", unknown),
        ("", unknown),
        ("number is not registered on WhatsApp", person),
    ];
    let of_meta = [
        (100, "Parameter name is missing or empty", account),
        (190, "", account),
        (368, "", account),
        (131_031, "", account),
        (131_042, "", account),
        (131_048, "", account),
        (132_000, "", account),
        (132_001, "", account),
        (132_012, "", account),
        (100, "", unknown),
        (139_999, "", unknown),
        (131_026, "", person),
        (131_030, "", person),
    ];
    let cases = of_starsender
        .map(|(words, calls)| ("starsender", starsender(words), calls))
        .into_iter()
        .chain(of_meta.map(|(code, details, calls)| ("whatsapp_cloud", meta(code, details), calls)));
    for (refusing, refusal, expected) in cases {
        let (first, second, other) = match refusing {
            "starsender" => ("starsender", "cloud-api", "whatsapp-cloud"),
            _ => ("cloud-api", "starsender", "starsender"),
        };
        let called = refusing.replace('_', "-");
        let case = format!("{refusal}");
        let alone = Sandbox::with(NOON, &[("REMINDER_PROVIDER", first)]).await;
        owners(&alone, 5).await;
        refuse(&alone, json!({ refusing: refusal })).await;
        let run = alone.remind().await;
        let failed = i64::try_from(expected).unwrap();
        assert_eq!((counts(&run), &run["status"]), ([0, failed, 5 - failed], &json!("failed")), "{case}");
        assert_eq!(calls(&alone, &called).await, expected, "{case}");
        alone.travel("2025-12-16T12:30:00+07:00").await;
        assert_eq!(notices(&alone).await.len(), 1, "{case}");
        refuse(&alone, json!({})).await;
        assert_eq!(counts(&alone.remind().await), [5, 0, 0], "the next run finds the same vehicles: {case}");

        let both = [("REMINDER_PROVIDER", first), ("REMINDER_FALLBACK_PROVIDER", second)];
        let both = Sandbox::with(NOON, &both).await;
        owners(&both, 5).await;
        refuse(&both, json!({ refusing: refusal })).await;
        let run = both.remind().await;
        let by_other = if expected == person { 0 } else { 5 };
        assert_eq!(run["reminder_sent"], by_other, "{case}");
        assert_eq!((calls(&both, &called).await, calls(&both, other).await), (expected, by_other), "{case}");
    }
}
