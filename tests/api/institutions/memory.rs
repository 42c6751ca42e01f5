//! Memory of earlier digests, and acknowledgements by staff.

use reqwest::Method;
use serde_json::{Value, json};

use super::{BEGIN, RUN, institution, texts, tiers, uids};
use testing::support::Sandbox;

/// Marks of a digest by institution: the words in 【】.
fn marks(payload: &Value) -> Vec<String> {
    let sections: Vec<String> = texts(payload).into_iter().filter(|text| text.contains("/organizations/")).collect();
    let mark = |text: &str| Some(text.split('【').nth(1)?.split('】').next()?.to_owned());
    sections.iter().flat_map(|section| section.split("\n• ")).map(|one| mark(one).unwrap_or_default()).collect()
}

#[tokio::test]
async fn a_day_is_posted_once_and_the_next_one_marks_what_changed() {
    let sandbox = Sandbox::at(BEGIN).await;
    let list = [institution("OVER", -1), institution("SOON", 4), institution("MOVES", 10), institution("FAR", 40)];
    sandbox.mms(&list).await;
    assert_eq!(sandbox.scan().await["status"], "done");
    assert_eq!(marks(&sandbox.slack().await[0]), ["新", "新", "新", "新"]);
    // The same day, by hand and by schedule.
    assert_eq!(sandbox.scan().await["status"], "already_posted");
    sandbox.travel("2026-11-20T18:00:00+08:00").await;
    assert_eq!(sandbox.slack().await.len(), 1);
    // On Monday MOVES is 7 days away, FAR was renewed beyond the horizon, and one is new.
    let list = [list[0].clone(), list[1].clone(), list[2].clone(), institution("FAR", 400), institution("LATE", 20)];
    sandbox.mms(&list).await;
    sandbox.travel("2026-11-23T09:30:00+08:00").await;
    let slack = sandbox.slack().await;
    assert_eq!(slack.len(), 2);
    assert_eq!(uids(&slack[1..]), ["SOON", "MOVES", "LATE"]);
    assert_eq!(marks(&slack[1]), ["", "原為警告", "新"]);
    assert!(
        texts(&slack[1])[2].contains("先前列出、現已不在清單（已續約、停用或到期）：1 家"),
        "{:?}",
        texts(&slack[1])
    );
    // On Tuesday SOON has its last day but the end is moved.
    let list = [institution("SOON", 6), list[2].clone(), list[4].clone()];
    sandbox.mms(&list).await;
    sandbox.travel("2026-11-24T09:30:00+08:00").await;
    let slack = sandbox.slack().await;
    assert_eq!(uids(&slack[2..]), ["SOON", "MOVES", "LATE"]);
    assert_eq!(marks(&slack[2]), ["原到期日 2026-11-24", "", ""]);
}

#[tokio::test]
async fn an_institution_that_came_back_is_remembered() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.mms(&[institution("A", 20), institution("B", 20)]).await;
    sandbox.scan().await;
    sandbox.mms(&[institution("A", 20)]).await;
    sandbox.travel("2026-11-23T10:00:00+08:00").await;
    sandbox.mms(&[institution("A", 20), institution("B", 20)]).await;
    sandbox.travel("2026-11-24T10:00:00+08:00").await;
    let slack = sandbox.slack().await;
    assert_eq!(
        (uids(&slack[2..]), marks(&slack[2])),
        (vec!["A".into(), "B".into()], vec![String::new(), String::new()])
    );
}

