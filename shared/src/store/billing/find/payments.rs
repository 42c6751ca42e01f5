//! Payments of a month, for accounting.

use std::collections::BTreeSet;

use crate::domain::billing::payments::payment::Payment;
use crate::domain::billing::subscription::Subscription;
use crate::domain::values::ids::SubscriptionId;
use crate::domain::values::money::Twd;
use crate::domain::values::time::{LocalDate, Zone};

use crate::store::billing::Billing;
use crate::store::error::Error;
use crate::store::table::keys;
use crate::store::table::keys::Key;
use crate::store::table::listing::{ListPosition, Listing, readable};
use crate::store::table::query::Query;
use crate::store::table::record::Record;

const DOING: &str = "listing payments";
/// Time zone of the days and months of payments.
pub const ZONE: Zone = Zone::Taipei;

/// A payment with its subscription.
#[derive(Debug)]
pub struct ListedPayment {
    /// Payment as it is stored.
    pub payment: Payment,
    /// Its subscription; none if that cannot be read.
    pub subscription: Option<Subscription>,
}

/// Payments of one page, and the position of the next; none: it was the last page.
pub type PaymentPage = (Vec<ListedPayment>, Option<ListPosition>);

/// Sums over the payments of a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MonthTotals {
    /// Charges that succeeded and payments outside ECPay.
    pub count: u64,
    /// TWD that came in.
    pub received_twd: u64,
    /// TWD that went back of it until now, also in a later month.
    pub refunded_twd: u64,
    /// Payments of unknown amount, which are in no sum.
    pub without_amount: u64,
    /// True if the month has more payments than were read.
    pub has_more: bool,
}

impl MonthTotals {
    fn add(&mut self, payment: &Payment) {
        self.count += 1;
        self.without_amount += u64::from(payment.amount.is_none());
        let dollars = |amount: Twd| u64::from(amount.dollars());
        self.received_twd = self.received_twd.saturating_add(payment.amount.map_or(0, dollars));
        self.refunded_twd = self.refunded_twd.saturating_add(dollars(payment.refunded));
    }
}

/// The item of a payment. One that moved money stands in the list of its month, and in a queue while some of it must go back.
pub(in crate::store) fn record<'a>(order: &SubscriptionId, payment: &'a Payment) -> Record<&'a Payment> {
    let record = Record::new(keys::payment(order, &payment.id), payment);
    let is_due = payment.refund_due.is_any();
    let record = if is_due { record.due(keys::REFUND_DUE_QUEUE, payment.processed_at) } else { record };
    if !payment.moved_money() {
        return record;
    }
    record.listed(&list(payment.processed_at.day(ZONE)), payment.processed_at)
}

/// List of the month in which a day lies: `payments#2025-03`.
fn list(day: LocalDate) -> String {
    let day = day.to_string();
    format!("payments#{}", day.rsplit_once('-').map_or("", |(month, _)| month))
}

impl Billing {
    /// Returns at most `limit` payments of which money must go back, the earliest first. One that cannot be read is logged.
    ///
    /// Eventually consistent: one of the last moments may be missing.
    pub async fn refunds_due(&self, limit: usize) -> Result<Vec<Payment>, Error> {
        let query = Query::queue(keys::REFUND_DUE_QUEUE).limit(limit);
        let page = self.table.query(query, "listing refunds due").await?;
        Ok(page.items.into_iter().filter_map(readable::<Payment>).collect())
    }

    /// Returns at most `limit` payments of the month of a day (Asia/Taipei) after a position, the earliest first: charges that
    /// succeeded and payments outside ECPay.
    ///
    /// Eventually consistent: a payment of the last moments may be missing.
    ///
    /// # Errors
    /// Also where a payment cannot be read.
    pub async fn payments_of_month(
        &self,
        month: LocalDate,
        after: Option<&ListPosition>,
        limit: usize,
    ) -> Result<PaymentPage, Error> {
        let (payments, next) = self.listed_payments(month, after, limit).await?;
        let orders = payments.iter().filter_map(|payment| payment.id.subscription().ok());
        let keys: BTreeSet<Key> = orders.map(|order| keys::subscription(&order)).collect();
        let found = self.table.get_many(&Vec::from_iter(keys), DOING).await?;
        let subscription = |payment: &Payment| {
            let order = payment.id.subscription().ok()?;
            readable::<Subscription>(found.get(&keys::subscription(&order))?.clone())
        };
        let with_order = |payment| ListedPayment { subscription: subscription(&payment), payment };
        Ok((payments.into_iter().map(with_order).collect(), next))
    }

    /// Returns the sums over at most `most` payments of the month of a day (Asia/Taipei).
    ///
    /// # Errors
    /// Also where a payment cannot be read.
    pub async fn month_totals(&self, month: LocalDate, most: usize) -> Result<MonthTotals, Error> {
        let (payments, next) = self.listed_payments(month, None, most).await?;
        let mut totals = MonthTotals { has_more: next.is_some(), ..MonthTotals::default() };
        for payment in &payments {
            totals.add(payment);
        }
        Ok(totals)
    }

    async fn listed_payments(
        &self,
        month: LocalDate,
        after: Option<&ListPosition>,
        limit: usize,
    ) -> Result<(Vec<Payment>, Option<ListPosition>), Error> {
        let listing = Listing { lists: vec![list(month)], from: None, to: None, is_descending: false, after, limit };
        let read = |item| Some(Record::<Payment>::from_item(item).map(|record| record.data));
        let (payments, next) = self.table.list_items(listing, limit, DOING, read).await?;
        // A sum without one of the payments would be wrong without a sign.
        Ok((payments.into_iter().collect::<Result<Vec<_>, _>>()?, next))
    }
}
