//! `template.yaml` against the code and against itself: whatever is taken out of it, a test here names.

mod alarms;
mod costs;
mod environments;
mod metrics;
mod permissions;
mod reachable;
mod resources;
mod schedules;
mod stream;

use std::collections::BTreeMap;

use yaml_serde::Value;

use testing::support::project::TEMPLATE;

/// Every resource, by logical name.
fn resources() -> BTreeMap<String, Value> {
    let template: Value = yaml_serde::from_str(TEMPLATE).unwrap();
    let resources = template["Resources"].as_mapping().unwrap();
    resources.iter().map(|(name, resource)| (name.as_str().unwrap().to_owned(), resource.clone())).collect()
}

/// The properties of every resource of a type.
fn of_type(kind: &str) -> BTreeMap<String, Value> {
    let all = resources().into_iter().filter(|(_, resource)| resource["Type"].as_str() == Some(kind));
    all.map(|(name, resource)| (name, resource["Properties"].clone())).collect()
}

/// Name in a short form: `X` of `!Ref X`, `X.Arn` of `!GetAtt X.Arn`, the text of `!Sub`.
fn named<'a>(value: &'a Value, form: &str) -> &'a str {
    let Value::Tagged(tagged) = value else { panic!("not !{form}: {value:?}") };
    assert_eq!(tagged.tag, form, "{value:?}");
    tagged.value.as_str().unwrap()
}

/// The resource whose ARN a value is, which has that type.
fn arn_of(value: &Value, kind: &str) -> String {
    let name = named(value, "GetAtt").strip_suffix(".Arn").unwrap();
    assert_eq!(resources()[name]["Type"].as_str(), Some(kind), "{name}");
    name.to_owned()
}

/// Functions that schedules invoke asynchronously.
fn asynchronous() -> BTreeMap<String, Value> {
    let scheduled = |properties: &Value| {
        let events = properties["Events"].as_mapping().unwrap();
        events.values().any(|event| event["Type"].as_str() == Some("ScheduleV2"))
    };
    let functions = of_type("AWS::Serverless::Function");
    functions.into_iter().filter(|(_, properties)| scheduled(properties)).collect()
}
