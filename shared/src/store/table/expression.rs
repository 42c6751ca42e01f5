//! Conditions and updates as DynamoDB expressions. Every attribute name and value goes through a placeholder, because
//! names may be reserved words (`count`, `data`) or contain dots.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::store::table::keys;
use crate::store::table::keys::Key;
use crate::store::table::{number, text};

/// Path to an attribute: its name, or the names from the item's top level down to it.
#[derive(Clone, Debug)]
pub(in crate::store) struct Path(Vec<String>);

/// Condition on the stored item, checked together with the write.
#[derive(Clone, Debug)]
pub(in crate::store) enum Condition {
    Exists(Path),
    Absent(Path),
    Compare(Path, &'static str, AttributeValue),
    Either(Box<Self>, Box<Self>),
    Both(Box<Self>, Box<Self>),
}

/// Change of single attributes of an item; creates the item where it is missing.
#[derive(Clone, Debug)]
pub(in crate::store) struct Update {
    pub(super) key: Key,
    set: Vec<(Path, AttributeValue)>,
    add: Vec<(Path, AttributeValue)>,
    remove: Vec<Path>,
    condition: Option<Condition>,
}

/// An expression and the names and values that its placeholders stand for. Empty maps are `None`: DynamoDB rejects
/// them.
#[derive(Debug, Default)]
pub(super) struct Expression {
    pub(super) update: Option<String>,
    pub(super) condition: Option<String>,
    pub(super) names: Option<HashMap<String, String>>,
    pub(super) values: Option<HashMap<String, AttributeValue>>,
}

#[derive(Default)]
struct Placeholders {
    names: Vec<String>,
    values: Vec<AttributeValue>,
}

impl From<&str> for Path {
    fn from(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }
}

impl From<String> for Path {
    fn from(name: String) -> Self {
        Self(vec![name])
    }
}

impl<const N: usize> From<[&str; N]> for Path {
    fn from(names: [&str; N]) -> Self {
        Self(names.map(str::to_owned).to_vec())
    }
}

impl Condition {
    pub(in crate::store) fn item_exists() -> Self {
        Self::exists(keys::PK)
    }

    pub(in crate::store) fn item_absent() -> Self {
        Self::absent(keys::PK)
    }

    /// True for the item as it was read with that version.
    pub(in crate::store) fn version_is(version: u64) -> Self {
        Self::Compare("version".into(), "=", number(version))
    }

    pub(in crate::store) fn exists(path: impl Into<Path>) -> Self {
        Self::Exists(path.into())
    }

    pub(in crate::store) fn absent(path: impl Into<Path>) -> Self {
        Self::Absent(path.into())
    }

    pub(in crate::store) fn text_is(path: impl Into<Path>, value: impl Into<String>) -> Self {
        Self::Compare(path.into(), "=", text(value))
    }

    /// Compares as text, which is the order of time for instants in RFC 3339 and UTC.
    pub(in crate::store) fn text_at_most(path: impl Into<Path>, value: impl Into<String>) -> Self {
        Self::Compare(path.into(), "<=", text(value))
    }

    pub(in crate::store) fn number_below(path: impl Into<Path>, value: impl ToString) -> Self {
        Self::Compare(path.into(), "<", number(value))
    }

    pub(in crate::store) fn or(self, other: Self) -> Self {
        Self::Either(Box::new(self), Box::new(other))
    }

    pub(in crate::store) fn and(self, other: Self) -> Self {
        Self::Both(Box::new(self), Box::new(other))
    }

    fn render(&self, placeholders: &mut Placeholders) -> String {
        match self {
            Self::Exists(path) => format!("attribute_exists({})", placeholders.path(path)),
            Self::Absent(path) => format!("attribute_not_exists({})", placeholders.path(path)),
            Self::Compare(path, operator, value) => {
                format!("{} {operator} {}", placeholders.path(path), placeholders.value(value))
            }
            Self::Either(one, other) => format!("({} OR {})", one.render(placeholders), other.render(placeholders)),
            Self::Both(one, other) => format!("({} AND {})", one.render(placeholders), other.render(placeholders)),
        }
    }
}

impl Update {
    pub(in crate::store) const fn of(key: Key) -> Self {
        Self { key, set: Vec::new(), add: Vec::new(), remove: Vec::new(), condition: None }
    }

