//! Lists of subscriptions, by state and plan or by the next action.

use strum::IntoStaticStr;

use crate::domain::billing::plan::PlanId;
use crate::domain::billing::subscription::{Status, StatusKind, Subscription};
use crate::domain::billing::task::Task;
use crate::domain::billing::task::failure::TaskFailure;
use crate::domain::values::ids::SubscriptionId;
use crate::domain::values::time::Timestamp;
use crate::platform::logging::error_chain;

use crate::store::billing::Billing;
use crate::store::error::Error;
use crate::store::table::keys::prefix;
use crate::store::table::listing::{ListPosition, Listing};
use crate::store::table::query::Query;
use crate::store::table::record::Record;
use crate::store::table::{Item, keys, text_in};

const DOING: &str = "listing subscriptions";
/// Subscriptions that are read for one page where the list holds others than those that are wanted.
const READ_TO_SELECT: usize = 200;

/// List of the index in which a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(in crate::store) enum SubscriptionList {
    Pending,
    /// Active on a plan that is paid for: most subscriptions.
    Active,
    /// Active on FREE, after a downgrade.
    Downgraded,
    PastDue,
    Cancelled,
    Completed,
    Failed,
    /// Of any state, with a task that keeps failing.
    NeedsAttention,
}

/// Selection of subscriptions.
#[derive(Clone, Debug, Default)]
pub struct SubscriptionFilter {
    /// State of the subscriptions; any where it is absent.
    pub status: Option<StatusKind>,
    /// Plan that the customer may use now.
    pub plan: Option<PlanId>,
    /// Task of the next action.
    pub next_action: Option<Task>,
    /// True for those alone of which a task keeps failing.
    pub needs_attention: bool,
    /// Time of the latest decision, at the earliest.
    pub updated_since: Option<Timestamp>,
}

/// End of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubscriptionPosition {
    /// In lists by state: the latest change first.
    Listed(ListPosition),
    /// In the queue of a task: the earliest due time first.
    Due {
        /// Due time of the last subscription of the page.
        at: Timestamp,
        /// The last subscription of the page.
        id: SubscriptionId,
    },
}

/// A subscription in a list.
#[derive(Clone, Debug)]
pub struct ListedSubscription {
    /// Subscription as it is stored.
    pub subscription: Subscription,
    /// Time of the latest decision; of one in a run the scheduled time of the run.
    pub updated_at: Timestamp,
}

/// Subscriptions of one page, and the position of the next; none: it was the last page. A page may be shorter than wanted
/// although more follow.
pub type SubscriptionPage = (Vec<ListedSubscription>, Option<SubscriptionPosition>);

impl SubscriptionList {
    pub(in crate::store) fn of(subscription: &Subscription) -> Self {
        if needs_attention(subscription) {
            return Self::NeedsAttention;
        }
        match subscription.status {
            Status::Pending => Self::Pending,
            Status::Active if subscription.plan.is_free() => Self::Downgraded,
            Status::Active => Self::Active,
            Status::PastDue { .. } => Self::PastDue,
            Status::Cancelled => Self::Cancelled,
            Status::Completed => Self::Completed,
            Status::Failed => Self::Failed,
        }
    }

    const fn of_status(status: StatusKind) -> &'static [Self] {
        match status {
            StatusKind::Pending => &[Self::Pending],
            StatusKind::Active => &[Self::Active, Self::Downgraded],
            StatusKind::PastDue => &[Self::PastDue],
            StatusKind::Cancelled => &[Self::Cancelled],
            StatusKind::Completed => &[Self::Completed],
            StatusKind::Failed => &[Self::Failed],
        }
    }

    /// Name of the list in the index.
    pub(in crate::store) fn name(self) -> String {
        format!("subscriptions#{}", <&str>::from(self))
    }
}

fn needs_attention(subscription: &Subscription) -> bool {
    subscription.task_failure.as_ref().is_some_and(TaskFailure::needs_attention)
}

impl SubscriptionFilter {
    /// The subscription of an item that was read from a list, if it is wanted. Its lists may have changed in between.
    fn selected(&self, item: Item) -> Option<ListedSubscription> {
        let next_action = text_in(&item, keys::QUEUE).map(str::to_owned);
        listed(item).filter(|listed| self.selects(listed, next_action.as_deref()))
    }

    fn selects(&self, listed: &ListedSubscription, next_action: Option<&str>) -> bool {
        let subscription = &listed.subscription;
        self.status.is_none_or(|status| status == subscription.status.kind())
            && self.plan.as_ref().is_none_or(|plan| *plan == subscription.plan)
            && self.next_action.is_none_or(|task| Some(task.as_str()) == next_action)
            && self.updated_since.is_none_or(|since| listed.updated_at >= since)
            && (!self.needs_attention || needs_attention(subscription))
    }

    /// Lists that hold the wanted subscriptions.
    fn lists(&self) -> Vec<String> {
        if self.needs_attention {
            return vec![SubscriptionList::NeedsAttention.name()];
        }
        let statuses = self.status.as_ref().map_or(StatusKind::ALL, std::slice::from_ref);
        let lists = statuses.iter().flat_map(|status| SubscriptionList::of_status(*status));
        let has_plan = |list: &SubscriptionList| match (list, &self.plan) {
            (SubscriptionList::Active, Some(plan)) => !plan.is_free(),
            (SubscriptionList::Downgraded, Some(plan)) => plan.is_free(),
            (_, _) => true,
        };
        lists.copied().filter(has_plan).chain([SubscriptionList::NeedsAttention]).map(SubscriptionList::name).collect()
    }

