//! Sessions of staff: begun with an admin token, ended by its end, by half an hour without a page, or by signing out.

use shared::domain::values::time::Timestamp;
use shared::platform::hash::sha256_hex;
use shared::platform::random;
use shared::store::sessions::Session;

use crate::api::ApiState;
use crate::auth::Token;
use crate::auth::scope::Scope;
use crate::http::response::Failure;

/// Hours after which a session ends in any case.
const LONGEST_HOURS: i64 = 8;
/// Minutes without a page after which it ends.
const IDLE_MINUTES: i64 = 30;
/// Minutes after which the time of the latest page is stored again: not at each page, since a write costs more than a read.
const NOTED_MINUTES: i64 = 1;
/// Characters of a cookie, of 5 bits each: more than 256 bits.
const COOKIE_CHARACTERS: usize = 52;

/// Session that is in force.
pub(crate) struct OpenSession {
    /// SHA-256 of its cookie in hex, under which it is stored.
    pub(crate) digest: String,
    /// Token with which it began, as it is now, with no more scopes than it had then.
    pub(crate) token: Token,
    /// True if the time of the latest page is to be stored.
    pub(crate) is_to_be_noted: bool,
}

/// Begins a session of a valid token. Returns the value of its cookie.
pub(crate) async fn begin(api: &ApiState, token: &Token, wall: Timestamp) -> Result<String, Failure> {
    let cookie = random::random_id(COOKIE_CHARACTERS).map_err(|error| Failure::upstream(&error))?;
    let latest = wall.plus_hours(LONGEST_HOURS);
    let session = Session {
        token_sha256: token.key_scope.to_ascii_lowercase(),
        name: token.name.clone(),
        scopes: token.scopes.iter().map(|scope| scope.name().to_owned()).collect(),
        created_at: wall,
        seen_at: wall,
        ends_at: token.expires_at.map_or(latest, |end| end.min(latest)),
    };
    api.store.sessions.begin(&sha256_hex(&cookie), &session).await?;
    tracing::info!(by = token.name, "signed in to the console");
    Ok(cookie)
}

/// Returns the session of a cookie; `None` where there is none, or where it has ended.
pub(crate) async fn open(api: &ApiState, cookie: &str, wall: Timestamp) -> Result<Option<OpenSession>, Failure> {
    let digest = sha256_hex(cookie);
    let Some(session) = api.store.sessions.find(&digest).await? else { return Ok(None) };
    let is_idle = session.seen_at.plus_minutes(IDLE_MINUTES) <= wall;
    if is_idle || session.ends_at <= wall {
        return Ok(None);
    }
    let Some(mut token) = api.tokens.listed(&session.token_sha256, wall).await? else { return Ok(None) };
    token.scopes.retain(|scope| session.scopes.iter().any(|then| Scope::of_name(then) == Some(*scope)));
    let is_to_be_noted = session.seen_at.plus_minutes(NOTED_MINUTES) <= wall;
    Ok(Some(OpenSession { digest, token, is_to_be_noted }))
}
