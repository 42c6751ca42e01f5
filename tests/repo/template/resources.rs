//! Resources of each function, and the protection of the table and the API.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use yaml_serde::Value;

use super::{arn_of, asynchronous, named, of_type, resources};
use testing::support::project::TEMPLATE;

const FUNCTION: &str = "AWS::Serverless::Function";

#[test]
fn every_function_has_a_role_and_a_log_group_of_its_own() {
    let (mut roles, mut groups) = (BTreeSet::new(), BTreeSet::new());
    let functions = of_type(FUNCTION);
    for (function, properties) in &functions {
        // With a role of its own, SAM adds nothing to what it may do.
        assert!(properties.get("Policies").is_none(), "{function}");
        let role = arn_of(&properties["Role"], "AWS::IAM::Role");
        let group = named(&properties["LoggingConfig"]["LogGroup"], "Ref").to_owned();
        assert_eq!((role.as_str(), group.as_str()), (&*format!("{function}Role"), &*format!("{function}LogGroup")));
        roles.insert(role);
        groups.insert(group);
    }
    assert_eq!((roles.len(), groups.len()), (functions.len(), functions.len()));
    for (group, properties) in of_type("AWS::Logs::LogGroup") {
        assert_eq!(named(&properties["RetentionInDays"], "Ref"), "LogRetentionDays", "{group}");
    }
}

#[test]
fn every_role_trusts_one_service_and_takes_no_policy_from_elsewhere() {
    for (role, properties) in of_type("AWS::IAM::Role") {
        let trusted = properties["AssumeRolePolicyDocument"]["Statement"].as_sequence().unwrap();
        let service = if role.ends_with("SchedulerRole") { "scheduler.amazonaws.com" } else { "lambda.amazonaws.com" };
        assert_eq!(trusted.len(), 1, "{role}");
        assert_eq!(trusted[0]["Principal"]["Service"].as_str(), Some(service), "{role}");
        assert_eq!(trusted[0]["Action"].as_str(), Some("sts:AssumeRole"), "{role}");
        assert!(properties.get("ManagedPolicyArns").is_none(), "{role}");
    }
}

#[test]
fn every_asynchronous_function_has_a_failure_queue_and_a_bound() {
    let all = asynchronous();
    assert!(all.len() >= 2, "{:?}", all.keys());
    for (function, properties) in all {
        let repeated = &properties["EventInvokeConfig"];
        let attempts = repeated["MaximumRetryAttempts"].as_u64();
        let age = repeated["MaximumEventAgeInSeconds"].as_u64().unwrap();
        assert_eq!(attempts, Some(2), "{function}");
        assert!((60..=21_600).contains(&age), "{function}");
        let failed = &repeated["DestinationConfig"]["OnFailure"];
        assert_eq!(failed["Type"].as_str(), Some("SQS"), "{function}");
        arn_of(&failed["Destination"], "AWS::SQS::Queue");
        // Three attempts of the longest run, and Lambda's pauses of one and two minutes, fit into that age.
        let timeout = properties["Timeout"].as_u64().unwrap();
        assert!(2 * timeout + 180 < age, "{function}: the third attempt begins too late");
        let Value::Tagged(bound) = &properties["ReservedConcurrentExecutions"] else { panic!("{function}") };
        assert_eq!(bound.value[0].as_str(), Some("ReservesConcurrency"), "{function}");
    }
    for (queue, properties) in of_type("AWS::SQS::Queue") {
        assert_eq!(properties["MessageRetentionPeriod"].as_u64(), Some(14 * 86_400), "{queue}");
        assert_eq!(properties["SqsManagedSseEnabled"].as_bool(), Some(true), "{queue}");
    }
}

#[test]
fn events_of_ses_reach_the_function_and_otherwise_the_failure_queue() {
    let function = &of_type(FUNCTION)["SubscriptionMaintenance"];
    let set = named(&function["Environment"]["Variables"]["MAIL_CONFIGURATION_SET"], "Ref").to_owned();
    let destination = &of_type("AWS::SES::ConfigurationSetEventDestination")["MailEvents"];
    assert_eq!(named(&destination["ConfigurationSetName"], "Ref"), set);
    let types: Vec<_> = destination["EventDestination"]["MatchingEventTypes"].as_sequence().unwrap().iter().collect();
    assert_eq!(types, ["bounce", "complaint"]);
    assert_eq!(destination["EventDestination"]["Enabled"].as_bool(), Some(true));
    let rule = &function["Events"]["MailFeedback"]["Properties"];
    let pattern = &rule["Pattern"];
    assert_eq!(named(&pattern["detail"]["mail"]["tags"]["ses:configuration-set"][0], "Ref"), set);
    assert!(rule["RetryPolicy"]["MaximumRetryAttempts"].as_u64().is_some_and(|times| times <= 185));
    let queue = arn_of(&rule["DeadLetterConfig"]["Arn"], "AWS::SQS::Queue");
    let policy = &of_type("AWS::SQS::QueuePolicy")["FailureQueuePolicy"];
    assert_eq!(named(&policy["Queues"][0], "Ref"), queue);
    let statement = &policy["PolicyDocument"]["Statement"][0];
    assert_eq!(arn_of(&statement["Resource"], "AWS::SQS::Queue"), queue);
    // SAM names the rule after the function and its event.
    let source = named(&statement["Condition"]["ArnEquals"]["aws:SourceArn"], "GetAtt");
    assert_eq!(source, "SubscriptionMaintenanceMailFeedback.Arn");
}

