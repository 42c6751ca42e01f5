//! Fields of a request, held to their description: unknown, repeated and missing ones, types and limits, all faults at once.
//!
//! The description is the one that `openapi.json` shows, so that a limit stands once, at the field's type.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::openapi::schema::{Object, ObjectBuilder, OneOf, Schema, SchemaType, Type};
use utoipa::openapi::{RefOr, Required, path::Parameter};
use utoipa::{IntoParams, ToSchema};

use crate::http::request::Sent;
use crate::http::response::Fault;

/// Longest name that an error repeats. A longer one is no misspelt field.
const LONGEST_NAME: usize = 40;
/// Most names of a query or body.
const MOST_NAMES: usize = 50;
/// Similarity of two names, from 0 to 1, above which one is taken for a misspelling of the other.
const SIMILAR: f64 = 0.7;

/// Fields that a part of a request may have.
pub(crate) struct Fields {
    /// Word for one of them: `parameter` of a query, `field` of a body.
    word: &'static str,
    known: BTreeMap<String, Field>,
}

/// Description of one field.
struct Field {
    is_required: bool,
    schema: Object,
}

impl Fields {
    /// True for the name of a field.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.known.contains_key(name)
    }

    /// Parameters of a query.
    pub(crate) fn of_query<T: IntoParams>() -> Self {
        let known = T::into_params(|| None).into_iter().map(|parameter: Parameter| {
            let is_required = matches!(parameter.required, Required::True);
            // A parameter has its example beside its schema, where only its JSON form shows it.
            let example = serde_json::to_value(&parameter).ok().and_then(|json| json.get("example").cloned());
            let mut schema = parameter.schema.map_or_else(any, |schema| object(schema, &[]));
            schema.example = schema.example.or(example);
            (parameter.name, Field { is_required, schema })
        });
        Self { word: "parameter", known: known.collect() }
    }

    /// Fields of a body.
    pub(crate) fn of_body<T: ToSchema>() -> Self {
        let mut named = Vec::new();
        T::schemas(&mut named);
        let Object { properties, required, .. } = object(T::schema(), &named);
        let known = properties.into_iter().map(|(name, schema)| {
            let is_required = required.contains(&name);
            (name, Field { is_required, schema: object(schema, &named) })
        });
        Self { word: "field", known: known.collect() }
    }

    /// Reads the fields as a `T`. Returns `None` after adding every fault that was found.
    pub(crate) fn read<T: DeserializeOwned>(&self, sent: Sent, faults: &mut Vec<Fault>) -> Option<T> {
        let Sent { values: mut given, repeated, is_text } = sent;
        let before = faults.len();
        // More names than any request has are all of a kind.
        let names = given.len().saturating_add(repeated.len());
        if names > MOST_NAMES {
            faults.push(Fault::new("request", &format!("must not have more than {MOST_NAMES} {}s", self.word)));
            return None;
        }
        faults.extend(repeated.iter().map(|name| Fault::new(&shown(name), "was sent more than once")));
        let unknown: Vec<String> = given.keys().filter(|name| !self.known.contains_key(*name)).cloned().collect();
        for name in unknown {
            faults.push(self.unknown(&name));
            given.remove(&name);
        }
        for (name, field) in &self.known {
            if is_text && let Some(Value::String(text)) = given.get(name) {
                let typed = field.typed(text);
                given.insert(name.clone(), typed);
            }
            let fault = match given.get(name) {
                None if field.is_required => Some("is missing".to_owned()),
                None => None,
                Some(value) => field.fault(value),
            };
            if let Some(reason) = fault {
                faults.push(Fault::new(name, &reason));
                field.replace(name, &mut given);
            }
        }
        // The types' own rules. Each field that breaks one gives way to its example, so that the others are tried too.
        for _ in 0..=self.known.len() {
            match serde_path_to_error::deserialize::<_, T>(Value::Object(given.clone())) {
                Ok(read) => return (faults.len() == before).then_some(read),
                Err(error) => {
                    let path = error.path().to_string();
                    let name = path.split('.').next().unwrap_or_default();
                    let Some(field) = self.known.get(name) else {
                        faults.push(Fault::new("body", "cannot be read"));
                        return None;
                    };
                    faults.push(Fault::of_value(name, &error.into_inner().to_string()));
                    field.replace(name, &mut given);
                }
            }
        }
        None
    }

    fn unknown(&self, name: &str) -> Fault {
        let similar = |known: &&String| strsim::normalized_damerau_levenshtein(&plain(name), &plain(known));
        let near = self.known.keys().max_by(|one, other| similar(one).total_cmp(&similar(other)));
        let hint = match near.filter(|known| similar(known) > SIMILAR) {
            Some(near) => format!("; did you mean {near}?"),
            None => String::new(),
        };
        Fault::new(&shown(name), &format!("is not a {} of this request{hint}", self.word))
    }
}

