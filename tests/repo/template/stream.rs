//! The table's stream: the mapping that sends mails and events as soon as they are stored.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use yaml_serde::Value;

use super::{arn_of, named, of_type};
use testing::support::project::TEMPLATE;

/// Every mapping of a stream, by function and event.
fn mappings() -> BTreeMap<String, Value> {
    let of = |(function, properties): (String, Value)| {
        let events = properties["Events"].as_mapping().unwrap().clone();
        let mapped = events.into_iter().filter(|(_, event)| event["Type"].as_str() == Some("DynamoDB"));
        let name = move |event: Value| format!("{function}.{}", event.as_str().unwrap());
        mapped.map(|(event, definition)| (name(event), definition["Properties"].clone())).collect::<Vec<_>>()
    };
    of_type("AWS::Serverless::Function").into_iter().flat_map(of).collect()
}

/// Pattern of a mapping for items whose sort key begins with that.
fn pattern(begin: &str) -> Json {
    json!({
        "eventName": ["INSERT", "MODIFY"],
        "dynamodb": { "NewImage": {
            "queue": { "S": ["send-mail"] },
            "sk": { "S": [{ "prefix": begin }] },
            "data": { "M": { "state": { "S": ["queued"] } } },
        } },
    })
}

#[test]
fn one_mapping_has_mails_events_and_endpoints_and_each_only_where_it_is_to_be_sent() {
    let found: BTreeMap<String, Vec<Json>> = mappings()
        .into_iter()
        .map(|(name, properties)| {
            let filters = properties["FilterCriteria"]["Filters"].as_sequence().unwrap().iter();
            let patterns = filters.map(|filter| serde_json::from_str(filter["Pattern"].as_str().unwrap()).unwrap());
            (name, patterns.collect())
        })
        .collect();
    let mut endpoint = pattern("ENDPOINT#");
    endpoint["dynamodb"]["NewImage"].as_object_mut().unwrap().remove("data");
    let expected =
        [("SubscriptionMaintenance.StoredMessages".to_owned(), vec![pattern("NOTICE#"), pattern("EVENT#"), endpoint])];
    assert_eq!(found, expected.into());
}

#[test]
fn the_table_streams_what_the_filters_look_at() {
    let table = &of_type("AWS::DynamoDB::Table")["Table"];
    assert_eq!(table["StreamSpecification"]["StreamViewType"].as_str(), Some("NEW_IMAGE"));
    for (name, properties) in mappings() {
        assert_eq!(named(&properties["Stream"], "GetAtt"), "Table.StreamArn", "{name}");
        // With the other position a mapping that is made again would begin with the records of a day.
        assert_eq!(properties["StartingPosition"].as_str(), Some("LATEST"), "{name}");
    }
}

#[test]
fn a_record_waits_for_no_other_and_a_failed_one_is_given_up_soon_and_seen() {
    for (name, properties) in mappings() {
        assert_eq!(properties["MaximumBatchingWindowInSeconds"].as_u64(), Some(0), "{name}");
        assert!(properties["BatchSize"].as_u64().is_some_and(|size| (1..=100).contains(&size)), "{name}");
        let answers: Vec<&str> =
            properties["FunctionResponseTypes"].as_sequence().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        assert_eq!(answers, ["ReportBatchItemFailures"], "{name}");
        assert_eq!(properties["BisectBatchOnFunctionError"].as_bool(), Some(true), "{name}");
        assert!(properties["MaximumRetryAttempts"].as_u64().is_some_and(|times| (1..=5).contains(&times)), "{name}");
        // Not longer than until the next run of the schedule, which finds the item.
        let age = properties["MaximumRecordAgeInSeconds"].as_u64();
        assert!(age.is_some_and(|age| (60..=300).contains(&age)), "{name}: {age:?}");
        let failed = &properties["DestinationConfig"]["OnFailure"];
        assert_eq!(failed["Type"].as_str(), Some("SQS"), "{name}");
        assert_eq!(arn_of(&failed["Destination"], "AWS::SQS::Queue"), "FailureQueue", "{name}");
    }
}

#[test]
fn the_instances_of_the_function_are_enough_for_both_mappings_and_the_quota_says_so() {
    let functions = of_type("AWS::Serverless::Function");
    let reserved = |function: &str| {
        let Value::Tagged(reserved) = &functions[function]["ReservedConcurrentExecutions"] else {
            panic!("{function}")
        };
        reserved.value[1].as_u64().unwrap()
    };
    assert!(reserved("SubscriptionMaintenance") >= 8);
    // Lambda leaves 100 instances of an account unreserved.
    let quota = 100 + functions.keys().map(|function| reserved(function)).sum::<u64>();
    let template: Value = yaml_serde::from_str(TEMPLATE).unwrap();
    let description = template["Parameters"]["ReserveConcurrency"]["Description"].as_str().unwrap();
    assert!(description.contains(&format!("below {quota} ")), "{quota}: {description}");
}
