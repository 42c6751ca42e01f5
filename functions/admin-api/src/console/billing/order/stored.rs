//! What is stored about an order, in as few calls as its page may cost.

use shared::domain::values::ids::SubscriptionId;
use shared::store::billing::reads::{OrderFile, OrderSurroundings};

use crate::auth::scope::Scope;
use crate::billing::subscriptions::answer::SubscriptionAnswer;
use crate::billing::subscriptions::show::{Parts, shown};
use crate::console::page::visit::Visit;
use crate::http::response::Failure;

/// What is stored about an order.
pub(super) struct Stored {
    pub(super) file: OrderFile,
    pub(super) surroundings: OrderSurroundings,
    pub(super) answer: SubscriptionAnswer,
}

/// Reads the order and all that is stored about it: the partition at once, then what is stored elsewhere.
pub(super) async fn read(visit: &Visit, id: &str) -> Result<Stored, Failure> {
    visit.may_or_refuse(Scope::Read)?;
    let api = &visit.api;
    let unknown = || Failure::not_found("id", "There is no such subscription.");
    let id = SubscriptionId::parse(id).map_err(|_| unknown())?;
    let billing = &api.store.billing;
    let (file, feedback) = futures::try_join!(billing.order_file(&id), billing.order_feedback(&id))?;
    let file = file.ok_or_else(unknown)?;
    let surroundings = billing.order_surroundings(&file).await?;
    let answer = shown(
        api,
        Parts {
            order: file.order.value.clone(),
            history: Vec::new(),
            history_next: None,
            payments: file.payments.iter().rev().cloned().collect(),
            mails: file.notices.iter().rev().cloned().collect(),
            feedback,
            mail_block: surroundings.mail_block.clone(),
            purchase: surroundings.purchase.clone(),
        },
    );
    Ok(Stored { file, surroundings, answer })
}
