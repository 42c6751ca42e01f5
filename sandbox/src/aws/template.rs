//! `template.yaml` as the sandbox reads it: table, stream, routes, schedules, variables, roles. The sandbox runs what is
//! deployed.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::{Value as Json, json};
use yaml_serde::Value;

use crate::aws::event_rule::EventRule;
use crate::aws::route::Route;
use crate::aws::schedule_expression;
use crate::aws::schedule_expression::Schedule;
use crate::aws::stream::mapping::Mapping;

/// Name of the table in the sandbox.
pub const TABLE: &str = "duekeeper";
/// The template that the product is deployed from.
pub const TEMPLATE: &str = include_str!("../../../template.yaml");
/// The template, as far as the sandbox needs it.
#[derive(Clone, Debug)]
pub struct Template {
    /// The table in the words of CreateTable, but for its name.
    pub table: Json,
    /// Routes of all functions, in the order of the template.
    pub routes: Vec<Route>,
    /// Function that API Gateway calls where no route matches, by its logical name.
    pub default_function: Option<String>,
    /// Schedules of all functions, in the order of the template.
    pub schedules: Vec<Schedule>,
    /// Rules of EventBridge's default bus.
    pub event_rules: Vec<EventRule>,
    /// Mappings of the table's stream to functions.
    pub mappings: Vec<Mapping>,
    /// Further settings of the schedules that have a name, under which EventBridge Scheduler's API finds them.
    pub named_schedules: Vec<NamedSchedule>,
    resources: BTreeMap<String, Value>,
    variables: BTreeMap<String, BTreeMap<String, Value>>,
    defaults: BTreeMap<String, String>,
}

/// A schedule whose name is not left to CloudFormation.
#[derive(Clone, Debug)]
pub struct NamedSchedule {
    /// That name, of the sandbox's stack.
    pub name: String,
    /// The event that it is in the template.
    pub event: String,
    /// The function that it calls, by its logical name.
    pub function: String,
    /// The ARN of the role that it calls with.
    pub role: String,
    /// ARN of the queue for failed deliveries; `None` if the template has none.
    pub failure_queue: Option<String>,
    /// State as EventBridge Scheduler writes it, `ENABLED` or `DISABLED`.
    pub state: String,
    /// Retry policy as the template writes it; null if it has none.
    pub retry_policy: Json,
}

/// Errors of reading the template.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is not YAML.
    #[error("template.yaml is not YAML")]
    NotYaml(#[from] yaml_serde::Error),
    /// A required part is missing, or has another shape than expected.
    #[error("template.yaml: {0} is missing or has another shape")]
    Missing(String),
    /// A schedule that cannot be read.
    #[error("template.yaml: schedule {name}")]
    Schedule {
        /// Name of the schedule's event in the template.
        name: String,
        /// Fault of its expression or time zone.
        source: schedule_expression::Error,
    },
}

/// The name of the stack here.
pub const STACK: &str = "duekeeper";

/// The group of the stack's schedules here, which has the stack's name.
pub const SCHEDULE_GROUP: &str = STACK;

/// The region here.
pub const REGION: &str = "ap-northeast-1";
/// The region and the account here, as ARNs name them.
pub const PLACE: &str = "ap-northeast-1:000000000000";
/// ARN of the table's stream.
pub const STREAM_ARN: &str =
    "arn:aws:dynamodb:ap-northeast-1:000000000000:table/duekeeper/stream/2025-01-01T00:00:00.000";

/// Properties of the table that CreateTable does not take, or that a parameter decides; and the stream, whose records the
/// sandbox makes itself (`aws::stream`).
const NOT_FOR_CREATE_TABLE: [&str; 5] = [
    "DeletionProtectionEnabled",
    "TimeToLiveSpecification",
    "PointInTimeRecoverySpecification",
    "SSESpecification",
    "StreamSpecification",
];

