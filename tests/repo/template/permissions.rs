//! Permissions of each function: exactly those that it uses. The sandbox refuses a call that the template does not
//! allow, so that every other test shows that enough is allowed; these show that nothing unused is.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use sandbox::aws::iam::Permission;
use sandbox::aws::template::{PLACE, STREAM_ARN, Template};
use sandbox::demo;
use sandbox::world::TABLE;
use yaml_serde::Value;

use super::{arn_of, asynchronous, of_type};

use testing::support::project::TEMPLATE;
use testing::support::{Sandbox, sample_events};

fn permission(action: &str, resource: &str) -> Permission {
    Permission { action: action.to_owned(), resource: resource.to_owned() }
}

/// Permissions that Lambda itself uses in a function's name: log, traces, failures, and the stream that it reads.
fn of_lambda(function: &str) -> BTreeSet<Permission> {
    let group = format!("arn:aws:logs:{PLACE}:log-group:duekeeper-{function}LogGroup-INVENTED:*");
    let mut all: BTreeSet<Permission> =
        ["logs:CreateLogStream", "logs:PutLogEvents"].map(|action| permission(action, &group)).into();
    all.extend(["xray:PutTraceSegments", "xray:PutTelemetryRecords"].map(|action| permission(action, "*")));
    if let Some(properties) = asynchronous().get(function) {
        let failed = &properties["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Destination"];
        let queue = arn_of(failed, "AWS::SQS::Queue");
        all.insert(permission("sqs:SendMessage", &format!("arn:aws:sqs:{PLACE}:duekeeper-{queue}-INVENTED")));
    }
    let template = Template::parse(TEMPLATE).unwrap();
    if template.mappings.iter().any(|mapping| mapping.function == function) {
        let reads = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"];
        all.extend(reads.map(|action| permission(action, STREAM_ARN)));
        // "ListStreams" has no resource type in the Service Authorization Reference.
        all.insert(permission("dynamodb:ListStreams", "*"));
    }
    all
}

/// Permissions that a function uses where neither the story nor the samples lead it: a log of ECPay's whose successes are
/// found by the stored payments (`tests/api/billing/reconcile.rs`), a mail to a customer that is queued again
/// (`tests/api/billing/mails/address.rs`), a run that reaches its limit, reminders that go on later
/// (`tests/api/workshop/continuations.rs`), and an import in the background that changes a name
/// (`tests/api/workshop/background_import.rs`).
fn seldom_used(function: &str) -> BTreeSet<Permission> {
    match function {
        "SubscriptionMaintenance" => BTreeSet::from([
            permission("dynamodb:Query", &format!("arn:aws:dynamodb:{PLACE}:table/{TABLE}")),
            permission("dynamodb:ConditionCheckItem", &format!("arn:aws:dynamodb:{PLACE}:table/{TABLE}")),
            permission("lambda:InvokeFunction", &format!("arn:aws:lambda:{PLACE}:function:{function}")),
        ]),
        "MaintenanceReminder" => {
            let continuation =
                format!("arn:aws:scheduler:{PLACE}:schedule/duekeeper/duekeeper-maintenance-reminder-continuation");
            let role = "arn:aws:iam::000000000000:role/duekeeper-MaintenanceReminderSchedulerRole-INVENTED";
            BTreeSet::from([
                permission("dynamodb:DeleteItem", &format!("arn:aws:dynamodb:{PLACE}:table/{TABLE}")),
                permission("scheduler:GetSchedule", &continuation),
                permission("scheduler:UpdateSchedule", &continuation),
                permission("iam:PassRole", role),
            ])
        }
        _ => BTreeSet::new(),
    }
}

#[tokio::test]
async fn each_function_may_do_exactly_what_it_does_in_the_story_and_in_the_samples() {
    // With receipts, as the template has it and the story ends.
    let story = Sandbox::with(demo::BEGIN, &[("RECEIPTS", "on")]).await;
    demo::play(&story.world).await.unwrap();
    let samples = sample_events::delivered().await;
    let mut all: BTreeMap<String, BTreeSet<Permission>> = story.world.permissions_needed();
    for (function, permissions) in samples.world.permissions_needed() {
        all.entry(function).or_default().extend(permissions);
    }
    let template = Template::parse(TEMPLATE).unwrap();
    for function in of_type("AWS::Serverless::Function").into_keys() {
        let role = template.role_of(&function).unwrap();
        let mut needed = all.remove(&function).unwrap_or_default();
        needed.extend(of_lambda(&function));
        needed.extend(seldom_used(&function));
        let stated = samples.world.roles().allowed(role);
        let allowed: BTreeSet<Permission> = stated.iter().cloned().collect();
        assert_eq!(stated.len(), allowed.len(), "{function}: two statements allow the same");
        let differing: Vec<&Permission> = allowed.symmetric_difference(&needed).collect();
        assert!(differing.is_empty(), "{function}, allowed or needed but not both: {differing:#?}");
    }
    assert_eq!(all, BTreeMap::new());
}

