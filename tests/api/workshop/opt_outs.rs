//! Opt-outs of numbers: recorded by staff and by replies, for every record of the number and for later lists.

use reqwest::Method;
use serde_json::{Value, json};
use testing::support::Sandbox;

const HEADER: &str = "customer_id,name,phone,plate,last_visit_date,next_visit_date\n";

async fn workshop() -> Sandbox {
    let sandbox = Sandbox::at("2025-12-16T09:00:00+07:00").await;
    sandbox.customer("C-1", "Budi Santoso", "08551234567").await;
    sandbox.vehicle("B1234ABC", "C-1", "2025-08-18", None).await;
    sandbox
}

async fn opt_out(sandbox: &Sandbox, phone: &str) -> Value {
    let body = json!({ "phone": phone, "why": "asked for it on the phone" });
    let (status, answer) = sandbox.staff(Method::POST, "/opt-outs", Some(body)).await;
    assert!(status.is_success(), "{status} {answer}");
    answer
}

/// A person writes to the business.
async fn write(sandbox: &Sandbox, phone: &str, text: &str, via: &str) {
    let body = json!({ "text": text, "via": via });
    let answer = sandbox.post(&format!("/sandbox/whatsapp/{phone}/messages"), body).await;
    assert_eq!(answer, json!({ "status": 200 }));
}

/// Puts the keys under which numbers are hashed, and waits until every function has read them.
async fn hold(sandbox: &Sandbox, keys: Value) {
    let document = json!({ "keys": keys }).to_string();
    sandbox.world.rotate_secret("duekeeper/phones", document);
    sandbox.advance(0.01).await;
}

/// Outcomes of a run: sent, and the reasons of the skipped.
async fn run(sandbox: &Sandbox) -> (u64, Vec<String>) {
    let report = sandbox.remind().await;
    let skipped = report["details"].as_array().unwrap().iter().filter(|row| row["status"] == "skipped");
    (report["reminder_sent"].as_u64().unwrap(), skipped.map(|row| row["reason"].as_str().unwrap().to_owned()).collect())
}

#[tokio::test]
async fn an_opt_out_counts_for_every_record_of_the_number_and_for_later_lists() {
    let sandbox = workshop().await;
    let answer = opt_out(&sandbox, "0855-1234-567").await;
    let id = answer["opt_out_id"].as_str().unwrap();
    assert!(!id.contains("8551234567"));
    assert_eq!((&answer["phone"], &answer["opted_out"]), (&json!("628551234567"), &json!(true)));
    let expected = json!({
        "wish": "stop", "at": "2025-12-16T02:00:00Z", "source": "staff", "by": "sandbox", "why": "asked for it on the phone",
    });
    assert_eq!((&answer["latest"], &answer["previous"]), (&expected, &Value::Null));
    let list =
        format!("{HEADER}C-2,Budi S.,628551234567,B 2 XY,2025-08-17,\nC-3,Siti,08551234568,B 3 XY,2025-08-17,\n");
    assert_eq!(sandbox.import(list).await.1["stored"], 2);
    assert_eq!(sandbox.seen("/customers/C-2").await["opted_out"], true);
    assert_eq!(sandbox.seen("/customers?q=08551234567").await["customers"][1]["opted_out"], true);
    assert_eq!(run(&sandbox).await, (1, vec!["opted out".to_owned(), "opted out".to_owned()]));
    assert_eq!(sandbox.chats().await.len(), 1);
    // A second opt-out changes nothing.
    let again = opt_out(&sandbox, "+62 855 1234 567").await;
    assert_eq!(again, answer);
    assert_eq!(sandbox.seen("/opt-outs").await, json!({ "opt_outs": [answer], "next": null }));
    let (status, ended) =
        sandbox.staff(Method::DELETE, &format!("/opt-outs/{id}"), Some(json!({ "why": "wants them again" }))).await;
    assert_eq!((status.as_u16(), &ended["opted_out"], &ended["previous"]), (200, &json!(false), &expected));
    assert_eq!(sandbox.seen("/opt-outs").await["opt_outs"], json!([]));
    assert_eq!(sandbox.seen("/opt-outs?ended=true").await["opt_outs"], json!([ended]));
    assert_eq!(sandbox.seen("/opt-outs?phone=08551234567").await["opt_outs"], json!([ended]));
    assert_eq!(run(&sandbox).await.0, 2);
}