    /// Task in whose queue the wanted subscriptions are looked up: there are too many active ones to select from, and their
    /// other next actions are those of other states.
    const fn task_queue(&self) -> Option<Task> {
        if self.needs_attention {
            return None;
        }
        match (self.status, self.next_action) {
            (None, task) | (Some(StatusKind::Active), task @ Some(Task::Reconcile | Task::Cancel | Task::Resume)) => {
                task
            }
            (Some(_), _) => None,
        }
    }

    /// True if a position is one in the order in which this selection is listed.
    #[must_use]
    pub const fn accepts(&self, position: &SubscriptionPosition) -> bool {
        match position {
            SubscriptionPosition::Listed(_) => self.task_queue().is_none(),
            SubscriptionPosition::Due { .. } => self.task_queue().is_some(),
        }
    }

    /// True if the lists by state hold others than the wanted ones.
    const fn selects_from_lists(&self) -> bool {
        self.plan.is_some() || self.next_action.is_some()
    }

    /// True if the queue of the next action holds others than the wanted ones.
    const fn selects_from_queue(&self) -> bool {
        self.status.is_some() || self.plan.is_some() || self.updated_since.is_some()
    }
}

impl Billing {
    /// Returns at most `limit` subscriptions after a position. A next action alone, and one that active subscriptions have, is
    /// looked up in the queue of the task: there the earliest due time comes first. Otherwise the latest change comes first.
    ///
    /// Eventually consistent: a change of the last moments may be missing.
    pub async fn subscriptions(
        &self,
        filter: &SubscriptionFilter,
        after: Option<&SubscriptionPosition>,
        limit: usize,
    ) -> Result<SubscriptionPage, Error> {
        match filter.task_queue() {
            Some(task) => self.subscriptions_by_action(filter, task, after, limit).await,
            None => self.subscriptions_by_change(filter, after, limit).await,
        }
    }

    async fn subscriptions_by_change(
        &self,
        filter: &SubscriptionFilter,
        after: Option<&SubscriptionPosition>,
        limit: usize,
    ) -> Result<SubscriptionPage, Error> {
        let listing = Listing {
            lists: filter.lists(),
            from: filter.updated_since.map(|since| since.to_string()),
            to: None,
            is_descending: true,
            after: after.and_then(|position| match position {
                SubscriptionPosition::Listed(position) => Some(position),
                SubscriptionPosition::Due { .. } => None,
            }),
            limit: if filter.selects_from_lists() { READ_TO_SELECT } else { limit },
        };
        let (page, next) = self.table.list_items(listing, limit, DOING, |item| filter.selected(item)).await?;
        Ok((page, next.map(SubscriptionPosition::Listed)))
    }

    async fn subscriptions_by_action(
        &self,
        filter: &SubscriptionFilter,
        task: Task,
        after: Option<&SubscriptionPosition>,
        limit: usize,
    ) -> Result<SubscriptionPage, Error> {
        let query = Query::queue(task.as_str()).limit(if filter.selects_from_queue() { READ_TO_SELECT } else { limit });
        let query = match after {
            Some(SubscriptionPosition::Due { at, id }) => query.after_due(*at, keys::subscription(id)),
            Some(SubscriptionPosition::Listed(_)) | None => query,
        };
        let read = self.table.query(query, DOING).await?;
        let has_more = read.next.is_some();
        let (mut page, mut last) = (Vec::new(), None);
        for item in read.items {
            let position = due_position(&item);
            let Some(listed) = filter.selected(item) else {
                last = position.or(last);
                continue;
            };
            if page.len() == limit {
                return Ok((page, last));
            }
            last = position.or(last);
            page.push(listed);
        }
        Ok((page, last.filter(|_| has_more)))
    }
}

/// Place of an item in the queue of its task, from the index keys, which exist even where the rest cannot be read.
fn due_position(item: &Item) -> Option<SubscriptionPosition> {
    let at = Timestamp::parse(text_in(item, keys::DUE_AT)?).ok()?;
    let id = SubscriptionId::parse(text_in(item, keys::PK)?.strip_prefix(prefix::SUBSCRIPTION)?).ok()?;
    Some(SubscriptionPosition::Due { at, id })
}

/// Reads an item of a list; `None`, and a line in the log, where it cannot be read: one such item does not hide the others.
pub(in crate::store) fn listed(item: Item) -> Option<ListedSubscription> {
    let at = text_in(&item, keys::LISTED_AT).and_then(ListPosition::parse);
    match Record::<Subscription>::from_item(item) {
        Ok(record) => {
            let subscription = record.data;
            let updated_at = at.and_then(|position| Timestamp::parse(position.at()).ok());
            Some(ListedSubscription { updated_at: updated_at.unwrap_or(subscription.created_at), subscription })
        }
        Err(error) => {
            tracing::error!(error = error_chain(&error), "a subscription cannot be read");
            None
        }
    }
}