#[tokio::test]
async fn an_acknowledged_institution_is_only_counted_until_its_day() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.mms(&[institution("QUIET", 9), institution("LOUD", 9)]).await;
    sandbox.scan().await;
    let (status, said) = sandbox.acknowledge("QUIET", "2026-11-24").await;
    assert_eq!(status, 200, "{said}");
    let expected = json!({
        "until": "2026-11-24", "by": "sandbox", "why": "the contract is being signed", "at": "2026-11-20T00:00:00Z",
    });
    assert_eq!(said["acknowledged"], expected);
    sandbox.travel("2026-11-23T10:00:00+08:00").await;
    let slack = sandbox.slack().await;
    assert_eq!(uids(&slack[1..]), ["LOUD"]);
    assert!(texts(&slack[1])[2].contains("已由業務確認、暫不列出：1 家"));
    // It says what is known all the same.
    let known = sandbox.seen("/institutions/expiring").await;
    let shown = known["institutions"].as_array().unwrap().iter().find(|one| one["uid"] == "QUIET").unwrap();
    assert_eq!((&shown["days_until_expiry"], &shown["tier"]), (&json!(6), &json!("urgent")));
    assert_eq!(shown["announced"], json!({ "on": "2026-11-20", "tier": "warning", "expiry_date": "2026-11-29" }));
    assert_eq!(shown["acknowledged"], expected);
    sandbox.travel("2026-11-24T10:00:00+08:00").await;
    let slack = sandbox.slack().await;
    assert_eq!(
        (uids(&slack[2..]), marks(&slack[2])),
        (vec!["LOUD".into(), "QUIET".into()], vec![String::new(), "原為警告".into()])
    );
}

#[tokio::test]
async fn what_staff_say_is_checked() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.mms(&[institution("A/1", 9)]).await;
    sandbox.scan().await;
    let path = "/institutions/A%2F1/acknowledge";
    for (body, param) in [
        (json!({ "why": "x" }), "until"),
        (json!({ "until": "soon", "why": "x" }), "until"),
        (json!({ "until": "2027-11-22", "why": "x" }), "until"),
        (json!({ "until": "2026-11-25" }), "why"),
        (json!({ "until": "2026-11-25", "why": "x", "untill": "y" }), "untill"),
    ] {
        let (status, answer) = sandbox.staff(Method::POST, path, Some(body.clone())).await;
        assert_eq!((status.as_u16(), answer["error"]["param"].as_str()), (400, Some(param)), "{body}: {answer}");
    }
    let good = json!({ "until": "2026-11-25", "why": "x" });
    assert_eq!(sandbox.staff(Method::POST, path, Some(good.clone())).await.0, 200);
    assert_eq!(sandbox.staff(Method::POST, "/institutions/NOBODY/acknowledge", Some(good.clone())).await.0, 404);
    // One that MMS lists no more is nothing to be quiet about.
    sandbox.mms(&[institution("B", 9)]).await;
    sandbox.world.leap("2026-11-21T08:00:00+08:00".parse().unwrap());
    sandbox.scan().await;
    assert_eq!(sandbox.staff(Method::POST, path, Some(good.clone())).await.0, 404);
    sandbox.mms(&[institution("A/1", 9)]).await;
    sandbox.world.leap("2026-11-22T08:00:00+08:00".parse().unwrap());
    sandbox.scan().await;
    // A mistake is taken back by a day that is not to come.
    let (_, shown) =
        sandbox.staff(Method::POST, path, Some(json!({ "until": "2026-11-22", "why": "a mistake" }))).await;
    assert_eq!((&shown["uid"], &shown["acknowledged"]), (&json!("A/1"), &json!(null)));
    // Only those whose business it is.
    assert_eq!(sandbox.call(Method::POST, path, Some(good.clone())).await.0, 403);
    let other = sandbox.get("/sandbox/credentials").await["jwt_reminders_only"].as_str().unwrap().to_owned();
    for path in ["/institutions/expiring", "/runs/x"] {
        let answer = sandbox.http.get(format!("{}{path}", sandbox.base)).bearer_auth(&other).send().await.unwrap();
        assert_eq!(answer.status(), if path == "/runs/x" { 404 } else { 403 }, "{path}");
    }
    let run = sandbox.http.post(format!("{}{RUN}", sandbox.base)).bearer_auth(&other).send().await.unwrap();
    assert_eq!(run.status(), 403);
    assert_eq!(sandbox.staff(Method::POST, RUN, None).await.0, 200);
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let sandbox = Sandbox::at(BEGIN).await;
    let list: Vec<Value> = (0..120).map(|number| institution(&format!("N{number:03}"), number / 3)).collect();
    sandbox.mms(&list).await;
    sandbox.scan().await;
    let (mut found, mut next, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let after = next.map(|next| format!("?after={}", next.replace('/', "%2F"))).unwrap_or_default();
        let page = sandbox.seen(&format!("/institutions/expiring{after}")).await;
        let shown = page["institutions"].as_array().unwrap();
        assert!(shown.len() <= 50);
        found.extend(shown.iter().map(|one| one["uid"].as_str().unwrap().to_owned()));
        pages += 1;
        next = page["next"].as_str().map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    let mut sorted = found.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!((found.len(), sorted.len(), pages), (120, 120, 3));
    assert_eq!(sandbox.staff(Method::GET, "/institutions/expiring?after=x", None).await.0, 400);
}