impl Template {
    /// The template of this repository, parsed once for the process: without optimisation that takes a tenth of a second.
    ///
    /// # Errors
    /// [`Error`].
    pub fn of_the_stack() -> Result<&'static Self, Error> {
        static PARSED: OnceLock<Template> = OnceLock::new();
        if let Some(parsed) = PARSED.get() {
            return Ok(parsed);
        }
        let parsed = Self::parse(TEMPLATE)?;
        Ok(PARSED.get_or_init(|| parsed))
    }

    /// Reads a template.
    ///
    /// # Errors
    /// [`Error`].
    pub fn parse(yaml: &str) -> Result<Self, Error> {
        let document: Value = yaml_serde::from_str(yaml)?;
        let resources = document.get("Resources").and_then(Value::as_mapping).ok_or_else(|| missing("Resources"))?;
        let shared_variables = document.get("Globals").and_then(|globals| variables(globals.get("Function")?));
        let mut template = Self {
            table: Json::Null,
            routes: vec![],
            default_function: None,
            schedules: vec![],
            event_rules: vec![],
            mappings: vec![],
            named_schedules: vec![],
            resources: resources
                .iter()
                .filter_map(|(name, it)| Some((name.as_str()?.to_owned(), it.clone())))
                .collect(),
            variables: BTreeMap::new(),
            defaults: defaults(&document),
        };
        for (name, resource) in resources {
            let name = name.as_str().ok_or_else(|| missing("a resource's name"))?;
            match resource.get("Type").and_then(Value::as_str) {
                Some("AWS::DynamoDB::Table") => template.table = table(resource)?,
                Some("AWS::Serverless::Function") => {
                    template.add_function(name, resource, shared_variables.as_ref())?
                }
                _ => {}
            }
        }
        if template.table.is_null() { Err(missing("the table")) } else { Ok(template) }
    }

    fn add_function(
        &mut self,
        name: &str,
        resource: &Value,
        shared: Option<&BTreeMap<String, Value>>,
    ) -> Result<(), Error> {
        let properties = resource.get("Properties").ok_or_else(|| missing(name))?;
        let mut all = shared.cloned().unwrap_or_default();
        all.extend(variables(properties).unwrap_or_default());
        self.variables.insert(name.to_owned(), all);
        let Some(events) = properties.get("Events").and_then(Value::as_mapping) else { return Ok(()) };
        for (event, definition) in events {
            let event = event.as_str().unwrap_or_default();
            let text = |key: &str| definition.get("Properties").and_then(|p| p.get(key)).and_then(Value::as_str);
            let required =
                |key: &str| text(key).map(str::to_owned).ok_or_else(|| missing(&format!("{name}.{event}.{key}")));
            match definition.get("Type").and_then(Value::as_str) {
                // An event without a path is the route `$default`.
                Some("HttpApi") if text("Path").is_none() => self.default_function = Some(name.to_owned()),
                Some("HttpApi") => {
                    self.routes.push(Route {
                        method: required("Method")?,
                        path: required("Path")?,
                        function: name.to_owned(),
                    });
                }
                Some("ScheduleV2") => {
                    let zone = text("ScheduleExpressionTimezone").unwrap_or("UTC");
                    let schedule = Schedule::parse(&required("ScheduleExpression")?, zone, &required("Input")?);
                    let schedule = schedule.map_err(|source| Error::Schedule { name: event.to_owned(), source })?;
                    self.schedules.push(schedule.named(event, name));
                    let named = definition.get("Properties").and_then(|p| self.named_schedule(p, event, name));
                    self.named_schedules.extend(named);
                }
                Some("EventBridgeRule") => {
                    let pattern = definition.get("Properties").and_then(|properties| properties.get("Pattern"));
                    let pattern = pattern.ok_or_else(|| missing(&format!("{name}.{event}.Pattern")))?.clone();
                    self.event_rules.push(EventRule { name: event.to_owned(), function: name.to_owned(), pattern });
                }
                Some("DynamoDB") => {
                    let properties = definition.get("Properties");
                    let mapping = properties.and_then(|it| Mapping::read(event, name, it, &self.mappings));
                    self.mappings.push(mapping.ok_or_else(|| missing(&format!("{name}.{event}")))?);
                }
                _ => return Err(missing(&format!("the type of {name}.{event}"))),
            }
        }
        Ok(())
    }

    /// The variable of a function as it would be deployed, the names in `!Ref` and `!Sub` resolved by `reference`, or by
    /// the parameter's default.
    #[must_use]
    pub fn variable(&self, function: &str, name: &str, reference: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        self.text(self.variables.get(function)?.get(name)?, reference)
    }

    /// A text of the template as it would be deployed, references resolved as in [`Self::variable`], or by what the ARN of
    /// a resource is here.
    #[must_use]
    pub fn text(&self, value: &Value, reference: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        let known = |name: &str| {
            let of_parameter = reference(name).or_else(|| self.defaults.get(name).cloned());
            of_parameter.or_else(|| self.arn(name)).or_else(|| self.given_name(name, reference))
        };
        resolved(value, &known)
    }

    /// Name of a resource whose `!Ref` is the name that the template gives it.
    fn given_name(&self, name: &str, reference: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        let resource = self.resources.get(name)?;
        let kind = resource.get("Type").and_then(Value::as_str)?;
        let is_named = matches!(kind, "AWS::SES::ConfigurationSet" | "AWS::Scheduler::ScheduleGroup");
        resolved(resource.get("Properties").filter(|_| is_named)?.get("Name")?, reference)
    }

    /// True if SES publishes events of a type, in SES's words, about mails that were sent by this configuration set.
    #[must_use]
    pub fn publishes_mail_events(&self, set: &str, kind: &str, reference: &dyn Fn(&str) -> Option<String>) -> bool {
        self.resources_of("AWS::SES::ConfigurationSetEventDestination").any(|(_, resource)| {
            let property = |name: &str| resource.get("Properties").and_then(|properties| properties.get(name));
            let of_destination = |name: &str| property("EventDestination").and_then(|it| it.get(name));
            let is_of_set = property("ConfigurationSetName").and_then(|name| self.text(name, reference));
            let types = of_destination("MatchingEventTypes").and_then(Value::as_sequence);
            is_of_set.as_deref() == Some(set)
                && of_destination("EventBridgeDestination").is_some()
                && of_destination("Enabled").and_then(Value::as_bool) == Some(true)
                && types.is_some_and(|types| types.iter().any(|one| one.as_str() == Some(kind)))
        })
    }

    /// Every resource of a type, by logical name.
    pub fn resources_of(&self, kind: &str) -> impl Iterator<Item = (&str, &Value)> {
        let of_kind = move |resource: &Value| resource.get("Type").and_then(Value::as_str) == Some(kind);
        self.resources.iter().filter(move |(_, resource)| of_kind(resource)).map(|(name, it)| (name.as_str(), it))
    }

    /// The logical name of a function's role.
    #[must_use]
    pub fn role_of(&self, function: &str) -> Option<&str> {
        let role = self.resources.get(function)?.get("Properties")?.get("Role")?;
        attribute(role)?.strip_suffix(".Arn")
    }

    /// True if Lambda lets the function invoke itself any number of times in a chain.
    #[must_use]
    pub fn may_loop(&self, function: &str) -> bool {
        let properties = self.resources.get(function).and_then(|function| function.get("Properties"));
        properties.and_then(|function| function.get("RecursiveLoop")).and_then(Value::as_str) == Some("Allow")
    }

    /// Value of a reference `X.Arn` or `Table.StreamArn` in the sandbox.
    fn arn(&self, attribute: &str) -> Option<String> {
        if attribute == "Table.StreamArn" {
            return Some(STREAM_ARN.to_owned());
        }
        let name = attribute.strip_suffix(".Arn")?;
        let arn = match self.resources.get(name)?.get("Type")?.as_str()? {
            "AWS::DynamoDB::Table" => format!("arn:aws:dynamodb:{PLACE}:table/{STACK}"),
            "AWS::IAM::Role" => format!("arn:aws:iam::000000000000:role/{STACK}-{name}-INVENTED"),
            "AWS::Logs::LogGroup" => format!("arn:aws:logs:{PLACE}:log-group:{STACK}-{name}-INVENTED:*"),
            "AWS::SQS::Queue" => format!("arn:aws:sqs:{PLACE}:{STACK}-{name}-INVENTED"),
            "AWS::Serverless::Function" => format!("arn:aws:lambda:{PLACE}:function:{name}"),
            _ => return None,
        };
        Some(arn)
    }

    fn named_schedule(&self, properties: &Value, event: &str, function: &str) -> Option<NamedSchedule> {
        let stack = |reference: &str| (reference == "AWS::StackName").then(|| STACK.to_owned());
        let state = properties.get("State").and_then(Value::as_str).unwrap_or("ENABLED");
        let retry_policy = properties.get("RetryPolicy").and_then(|policy| serde_json::to_value(policy).ok());
        let queue = properties.get("DeadLetterConfig").and_then(|queue| queue.get("Arn"));
        Some(NamedSchedule {
            name: self.text(properties.get("Name")?, &stack)?,
            event: event.to_owned(),
            function: function.to_owned(),
            role: self.text(properties.get("RoleArn")?, &stack)?,
            failure_queue: queue.and_then(|queue| self.text(queue, &stack)),
            state: state.to_owned(),
            retry_policy: retry_policy.unwrap_or_default(),
        })
    }

    /// The names of a function's variables.
    pub fn variable_names(&self, function: &str) -> impl Iterator<Item = &str> {
        self.variables.get(function).into_iter().flat_map(|variables| variables.keys().map(String::as_str))
    }

    /// The route of a request, whose path is as the client sent it; `None` when no route matches.
    #[must_use]
    pub fn route(&self, method: &str, path: &str) -> Option<&Route> {
        let matches = |route: &&Route| route.matches(method, path);
        // A literal segment is preferred to one that varies, as API Gateway does.
        self.routes.iter().filter(matches).min_by_key(|route| route.path.matches('{').count())
    }
}

