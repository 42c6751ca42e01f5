//! Queries of one partition of the table, one queue of the due index or one list of the listed index.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::domain::values::time::Timestamp;
use crate::domain::values::time_range::TimeRange;
use crate::store::error::Error;
use crate::store::table::keys::Key;
use crate::store::table::{Item, Table, keys, text};

/// Position after a page; none: there are no more items.
pub type Cursor = Option<HashMap<String, AttributeValue>>;

/// Items of one partition, queue or list in the order of their sort keys. Eventually consistent unless stated otherwise.
#[derive(Clone, Debug)]
pub(in crate::store) struct Query {
    source: Source,
    partition: String,
    sort: Sort,
    is_descending: bool,
    is_consistent: bool,
    after: Cursor,
    limit: Option<i32>,
}

/// The table or one of its indexes.
#[derive(Clone, Copy, Debug)]
enum Source {
    Table,
    DueIndex,
    ListedIndex,
}

#[derive(Clone, Debug)]
enum Sort {
    All,
    Prefix(String),
    /// Both ends included.
    Between(String, String),
    Below(String),
}

/// One page of a query.
#[derive(Debug)]
pub(in crate::store) struct QueryPage {
    pub(in crate::store) items: Vec<Item>,
    /// Position after the page; none: the query has no more items.
    pub(in crate::store) next: Cursor,
}

impl Query {
    fn new(source: Source, partition: String) -> Self {
        let (sort, is_descending, is_consistent) = (Sort::All, false, false);
        Self { source, partition, sort, is_descending, is_consistent, after: None, limit: None }
    }

    /// All items of a partition.
    pub(in crate::store) fn partition(pk: impl Into<String>) -> Self {
        Self::new(Source::Table, pk.into())
    }

    /// All items of a queue of the due index.
    pub(in crate::store) fn queue(queue: impl Into<String>) -> Self {
        Self::new(Source::DueIndex, queue.into())
    }

    /// All entries of one partition of a list.
    pub(in crate::store) fn list(partition: impl Into<String>) -> Self {
        Self::new(Source::ListedIndex, partition.into())
    }

    /// Only items whose sort key begins with `prefix`.
    pub(in crate::store) fn prefix(self, prefix: impl Into<String>) -> Self {
        Self { sort: Sort::Prefix(prefix.into()), ..self }
    }

    /// Only items whose sort key lies between two texts, both included.
    pub(in crate::store) fn between(self, from: impl Into<String>, to: impl Into<String>) -> Self {
        Self { sort: Sort::Between(from.into(), to.into()), ..self }
    }

    /// Only items of a queue whose time lies in the range.
    pub(in crate::store) fn due_in(self, range: TimeRange) -> Self {
        self.between(range.from.to_string(), range.last().to_string())
    }

    /// Only items whose sort key is smaller.
    pub(in crate::store) fn below(self, sk: impl Into<String>) -> Self {
        Self { sort: Sort::Below(sk.into()), ..self }
    }

    pub(in crate::store) fn descending(self) -> Self {
        Self { is_descending: true, ..self }
    }

    /// Reads consistently; indexes do not offer it.
    pub(in crate::store) fn consistent(self) -> Self {
        Self { is_consistent: true, ..self }
    }

    pub(in crate::store) fn after(self, after: Cursor) -> Self {
        Self { after, ..self }
    }

    /// Only items of a queue after the one of that due time and key.
    pub(in crate::store) fn after_due(self, at: Timestamp, key: Key) -> Self {
        let names = [keys::QUEUE, keys::DUE_AT, keys::PK, keys::SK].map(str::to_owned);
        let values = [text(&self.partition), text(at.to_string()), text(key.pk), text(key.sk)];
        Self { after: Some(names.into_iter().zip(values).collect()), ..self }
    }

    /// Reads at most so many items in one page.
    pub(in crate::store) fn limit(self, limit: usize) -> Self {
        Self { limit: Some(i32::try_from(limit).unwrap_or(i32::MAX)), ..self }
    }
}

impl Table {
    /// Reads one page.
    pub(in crate::store) async fn query(&self, query: Query, doing: &'static str) -> Result<QueryPage, Error> {
        let (index, partition, sort_key) = match query.source {
            Source::Table => (None, keys::PK, keys::SK),
            Source::DueIndex => (Some(keys::DUE_INDEX), keys::QUEUE, keys::DUE_AT),
            Source::ListedIndex => (Some(keys::LISTED_INDEX), keys::LIST, keys::LISTED_AT),
        };
        let (condition, values): (_, Vec<(&str, AttributeValue)>) = match query.sort {
            Sort::All => (None, Vec::new()),
            Sort::Prefix(prefix) => (Some("begins_with(#sort, :prefix)"), vec![(":prefix", text(prefix))]),
            Sort::Between(from, to) => {
                (Some("#sort BETWEEN :from AND :to"), vec![(":from", text(from)), (":to", text(to))])
            }
            Sort::Below(sk) => (Some("#sort < :below"), vec![(":below", text(sk))]),
        };
        let mut request = self
            .client
            .query()
            .table_name(&self.name)
            .set_index_name(index.map(str::to_owned))
            .expression_attribute_names("#partition", partition)
            .expression_attribute_values(":partition", text(query.partition))
            .set_consistent_read(query.is_consistent.then_some(true))
            .set_scan_index_forward(query.is_descending.then_some(false))
            .set_exclusive_start_key(query.after)
            .set_limit(query.limit);
        request = match condition {
            Some(condition) => request
                .key_condition_expression(format!("#partition = :partition AND {condition}"))
                .expression_attribute_names("#sort", sort_key),
            None => request.key_condition_expression("#partition = :partition"),
        };
        for (name, value) in values {
            request = request.expression_attribute_values(name, value);
        }
        let answer = Box::pin(request.send()).await.map_err(|error| Error::unavailable(doing, error))?;
        Ok(QueryPage { items: answer.items.unwrap_or_default(), next: answer.last_evaluated_key })
    }

    /// Reads page by page until `enough` items are read or there are no more. The last page may bring more than
    /// `enough`.
    pub(in crate::store) async fn query_pages(
        &self,
        query: Query,
        enough: usize,
        doing: &'static str,
    ) -> Result<Vec<Item>, Error> {
        let (mut items, mut after) = (Vec::new(), query.after.clone());
        loop {
            let page = self.query(query.clone().after(after), doing).await?;
            items.extend(page.items);
            after = page.next;
            if after.is_none() || items.len() >= enough {
                return Ok(items);
            }
        }
    }
}
