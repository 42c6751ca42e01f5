//! IAM as far as the template uses it: the permissions of each role, and those that a call needs. A function's call
//! that its role does not allow is refused as AWS refuses it. A caller that is not a function (a test, a person) may do
//! everything.

use std::collections::BTreeMap;

use http::Method;
use serde_json::Value as Json;
use yaml_serde::Value;

use crate::aws::template::{Error, PLACE, SCHEDULE_GROUP, TABLE, Template};

/// An action on a resource, both as a policy names them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// IAM action, `service:Action`.
    pub action: String,
    /// ARN of the resource; in a role it may contain `*` and `?`.
    pub resource: String,
}

/// A permission that a call needs, with the value of the condition key that its statement may test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Action and resource that a statement must allow.
    pub permission: Permission,
    /// The value of a condition's key, where the call has one.
    pub context: Option<(&'static str, String)>,
}

/// Permissions of the template's roles, by logical name.
#[derive(Clone, Debug)]
pub struct Roles(BTreeMap<String, Vec<Statement>>);

#[derive(Clone, Debug)]
struct Statement {
    actions: Vec<String>,
    resources: Vec<String>,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
struct Condition {
    operator: String,
    key: String,
    values: Vec<String>,
}

impl Roles {
    /// The roles of a template, whose parameters `reference` knows.
    ///
    /// # Errors
    /// [`Error::Missing`] where a policy cannot be read.
    pub fn read(template: &Template, reference: &dyn Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let texts = |value: &Value| texts(template, value, reference);
        let mut roles = BTreeMap::new();
        for (name, role) in template.resources_of("AWS::IAM::Role") {
            let unread = || Error::Missing(format!("a policy of {name}"));
            let policies = role.get("Properties").and_then(|role| role.get("Policies")).and_then(Value::as_sequence);
            let mut statements = Vec::new();
            for policy in policies.ok_or_else(unread)? {
                statements.extend(statements_of(policy, &texts).ok_or_else(unread)?);
            }
            roles.insert(name.to_owned(), statements);
        }
        // Policies of their own: for what a role cannot name because it refers to the role.
        for (name, policy) in template.resources_of("AWS::IAM::Policy") {
            let unread = || Error::Missing(format!("the roles or the statements of {name}"));
            let policy = policy.get("Properties").ok_or_else(unread)?;
            let statements = statements_of(policy, &texts).ok_or_else(unread)?;
            let attached = policy.get("Roles").and_then(Value::as_sequence).ok_or_else(unread)?;
            for role in attached {
                let role = referenced(role).and_then(|role| roles.get_mut(role)).ok_or_else(unread)?;
                role.extend(statements.clone());
            }
        }
        Ok(Self(roles))
    }

    /// Returns all permissions of a role without their conditions, sorted. A permission of two statements is listed
    /// twice.
    #[must_use]
    pub fn allowed(&self, role: &str) -> Vec<Permission> {
        let of = |statement: &Statement| {
            let pairs = statement.actions.iter().flat_map(|action| {
                let permission = |resource: &String| Permission::new(action, resource);
                statement.resources.iter().map(permission).collect::<Vec<_>>()
            });
            pairs.collect::<Vec<_>>()
        };
        let mut all: Vec<Permission> = self.0.get(role).into_iter().flatten().flat_map(of).collect();
        all.sort();
        all
    }

    /// True if a statement of the role allows the call.
    #[must_use]
    pub fn allow(&self, role: &str, need: &Need) -> bool {
        self.0.get(role).into_iter().flatten().any(|statement| statement.allows(need))
    }
}

impl Permission {
    fn new(action: &str, resource: &str) -> Self {
        Self { action: action.to_owned(), resource: resource.to_owned() }
    }
}

impl Statement {
    fn read(statement: &Value, texts: &dyn Fn(&Value) -> Option<Vec<String>>) -> Option<Self> {
        if statement.get("Effect").and_then(Value::as_str) != Some("Allow") {
            return None;
        }
        let mut conditions = Vec::new();
        for (operator, keys) in statement.get("Condition").and_then(Value::as_mapping).into_iter().flatten() {
            for (key, values) in keys.as_mapping()? {
                let (operator, key) = (operator.as_str()?.to_owned(), key.as_str()?.to_owned());
                conditions.push(Condition { operator, key, values: texts(values)? });
            }
        }
        Some(Self {
            actions: texts(statement.get("Action")?)?,
            resources: texts(statement.get("Resource")?)?,
            conditions,
        })
    }

