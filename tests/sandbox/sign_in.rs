//! Sign-ins to the staff console in one click, and the session on a clock that is moved.

use std::io::{BufRead, BufReader};

use sandbox::world::LONGEST_CALL;
use testing::lambda;
use testing::support::Sandbox;
use testing::support::process::serve;

const BEGIN: &str = "2025-01-05T10:00:00+08:00";

#[tokio::test]
async fn each_role_is_signed_in_by_its_link() {
    let sandbox = Sandbox::at(BEGIN).await;
    for (role, name) in [
        ("support", "support"),
        ("read-only", "monitor"),
        ("workshop", "workshop"),
        ("sales", "sales"),
        ("owner", "owner"),
    ] {
        let staff = sandbox.signed_in(role).await;
        let first = staff.get("/console").await;
        let home = if first.status == 303 { staff.get(first.location()).await } else { first };
        assert!(
            home.status == 200 && home.text().contains(&format!("Signed in as {name} ")),
            "{role}: {}",
            home.text()
        );
    }
    assert_eq!(sandbox.visitor().get("/sandbox/sign-in/stranger").await.status, 404);
}

#[tokio::test]
async fn who_moves_the_clock_on_the_page_stays_signed_in() {
    let sandbox = Sandbox::at(BEGIN).await;
    let mut staff = sandbox.visitor();
    let link = staff.get("/sandbox/sign-in/support").await;
    let set: Vec<&str> = link.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    assert!(set.contains(&"duekeeper-sandbox-role=support; Path=/sandbox; HttpOnly; SameSite=Strict"), "{set:?}");
    let session = link.cookie().unwrap();
    staff.cookie = format!("{session}; duekeeper-sandbox-role=support");
    let moved = staff.post("/sandbox/move", &[("by", "month")]).await;
    assert_eq!(moved.status, 303);
    staff.cookie = session;
    assert_eq!(staff.get("/console").await.status, 303, "the session before is over");
    staff.cookie = moved.cookie().unwrap();
    assert_eq!(staff.get("/console").await.status, 200);
    // Without a sign-in before.
    assert_eq!(sandbox.visitor().post("/sandbox/move", &[("by", "hour")]).await.cookie(), None);
}

#[tokio::test]
async fn a_terminal_shows_one_whole_address_for_each_role() {
    let data = tempfile::tempdir().unwrap();
    let mut child = lambda::Process(serve(data.path()));
    let printed = BufReader::new(child.0.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut lines: Vec<String> = Vec::new();
    for line in printed {
        lines.push(line);
        if lines.last().is_some_and(|line| line == "Stop with Ctrl-C.") {
            break;
        }
    }
    let first = lines.iter().find(|line| !line.is_empty()).unwrap();
    let base = first.strip_prefix("Serving ").unwrap();
    let of_console: Vec<&String> = lines.iter().filter(|line| line.starts_with("  console ")).collect();
    assert_eq!(of_console.len(), 5, "{lines:?}");
    let http = shared::platform::http::client(LONGEST_CALL).unwrap();
    for (line, role) in of_console.iter().zip(["support", "read-only", "workshop", "sales", "owner"]) {
        let address = line.split_whitespace().find(|word| word.starts_with("http")).unwrap();
        assert_eq!(address, format!("{base}/sandbox/sign-in/{role}"), "{line}");
        let answer = http.get(address).send().await.unwrap();
        assert_eq!(answer.status(), 303, "{line}");
        assert_eq!(answer.headers()["location"], "/console", "{line}");
    }
    assert_eq!(lines.last().unwrap(), "Stop with Ctrl-C.");
}