impl Field {
    /// A text of a query or form as the type of the field; the text itself if it is none of that type.
    fn typed(&self, text: &str) -> Value {
        let typed = match self.kind() {
            Some(Type::Integer) if is_whole_number(text) => text.parse::<i64>().ok().map(Value::from),
            Some(Type::Boolean) => text.parse::<bool>().ok().map(Value::from),
            _ => None,
        };
        typed.unwrap_or_else(|| Value::String(text.to_owned()))
    }

    fn kind(&self) -> Option<Type> {
        match &self.schema.schema_type {
            SchemaType::Type(kind) => Some(kind.clone()),
            SchemaType::Array(kinds) => kinds.iter().find(|kind| **kind != Type::Null).cloned(),
            SchemaType::AnyValue => None,
        }
    }

    fn is_nullable(&self) -> bool {
        matches!(&self.schema.schema_type, SchemaType::Array(kinds) if kinds.contains(&Type::Null))
    }

    /// The broken rule as the end of a sentence that begins with the field's name.
    fn fault(&self, value: &Value) -> Option<String> {
        if value.is_null() && self.is_nullable() {
            return None;
        }
        if let Some(allowed) = &self.schema.enum_values {
            let allowed: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
            let is_allowed = value.as_str().is_some_and(|value| allowed.contains(&value));
            return (!is_allowed).then(|| format!("must be {}", one_of(&allowed)));
        }
        match self.kind() {
            Some(Type::String) => self.text_fault(value),
            Some(Type::Integer) => self.number_fault(value),
            Some(Type::Boolean) => (!value.is_boolean()).then(|| "must be true or false".to_owned()),
            _ => None,
        }
    }

    fn text_fault(&self, value: &Value) -> Option<String> {
        let Some(text) = value.as_str() else { return Some("must be a text".to_owned()) };
        let length = text.chars().count();
        if self.schema.min_length.is_some_and(|shortest| length < shortest) {
            return Some("must not be empty".to_owned());
        }
        let longest = self.schema.max_length.filter(|longest| length > *longest)?;
        Some(format!("must be a text of at most {longest} characters"))
    }

    fn number_fault(&self, value: &Value) -> Option<String> {
        let (low, high) = (limit(self.schema.minimum.as_ref()), limit(self.schema.maximum.as_ref()));
        let fits = |number| low.is_none_or(|low| low <= number) && high.is_none_or(|high| number <= high);
        let rule = match (low, high) {
            (Some(low), Some(high)) => format!("must be a whole number from {low} to {high}"),
            (Some(low), None) => format!("must be a whole number from {low} on"),
            (None, _) => "must be a whole number".to_owned(),
        };
        (!value.as_i64().is_some_and(fits)).then_some(rule)
    }

    /// Puts the field's example in the place of a faulty value; an optional field is left out.
    fn replace(&self, name: &str, given: &mut Map<String, Value>) {
        match self.schema.examples.first().or(self.schema.example.as_ref()) {
            Some(example) if self.is_required => {
                given.insert(name.to_owned(), example.clone());
            }
            _ => {
                given.remove(name);
            }
        }
    }
}

/// Schemas of types by name, to which other schemas refer.
type Named = (String, RefOr<Schema>);

/// The schema of a field's values, also where it is that of a type of its own, or of one that may be null.
fn object(schema: RefOr<Schema>, named: &[Named]) -> Object {
    match schema {
        RefOr::T(Schema::Object(object)) => object,
        RefOr::T(Schema::OneOf(OneOf { items, .. })) => nullable(items, named).unwrap_or_else(any),
        RefOr::Ref(reference) => {
            let name = reference.ref_location.rsplit('/').next().unwrap_or_default().to_owned();
            let found = named.iter().find(|(known, _)| *known == name);
            found.map_or_else(any, |(_, schema)| object(schema.clone(), named))
        }
        RefOr::T(_) => any(),
    }
}

fn any() -> Object {
    ObjectBuilder::new().schema_type(SchemaType::AnyValue).build()
}

/// A type that may be null: utoipa describes it as that type or null.
fn nullable(items: Vec<RefOr<Schema>>, named: &[Named]) -> Option<Object> {
    let is_null = |object: &Object| object.schema_type == SchemaType::Type(Type::Null);
    let mut types = items.into_iter().map(|item| object(item, named)).filter(|object| !is_null(object));
    let (mut only, None) = (types.next()?, types.next()) else { return None };
    if let SchemaType::Type(kind) = only.schema_type {
        only.schema_type = SchemaType::Array(vec![kind, Type::Null]);
    }
    Some(only)
}

/// Digits, perhaps with a minus: `parse` alone would accept `+7`.
fn is_whole_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn limit(number: Option<&utoipa::Number>) -> Option<i64> {
    match number? {
        utoipa::Number::Int(number) => i64::try_from(*number).ok(),
        utoipa::Number::UInt(number) => i64::try_from(*number).ok(),
        utoipa::Number::Float(_) => None,
    }
}

fn one_of(names: &[&str]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [only] => (*only).to_owned(),
        [others @ .., last] => format!("{} or {last}", others.join(", ")),
    }
}