    fn allows(&self, need: &Need) -> bool {
        self.actions.contains(&need.permission.action)
            && self.resources.contains(&need.permission.resource)
            && self.conditions.iter().all(|condition| condition.holds(need.context.as_ref()))
    }
}

impl Condition {
    fn holds(&self, context: Option<&(&'static str, String)>) -> bool {
        let Some((_, is)) = context.filter(|(key, _)| *key == self.key) else { return false };
        let like = |pattern: &String| match pattern.strip_suffix('*') {
            Some(begin) => is.starts_with(begin),
            None => is == pattern,
        };
        match self.operator.as_str() {
            "StringEquals" => self.values.contains(is),
            // A call on one item has one value.
            "ForAllValues:StringLike" => self.values.iter().any(like),
            _ => false,
        }
    }
}

/// Statements of a policy; `None` where one cannot be read.
fn statements_of(policy: &Value, texts: &dyn Fn(&Value) -> Option<Vec<String>>) -> Option<Vec<Statement>> {
    let statements = policy.get("PolicyDocument")?.get("Statement")?.as_sequence()?;
    statements.iter().map(|statement| Statement::read(statement, texts)).collect()
}

/// Logical name of the resource that a `!Ref` names.
fn referenced(value: &Value) -> Option<&str> {
    match value {
        Value::Tagged(tagged) if tagged.tag == "Ref" => tagged.value.as_str(),
        _ => None,
    }
}

fn texts(template: &Template, value: &Value, reference: &dyn Fn(&str) -> Option<String>) -> Option<Vec<String>> {
    match value.as_sequence() {
        Some(many) => many.iter().map(|one| template.text(one, reference)).collect(),
        None => Some(vec![template.text(value, reference)?]),
    }
}

/// Permissions that a request to AWS needs; none for an unknown operation.
pub(crate) fn needs(target: &str, method: &Method, path: &str, body: &[u8]) -> Vec<Need> {
    let body: Json = serde_json::from_slice(body).unwrap_or_default();
    if let Some(operation) = target.strip_prefix("DynamoDB_20120810.") {
        return dynamodb(operation, &body);
    }
    let text = |pointer: &str| body.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    match segments.as_slice() {
        _ if target == "secretsmanager.GetSecretValue" => {
            // The six characters that AWS adds to a secret's name.
            let resource = format!("arn:aws:secretsmanager:{PLACE}:secret:{}-??????", text("/SecretId"));
            vec![need("secretsmanager:GetSecretValue", &resource, None)]
        }
        ["v2", "email", "outbound-emails"] => {
            let header = text("/FromEmailAddress");
            // The condition is about the address alone, not about the name before it.
            let from = header.rsplit_once('<').map_or(header, |(_, address)| address.trim_end_matches('>'));
            let domain = from.rsplit('@').next().unwrap_or_default();
            // Without a name SES takes the default configuration set of the identity, whatever that is.
            let set = body.pointer("/ConfigurationSetName").and_then(Json::as_str).unwrap_or("*");
            let resources = [format!("identity/{domain}"), format!("configuration-set/{set}")];
            let need = |resource: &String| {
                need("ses:SendEmail", &format!("arn:aws:ses:{PLACE}:{resource}"), Some(("ses:FromAddress", from)))
            };
            resources.iter().map(need).collect()
        }
        ["2015-03-31", "functions", name, "invocations"] => {
            vec![need("lambda:InvokeFunction", &format!("arn:aws:lambda:{PLACE}:function:{name}"), None)]
        }
        ["schedules", name] => {
            let resource = format!("arn:aws:scheduler:{PLACE}:schedule/{SCHEDULE_GROUP}/{name}");
            if method == Method::GET {
                return vec![need("scheduler:GetSchedule", &resource, None)];
            }
            let passed = Some(("iam:PassedToService", "scheduler.amazonaws.com"));
            vec![
                need("scheduler:UpdateSchedule", &resource, None),
                need("iam:PassRole", text("/Target/RoleArn"), passed),
            ]
        }
        _ => Vec::new(),
    }
}

fn dynamodb(operation: &str, body: &Json) -> Vec<Need> {
    match operation {
        // A transaction needs what its parts need.
        "TransactWriteItems" => {
            let parts = body.get("TransactItems").and_then(Json::as_array).into_iter().flatten();
            parts.filter_map(Json::as_object).flatten().map(|(kind, part)| on_item(part_action(kind), part)).collect()
        }
        "Query" | "Scan" => {
            let index = body.get("IndexName").and_then(Json::as_str).map(|index| format!("/index/{index}"));
            vec![need(&format!("dynamodb:{operation}"), &table(&index.unwrap_or_default()), None)]
        }
        _ => vec![on_item(operation, body)],
    }
}

fn part_action(kind: &str) -> &str {
    match kind {
        "Put" => "PutItem",
        "Update" => "UpdateItem",
        "Delete" => "DeleteItem",
        "ConditionCheck" => "ConditionCheckItem",
        other => other,
    }
}

fn on_item(operation: &str, part: &Json) -> Need {
    let key = ["/Key/pk/S", "/Item/pk/S"].into_iter().find_map(|path| part.pointer(path)?.as_str());
    need(&format!("dynamodb:{operation}"), &table(""), key.map(|key| ("dynamodb:LeadingKeys", key)))
}

fn table(below: &str) -> String {
    format!("arn:aws:dynamodb:{PLACE}:table/{TABLE}{below}")
}

fn need(action: &str, resource: &str, context: Option<(&'static str, &str)>) -> Need {
    Need { permission: Permission::new(action, resource), context: context.map(|(key, value)| (key, value.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties: { BillingMode: PAY_PER_REQUEST }
  Runner:
    Type: AWS::Serverless::Function
    Properties: { Role: !GetAtt RunnerRole.Arn, RecursiveLoop: Allow }
  Other:
    Type: AWS::Serverless::Function
    Properties: { Role: !GetAtt RunnerRole.Arn }
  RunnerRole:
    Type: AWS::IAM::Role
    Properties: { Policies: [] }
  RunnerContinues:
    Type: AWS::IAM::Policy
    Properties:
      Roles: [!Ref RunnerRole]
      PolicyDocument:
        Statement:
          - { Effect: Allow, Action: lambda:InvokeFunction, Resource: !GetAtt Runner.Arn }
";

    #[test]
    fn a_policy_of_its_own_belongs_to_the_roles_that_it_names() {
        let template = Template::parse(TEMPLATE).unwrap();
        let roles = Roles::read(&template, &|_| None).unwrap();
        let invoke = |name: &str| needs("", &Method::POST, &format!("/2015-03-31/functions/{name}/invocations"), b"");
        assert!(invoke("Runner").iter().all(|need| roles.allow("RunnerRole", need)));
        assert!(!invoke("Other").iter().any(|need| roles.allow("RunnerRole", need)));
        assert!(template.may_loop("Runner") && !template.may_loop("Other"));
    }
}