#[tokio::test]
async fn an_opt_out_follows_its_person_to_another_number() {
    let sandbox = workshop().await;
    opt_out(&sandbox, "08551234567").await;
    // By a list, and by staff who correct the number.
    let list = format!("{HEADER}C-1,Budi Santoso,08551230001,,,\n");
    assert_eq!(sandbox.import(list).await.1["stored"], 1);
    assert_eq!(sandbox.seen("/customers/C-1").await["opted_out"], true);
    sandbox.customer("C-1", "Budi Santoso", "08551230002").await;
    assert_eq!(sandbox.seen("/customers/C-1").await["opted_out"], true);
    for (phone, expected) in [("08551234567", 1), ("08551230001", 1), ("08551230002", 1), ("08551230003", 0)] {
        let found = sandbox.seen(&format!("/opt-outs?phone={phone}")).await;
        assert_eq!(found["opt_outs"].as_array().unwrap().len(), expected, "{phone}");
    }
    // Where the new number has an opt-out that was ended, that counts.
    let body = json!({ "name": "Budi Santoso", "phone": "08551230002", "opted_out": false });
    assert_eq!(sandbox.keep("/customers/C-1", body).await["opted_out"], false);
    sandbox.customer("C-1", "Budi Santoso", "08551234567").await;
    assert_eq!(sandbox.seen("/customers/C-1").await["opted_out"], true, "its own opt-out holds");
    sandbox.customer("C-1", "Budi Santoso", "08551230002").await;
    assert_eq!(sandbox.seen("/customers/C-1").await["opted_out"], false);
}

#[tokio::test]
async fn an_opt_out_outlives_the_erasure_without_the_number() {
    let sandbox = workshop().await;
    opt_out(&sandbox, "08551234567").await;
    assert_eq!(sandbox.forget("C-1", "asked for by letter").await.0, 200);
    let table = json!(sandbox::world::table_inspect::contents(&sandbox.world)).to_string();
    assert!(!table.contains("8551234567") && !table.contains("on the phone"));
    let listed = sandbox.seen("/opt-outs").await;
    assert_eq!(
        (&listed["opt_outs"][0]["phone"], &listed["opt_outs"][0]["latest"]["why"]),
        (&Value::Null, &Value::Null)
    );
    let id = listed["opt_outs"][0]["opt_out_id"].as_str().unwrap();
    let (status, refused) =
        sandbox.staff(Method::DELETE, &format!("/opt-outs/{id}"), Some(json!({ "why": "wants them again" }))).await;
    assert_eq!((status.as_u16(), &refused["error"]["code"]), (409, &json!("erased")));
    sandbox.customer("C-1", "Budi Santoso", "08551234567").await;
    assert_eq!(sandbox.seen("/customers/C-1").await["opted_out"], true);
}

#[tokio::test]
async fn an_erasure_follows_its_person_to_the_former_numbers() {
    let sandbox = workshop().await;
    opt_out(&sandbox, "08551234567").await;
    sandbox.customer("C-1", "Budi Santoso", "08551230001").await;
    let list = format!("{HEADER}C-1,Budi Santoso,08551230002,,,\n");
    assert_eq!(sandbox.import(list).await.1["stored"], 1);
    assert_eq!(sandbox.forget("C-1", "asked for by letter").await.0, 200);
    let table = json!(sandbox::world::table_inspect::contents(&sandbox.world)).to_string();
    for trace in ["8551234567", "8551230001", "8551230002", "on the phone"] {
        assert!(!table.contains(trace), "{trace}");
    }
    // No number is written to again.
    for phone in ["08551234567", "08551230001", "08551230002"] {
        assert_eq!(sandbox.seen(&format!("/opt-outs?phone={phone}")).await["opt_outs"][0]["opted_out"], true);
    }
}

#[tokio::test]
async fn what_is_recorded_under_an_earlier_key_is_found_while_that_is_held() {
    let sandbox = workshop().await;
    sandbox.customer("C-2", "Siti", "08551234568").await;
    opt_out(&sandbox, "08551234567").await;
    assert_eq!(sandbox.forget("C-2", "asked for by letter").await.0, 200);
    let old = sandbox::world::credentials::PHONE_KEY;
    let new = "another-phone-key-invented-and-long-enough";
    hold(&sandbox, json!([new, old])).await;
    assert_eq!(run(&sandbox).await, (0, vec!["opted out".to_owned()]));
    let list = format!("{HEADER}C-9,Siti,08551234568,,,\n");
    assert_eq!(sandbox.import(list.clone()).await.1["refused"][0]["reason"], "was erased");
    // A change stands under both keys, and the erasure of another customer too.
    opt_out(&sandbox, "08551234569").await;
    sandbox.customer("C-3", "Agus", "08551234560").await;
    assert_eq!(sandbox.forget("C-3", "asked for by letter").await.0, 200);
    for keys in [json!([old]), json!([new])] {
        hold(&sandbox, keys).await;
        assert_eq!(sandbox.seen("/opt-outs?phone=08551234569").await["opt_outs"][0]["opted_out"], true);
        let list = format!("{HEADER}C-9,Agus,08551234560,,,\n");
        assert_eq!(sandbox.import(list).await.1["refused"][0]["reason"], "was erased");
    }
}

