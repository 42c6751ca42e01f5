//! Sign-ins to the staff console in one click, and the session on a clock that is moved.

use testing::support::Sandbox;

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
        let home = staff.get("/console").await;
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
