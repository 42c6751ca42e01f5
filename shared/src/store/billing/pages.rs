//! Pages that a buyer or customer opens without a login: what the token in a page's address leads to, until it expires. Tokens
//! are stored as hashes only, so that a copy of the table opens no page.

use serde::{Deserialize, Serialize};

use crate::domain::values::ids::{EmailAddress, SubscriptionId};
use crate::domain::values::time::Timestamp;

use crate::platform::hash::short_id;
use crate::store::billing::Billing;
use crate::store::error::Error;
use crate::store::table::keys;
use crate::store::table::record::Record;

/// Page on which the buyer pays a purchase.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Checkout {
    /// Order of the purchase for which the page was made.
    pub subscription: SubscriptionId,
    /// First instant at which the page no longer lets the buyer pay (UTC).
    pub pay_until: Timestamp,
    /// First instant at which the page is no longer served (UTC).
    pub expires_at: Timestamp,
}

/// Page on which a customer sees and repairs the subscriptions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CustomerPage {
    /// Order of the customer whose page it is. Not the user id, which outlives an erasure.
    pub subscription: SubscriptionId,
    /// Hash of the address to which the token was mailed, see [`recipient_hash`]. None for a link that was not mailed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// Address to which the page leads back; that of the business where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// First instant at which the page is no longer served (UTC).
    pub expires_at: Timestamp,
}

/// Hash of the address to which a page's token was mailed. With the token, which is stored nowhere, so that no copy of the table
/// lets the address be guessed.
#[must_use]
pub fn recipient_hash(token: &str, recipient: &EmailAddress) -> String {
    short_id(&format!("{token}|{}", recipient.as_str()))
}

impl Billing {
    /// Stores a checkout page under the SHA-256 of its token in hex.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where it is unknown whether the page was stored.
    pub async fn put_checkout(&self, token_digest: &str, checkout: &Checkout) -> Result<(), Error> {
        let record = Record::new(keys::checkout(token_digest), checkout).expiring(checkout.expires_at);
        self.table.put(record, "storing a checkout page").await
    }

    /// Returns a checkout page; `None` where the token is unknown or the page has expired at `wall`.
    pub async fn checkout(&self, token_digest: &str, wall: Timestamp) -> Result<Option<Checkout>, Error> {
        let record = self.table.get::<Checkout>(&keys::checkout(token_digest), "reading a checkout page").await?;
        // DynamoDB deletes expired items up to days late.
        Ok(record.filter(|record| wall < record.data.expires_at).map(|record| record.data))
    }

    /// Stores a customer page under the SHA-256 of its token in hex.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where it is unknown whether the page was stored.
    pub async fn put_customer_page(&self, token_digest: &str, page: &CustomerPage) -> Result<(), Error> {
        let record = Record::new(keys::customer_page(token_digest), page).expiring(page.expires_at);
        self.table.put(record, "storing a customer page").await
    }

    /// Returns a customer page; `None` where the token is unknown or the page has expired at `wall`.
    pub async fn customer_page(&self, token_digest: &str, wall: Timestamp) -> Result<Option<CustomerPage>, Error> {
        let key = keys::customer_page(token_digest);
        let record = self.table.get::<CustomerPage>(&key, "reading a customer page").await?;
        // DynamoDB deletes expired items up to days late.
        Ok(record.filter(|record| wall < record.data.expires_at).map(|record| record.data))
    }
}
