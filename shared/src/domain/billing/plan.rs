//! Plans, billing cycles and prices.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::values::money::Twd;

/// Plan by its name in the price table: capital letters, digits and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanId(String);

impl PlanId {
    /// The plan without charge, which is never sold.
    #[must_use]
    pub fn free() -> Self {
        Self("FREE".to_owned())
    }

    /// True for the FREE plan.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.0 == "FREE"
    }

    /// The plan's name in the price table and the API.
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

/// Interval between the charges of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BillingCycle {
    /// One calendar month.
    Monthly,
    /// One calendar year.
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

/// Prices of one plan by cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// TWD per month.
    pub monthly: Twd,
    /// TWD per year.
    pub annual: Twd,
}

/// Prices of the plans on sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceTable(BTreeMap<String, Price>);

/// Rejection of a price table.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidPriceTable {
    /// Not a JSON object of the documented shape.
    #[error("must be JSON like {{\"PRO\":{{\"monthly\":899,\"annual\":8999}}}}")]
    NotATable,
    /// A price for FREE, which is not sold.
    #[error("FREE cannot have a price")]
    FreeIsNotSold,
    /// Price of zero, which cannot be charged.
    #[error("plan {0} must cost something")]
    NoPrice(String),
    /// Name that does not fit a URL or an order form.
    #[error("plan {0} must be capital letters, digits and _, at most 20")]
    BadName(String),
}

impl PriceTable {
    /// Reads a table from JSON, `{"PRO":{"monthly":899,"annual":8999}}`.
    ///
    /// # Errors
    /// [`InvalidPriceTable`] for the first broken rule.
    pub fn parse(json: &str) -> Result<Self, InvalidPriceTable> {
        let table: BTreeMap<String, Price> = serde_json::from_str(json).map_err(|_| InvalidPriceTable::NotATable)?;
        for (name, price) in &table {
            if name == "FREE" {
                return Err(InvalidPriceTable::FreeIsNotSold);
            }
            // A card cannot be charged an amount of zero.
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

    /// The plan with that name and its price; `None` if it is not on sale.
    #[must_use]
    pub fn find(&self, name: &str, cycle: BillingCycle) -> Option<(PlanId, Twd)> {
        let price = self.0.get(name)?;
        let amount = match cycle {
            BillingCycle::Monthly => price.monthly,
            BillingCycle::Annual => price.annual,
        };
        Some((PlanId(name.to_owned()), amount))
    }

    /// The names of the plans on sale.
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
