//! The list of MMS as it is read: pages, records and dates that are not as they should be, and a list that moves.

use serde_json::{Value, json};

use super::{BEGIN, institution, texts, tiers, uids};
use testing::support::{STAFF, Sandbox};

/// Institutions a page holds in these tests, so that nine are three pages.
const PAGE: [(&str, &str); 1] = [("API_PAGE_SIZE", "3")];
const NEXT_DAY: &str = "2026-11-23T08:00:00+08:00";

/// An institution whose expiry MMS writes in a form that is not known.
fn odd(uid: &str) -> Value {
    json!({ "uid": uid, "name": format!("Institution {uid}"), "expirationTime": "the 2nd of December" })
}

fn nine() -> Vec<Value> {
    (0..9).map(|number| institution(&format!("U-{number}"), 10 + number)).collect()
}

/// The whole of a message, with what screen readers say.
fn said(payload: &Value) -> String {
    format!("{}\n{}", payload["text"].as_str().unwrap(), texts(payload).join("\n"))
}

/// A scan while the list changes after some pages of the first pass, on the day after all nine were announced or on
/// the first day.
async fn scan_of_a_moving_list(after: &[Value], pages: u64, known: bool, fault: &str) -> (Vec<String>, String) {
    let sandbox = Sandbox::with(BEGIN, &PAGE).await;
    sandbox.mms(&nine()).await;
    if known {
        sandbox.scan().await;
        sandbox.world.leap(NEXT_DAY.parse().unwrap());
    }
    sandbox.fault("mms", fault).await;
    sandbox.put(&format!("/sandbox/mms/institutions?after_pages={pages}"), json!(after)).await;
    assert_eq!(sandbox.scan().await["status"], "done");
    let slack = sandbox.slack().await;
    let mut shown = uids(slack.last().into_iter().cloned().collect::<Vec<_>>().as_slice());
    shown.sort();
    (shown, said(slack.last().unwrap()))
}