impl NamedSchedule {
    /// True if these settings belong to the schedule.
    #[must_use]
    pub fn is_of(&self, schedule: &Schedule) -> bool {
        self.event == schedule.name && self.function == schedule.function
    }
}

/// The attribute that `!GetAtt` names.
fn attribute(value: &Value) -> Option<&str> {
    match value {
        Value::Tagged(tagged) if tagged.tag == "GetAtt" => tagged.value.as_str(),
        _ => None,
    }
}

/// A text as it is, what `!Ref` or `!GetAtt` names, or the text of `!Sub` with its `${names}` resolved.
fn resolved(value: &Value, reference: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Tagged(tagged) if tagged.tag == "Ref" || tagged.tag == "GetAtt" => reference(tagged.value.as_str()?),
        Value::Tagged(tagged) if tagged.tag == "Sub" => {
            let mut parts = tagged.value.as_str()?.split("${");
            let mut text = parts.next()?.to_owned();
            for part in parts {
                let (name, rest) = part.split_once('}')?;
                text.push_str(&reference(name)?);
                text.push_str(rest);
            }
            Some(text)
        }
        _ => None,
    }
}

fn missing(what: &str) -> Error {
    Error::Missing(what.to_owned())
}

/// The defaults of the template's parameters.
fn defaults(document: &Value) -> BTreeMap<String, String> {
    let parameters = document.get("Parameters").and_then(Value::as_mapping).into_iter().flatten();
    let default = |(name, parameter): (&Value, &Value)| {
        Some((name.as_str()?.to_owned(), parameter.get("Default")?.as_str()?.to_owned()))
    };
    parameters.filter_map(default).collect()
}

fn variables(properties: &Value) -> Option<BTreeMap<String, Value>> {
    let variables = properties.get("Environment")?.get("Variables")?.as_mapping()?;
    Some(variables.iter().filter_map(|(name, value)| Some((name.as_str()?.to_owned(), value.clone()))).collect())
}

fn table(resource: &Value) -> Result<Json, Error> {
    let properties = resource.get("Properties").ok_or_else(|| missing("the table's properties"))?;
    let mut table: Json = serde_json::to_value(properties).map_err(|_| missing("a table without functions"))?;
    let fields = table.as_object_mut().ok_or_else(|| missing("the table's properties"))?;
    for name in NOT_FOR_CREATE_TABLE {
        fields.remove(name);
    }
    if fields.is_empty() { Err(missing("the table's properties")) } else { Ok(json!(fields)) }
}