#[test]
fn no_policy_holds_a_wildcard_but_for_what_has_no_resource_and_the_characters_that_a_secret_is_given() {
    let one_or_many = |value: &Value| value.as_sequence().cloned().unwrap_or_else(|| vec![value.clone()]);
    let text = |value: &Value| {
        let inner = if let Value::Tagged(tagged) = value { &tagged.value } else { value };
        inner.as_str().unwrap().to_owned()
    };
    let mut seen = 0;
    let of_roles = of_type("AWS::IAM::Role").into_iter().flat_map(|(role, properties)| {
        let policies = properties["Policies"].as_sequence().unwrap().clone();
        policies.into_iter().map(move |policy| (role.clone(), policy))
    });
    for (role, policy) in of_roles.chain(of_type("AWS::IAM::Policy")) {
        {
            for statement in policy["PolicyDocument"]["Statement"].as_sequence().unwrap() {
                let actions: Vec<String> = one_or_many(&statement["Action"]).iter().map(text).collect();
                let resources: Vec<String> = one_or_many(&statement["Resource"]).iter().map(text).collect();
                assert!(actions.iter().all(|action| !action.contains(['*', '?'])), "{role}: {actions:?}");
                assert!(statement.get("NotAction").is_none() && statement.get("NotResource").is_none(), "{role}");
                let traces = actions == ["xray:PutTraceSegments", "xray:PutTelemetryRecords"];
                let without_resource = traces || actions == ["dynamodb:ListStreams"];
                let secret = actions == ["secretsmanager:GetSecretValue"];
                for resource in &resources {
                    let rest = if secret { resource.strip_suffix("SecretId}-??????").unwrap() } else { resource };
                    assert!(!rest.contains(['*', '?']) || (without_resource && rest == "*"), "{role}: {resource}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 20, "{seen}");
}

fn key(pk: &str) -> [(&'static str, AttributeValue); 2] {
    [("pk", AttributeValue::S(pk.to_owned())), ("sk", AttributeValue::S("INVENTED".to_owned()))]
}

/// Result of a function's own deletion of an item: the error's code, or `None`.
async fn deletion(sandbox: &Sandbox, function: &str, pk: &str) -> Option<String> {
    let client = Client::new(&sandbox::aws::config_of(function, &sandbox.world.aws_url));
    let delete = client.delete_item().table_name(TABLE).set_key(Some(key(pk).map(|(k, v)| (k.to_owned(), v)).into()));
    delete.send().await.err().map(|error| error.code().unwrap().to_owned())
}

#[tokio::test]
async fn a_call_that_the_role_does_not_allow_is_refused() {
    let sandbox = Sandbox::at("2025-01-31T10:00:00+08:00").await;
    let refused = Some("AccessDeniedException".to_owned());
    assert_eq!(deletion(&sandbox, "EcpayWebhook", "USER#a").await, refused);
    // Of one person, by that name, their vehicles, and the mark that they were erased.
    for begin in ["USER#", "CUSTOMER#", "VEHICLE#", "ERASED#", "FIND#"] {
        assert_eq!(deletion(&sandbox, "AdminApi", &format!("{begin}a")).await, None, "{begin}");
    }
    for begin in ["SUB#", "RUN", "COUNT#", "LEASE", "user#"] {
        assert_eq!(deletion(&sandbox, "AdminApi", &format!("{begin}a")).await, refused, "{begin}");
    }
    // A caller that is not a function has all rights: the tests themselves.
    assert_eq!(deletion(&sandbox, "sandbox", "SUB#a").await, None);
}

#[tokio::test]
async fn no_role_reads_the_whole_table() {
    let sandbox = Sandbox::at("2025-01-31T10:00:00+08:00").await;
    let template = Template::parse(TEMPLATE).unwrap();
    for function in of_type("AWS::Serverless::Function").into_keys() {
        let allowed = sandbox.world.roles().allowed(template.role_of(&function).unwrap());
        assert!(allowed.iter().all(|permission| permission.action != "dynamodb:Scan"), "{function}");
        let client = Client::new(&sandbox::aws::config_of(&function, &sandbox.world.aws_url));
        let error = client.scan().table_name(TABLE).send().await.unwrap_err();
        assert_eq!(error.code(), Some("AccessDeniedException"), "{function}");
    }
}

/// A value on one line, tags kept.
fn on_one_line(value: &Value) -> String {
    yaml_serde::to_string(value).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_allowed_under_a_condition_is_allowed_under_that_one_alone() {
    let found: BTreeSet<(String, String, String)> = of_type("AWS::IAM::Role")
        .iter()
        .flat_map(|(role, properties)| {
            let trust = properties["AssumeRolePolicyDocument"]["Statement"].as_sequence().unwrap().iter();
            let policies = properties["Policies"].as_sequence().unwrap().iter();
            let allowed = policies.flat_map(|policy| policy["PolicyDocument"]["Statement"].as_sequence().unwrap());
            let limited = trust.chain(allowed).filter(|statement| statement.get("Condition").is_some());
            limited.map(|one| (role.clone(), on_one_line(&one["Action"]), on_one_line(&one["Condition"])))
        })
        .collect();
    let schedules = "StringEquals: aws:SourceAccount: !Ref AWS::AccountId aws:SourceArn: \
                     !Sub arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule-group/${ScheduleGroup}";
    let a_person = "ForAllValues:StringLike: dynamodb:LeadingKeys: - USER#* - CUSTOMER#* - VEHICLE#* - ERASED#* - FIND#* - ADDRESS#* - FEEDBACK#* - SESSION#* - UPLOAD#*";
    let expected = [
        ("AdminApiRole", "dynamodb:DeleteItem", a_person),
        ("AdminApiRole", "iam:PassRole", "StringEquals: iam:PassedToService: scheduler.amazonaws.com"),
        ("MaintenanceReminderRole", "dynamodb:DeleteItem", "ForAllValues:StringLike: dynamodb:LeadingKeys: - FIND#*"),
        ("MaintenanceReminderSchedulerRole", "sts:AssumeRole", schedules),
        ("MmsExpiryScanSchedulerRole", "sts:AssumeRole", schedules),
        ("SubscriptionMaintenanceRole", "ses:SendEmail", "StringEquals: ses:FromAddress: !Ref MailSender"),
        ("SubscriptionMaintenanceSchedulerRole", "sts:AssumeRole", schedules),
    ];
    assert_eq!(
        found,
        expected.map(|(role, action, limit)| (role.to_owned(), action.to_owned(), limit.to_owned())).into()
    );
}