#[test]
fn the_webhook_has_instances_of_its_own_where_the_account_allows_it() {
    let webhook = &of_type(FUNCTION)["EcpayWebhook"];
    let Value::Tagged(reserved) = &webhook["ReservedConcurrentExecutions"] else { panic!("{webhook:?}") };
    assert_eq!((reserved.tag == "If", reserved.value[1].as_u64()), (true, Some(20)));
}

#[test]
fn the_table_outlives_mistakes() {
    let table = &resources()["Table"];
    // But not a creation that is rolled back, which would leave an empty table that is protected.
    assert_eq!(table["DeletionPolicy"].as_str(), Some("RetainExceptOnCreate"));
    assert_eq!(table["UpdateReplacePolicy"].as_str(), Some("Retain"));
    let properties = &table["Properties"];
    let Value::Tagged(protected) = &properties["DeletionProtectionEnabled"] else { panic!("{properties:?}") };
    assert_eq!(protected.value[0].as_str(), Some("IsProtected"));
    assert_eq!((protected.value[1].as_bool(), protected.value[2].as_bool()), (Some(true), Some(false)));
    let enabled = &properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"];
    assert_eq!(enabled.as_bool(), Some(true));
    assert_eq!(properties["SSESpecification"]["SSEEnabled"].as_bool(), Some(true));
    assert_eq!(properties["TimeToLiveSpecification"]["AttributeName"].as_str(), Some("expires_at"));
    assert_eq!(properties["TimeToLiveSpecification"]["Enabled"].as_bool(), Some(true));
}

#[test]
fn the_api_is_throttled_and_its_log_has_no_personal_data() {
    let api = &of_type("AWS::Serverless::HttpApi")["Api"];
    for limit in ["ThrottlingBurstLimit", "ThrottlingRateLimit"] {
        assert!(api["DefaultRouteSettings"][limit].as_u64().is_some_and(|limit| limit > 0), "{limit}");
    }
    // Each of ECPay's routes has a limit of its own, at which what others request does not count.
    let events = &of_type(FUNCTION)["EcpayWebhook"]["Events"];
    let of_ecpay = events.as_mapping().unwrap().values().map(|event| {
        format!("{} {}", event["Properties"]["Method"].as_str().unwrap(), event["Properties"]["Path"].as_str().unwrap())
    });
    let own: BTreeSet<String> = of_ecpay.collect();
    let settings = api["RouteSettings"].as_mapping().unwrap();
    let limited: BTreeSet<String> = settings.keys().map(|route| route.as_str().unwrap().to_owned()).collect();
    assert_eq!(limited, own);
    for (route, limits) in settings {
        assert_eq!(limits["ThrottlingRateLimit"].as_u64(), Some(1_000), "{route:?}");
        assert_eq!(limits["ThrottlingBurstLimit"].as_u64(), Some(1_000), "{route:?}");
    }
    let log = &api["AccessLogSettings"];
    arn_of(&log["DestinationArn"], "AWS::Logs::LogGroup");
    let format: Json = serde_json::from_str(log["Format"].as_str().unwrap()).unwrap();
    let told: BTreeSet<&str> = format.as_object().unwrap().values().map(|value| value.as_str().unwrap()).collect();
    let harmless = [
        "$context.requestId",
        "$context.requestTimeEpoch",
        "$context.routeKey",
        "$context.status",
        "$context.responseLatency",
        "$context.integrationStatus",
        "$context.integrationErrorMessage",
        "$context.error.message",
        // By which a flood of forged callbacks is stopped.
        "$context.identity.sourceIp",
        "$context.responseLength",
    ];
    assert_eq!(told, harmless.into());
}

#[test]
fn every_function_is_traced_and_runs_on_the_architecture_that_is_asked_for() {
    let template: Value = yaml_serde::from_str(TEMPLATE).unwrap();
    let common = &template["Globals"]["Function"];
    assert_eq!(common["Tracing"].as_str(), Some("Active"));
    assert_eq!(named(&common["Architectures"][0], "Ref"), "Architecture");
    for (function, properties) in of_type(FUNCTION) {
        assert!(properties.get("Tracing").is_none() && properties.get("Architectures").is_none(), "{function}");
    }
}

#[test]
fn nothing_in_the_template_belongs_to_one_region_or_partition() {
    for fixed in ["arn:aws:", "ap-northeast-", "amazonaws.com/"] {
        assert!(!TEMPLATE.contains(fixed), "{fixed}");
    }
}
