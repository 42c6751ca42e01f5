//! Calls of AWS that each function's code can make, rare branches included: the linker keeps in an executable what can be
//! reached from its start, and drops the rest. Compared with the function's role.

use std::collections::BTreeSet;

use object::{Object, ObjectSymbol};
use sandbox::aws::iam::Permission;
use sandbox::aws::template::{PLACE, Template};
use sandbox::world::TABLE;
use testing::support::project::TEMPLATE;
use testing::support::{Sandbox, lambda};

/// A call of AWS, by a name that executables hold which can make it. Operations of a transaction are permitted as if they
/// were made alone.
const CALLS: [(&str, &str); 18] = [
    ("aws_sdk_dynamodb::operation::batch_get_item::BatchGetItem::orchestrate", "dynamodb:BatchGetItem"),
    ("aws_sdk_dynamodb::operation::delete_item::DeleteItem::orchestrate", "dynamodb:DeleteItem"),
    ("aws_sdk_dynamodb::operation::get_item::GetItem::orchestrate", "dynamodb:GetItem"),
    ("aws_sdk_dynamodb::operation::put_item::PutItem::orchestrate", "dynamodb:PutItem"),
    ("aws_sdk_dynamodb::operation::update_item::UpdateItem::orchestrate", "dynamodb:UpdateItem"),
    ("shared::store::table::query::Query::partition", "dynamodb:Query"),
    ("shared::store::table::query::Query::queue", "dynamodb:Query on the index"),
    ("shared::store::table::transaction::Transaction::put", "dynamodb:PutItem"),
    ("shared::store::table::transaction::Transaction::update", "dynamodb:UpdateItem"),
    ("shared::store::table::transaction::Transaction::delete", "dynamodb:DeleteItem"),
    // Deletes what led to a customer.
    ("shared::store::workshop::search::LinkChange::between", "dynamodb:DeleteItem"),
    ("shared::store::table::transaction::Transaction::check", "dynamodb:ConditionCheckItem"),
    ("aws_sdk_lambda::operation::invoke::Invoke::orchestrate", "lambda:InvokeFunction"),
    ("aws_sdk_scheduler::operation::get_schedule::GetSchedule::orchestrate", "scheduler:GetSchedule"),
    ("aws_sdk_scheduler::operation::update_schedule::UpdateSchedule::orchestrate", "scheduler:UpdateSchedule"),
    // The schedule is updated whole, with the role that it passes on.
    ("aws_sdk_scheduler::operation::update_schedule::UpdateSchedule::orchestrate", "iam:PassRole"),
    (
        "aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValue::orchestrate",
        "secretsmanager:GetSecretValue",
    ),
    ("aws_sdk_sesv2::operation::send_email::SendEmail::orchestrate", "ses:SendEmail"),
];

/// Permissions that Lambda itself uses in a function's name.
const OF_LAMBDA: [&str; 9] = [
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:SendMessage",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
];

/// Names of the functions in an executable.
fn names(executable: &str) -> BTreeSet<String> {
    let bytes = std::fs::read(lambda::bootstrap(executable)).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let mangled = file.symbols().filter_map(|symbol| symbol.name().ok().map(str::to_owned));
    // `{:#}` leaves out the hash.
    mangled.map(|name| format!("{:#}", rustc_demangle::demangle(&name))).collect()
}

/// True if a function of that name is among them: for a transaction any of its methods that begin with the word.
fn holds(names: &BTreeSet<String>, call: &str) -> bool {
    let follows = |name: &str| name == call || name.strip_prefix(call).is_some_and(|rest| rest.starts_with([':', '_']));
    names.range(call.to_owned()..).take_while(|name| name.starts_with(call)).any(|name| follows(name))
}

/// Calls that an executable can make, as actions.
fn reachable(executable: &str) -> BTreeSet<&'static str> {
    let names = names(executable);
    // An operation of the SDK that is missing above would go unnoticed.
    let operations = names.iter().filter(|name| name.starts_with("aws_sdk_") && name.ends_with("::orchestrate"));
    let known = |name: &str| {
        CALLS.iter().any(|(call, _)| *call == name)
            || name.ends_with("query::Query::orchestrate")
            || name.ends_with("TransactWriteItems::orchestrate")
    };
    let unknown: Vec<_> = operations.filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "{executable}: {unknown:?}");
    CALLS.iter().filter(|(call, _)| holds(&names, call)).map(|(_, action)| *action).collect()
}

/// What a role allows, as actions.
fn allowed(permissions: &[Permission]) -> BTreeSet<String> {
    let index = format!("arn:aws:dynamodb:{PLACE}:table/{TABLE}/index/");
    let own = permissions.iter().filter(|permission| !OF_LAMBDA.contains(&permission.action.as_str()));
    own.map(
        |Permission { action, resource }| {
            if resource.starts_with(&index) { format!("{action} on the index") } else { action.clone() }
        },
    )
    .collect()
}

#[tokio::test]
async fn each_role_allows_the_calls_that_the_code_can_make_and_no_other() {
    let sandbox = Sandbox::at("2025-01-31T10:00:00+08:00").await;
    let template = Template::parse(TEMPLATE).unwrap();
    for (function, executable) in [
        ("EcpayWebhook", "ecpay-webhook"),
        ("AdminApi", "admin-api"),
        ("SubscriptionMaintenance", "subscription-maintenance"),
        ("MaintenanceReminder", "maintenance-reminder"),
        ("MmsExpiryScan", "mms-expiry-scan"),
    ] {
        let stated = allowed(&sandbox.world.roles().allowed(template.role_of(function).unwrap()));
        let reachable: BTreeSet<String> = reachable(executable).into_iter().map(str::to_owned).collect();
        assert_eq!(stated, reachable, "{function}: left the role, right the code");
    }
}