    pub(in crate::store) fn set(mut self, path: impl Into<Path>, value: AttributeValue) -> Self {
        self.set.push((path.into(), value));
        self
    }

    /// Adds to a number; a missing attribute counts as 0.
    pub(in crate::store) fn add(mut self, path: impl Into<Path>, value: impl ToString) -> Self {
        self.add.push((path.into(), number(value)));
        self
    }

    pub(in crate::store) fn remove(mut self, path: impl Into<Path>) -> Self {
        self.remove.push(path.into());
        self
    }

    pub(in crate::store) fn when(mut self, condition: Condition) -> Self {
        self.condition = Some(condition);
        self
    }

    pub(super) fn expression(&self) -> Expression {
        let mut placeholders = Placeholders::default();
        let mut assign = |terms: &[(Path, AttributeValue)], link: &str| -> Vec<String> {
            let term = |(path, value): &(Path, AttributeValue)| {
                format!("{}{link}{}", placeholders.path(path), placeholders.value(value))
            };
            terms.iter().map(term).collect()
        };
        let (set, add) = (assign(&self.set, " = "), assign(&self.add, " "));
        let remove = self.remove.iter().map(|path| placeholders.path(path)).collect();
        let clauses = [("SET", set), ("ADD", add), ("REMOVE", remove)];
        let clauses = clauses.into_iter().filter(|(_, terms)| !terms.is_empty());
        let clauses: Vec<_> = clauses.map(|(clause, terms)| format!("{clause} {}", terms.join(", "))).collect();
        let condition = self.condition.as_ref().map(|condition| condition.render(&mut placeholders));
        Expression { update: Some(clauses.join(" ")), condition, ..placeholders.into_expression() }
    }
}

impl Expression {
    pub(super) fn of(condition: Option<&Condition>) -> Self {
        let mut placeholders = Placeholders::default();
        let condition = condition.map(|condition| condition.render(&mut placeholders));
        Self { condition, ..placeholders.into_expression() }
    }
}

impl Placeholders {
    fn path(&mut self, path: &Path) -> String {
        path.0.iter().map(|name| self.name(name)).collect::<Vec<_>>().join(".")
    }

    fn name(&mut self, name: &str) -> String {
        let known = self.names.iter().position(|known| known == name);
        let place = known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        format!("#n{place}")
    }

    fn value(&mut self, value: &AttributeValue) -> String {
        self.values.push(value.clone());
        format!(":v{}", self.values.len() - 1)
    }

    fn into_expression(self) -> Expression {
        let names = (0..).zip(self.names).map(|(place, name): (usize, _)| (format!("#n{place}"), name));
        let values = (0..).zip(self.values).map(|(place, value): (usize, _)| (format!(":v{place}"), value));
        let (names, values): (HashMap<_, _>, HashMap<_, _>) = (names.collect(), values.collect());
        Expression {
            names: (!names.is_empty()).then_some(names),
            values: (!values.is_empty()).then_some(values),
            ..Expression::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_names_each_attribute_once_and_each_value_where_it_is_used() {
        let key = Key { pk: "A".to_owned(), sk: "STATE".to_owned() };
        let open = Condition::item_exists().and(Condition::absent(["data", "resolved"]));
        let update = Update::of(key)
            .set("queue", text("open"))
            .set(["data", "a.b"], text("x"))
            .add("version", 1)
            .remove("expires_at")
            .when(open.or(Condition::number_below("version", 3)));
        let expression = update.expression();
        assert_eq!(expression.update.unwrap(), "SET #n0 = :v0, #n1.#n2 = :v1 ADD #n3 :v2 REMOVE #n4");
        assert_eq!(
            expression.condition.unwrap(),
            "((attribute_exists(#n5) AND attribute_not_exists(#n1.#n6)) OR #n3 < :v3)"
        );
        assert_eq!(expression.names.unwrap()["#n2"], "a.b");
        assert_eq!(expression.values.unwrap().len(), 4);
    }

    #[test]
    fn a_write_without_a_condition_has_no_placeholders() {
        let expression = Expression::of(None);
        assert!(expression.condition.is_none() && expression.names.is_none() && expression.values.is_none());
    }
}