/// Name without letter case and separators, in which misspellings often differ.
fn plain(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Name as an error repeats it. What does not look like a name may be a value in the wrong place, and personal.
fn shown(name: &str) -> String {
    let is_name = |byte: u8| byte.is_ascii_alphabetic() || b"_-".contains(&byte);
    let looks_like_one = !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(is_name);
    if looks_like_one { name.to_owned() } else { "a name in the request".to_owned() }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;
    use shared::domain::values::ids::EmailAddress;

    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
    #[serde(rename_all = "lowercase")]
    enum Size {
        Small,
        Large,
    }

    #[derive(Debug, Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[schema(value_type = String, max_length = 20, example = "a@shop.example")]
        email: EmailAddress,
        #[schema(minimum = 1, maximum = 60, example = 5)]
        days: u32,
        #[serde(default)]
        dry_run: bool,
        size: Option<Size>,
    }

    /// The body, or the messages about its fields.
    fn read(sent: Sent) -> Result<Sample, Vec<String>> {
        let mut faults = Vec::new();
        let read = Fields::of_body::<Sample>().read(sent, &mut faults);
        assert_eq!(read.is_some(), faults.is_empty());
        read.ok_or_else(|| faults.iter().map(|it| json!(it)["message"].as_str().unwrap().to_owned()).collect())
    }

    fn faults(sent: Sent) -> Vec<String> {
        read(sent).err().unwrap_or_default()
    }

    fn form(pairs: &[(&str, &str)]) -> Sent {
        Sent::of_pairs(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    fn of_json(changes: &Value) -> Vec<String> {
        let mut body = json!({ "email": "a@b.example", "days": 60 });
        for (name, value) in changes.as_object().unwrap() {
            body.as_object_mut().unwrap().insert(name.clone(), value.clone());
        }
        faults(Sent { values: body.as_object().cloned().unwrap(), ..Sent::default() })
    }

    fn of_form(pairs: &[(&str, &str)]) -> Vec<String> {
        faults(form(pairs))
    }

    #[test]
    fn each_broken_rule_is_named_and_no_value_is_repeated() {
        let days = "days must be a whole number from 1 to 60";
        for (changes, expected) in [
            (json!({}), vec![]),
            (json!({ "size": null, "dry_run": true }), vec![]),
            (json!({ "size": "small" }), vec![]),
            (json!({ "days": 0 }), vec![days]),
            (json!({ "days": 61 }), vec![days]),
            (json!({ "days": 1.0 }), vec![days]),
            (json!({ "days": "5" }), vec![days]),
            (json!({ "days": 18_446_744_073_709_551_615_u64 }), vec![days]),
            (json!({ "days": null }), vec![days]),
            (json!({ "days": [5] }), vec![days]),
            (json!({ "dry_run": "true" }), vec!["dry_run must be true or false"]),
            (json!({ "dry_run": null }), vec!["dry_run must be true or false"]),
            (json!({ "size": "0912-345-678" }), vec!["size must be small or large"]),
            (json!({ "email": { "a": 1 } }), vec!["email must be a text"]),
            (json!({ "email": "0912-345-678" }), vec!["email: an email is an address like name@example.com"]),
            (json!({ "email": "a".repeat(21) }), vec!["email must be a text of at most 20 characters"]),
            (json!({ "dryrun": true }), vec!["dryrun is not a field of this request; did you mean dry_run?"]),
            (json!({ "0912-345-678": 1 }), vec!["a name in the request is not a field of this request"]),
        ] {
            assert_eq!(of_json(&changes), expected, "{changes}");
        }
    }

    #[test]
    fn all_faults_are_found_at_once_also_those_of_the_types() {
        let all = of_json(&json!({ "email": "no-address", "days": 99, "size": "huge", "dry-run": true }));
        let expected = [
            "dry-run is not a field of this request; did you mean dry_run?",
            "days must be a whole number from 1 to 60",
            "size must be small or large",
            "email: an email is an address like name@example.com",
        ];
        assert_eq!(all, expected);
        assert_eq!(faults(Sent::default()), ["days is missing", "email is missing"]);
    }

    #[test]
    fn texts_of_a_form_become_what_the_field_is() {
        let email = ("email", "a@b.example");
        let read = read(form(&[email, ("days", "5"), ("dry_run", "true"), ("size", "large")])).unwrap();
        let Sample { email: address, days, dry_run, size } = read;
        assert_eq!((address.as_str(), days, dry_run, size), ("a@b.example", 5, true, Some(Size::Large)));
        for days in ["+5", "5.0", " 5", "", "0x5", "99999999999999999999"] {
            assert_eq!(of_form(&[email, ("days", days)]), ["days must be a whole number from 1 to 60"], "{days}");
        }
        assert_eq!(of_form(&[email, ("days", "5"), ("dry_run", "1")]), ["dry_run must be true or false"]);
        assert_eq!(of_form(&[email, ("days", "5"), ("days", "5")]), ["days was sent more than once"]);
        let many: Vec<String> = (0..60).map(|number| format!("n{number}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "1")).collect();
        assert_eq!(of_form(&many), ["request must not have more than 50 fields"]);
    }
}
