//! `cargo run -- token`: the tokens with which an installation begins, before the business has an app of its own.

use std::path::PathBuf;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::json;
use shared::platform::random::random_id;

use crate::world::credentials::{Jwt, digest};

/// Scopes of an admin token.
const SCOPES: [&str; 5] = ["read", "operate", "customers", "reminders", "institutions"];
/// Scopes of a JSON Web Token: those of staff are for admin tokens alone.
const APP_SCOPES: [&str; 3] = ["customers", "reminders", "institutions"];
/// Characters of an admin token, of 5 bits each.
const LENGTH: usize = 40;
/// Longest validity of a JSON Web Token that `admin-api` accepts, in hours.
const LONGEST_HOURS: i64 = 24;
/// Validity of a JSON Web Token where none is given, in hours: a working day.
const HOURS: i64 = 12;
/// Seconds by which the token begins earlier, for a clock that is behind.
const EARLIER: i64 = 60;
/// Shortest key in bytes that `admin-api` accepts.
const SHORTEST_KEY: usize = 32;

/// Token to make.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Name under which what the token changes is stored.
    pub name: String,
    /// Scopes, separated by commas.
    pub scopes: String,
    /// End of the token. Of an admin token none if `None`; of a JSON Web Token 12 hours from now, at most 24.
    pub expires_at: Option<DateTime<Utc>>,
    /// File with the signing key of the secret (`jwt_key`), for a JSON Web Token; without it an admin token is made.
    pub key_file: Option<PathBuf>,
}

/// Errors of making a token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The token would have no name.
    #[error("a token needs --name, for example --name support")]
    NoName,
    /// A scope does not exist, or not for this kind of token.
    #[error("'{scope}' is not a scope of this kind of token; --scopes takes, separated by commas: {known}")]
    Scope {
        /// The scope as it was given.
        scope: String,
        /// The scopes that exist.
        known: String,
    },
    /// The key file cannot be read.
    #[error("reading the key file {path}")]
    Key {
        /// The file.
        path: PathBuf,
        /// Fault of the file.
        source: std::io::Error,
    },
    /// The key is too short for HS256.
    #[error("the key has fewer than {SHORTEST_KEY} bytes, and admin-api refuses it")]
    ShortKey,
    /// The file holds the whole secret.
    #[error("the key file must hold the value of jwt_key alone, not the JSON of the secret")]
    WholeSecret,
    /// The JSON Web Token would be valid longer than `admin-api` accepts, or is over already.
    #[error("--expires of a JSON Web Token must be within the next {LONGEST_HOURS} hours")]
    Expiry,
    /// The system gave no random numbers.
    #[error(transparent)]
    Random(#[from] shared::platform::random::NoEntropy),
}

/// Makes a token and returns what to do with it, as text for the terminal.
///
/// # Errors
/// [`Error`].
pub fn make(wanted: &Wanted, now: DateTime<Utc>) -> Result<String, Error> {
    if wanted.name.trim().is_empty() {
        return Err(Error::NoName);
    }
    match &wanted.key_file {
        None => admin_token(wanted),
        Some(path) => {
            let source = |source| Error::Key { path: path.clone(), source };
            let key = std::fs::read_to_string(path).map_err(source)?;
            json_web_token(wanted, key.trim_end_matches(['\r', '\n']), now)
        }
    }
}

fn admin_token(wanted: &Wanted) -> Result<String, Error> {
    let scopes = scopes(&wanted.scopes, &SCOPES)?;
    let token = random_id(LENGTH)?;
    let mut entry = json!({ "name": wanted.name, "sha256": digest(&token), "scopes": scopes });
    if let (Some(end), Some(fields)) = (wanted.expires_at, entry.as_object_mut()) {
        fields.insert("expires_at".to_owned(), json!(end.to_rfc3339_opts(SecondsFormat::Secs, true)));
    }
    Ok(format!(
        "Token, shown only now; give it to its owner:\n  {token}\n\nEntry for \"tokens\" of the secret (AdminSecretId), which holds only its hash:\n  {entry}"
    ))
}

