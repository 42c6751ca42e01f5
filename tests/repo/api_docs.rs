//! The description of the HTTP API against the template, the documents and the checks that are made from it.

use std::collections::BTreeSet;

use sandbox::api_docs;
use sandbox::aws::template::Template;
use serde_json::{Value, json};
use testing::support::project::{TEMPLATE, text};

fn description() -> Value {
    serde_json::from_str(&api_docs::openapi()).unwrap()
}

/// Operations by method and path.
fn operations(description: &Value) -> Vec<(String, &Value)> {
    let paths = description["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    });
    operations.collect()
}

fn resolved<'a>(description: &'a Value, schema: &'a Value) -> &'a Value {
    let path = schema["$ref"].as_str().map(|path| path.trim_start_matches('#'));
    path.map_or(schema, |path| description.pointer(path).unwrap())
}

#[test]
fn the_documents_are_those_of_the_code() {
    let hint = "is not that of the code: run `cargo run -- api-docs`";
    assert!(text("docs/openapi.json") == api_docs::openapi(), "docs/openapi.json {hint}");
    assert!(text("docs/API.md") == api_docs::markdown(), "docs/API.md {hint}");
}

#[test]
fn each_route_of_the_template_is_described_and_the_reverse() {
    let template = Template::parse(TEMPLATE).unwrap();
    let deployed: BTreeSet<String> =
        template.routes.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    assert_eq!(deployed.len(), template.routes.len(), "a route stands twice");
    let description = description();
    let described: BTreeSet<String> = operations(&description).into_iter().map(|(route, _)| route).collect();
    // Pages for staff are no part of the API.
    let (pages, api): (BTreeSet<String>, BTreeSet<String>) = deployed
        .into_iter()
        .partition(|route| route.split(' ').nth(1).is_some_and(|path| path.starts_with("/console")));
    assert_eq!(api, described);
    assert_eq!(pages, admin_api::console_routes().into_iter().collect());
    // One permission for the whole API, see there.
    assert_eq!(template.default_function.as_deref(), Some("AdminApi"));
}

#[test]
fn every_level_of_a_path_has_one_variable_name() {
    let template = Template::parse(TEMPLATE).unwrap();
    let mut levels = BTreeSet::new();
    for route in &template.routes {
        for (place, _) in route.path.match_indices('{') {
            levels.insert((&route.path[..place], route.path[place..].split('/').next().unwrap()));
        }
    }
    let above: BTreeSet<&str> = levels.iter().map(|(above, _)| *above).collect();
    assert_eq!(above.len(), levels.len(), "{levels:?}");
}

/// A field without a schema would not be checked, and a required one without an example would hide the faults of the others.
#[test]
fn every_field_of_a_request_has_a_schema_of_its_own_and_a_required_one_an_example() {
    let description = description();
    let mut seen = 0;
    let mut check = |route: &str, name: &str, is_required: bool, schema: &Value, example: &Value| {
        let is_known = ["type", "enum", "oneOf", "$ref"].iter().any(|part| !schema[part].is_null());
        assert!(is_known && schema["allOf"].is_null(), "{route} {name}: {schema}");
        assert!(!is_required || !example.is_null(), "{route} {name} has no example");
        seen += 1;
    };
    for (route, operation) in operations(&description) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
            let example = if parameter["example"].is_null() { &schema["example"] } else { &parameter["example"] };
            check(&route, name, parameter["required"] == true, schema, example);
        }
        let json = &operation["requestBody"]["content"]["application/json"]["schema"];
        let body = resolved(&description, json);
        let required: Vec<&str> = body["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, schema) in body["properties"].as_object().into_iter().flatten() {
            let described = resolved(&description, schema);
            let example =
                if described["example"].is_null() { &described["examples"][0] } else { &described["example"] };
            check(&route, name, required.contains(&name.as_str()), schema, example);
        }
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn every_operation_has_a_summary_an_id_of_its_own_and_says_how_it_is_refused() {
    let description = description();
    let mut ids = BTreeSet::new();
    for (route, operation) in operations(&description) {
        let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{route} has no id"));
        assert!(ids.insert(id.to_owned()), "{id} stands twice");
        assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{route}");
        // A route without a token says so.
        for need in operation["security"].as_array().unwrap().iter().filter(|need| **need != json!({})) {
            // `whoami` takes every token, and so never lacks a scope.
            let scopes = need["token"].as_array().unwrap().len();
            assert!(scopes == 1 || route == "GET /api/whoami", "{route}: {need}");
            for status in ["400", "401", "403"].into_iter().take(2 + scopes) {
                assert!(!operation["responses"][status].is_null(), "{route} does not describe {status}");
            }
        }
    }
}
