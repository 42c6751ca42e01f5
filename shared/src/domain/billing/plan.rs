//! Plans, billing cycles and what they cost.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::values::money::Twd;

/// What a customer may use, by its name in the price table: capital letters, digits and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanId(String);

impl PlanId {
    /// The plan that costs nothing and is never sold.
    #[must_use]
    pub fn free() -> Self {
        Self("FREE".to_owned())
    }

    /// Whether this is the FREE plan.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.0 == "FREE"
    }

    /// The name of the plan.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// How often a subscription is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BillingCycle {
    /// Each calendar month.
    Monthly,
    /// Each calendar year.
    Annual,
}

impl BillingCycle {
    /// Calendar months between two charges.
    #[must_use]
    pub const fn months(self) -> u32 {
        match self {
            Self::Monthly => 1,
            Self::Annual => 12,
        }
    }

    /// ECPay's `PeriodType`.
    #[must_use]
    pub const fn period_type(self) -> &'static str {
        match self {
            Self::Monthly => "M",
            Self::Annual => "Y",
        }
    }
}

/// The price of one plan by cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// TWD a month.
    pub monthly: Twd,
    /// TWD a year.
    pub annual: Twd,
}

/// What each sold plan costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceTable(BTreeMap<String, Price>);

/// Why a price table cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidPriceTable {
    /// Not the JSON object it should be.
    #[error("must be JSON like {{\"PRO\":{{\"monthly\":899,\"annual\":8999}}}}")]
    NotATable,
    /// FREE is not sold.
    #[error("FREE cannot have a price")]
    FreeIsNotSold,
    /// A plan that costs nothing could not be charged.
    #[error("plan {0} must cost something")]
    NoPrice(String),
    /// A name that would not survive a URL or an order form.
    #[error("plan {0} must be capital letters, digits and _, at most 20")]
    BadName(String),
}

impl PriceTable {
    /// Reads a table from JSON, `{"PRO":{"monthly":899,"annual":8999}}`.
    ///
    /// # Errors
    /// [`InvalidPriceTable`] with the first rule broken.
    pub fn parse(json: &str) -> Result<Self, InvalidPriceTable> {
        let table: BTreeMap<String, Price> = serde_json::from_str(json).map_err(|_| InvalidPriceTable::NotATable)?;
        for (name, price) in &table {
            if name == "FREE" {
                return Err(InvalidPriceTable::FreeIsNotSold);
            }
            if price.monthly == Twd::ZERO || price.annual == Twd::ZERO {
                return Err(InvalidPriceTable::NoPrice(name.clone()));
            }
            let named = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
            if name.is_empty() || name.len() > 20 || !name.bytes().all(named) {
                return Err(InvalidPriceTable::BadName(name.clone()));
            }
        }
        if table.is_empty() { Err(InvalidPriceTable::NotATable) } else { Ok(Self(table)) }
    }

    /// The plan of that name and its price; `None` when it is not sold.
    #[must_use]
    pub fn find(&self, name: &str, cycle: BillingCycle) -> Option<(PlanId, Twd)> {
        let price = self.0.get(name)?;
        let amount = match cycle {
            BillingCycle::Monthly => price.monthly,
            BillingCycle::Annual => price.annual,
        };
        Some((PlanId(name.to_owned()), amount))
    }

    /// The names of all sold plans.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_cannot_be_sold_from_is_refused_with_the_reason() {
        assert_eq!(PriceTable::parse("[]"), Err(InvalidPriceTable::NotATable));
        assert_eq!(PriceTable::parse("{}"), Err(InvalidPriceTable::NotATable));
        assert_eq!(PriceTable::parse(r#"{"FREE":{"monthly":1,"annual":1}}"#), Err(InvalidPriceTable::FreeIsNotSold));
        assert_eq!(PriceTable::parse(r#"{"A":{"monthly":0,"annual":1}}"#), Err(InvalidPriceTable::NoPrice("A".into())));
        assert_eq!(
            PriceTable::parse(r#"{"a b":{"monthly":1,"annual":1}}"#),
            Err(InvalidPriceTable::BadName("a b".into()))
        );
        assert_eq!(PriceTable::parse(r#"{"A":{"monthly":-1,"annual":1}}"#), Err(InvalidPriceTable::NotATable));
    }
}