fn json_web_token(wanted: &Wanted, key: &str, now: DateTime<Utc>) -> Result<String, Error> {
    let scope = scopes(&wanted.scopes, &APP_SCOPES)?.join(" ");
    if key.trim_start().starts_with('{') {
        return Err(Error::WholeSecret);
    }
    if key.len() < SHORTEST_KEY {
        return Err(Error::ShortKey);
    }
    let longest = TimeDelta::hours(LONGEST_HOURS);
    let validity = wanted.expires_at.map_or(TimeDelta::hours(HOURS), |end| end - now);
    if validity <= TimeDelta::zero() || validity > longest {
        return Err(Error::Expiry);
    }
    let token = Jwt {
        key,
        name: &wanted.name,
        scope: &scope,
        now: now.timestamp() - EARLIER,
        seconds: validity.num_seconds() + EARLIER,
        ..Jwt::default()
    };
    let end = (now + validity).to_rfc3339_opts(SecondsFormat::Secs, true);
    Ok(format!("JSON Web Token, valid until {end}:\n  {}", token.text()))
}

fn scopes<'a>(text: &'a str, known: &[&str]) -> Result<Vec<&'a str>, Error> {
    let given: Vec<&str> = text.split([',', ' ']).filter(|scope| !scope.is_empty()).collect();
    let wrong = given.iter().find(|scope| !known.contains(scope)).copied();
    match wrong.or(given.is_empty().then_some("")) {
        Some(scope) => Err(Error::Scope { scope: scope.to_owned(), known: known.join(",") }),
        None => Ok(given),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn now() -> DateTime<Utc> {
        "2025-01-31T02:00:00Z".parse().unwrap()
    }

    fn wanted(scopes: &str) -> Wanted {
        Wanted { name: "support".to_owned(), scopes: scopes.to_owned(), ..Wanted::default() }
    }

    #[test]
    fn an_admin_token_is_shown_beside_the_hash_that_the_secret_holds() {
        let text = make(&wanted("read,operate"), now()).unwrap();
        let (token, entry) = (text.lines().nth(1).unwrap().trim(), text.lines().last().unwrap().trim());
        let entry: serde_json::Value = serde_json::from_str(entry).unwrap();
        assert_eq!(token.len(), LENGTH);
        assert_eq!(entry, json!({ "name": "support", "sha256": digest(token), "scopes": ["read", "operate"] }));
        assert_ne!(make(&wanted("read"), now()).unwrap(), make(&wanted("read"), now()).unwrap());
    }

    /// A token of the wanted scopes, signed with the key and valid for so many hours.
    fn signed(scopes: &str, key: &str, hours: Option<i64>) -> Result<String, Error> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(key.as_bytes()).unwrap();
        let expires_at = hours.map(|hours| now() + TimeDelta::hours(hours));
        make(&Wanted { key_file: Some(file.path().to_owned()), expires_at, ..wanted(scopes) }, now())
    }

    #[test]
    fn a_token_that_admin_api_would_refuse_is_not_made() {
        let key = "an-invented-key-of-more-than-32-characters";
        assert!(matches!(make(&wanted(""), now()), Err(Error::Scope { .. })));
        assert!(matches!(make(&wanted("write"), now()), Err(Error::Scope { .. })));
        assert!(matches!(make(&Wanted { name: " ".to_owned(), ..wanted("read") }, now()), Err(Error::NoName)));
        assert!(matches!(signed("read", key, None), Err(Error::Scope { .. })));
        assert!(matches!(signed("customers", "short", None), Err(Error::ShortKey)));
        assert!(matches!(signed("customers", &format!("{{\"jwt_key\": \"{key}\"}}"), None), Err(Error::WholeSecret)));
        assert!(matches!(signed("customers", key, Some(25)), Err(Error::Expiry)));
        assert!(matches!(signed("customers", key, Some(0)), Err(Error::Expiry)));
        assert!(signed("customers,reminders", &format!("{key}\n"), Some(24)).is_ok());
    }
}