#[tokio::test]
async fn an_institution_that_leaves_or_joins_while_the_list_is_read_takes_no_other_with_it() {
    for known in [true, false] {
        for fault in ["none", "no_total"] {
            for pages in 1..=3 {
                for place in 0..=9_usize {
                    let mut joined = nine();
                    joined.insert(place, institution("NEW", 12));
                    let (shown, text) = scan_of_a_moving_list(&joined, pages, known, fault).await;
                    let all: Vec<String> = (0..9).map(|number| format!("U-{number}")).collect();
                    let old: Vec<&String> = shown.iter().filter(|uid| *uid != "NEW").collect();
                    assert_eq!(old, all.iter().collect::<Vec<_>>(), "joined at {place} after {pages}, {fault}");
                    assert!(!text.contains("現已不在清單"), "{text}");
                    if place == 9 {
                        continue;
                    }
                    let mut left = nine();
                    left.remove(place);
                    let (shown, text) = scan_of_a_moving_list(&left, pages, known, fault).await;
                    // The one that left is shown where a page had it before; all others are.
                    let missing: Vec<&String> = all.iter().filter(|uid| !shown.contains(uid)).collect();
                    let was_read = place < usize::try_from(pages).unwrap() * 3;
                    let expected = if was_read { None } else { Some(&all[place]) };
                    let context = format!("left at {place} after {pages}, {fault}, {known}");
                    assert_eq!(missing, expected.into_iter().collect::<Vec<_>>(), "{context}");
                    assert_eq!(text.contains("現已不在清單"), known && !was_read, "{context}: {text}");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_list_is_read_twice_only_where_something_is_missing() {
    let sandbox = Sandbox::with(BEGIN, &PAGE).await;
    sandbox.mms(&nine()).await;
    sandbox.scan().await;
    // Three pages and the empty one behind them.
    assert_eq!(sandbox.calls("mms").await["byPage"], 4);
    sandbox.world.leap(NEXT_DAY.parse().unwrap());
    sandbox.forget_calls().await;
    sandbox.mms(&nine()[1..]).await;
    sandbox.scan().await;
    assert_eq!(sandbox.calls("mms").await["byPage"], 8);
    assert!(said(&sandbox.slack().await[1]).contains("先前列出、現已不在清單（已續約、停用或到期）：1 家"));
    // A short list without a total needs no second look.
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.fault("mms", "no_total").await;
    sandbox.mms(&nine()).await;
    sandbox.scan().await;
    assert_eq!(sandbox.calls("mms").await["byPage"], 2);
}

#[tokio::test]
async fn null_or_the_last_page_again_ends_a_list_that_was_read_whole() {
    for fault in ["null_page", "repeat_page_with_total"] {
        let sandbox = Sandbox::with(BEGIN, &PAGE).await;
        sandbox.fault("mms", fault).await;
        sandbox.mms(&nine()).await;
        assert_eq!(sandbox.scan().await["status"], "done", "{fault}");
        assert_eq!(uids(&sandbox.slack().await).len(), 9, "{fault}");
        assert_eq!(sandbox.calls("mms").await["byPage"], 4, "{fault}");
    }
    // A list without institutions.
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.fault("mms", "null_page").await;
    assert_eq!(sandbox.scan().await["status"], "done");
    assert!(sandbox.slack().await.is_empty());
}

#[tokio::test]
async fn of_two_entries_the_sooner_expiry_is_shown_and_both_are_named() {
    for order in [[50, 2], [2, 50]] {
        let sandbox = Sandbox::with(BEGIN, &PAGE).await;
        let mut list = nine();
        list.insert(0, institution("D-1", order[0]));
        list.push(institution("D-1", order[1]));
        sandbox.mms(&list).await;
        let report = sandbox.scan().await;
        assert_eq!(report["contradictory"], json!(["uid D-1: expires on 2026-11-22 and 2027-01-09"]));
        let slack = sandbox.slack().await;
        assert_eq!(tiers(&slack)["緊急"], ["D-1"]);
        assert_eq!(uids(&slack).iter().filter(|uid| *uid == "D-1").count(), 1);
        assert!(said(&slack[0]).matches("• uid D-1：2026-11-22、2027-01-09").count() == 2, "{slack:?}");
        let run = sandbox.get(&format!("/runs/{}", report["run"].as_str().unwrap())).await;
        assert_eq!(run["contradictory"], report["contradictory"]);
    }
}

#[tokio::test]
async fn an_institution_that_cannot_be_read_any_more_is_shown_with_the_date_known() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.mms(&[institution("A", 10), institution("B", 10)]).await;
    sandbox.scan().await;
    sandbox.mms(&[institution("A", 10), odd("B")]).await;
    sandbox.travel("2026-11-23T10:00:00+08:00").await;
    let monday = &sandbox.slack().await[1];
    assert_eq!(tiers(std::slice::from_ref(monday))["緊急"], ["A", "B"]);
    let said = said(monday);
    assert!(said.contains("uid B：expirationTime 缺少或無法判讀"), "{said}");
    assert!(said.contains("到期日：2026-11-30（剩 7 天）") && !said.contains("目前沒有"), "{said}");
}

#[tokio::test]
async fn a_list_that_mostly_cannot_be_read_fails_the_scan_and_claims_nothing() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.mms(&["A", "B", "C"].map(|uid| institution(uid, 5))).await;
    sandbox.scan().await;
    sandbox.mms(&[odd("A"), odd("B"), institution("C", 5)]).await;
    sandbox.world.leap(NEXT_DAY.parse().unwrap());
    let report = sandbox.scan().await;
    let reason = "2 of 3 records of MMS cannot be read";
    assert_eq!(
        (&report["status"], &report["error"]),
        (&json!("failed"), &json!({ "service": "mms", "reason": reason }))
    );
    assert_eq!(
        report["unreadable"],
        json!(["uid A: expirationTime is missing or odd", "uid B: expirationTime is missing or odd"])
    );
    let slack = sandbox.slack().await;
    assert_eq!(texts(&slack[1])[0], "MMS 到期掃描未完成 2026-11-23");
    let failed = said(&slack[1]);
    assert!(failed.contains(reason) && failed.contains("這不代表沒有機構到期"), "{failed}");
    // Those of Friday, with the dates of Friday.
    for uid in ["A", "B", "C"] {
        assert!(failed.contains(&format!("緊急：Institution {uid}，2026-11-25 到期，剩 2 天")), "{failed}");
    }
    assert!(!failed.contains("目前沒有") && !failed.contains("0 家"), "{failed}");
    // Once a day, by mail too.
    let ran = sandbox.travel("2026-11-23T12:00:00+08:00").await;
    assert!(ran.iter().any(|ran| ran.ends_with(&format!("WeekdayDigest: failed: {reason}"))), "{ran:?}");
    assert_eq!((sandbox.slack().await.len(), sandbox.subjects(STAFF).await.len()), (2, 1));
    assert_eq!(sandbox.subjects(STAFF).await, ["No expiry digest in Slack: 2026-11-23"]);
    // As soon as it can be read again, a run of the day posts the digest.
    sandbox.mms(&["A", "B", "C"].map(|uid| institution(uid, 5))).await;
    assert_eq!(sandbox.scan().await["status"], "done");
    assert_eq!(uids(&sandbox.slack().await[2..]), ["A", "B", "C"]);
}

#[tokio::test]
async fn a_single_record_that_cannot_be_read_is_no_day_without_expiries() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.mms(&[odd("A")]).await;
    assert_eq!(sandbox.scan().await["status"], "failed");
    assert!(!said(&sandbox.slack().await[0]).contains("目前沒有"));
    // Of two one is no majority.
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.mms(&[odd("A"), institution("FAR", 400)]).await;
    assert_eq!(sandbox.scan().await["status"], "done");
    let said = said(&sandbox.slack().await[0]);
    assert!(said.contains("有 1 筆機構資料無法判讀，無法確認有無 60 天內到期的機構"), "{said}");
    assert!(!said.contains("目前沒有") && !said.contains("0 家"), "{said}");
}
