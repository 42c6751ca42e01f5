//! The DynamoDB table: keys, items, conditional writes and the due index. The only module that builds DynamoDB
//! expressions.

pub(in crate::store) mod batch_get;
pub(in crate::store) mod dry_run;
pub mod due_index;
pub mod keys;
pub mod record;
#[expect(clippy::module_inception, reason = "the module of the type Table")]
pub(in crate::store) mod table;
pub mod transaction;
