//! What holds for each page and form of the console, whatever it shows.

use std::collections::BTreeMap;

use testing::support::Sandbox;

const BEGIN: &str = "2025-01-15T10:00:00+08:00";
/// Most bytes of a page.
const LARGEST: usize = 100 * 1024;

/// Routes with values in the place of their variables: of a stored order, its user, or of nothing.
fn addresses(method: &str, order: &str, user: &str) -> Vec<String> {
    let routes = admin_api::console_routes();
    let of_method = routes.iter().filter_map(|route| route.strip_prefix(&format!("{method} ")));
    let filled = |route: &str| {
        let route = route.replace("subscriptions/{id}", &format!("subscriptions/{order}"));
        let route = route.replace("{user_id}", user).replace("{operation}", "note").replace("{kind}", "receipt");
        route.replace("{id}", "none").replace("{plate}", "B1234XYZ").replace("{uid}", "none")
    };
    of_method.map(filled).collect()
}

#[tokio::test]
async fn without_a_session_every_page_leads_to_the_sign_in_and_no_form_does_anything() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("guarded", "monthly").await;
    let before = sandbox.items();
    for path in addresses("GET", &order, "guarded").iter().filter(|path| *path != "/console/login") {
        let page = sandbox.visitor().get(path).await;
        assert!(page.status == 303 && page.location().starts_with("/console/login"), "{path}: {page:?}");
    }
    for path in addresses("POST", &order, "guarded").iter().filter(|path| !path.starts_with("/console/log")) {
        let page = sandbox.visitor().post(path, &[("note", "x"), ("why", "x")]).await;
        assert!(page.status == 303 && page.location().starts_with("/console/login"), "{path}: {page:?}");
    }
    assert_eq!(sandbox.items(), before);
}

#[tokio::test]
async fn a_visitor_who_may_only_read_can_post_nothing() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("reader", "monthly").await;
    let staff = sandbox.signed_in("read-only").await;
    let before = sandbox.items();
    for path in addresses("POST", &order, "reader").iter().filter(|path| !path.starts_with("/console/log")) {
        let page = staff.post(path, &[("note", "x"), ("why", "x"), ("confirmed", "yes")]).await;
        assert!([403, 404].contains(&page.status), "{path}: {} {}", page.status, page.text());
    }
    assert_eq!(sandbox.items(), before);
    let page = staff.get(&format!("/console/subscriptions/{order}")).await;
    assert_eq!(page.body.matches("<form ").count(), 2, "search and sign-out alone: {}", page.body);
    assert!(!page.body.contains("reader@customer.example"));
}

#[tokio::test]
async fn each_role_sees_the_pages_of_its_scopes_and_no_link_to_another() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("roles", "monthly").await;
    for role in ["support", "read-only", "workshop", "sales", "owner"] {
        let staff = sandbox.signed_in(role).await;
        let first = staff.get("/console").await;
        let home = if first.status == 303 { staff.get(first.location()).await } else { first };
        let menu = home.body.split("<nav").nth(1).and_then(|rest| rest.split("</nav>").next()).unwrap();
        let links: Vec<&str> = menu.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(!links.is_empty(), "{role}: {}", home.body);
        for link in &links {
            assert_eq!(staff.get(link).await.status, 200, "{role}: {link}");
        }
        for page in addresses("GET", &order, "roles").iter().filter(|path| path.matches('/').count() == 2) {
            let is_page_of_menu = page != "/console/login" && page != "/console/search";
            if is_page_of_menu && !links.contains(&page.as_str()) {
                assert_eq!(staff.get(page).await.status, 403, "{role}: {page}");
            }
        }
        // A part of a page that a script asks for is kept to the same scopes as the page.
        for page in addresses("GET", &order, "roles") {
            let whole = staff.get(&page).await.status;
            let part = staff.get_part(&page).await;
            assert!(part.status == whole || (whole == 303 && part.status == 200), "{role}: {page}: {whole} {part:?}");
            assert!(whole != 403 || part.status == 403, "{role}: {page}");
        }
    }
}

#[tokio::test]
async fn pages_are_small_and_cost_few_calls_of_the_table() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("costs", "monthly").await;
    sandbox.outcomes(&order, &["10100252", "10100252"]).await;
    sandbox.advance(40.0).await;
    let staff = sandbox.signed_in("owner").await;
    // The time of the latest page is noted once a minute.
    staff.get("/console").await;
    let subscription = format!("/console/subscriptions/{order}");
    sandbox.customer("C-1", "Budi Santoso", "08551234567").await;
    let mails = format!("/console/messages?subscription={order}");
    let most: BTreeMap<&str, u64> = BTreeMap::from([
        ("/console", 17),
        (subscription.as_str(), 6),
        ("/console/search?q=costs", 12),
        ("/console/users/costs", 6),
        ("/console/messages", 3),
        ("/console/subscriptions?status=past_due", 8),
        ("/console/vehicles", 17),
        ("/console/customers", 1),
        ("/console/customers?q=Budi", 7),
        ("/console/customers/C-1", 6),
        ("/console/import", 1),
        ("/console/schedule", 1),
        ("/console/runs", 2),
        ("/console/quarantine", 2),
        ("/console/institutions", 5),
        ("/console/figures", 60),
        (mails.as_str(), 5),
    ]);
    for (path, most) in most {
        sandbox.forget_calls().await;
        let page = staff.get(path).await;
        let calls = sandbox.calls("dynamodb").await;
        let count: u64 = calls.values().sum();
        println!("{path}: {} bytes, {count} calls {calls:?}", page.body.len());
        assert_eq!(page.status, 200, "{path}");
        assert!(page.body.len() <= LARGEST, "{path}: {} bytes", page.body.len());
        assert!(count <= most, "{path}: {calls:?}");
    }
}
