//! Orders and reports put into the table beside the API: what no caller can bring about, or not under a chosen id.

use aws_sdk_dynamodb::types::AttributeValue;
use sandbox::world::TABLE;
use shared::domain::billing::decide::order::create_order;
use shared::domain::billing::decision::{Actor, Decision, DecisionContext};
use shared::domain::billing::dunning::policy::DunningPolicy;
use shared::domain::billing::subscription::NewOrder;
use shared::domain::values::ids::{EmailAddress, MerchantId, UserId};
use shared::domain::values::time::Timestamp;
use shared::store::Store;
use shared::store::billing::commit::Commit;

use super::Sandbox;
use super::domain::new_order;

impl Sandbox {
    /// The table as the functions see it.
    pub fn store(&self) -> Store {
        let dynamodb = aws_sdk_dynamodb::Client::new(&sandbox::aws::config(&self.world.aws_url));
        Store::new(dynamodb, TABLE.to_owned())
    }

    /// True if DynamoDB will delete a quarantined report some day.
    pub async fn report_expires(&self, id: &str) -> bool {
        let client = aws_sdk_dynamodb::Client::new(&sandbox::aws::config(&self.world.aws_url));
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let read = client.get_item().table_name(TABLE);
        let read = read.key("pk", text(&format!("QUARANTINE#{id}"))).key("sk", text("STATE")).send().await.unwrap();
        read.item.unwrap().contains_key("expires_at")
    }

    /// Stores an order of PRO monthly of the sandbox's merchant under a chosen id, unpaid; gives the decision.
    pub async fn store_order(&self, id: &str, user: &str, at: &str) -> Decision {
        let merchant = self.get("/sandbox/credentials").await["merchant_id"].as_str().unwrap().to_owned();
        let order = NewOrder {
            user: UserId::parse(user).unwrap(),
            email: EmailAddress::parse(&format!("{user}@customer.example")).unwrap(),
            merchant: MerchantId::parse(&merchant).unwrap(),
            ..new_order(id)
        };
        let decision = create_order(order, Actor::Staff("support".to_owned()), Timestamp::parse(at).unwrap());
        let (policy, now) = (DunningPolicy::default(), decision.change.history.at);
        let stored = self.store().billing.commit(decision.clone(), None, DecisionContext::new(&policy, now)).await;
        assert_eq!(stored.unwrap(), Commit::Done);
        decision
    }
}
