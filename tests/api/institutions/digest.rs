//! Content of a digest.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::{BEGIN, RUN, institution, texts, tiers, uids};
use testing::support::Sandbox;

#[tokio::test]
async fn each_day_before_an_expiry_is_in_its_tier() {
    let sandbox = Sandbox::at(BEGIN).await;
    let days = [-1, 0, 1, 7, 8, 30, 31, 60, 61];
    // MMS has them in no order.
    let list: Vec<Value> = days.iter().rev().map(|days| institution(&format!("D{days}"), *days)).collect();
    sandbox.mms(&list).await;
    let report = sandbox.scan().await;
    assert_eq!(report["institutions"], json!({ "urgent": 3, "warning": 2, "notice": 2, "expired": 1 }));
    let slack = sandbox.slack().await;
    assert_eq!(slack.len(), 1);
    let found = tiers(&slack);
    let of = |tier: &str| found[tier].join(" ");
    assert_eq!([of("緊急"), of("警告"), of("提醒"), of("已到期")], ["D0 D1 D7", "D8 D30", "D31 D60", "D-1"]);
    assert!(!slack[0].to_string().contains("D61"));
    let texts = texts(&slack[0]);
    assert_eq!(texts[..2], ["MMS 機構到期提醒 2026-11-20", "執行時間 2026-11-20 08:00（台北）"]);
    let summary = "*找到 7 個即將到期的機構*\n🔴 緊急（7 天內到期）：3 家\n🟡 警告（8–30 天）：2 家\n🟢 提醒（31–60 天）：2 家\n\
                   ⚫ 已到期（只列一次）：1 家";
    assert_eq!(texts[2], summary);
    // All that the document lists, within 30 days.
    let link = "https://oneclub.backstage.oneclass.com.tw/organizationmanagement/organizations/D8";
    let full = format!(
        "*Institution D8* 【新】\n到期日：2026-11-28（剩 8 天）\n方案：Plan A　帳號上限：未提供\n聯絡人：Lin D8　電話：02-5550-0100\n\
         地址：1 Invented Road\nUID：D8　<{link}|查看詳情>"
    );
    assert!(texts.contains(&full), "{texts:#?}");
    // Who has the text read out hears all names.
    let text = slack[0]["text"].as_str().unwrap();
    assert!(text.contains("緊急：Institution D0，2026-11-20 到期，今天到期【新】"), "{text}");
    assert!(text.contains("提醒：Institution D60，2027-01-19 到期，剩 60 天【新】"), "{text}");
}

#[tokio::test]
async fn a_day_is_taipeis() {
    // One in the morning of the 21st there.
    let sandbox = Sandbox::at("2026-11-20T17:00:00Z").await;
    let mut at_midnight = institution("MIDNIGHT", 0);
    at_midnight["expirationTime"] = json!("2026-11-20T16:00:00Z");
    sandbox.mms(&[institution("TODAY", 1), institution("OVER", 0), at_midnight]).await;
    sandbox.scan().await;
    let slack = sandbox.slack().await;
    let found = tiers(&slack);
    assert_eq!((found["緊急"].join(" "), found["已到期"].join(" ")), ("MIDNIGHT TODAY".to_owned(), "OVER".to_owned()));
    assert_eq!(texts(&slack[0])[0], "MMS 機構到期提醒 2026-11-21");
    assert!(slack[0].to_string().contains("今天到期"));
}

#[tokio::test]
async fn two_hundred_institutions_arrive_complete_over_several_messages() {
    let sandbox = Sandbox::at(BEGIN).await;
    let list: Vec<Value> = (0..200).map(|number| institution(&format!("N{number:03}"), number % 61)).collect();
    sandbox.mms(&list).await;
    let report = sandbox.scan().await;
    let slack = sandbox.slack().await;
    assert!(slack.len() > 2, "{}", slack.len());
    assert_eq!(report["posting"]["posted"], slack.len());
    let found = uids(&slack);
    assert_eq!(found.len(), 200);
    assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), 200);
    for (number, payload) in (1..).zip(&slack) {
        assert_eq!(texts(payload)[0], format!("MMS 機構到期提醒 2026-11-20（{number}/{}）", slack.len()));
    }
    // Soonest first: days 0 to 16 have four institutions each, all later ones three.
    let order: Vec<i64> = found.iter().map(|uid| uid[1..].parse::<i64>().unwrap() % 61).collect();
    assert!(order.is_sorted(), "{order:?}");
}

