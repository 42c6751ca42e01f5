//! Sessions of staff in the console. A session's cookie is its only credential, so the table has no more than its digest.

use serde::{Deserialize, Serialize};

use crate::domain::values::time::Timestamp;
use crate::store::error::Error;
use crate::store::table::expression::{Condition, Update};
use crate::store::table::record::Record;
use crate::store::table::{Table, keys, text};

/// Sessions in the table.
#[derive(Clone, Debug)]
pub struct Sessions {
    pub(in crate::store) table: Table,
}

/// Session of a member of staff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// SHA-256 in hex of the admin token with which the session began. The session ends with the token.
    pub token_sha256: String,
    /// Name of that token.
    pub name: String,
    /// Names of the scopes that the token had then.
    pub scopes: Vec<String>,
    /// Wall time of the sign-in.
    pub created_at: Timestamp,
    /// Wall time of the latest page, to the minute.
    pub seen_at: Timestamp,
    /// Wall time at which the session ends whatever is done in it.
    pub ends_at: Timestamp,
}

impl Sessions {
    /// Stores a new session. `digest` is that of its cookie's value.
    pub async fn begin(&self, digest: &str, session: &Session) -> Result<(), Error> {
        // DynamoDB deletes it some time after its end; until then its reader finds it ended.
        let record = Record::new(keys::session(digest), session).expiring(session.ends_at);
        self.table.put(record, "storing a session").await
    }

    /// Reads a session consistently, so that none goes on after its sign-out.
    pub async fn find(&self, digest: &str) -> Result<Option<Session>, Error> {
        let record = self.table.get(&keys::session(digest), "reading a session").await?;
        Ok(record.map(|record| record.data))
    }

    /// Moves the time of the latest page; does nothing where the session has ended.
    pub async fn seen(&self, digest: &str, at: Timestamp) -> Result<(), Error> {
        let update = Update::of(keys::session(digest)).set(["data", "seen_at"], text(at.to_string()));
        self.table.update(update.when(Condition::item_exists()), "noting a page of a session").await.map(|_| ())
    }

    /// Ends a session.
    pub async fn end(&self, digest: &str) -> Result<(), Error> {
        self.table.delete(&keys::session(digest), "ending a session").await
    }
}
