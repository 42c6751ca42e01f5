//! Filter of an event source mapping (AWS Lambda Developer Guide, "Control which events Lambda sends to your function"): of its
//! rules exact texts and prefixes, which are what the template uses.

use serde_json::Value;

/// Patterns of a mapping, of which one must match; without any every record does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter(Vec<Value>);

impl Filter {
    /// Reads patterns; `None` if one is not JSON or has a rule that is not simulated.
    #[must_use]
    pub fn parse<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let pattern = |text: &str| serde_json::from_str(text).ok().filter(is_understood);
        patterns.into_iter().map(pattern).collect::<Option<_>>().map(Self)
    }

    /// True if the mapping wants the record, which is in the form of Lambda's event.
    #[must_use]
    pub fn matches(&self, record: &Value) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| matches(pattern, record))
    }

    /// False if no record of an item with that key can match, whatever else the item holds.
    #[must_use]
    pub fn may_match_key(&self, key: &Value) -> bool {
        let may_match = |pattern: &Value| {
            let places = ["/dynamodb/Keys", "/dynamodb/NewImage"].map(|place| pattern.pointer(place));
            places.into_iter().flatten().all(|place| attributes_match(place, key))
        };
        self.0.is_empty() || self.0.iter().any(may_match)
    }
}

/// True if the rules for attributes of the key hold; rules for others are left open.
fn attributes_match(pattern: &Value, key: &Value) -> bool {
    let mut rules = pattern.as_object().into_iter().flatten();
    rules.all(|(name, rule)| key.get(name).is_none_or(|attribute| matches(rule, attribute)))
}

fn is_understood(pattern: &Value) -> bool {
    match pattern {
        Value::Object(fields) => !fields.is_empty() && fields.values().all(is_understood),
        Value::Array(rules) => !rules.is_empty() && rules.iter().all(|rule| rule.is_string() || prefix(rule).is_some()),
        _ => false,
    }
}

fn matches(pattern: &Value, value: &Value) -> bool {
    match pattern {
        Value::Object(fields) => {
            fields.iter().all(|(name, inner)| value.get(name).is_some_and(|value| matches(inner, value)))
        }
        Value::Array(rules) => rules.iter().any(|rule| match prefix(rule) {
            Some(prefix) => value.as_str().is_some_and(|text| text.starts_with(prefix)),
            None => rule == value,
        }),
        _ => false,
    }
}

/// The beginning that a rule `{"prefix": "..."}` asks for.
fn prefix(rule: &Value) -> Option<&str> {
    let fields = rule.as_object().filter(|fields| fields.len() == 1)?;
    fields.get("prefix")?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PATTERN: &str = r##"{"eventName": ["INSERT", "MODIFY"], "dynamodb": {"NewImage": {"queue": {"S": ["mail"]},
        "sk": {"S": [{"prefix": "NOTICE#"}]}, "data": {"M": {"state": {"S": ["queued"]}}}}}}"##;

    fn record(name: &str, sk: &str, state: &str) -> Value {
        let image =
            json!({ "sk": { "S": sk }, "queue": { "S": "mail" }, "data": { "M": { "state": { "S": state } } } });
        json!({ "eventName": name, "dynamodb": { "NewImage": image } })
    }

    #[test]
    fn a_record_matches_where_each_place_of_the_pattern_has_one_of_its_values() {
        let filter = Filter::parse([PATTERN]).unwrap();
        assert!(filter.matches(&record("INSERT", "NOTICE#1", "queued")));
        assert!(filter.matches(&record("MODIFY", "NOTICE#1", "queued")));
        assert!(!filter.matches(&record("REMOVE", "NOTICE#1", "queued")));
        assert!(!filter.matches(&record("INSERT", "EVENT#1", "queued")));
        assert!(!filter.matches(&record("INSERT", "NOTICE#1", "claimed")));
        assert!(!filter.matches(&json!({ "eventName": "INSERT", "dynamodb": { "Keys": {} } })));
    }

    #[test]
    fn one_of_several_patterns_is_enough_and_without_any_every_record_matches() {
        let filter = Filter::parse([PATTERN, r#"{"eventName": ["REMOVE"]}"#]).unwrap();
        assert!(filter.matches(&record("REMOVE", "EVENT#1", "claimed")));
        assert!(filter.may_match_key(&json!({ "sk": { "S": "EVENT#1" } })));
        assert!(Filter::default().matches(&json!({})) && Filter::default().may_match_key(&json!({})));
    }

    #[test]
    fn a_key_excludes_what_its_own_attributes_exclude() {
        let filter = Filter::parse([PATTERN]).unwrap();
        assert!(filter.may_match_key(&json!({ "pk": { "S": "SUB#1" }, "sk": { "S": "NOTICE#1" } })));
        assert!(!filter.may_match_key(&json!({ "pk": { "S": "SUB#1" }, "sk": { "S": "STATE" } })));
    }

    #[test]
    fn a_rule_that_is_not_simulated_is_refused() {
        for unknown in ["", "[]", r#"{"a": "b"}"#, r#"{"a": [1]}"#, r#"{"a": [{"suffix": "b"}]}"#, r#"{"a": {}}"#] {
            assert_eq!(Filter::parse([unknown]), None, "{unknown}");
        }
    }
}
