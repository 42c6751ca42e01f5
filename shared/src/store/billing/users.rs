//! A user's plan: part of every decision that changes it, under a guard against a second live order.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};

use crate::domain::billing::decision::{LiveOrderCondition, UserChange};
use crate::domain::billing::plan::PlanId;
use crate::domain::values::ids::{SubscriptionId, UserId};

use crate::store::billing::Billing;
use crate::store::table::keys;
use crate::store::table::record::{SCHEMA, StoredUser};
use crate::store::{Error, key_of, number, text};

/// The user's part of a transaction. Both fields of the standing change together or not at all.
pub(in crate::store) fn update(table: &str, change: &UserChange) -> Result<TransactWriteItem, Error> {
    let mut update = Update::builder()
        .table_name(table)
        .set_key(Some(key_of(&keys::user(&change.user))))
        .expression_attribute_names("#latest", "latest")
        .expression_attribute_names("#schema", "schema")
        .expression_attribute_values(":id", text(change.subscription.as_str()))
        .expression_attribute_values(":schema", number(SCHEMA));
    let mut set = vec!["#latest = :id", "#schema = :schema"];
    let mut remove = "";
    if let Some(user_plan) = &change.user_plan {
        set.push("#plan = :plan");
        update = update
            .expression_attribute_names("#plan", "plan")
            .expression_attribute_names("#live", "live")
            .expression_attribute_values(":plan", text(user_plan.plan.as_str()));
        if user_plan.live {
            set.push("#live = :id");
        } else {
            remove = " REMOVE #live";
        }
    }
    if let LiveOrderCondition::NoneOrOneOf(orders) = &change.condition {
        let mut condition = "attribute_not_exists(#live)".to_owned();
        update = update.expression_attribute_names("#live", "live");
        for (place, order) in orders.iter().enumerate() {
            condition.push_str(&format!(" OR #live = :o{place}"));
            update = update.expression_attribute_values(format!(":o{place}"), text(order.as_str()));
        }
        update = update
            .condition_expression(condition)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    }
    let update = update.update_expression(format!("SET {}{remove}", set.join(", "))).build();
    let update = update.map_err(|error| Error::unavailable("storing a user's plan", error))?;
    Ok(TransactWriteItem::builder().update(update).build())
}

/// The live order in a user's item.
pub(in crate::store) fn live(item: &HashMap<String, AttributeValue>) -> Option<SubscriptionId> {
    item.get("live").and_then(|value| value.as_s().ok()).and_then(|id| SubscriptionId::parse(id).ok())
}

impl Billing {
    /// A user, as far as any order named them.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn user(&self, id: &UserId) -> Result<Option<StoredUser>, Error> {
        let get = self
            .table
            .client
            .get_item()
            .table_name(&self.table.name)
            .set_key(Some(key_of(&keys::user(id))))
            .consistent_read(true);
        let answer = get.send().await.map_err(|error| Error::unavailable("reading a user", error))?;
        let Some(item) = answer.item else { return Ok(None) };
        let field = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
        let Some(latest) = field("latest").and_then(|id| SubscriptionId::parse(id).ok()) else { return Ok(None) };
        let plan = field("plan").and_then(|name| serde_json::from_value(serde_json::Value::from(name.as_str())).ok());
        Ok(Some(StoredUser { user: id.clone(), plan: plan.unwrap_or_else(PlanId::free), live: live(&item), latest }))
    }
}