#[tokio::test]
async fn a_reply_opts_out_and_in_again_and_is_confirmed_once() {
    for (via, provider) in [("starsender", "starsender"), ("whatsapp_cloud", "cloud-api")] {
        let sandbox = Sandbox::with(
            "2025-12-16T09:00:00+07:00",
            &[("REMINDER_PROVIDER", provider), ("WHATSAPP_PHONE_NUMBER_ID", "100000000000042")],
        )
        .await;
        sandbox.customer("C-1", "Budi Santoso", "08551234567").await;
        sandbox.vehicle("B1234ABC", "C-1", "2025-08-18", None).await;
        for text in ["Kapan servisnya?", "Berhenti ya", "STOP"] {
            write(&sandbox, "08551234567", text, via).await;
        }
        let stopped = "Baik, nomor ini tidak akan menerima pengingat lagi. Balas START untuk menerimanya kembali.";
        assert_eq!(sandbox.chats().await, [("628551234567".to_owned(), stopped.to_owned())], "{via}");
        let listed = sandbox.seen("/opt-outs").await;
        let answer = &listed["opt_outs"][0];
        assert_eq!((&answer["latest"]["source"], &answer["confirmation"]), (&json!("reply"), &json!("sent")));
        assert_eq!(run(&sandbox).await, (0, vec!["opted out".to_owned()]));
        for text in ["START", "start"] {
            write(&sandbox, "08551234567", text, via).await;
        }
        let started = "Baik, nomor ini akan menerima pengingat lagi. Balas STOP untuk berhenti.";
        assert_eq!(sandbox.chats().await.len(), 2, "{via}");
        assert_eq!(sandbox.chats().await[1].1, started);
        assert_eq!(run(&sandbox).await.0, 1);
        // A START of a number without an opt-out changes nothing, and is not answered.
        write(&sandbox, "08559999999", "START", via).await;
        assert_eq!(sandbox.chats().await.len(), 3);
    }
}

#[tokio::test]
async fn a_confirmation_waits_while_the_device_is_off_and_lapses_after_a_day() {
    let sandbox = workshop().await;
    sandbox.put("/sandbox/faults", json!({ "starsender": "device_off" })).await;
    write(&sandbox, "08551234567", "STOP", "starsender").await;
    write(&sandbox, "08551234568", "STOP", "starsender").await;
    let state = |answer: Value| answer["opt_outs"][0]["confirmation"].clone();
    assert_eq!(state(sandbox.seen("/opt-outs?phone=08551234567").await), "waiting");
    sandbox.put("/sandbox/faults", json!({ "starsender": "none" })).await;
    run(&sandbox).await;
    assert_eq!(state(sandbox.seen("/opt-outs?phone=08551234567").await), "sent");
    assert_eq!(sandbox.chats().await.len(), 2);
    sandbox.put("/sandbox/faults", json!({ "starsender": "device_off" })).await;
    write(&sandbox, "08551234567", "START", "starsender").await;
    sandbox.put("/sandbox/faults", json!({ "starsender": "none" })).await;
    sandbox.travel("2025-12-17T09:00:01+07:00").await;
    assert_eq!(state(sandbox.seen("/opt-outs?phone=08551234567").await), "sent", "by the run in the morning");
    // A lost response may have been a sent message.
    sandbox.put("/sandbox/faults", json!({ "starsender": "answer_lost" })).await;
    write(&sandbox, "08551234567", "STOP", "starsender").await;
    assert_eq!(state(sandbox.seen("/opt-outs?phone=08551234567").await), "unclear");
    let before = sandbox.chats().await.len();
    sandbox.put("/sandbox/faults", json!({ "starsender": "none" })).await;
    run(&sandbox).await;
    assert_eq!(sandbox.chats().await.len(), before);
}

#[tokio::test]
async fn a_device_that_refuses_is_asked_once_for_all_confirmations() {
    let sandbox = workshop().await;
    sandbox.put("/sandbox/faults", json!({ "starsender": "device_off" })).await;
    for number in 1..=5 {
        write(&sandbox, &format!("0855123000{number}"), "STOP", "starsender").await;
    }
    // Each reply led to one call, however many wait.
    assert_eq!(sandbox.calls("starsender").await["send"], 5);
    sandbox.put("/sandbox/faults", json!({ "starsender": "none" })).await;
    run(&sandbox).await;
    assert_eq!(sandbox.chats().await.len(), 5 + 1, "and the reminder of the vehicle that is due");
}

#[tokio::test]
async fn bad_input_is_refused_by_field() {
    let sandbox = workshop().await;
    for (body, param) in [
        (json!({ "phone": "0855", "why": "asked" }), "phone"),
        (json!({ "phone": "08551234567" }), "why"),
        (json!({ "phone": "08551234567", "why": "a\nb" }), "why"),
        (json!({ "phone": "08551234567", "why": "asked", "id": 1 }), "id"),
    ] {
        let (status, answer) = sandbox.staff(Method::POST, "/opt-outs", Some(body)).await;
        assert_eq!((status.as_u16(), answer["error"]["param"].as_str()), (400, Some(param)), "{answer}");
    }
    let (status, answer) = sandbox
        .staff(Method::POST, "/opt-outs?dry_run=true", Some(json!({ "phone": "08551234567", "why": "asked" })))
        .await;
    assert_eq!((status.as_u16(), &answer["opted_out"]), (200, &json!(true)));
    assert_eq!(sandbox.seen("/opt-outs?phone=08551234567").await["opt_outs"], json!([]));
    for id in ["unknown", &"0".repeat(64)] {
        let (status, _) =
            sandbox.staff(Method::DELETE, &format!("/opt-outs/{id}"), Some(json!({ "why": "asked" }))).await;
        assert_eq!(status, 404);
    }
}
