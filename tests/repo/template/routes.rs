//! The routes of the template and those in the code: each is in both.

use std::collections::BTreeSet;

use sandbox::aws::template::Template;

use testing::support::project::{TEMPLATE, files, text};

/// Path below which the arms of a file match; those that a file matches whole are under `""`.
const BELOW: &[(&str, &str)] = &[
    ("admin-api/src/lib.rs", ""),
    ("admin-api/src/routes.rs", ""),
    ("admin-api/src/workshop/customers.rs", "/customers"),
    ("admin-api/src/institutions/expiring.rs", "/institutions"),
    ("admin-api/src/workshop/reminders.rs", "/scheduler/maintenance-reminder"),
    ("admin-api/src/runs/requests.rs", "/runs"),
    ("admin-api/src/billing/notices.rs", "/notices"),
    ("admin-api/src/billing/users.rs", "/api/users"),
    ("admin-api/src/workshop/vehicles.rs", "/vehicles"),
    ("ecpay-webhook/src/lib.rs", ""),
];

/// `METHOD /path/{}` of an arm such as `("GET", [plate, "visits"]) => …`; `None` where a line is none.
fn arm(line: &str, below: &str) -> Option<String> {
    let (method, rest) = line.trim_start().strip_prefix("(\"")?.split_once("\", ")?;
    let is_method = ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method);
    let (pattern, _) = rest.split_once(") ").filter(|(_, rest)| is_method && (rest.contains("=>")))?;
    let segments = match pattern.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(list) => list.split(", ").filter(|segment| !segment.is_empty()).map(segment).collect(),
        None => vec![segment(pattern).trim_start_matches('/').to_owned()],
    };
    let path: String = segments.iter().map(|segment| format!("/{segment}")).collect();
    Some(format!("{method} {below}{path}"))
}

fn segment(pattern: &str) -> String {
    // A constant names the job that a placeholder of the route represents as well.
    pattern.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or("{}").to_owned()
}

/// The operations on a subscription: one arm of the code, a route each.
fn operations() -> Vec<String> {
    let source = text("functions/admin-api/src/billing/operations.rs");
    let body = source.split("pub(crate) fn parse(").nth(1).unwrap().split("\n}\n").next().unwrap();
    body.lines()
        .filter_map(|line| Some(line.trim_start().strip_prefix('"')?.split_once("\" => ")?.0.to_owned()))
        .collect()
}

fn in_the_code() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for file in files("functions", ".rs") {
        let name = file.strip_prefix("functions/").unwrap();
        let below = BELOW.iter().find(|(known, _)| *known == name).map(|(_, below)| *below);
        for route in text(&file).lines().filter_map(|line| arm(line, below.unwrap_or("?"))) {
            assert!(below.is_some(), "{file} has routes: say below which path");
            all.insert(route);
        }
    }
    let one_for_all = "POST /api/subscriptions/{}/{}";
    assert!(all.remove(one_for_all));
    all.extend(operations().into_iter().map(|name| format!("POST /api/subscriptions/{{}}/{name}")));
    all
}

#[test]
fn each_route_of_the_template_is_in_the_code_and_the_reverse() {
    assert_eq!(arm("        (\"GET\", [plate, \"visits\"]) if a => {", "/v").as_deref(), Some("GET /v/{}/visits"));
    assert_eq!(arm("(\"POST\", \"/a/b\") => Some(1),", "").as_deref(), Some("POST /a/b"));
    assert_eq!(arm("(\"FILL\", [a]) => 1,", ""), None);
    let template = Template::parse(TEMPLATE).unwrap();
    let plain = |path: &str| {
        let segments = path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment });
        segments.collect::<Vec<_>>().join("/")
    };
    let deployed: BTreeSet<String> =
        template.routes.iter().map(|route| format!("{} {}", route.method, plain(&route.path))).collect();
    assert_eq!(deployed.len(), template.routes.len(), "a route stands twice");
    assert_eq!(deployed, in_the_code());
}