#[tokio::test]
async fn a_name_mentions_no_user_and_breaks_nothing() {
    let sandbox = Sandbox::at(BEGIN).await;
    let mut hostile = institution("H", 3);
    hostile["name"] = json!("<!channel> & <b>");
    hostile["address"] = json!("<@U0INVENTED> *bold* `code` <https://evil.example|here>");
    hostile["ownerLastName"] = json!(null);
    hostile["ownerFirstName"] = json!(null);
    hostile["contactNumbers"] = json!(null);
    hostile["purchasePlan"] = json!(null);
    sandbox.mms(&[hostile]).await;
    sandbox.scan().await;
    let payload = sandbox.slack().await[0].clone();
    let shown = payload.to_string();
    for ping in ["<!", "<@", "<https://evil"] {
        assert!(!shown.contains(ping), "{shown}");
    }
    let full = texts(&payload).into_iter().find(|text| text.contains("UID：H")).unwrap();
    assert!(full.starts_with("*&lt;!channel&gt; &amp; &lt;b&gt;* 【新】\n"), "{full}");
    assert!(full.contains("方案：未提供") && full.contains("聯絡人：未提供　電話：未提供"), "{full}");
    assert!(!full.contains("None") && !full.contains("null"), "{full}");
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_reported_and_the_rest_goes_on() {
    let sandbox = Sandbox::at(BEGIN).await;
    let broken = [
        json!({ "uid": "NODATE", "name": "No date" }),
        json!(null),
        json!({ "uid": "ODD", "expirationTime": "next week" }),
    ];
    let good = ["GOOD", "GOOD-2", "GOOD-3"].map(|uid| institution(uid, 5));
    sandbox.mms(&[broken.as_slice(), &good].concat()).await;
    let report = sandbox.scan().await;
    let odd = "expirationTime is missing or odd";
    let expected =
        [format!("uid NODATE: {odd}"), "page 1, record 2: uid is missing or odd".to_owned(), format!("uid ODD: {odd}")];
    assert_eq!(report["unreadable"], json!(expected));
    assert_eq!(report["tasks"]["mms-expiry-scan"]["failed"], json!({ "unreadable": 3 }));
    let slack = sandbox.slack().await;
    assert_eq!(uids(&slack), ["GOOD", "GOOD-2", "GOOD-3"]);
    assert!(
        texts(&slack[0]).iter().any(|text| text.starts_with("⚠️ 3 筆機構資料無法判讀") && text.contains("uid NODATE"))
    );
}

#[tokio::test]
async fn a_dry_run_returns_the_exact_messages_and_writes_nothing() {
    let sandbox = Sandbox::at(BEGIN).await;
    let list: Vec<Value> = (0..120).map(|number| institution(&format!("N{number:03}"), number % 50)).collect();
    sandbox.mms(&list).await;
    let before = sandbox.items();
    let (status, dry) = sandbox.call(Method::POST, &format!("{RUN}?dry_run=true"), None).await;
    assert_eq!((status.as_u16(), &dry["dry_run"], &dry["status"]), (200, &json!(true), &json!("done")));
    assert_eq!(sandbox.items(), before);
    assert!(sandbox.slack().await.is_empty());
    let wet = sandbox.scan().await;
    assert_eq!(dry["messages"], json!(sandbox.slack().await));
    assert_eq!(
        (&dry["institutions"], &dry["posting"]["messages"]),
        (&wet["institutions"], &wet["posting"]["messages"])
    );
    // The messages name people, so neither the answer of a run nor the ledger has them.
    assert_eq!(wet["messages"], json!(null));
    let shown = sandbox.get(&format!("/runs/{}", wet["run"].as_str().unwrap())).await;
    assert_eq!((&shown["status"], &shown["institutions"]), (&json!("done"), &wet["institutions"]));
    assert!(!shown.to_string().contains("Institution N"), "{shown}");
    // What a run would do now is nothing.
    let (_, again) = sandbox.call(Method::POST, &format!("{RUN}?dry_run=true"), None).await;
    assert_eq!((&again["status"], &again["messages"]), (&json!("already_posted"), &json!([])));
}

#[tokio::test]
async fn the_schedule_posts_on_weekdays_at_half_past_nine_once_and_nothing_where_there_is_nothing() {
    let sandbox = Sandbox::at(BEGIN).await;
    let runs = |ran: Vec<String>| ran.into_iter().filter(|ran| ran.contains("MmsExpiryScan")).collect::<Vec<_>>();
    let ran = runs(sandbox.travel("2026-11-20T18:00:00+08:00").await);
    let nothing = |hour: u32| format!("2026-11-20T{hour:02}:30:00Z MmsExpiryScan WeekdayDigest: nothing due");
    assert_eq!(ran, [1, 3, 5, 7, 9].map(nothing));
    assert!(sandbox.slack().await.is_empty());
    sandbox.mms(&[institution("LONG", 40)]).await;
    // Friday is over; Monday to Friday, each with four runs that have nothing left to do.
    let ran = runs(sandbox.travel("2026-11-28T12:00:00+08:00").await);
    assert_eq!(ran.len(), 25);
    let posted: Vec<&String> = ran.iter().filter(|ran| ran.ends_with("1 of 1 messages posted")).collect();
    let days = [23, 24, 25, 26, 27].map(|day| format!("2026-11-{day}T01:30:00Z"));
    assert!(posted.iter().zip(&days).all(|(ran, day)| ran.starts_with(day)), "{posted:?}");
    assert_eq!((posted.len(), sandbox.slack().await.len()), (5, 5));
}

#[tokio::test]
async fn on_a_holiday_only_staff_have_a_digest_posted() {
    // Monday and Tuesday.
    let sandbox = Sandbox::with(BEGIN, &[("EXPIRY_HOLIDAYS", "2026-11-23, 2026-11-24")]).await;
    sandbox.mms(&[institution("A", 20)]).await;
    let ran = sandbox.travel("2026-11-23T18:00:00+08:00").await;
    assert_eq!(
        ran.iter().filter(|ran| ran.contains("2026-11-23T") && ran.contains("WeekdayDigest: nothing due")).count(),
        5
    );
    assert_eq!(sandbox.slack().await.len(), 1);
    assert_eq!(sandbox.scan().await["status"], "done");
    assert_eq!(texts(&sandbox.slack().await[1])[0], "MMS 機構到期提醒 2026-11-23");
    sandbox.travel("2026-11-25T10:00:00+08:00").await;
    let slack = sandbox.slack().await;
    assert_eq!((slack.len(), texts(&slack[2])[0].as_str()), (3, "MMS 機構到期提醒 2026-11-25"));
}

#[tokio::test]
async fn a_day_without_anything_is_posted_once_where_the_settings_say_so() {
    let sandbox = Sandbox::with(BEGIN, &[("EXPIRY_POST_NOTHING_DUE", "true")]).await;
    sandbox.mms(&[institution("FAR", 400)]).await;
    sandbox.travel("2026-11-20T18:00:00+08:00").await;
    let slack = sandbox.slack().await;
    assert_eq!((slack.len(), texts(&slack[0])[0].as_str()), (1, "MMS 機構到期提醒 2026-11-20"));
    assert!(texts(&slack[0])[2].starts_with("*目前沒有 60 天內到期的機構*"), "{slack:?}");
    assert!(slack[0]["text"].as_str().unwrap().contains("即將到期 0 家"));
    // An MMS that cannot be read is not such a day.
    sandbox.mms(&[json!({ "uid": "A", "expirationTime": "soon" })]).await;
    sandbox.travel("2026-11-23T10:00:00+08:00").await;
    assert!(!sandbox.slack().await[1].to_string().contains("目前沒有"));
}

#[tokio::test]
async fn thresholds_are_settings() {
    let settings = [
        ("NOTIFICATION_URGENT_THRESHOLD", "3"),
        ("NOTIFICATION_WARNING_THRESHOLD", "10"),
        ("EXPIRY_THRESHOLD", "20"),
        ("NOTIFICATION_DAYS_THRESHOLD", "5"),
    ];
    let sandbox = Sandbox::with(BEGIN, &settings).await;
    let list: Vec<Value> = [3, 4, 5, 6, 10, 11, 20, 21].map(|days| institution(&format!("D{days}"), days)).into();
    sandbox.mms(&list).await;
    sandbox.scan().await;
    let slack = sandbox.slack().await;
    let found = tiers(&slack);
    let of = |tier: &str| found[tier].join(" ");
    assert_eq!([of("緊急"), of("警告"), of("提醒")], ["D3", "D4 D5 D6 D10", "D11 D20"]);
    // In full up to five days.
    let full: Vec<bool> = [5, 6].map(|days| slack[0].to_string().contains(&format!("聯絡人：Lin D{days}"))).into();
    assert_eq!(full, [true, false]);
    let known = sandbox.seen("/institutions/expiring").await;
    let tiers: Vec<&str> =
        known["institutions"].as_array().unwrap().iter().map(|one| one["tier"].as_str().unwrap()).collect();
    assert_eq!(tiers, ["urgent", "warning", "warning", "warning", "warning", "notice", "notice"]);
}

#[tokio::test]
async fn with_a_bots_token_the_digest_goes_to_the_channel_of_the_settings() {
    let sandbox = Sandbox::with(BEGIN, &[("SLACK_CHANNEL", "#renewals")]).await;
    let secret = json!({
        "mms_api_key": sandbox::world::credentials::MMS_KEY, "slack_bot_token": sandbox::world::credentials::SLACK_BOT_TOKEN,
    });
    sandbox.world.rotate_secret("duekeeper/expiry", secret.to_string());
    // Keys are read again after five minutes.
    sandbox.world.leap("2026-11-20T08:05:00+08:00".parse().unwrap());
    sandbox.mms(&[institution("A", 3)]).await;
    sandbox.scan().await;
    let messages = sandbox.get("/sandbox/messages").await;
    assert_eq!(
        (&messages["messages"][0]["to"], messages["messages"].as_array().unwrap().len()),
        (&json!("#renewals"), 1)
    );
    assert_eq!(sandbox.calls("slack").await.keys().collect::<Vec<_>>(), ["chat.postMessage"]);
}