#[tokio::test]
async fn a_missed_day_can_be_replayed() {
    let sandbox = Sandbox::at("2026-11-23T08:00:00+08:00").await;
    sandbox.mms(&[institution("A", 10), institution("B", 2)]).await;
    let (status, report) = sandbox.call(Method::POST, &format!("{RUN}?day=2026-11-20"), None).await;
    assert_eq!((status.as_u16(), &report["day"]), (200, &json!("2026-11-20")), "{report}");
    let slack = sandbox.slack().await;
    assert_eq!(texts(&slack[0])[0], "MMS 機構到期提醒 2026-11-20");
    // As it was seen from that day.
    let found = tiers(&slack);
    assert_eq!((found["緊急"].join(" "), found["警告"].join(" ")), ("B".to_owned(), "A".to_owned()));
    assert_eq!(sandbox.call(Method::POST, &format!("{RUN}?day=2026-11-20"), None).await.1["status"], "already_posted");
    // Today's is another one.
    assert_eq!(sandbox.scan().await["status"], "done");
    assert_eq!(marks(&sandbox.slack().await[1]), ["原為警告", "原為緊急"]);
    for wrong in ["2026-11-24", "2026-11-08", "yesterday"] {
        let (status, answer) = sandbox.call(Method::POST, &format!("{RUN}?day={wrong}"), None).await;
        assert_eq!((status.as_u16(), answer["error"]["param"].as_str()), (400, Some("day")), "{wrong}");
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_any_more_is_not_taken_for_a_renewed_one() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.mms(&[institution("A", 10), institution("B", 10)]).await;
    sandbox.scan().await;
    let mut broken = institution("B", 10);
    broken["expirationTime"] = json!(null);
    sandbox.mms(&[institution("A", 10), broken]).await;
    sandbox.travel("2026-11-23T10:00:00+08:00").await;
    let summary = texts(&sandbox.slack().await[1])[2].clone();
    assert!(!summary.contains("現已不在清單"), "{summary}");
    let known = sandbox.seen("/institutions/expiring").await;
    assert_eq!(known["institutions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_replay_of_an_earlier_day_drops_nothing_that_is_listed_today() {
    let sandbox = Sandbox::at("2026-11-23T08:00:00+08:00").await;
    // The horizon of the 20th ends before the second one expires.
    sandbox.mms(&[institution("A", 10), institution("FAR", 62)]).await;
    sandbox.scan().await;
    let (_, replayed) = sandbox.call(Method::POST, &format!("{RUN}?day=2026-11-20"), None).await;
    assert_eq!(replayed["status"], "done", "{replayed}");
    let slack = sandbox.slack().await;
    assert!(!texts(&slack[1])[2].contains("現已不在清單"), "{slack:?}");
    let known = sandbox.seen("/institutions/expiring").await;
    assert_eq!(known["institutions"].as_array().unwrap().len(), 2);
}
