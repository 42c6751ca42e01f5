//! JSON Web Tokens of the business's own apps (RFC 7519): HS256, audience `duekeeper`, expiry at most 24 hours ahead, scopes.

use aws_sdk_secretsmanager::Client;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use shared::domain::values::text::shortened_line;
use shared::domain::values::time::Timestamp;
use shared::platform::secrets::cached::CachedSecret;
use shared::platform::secrets::{Error, Secret};

use crate::auth::scope::Scope;
use crate::auth::{Token, TokenKind, hs256};
use crate::http::response::Failure;

const AUDIENCE: &str = "duekeeper";
/// Stale limit in minutes: an outage of Secrets Manager does not close the API at once, and a key that was replaced because
/// it leaked still ends.
const STALE_MINUTES: i64 = 15;
const DOCUMENT: &str = "JSON with jwt_key, a text of at least 32 characters";
/// Longest time until `exp`, in hours: a leaked token ends within a day.
const LONGEST_HOURS: i64 = 24;
/// Longest name in characters.
const LONGEST_NAME: usize = 100;
/// Shortest key in bytes: HS256 needs one at least as long as its hash output (RFC 7518, 3.2).
const SHORTEST_KEY: usize = 32;

/// Signing key of the secret `{"jwt_key": …}`.
pub(crate) struct JwtKey {
    secret: Secret,
    cached: CachedSecret<DecodingKey>,
}

#[derive(Deserialize)]
struct Document {
    jwt_key: String,
}

#[derive(Deserialize)]
struct Claims {
    sub: Option<String>,
    exp: i64,
    nbf: Option<i64>,
    #[serde(default)]
    scope: String,
}

impl JwtKey {
    pub(crate) fn new(client: Client, id: String) -> Self {
        // The provider is set once per process; an error means that an earlier instance has set the same one.
        let _installed_before = hs256::PROVIDER.install_default();
        let cached = CachedSecret::new(id.clone(), STALE_MINUTES);
        Self { secret: Secret::new(client, id), cached }
    }

    /// Reads the key, so that an instance without a usable key does not start.
    pub(crate) async fn warm(&self, wall: Timestamp) -> Result<(), Error> {
        self.cached.get(wall, self.read()).await.map(|_| ())
    }

    /// Verifies a token at `wall`. Its name is its `sub`, or `app` if it has none.
    ///
    /// `exp` and `nbf` are checked here, because the library would read the system clock.
    pub(crate) async fn verify(&self, token: &str, wall: Timestamp) -> Result<Token, Failure> {
        let key = self.cached.get(wall, self.read()).await.map_err(|error| Failure::upstream(&error))?;
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_audience(&[AUDIENCE]);
        // Without these two a token would be valid for every service and for ever.
        rules.set_required_spec_claims(&["exp", "aud"]);
        rules.validate_exp = false;
        rules.validate_nbf = false;
        let claims = decode::<Claims>(token, &key, &rules).map_err(|error| refused(error.kind()))?.claims;
        if claims.exp <= wall.unix() {
            return Err(Failure::unauthorized("expired", "The JSON Web Token has expired."));
        }
        if claims.exp > wall.plus_hours(LONGEST_HOURS).unix() {
            return Err(malformed("The exp of the JSON Web Token must be at most 24 hours ahead."));
        }
        if claims.nbf.is_some_and(|begin| wall.unix() < begin) {
            return Err(malformed("The JSON Web Token is not valid yet."));
        }
        let expires_at = Timestamp::from_unix(claims.exp);
        // `sub` is logged and stored.
        let name = claims.sub.and_then(|sub| shortened_line(&sub, LONGEST_NAME)).unwrap_or_else(|| "app".to_owned());
        let scopes = claims.scope.split(' ').filter_map(Scope::of_name).filter(|scope| scope.is_of_apps()).collect();
        Ok(Token { key_scope: format!("jwt:{name}"), name, kind: TokenKind::JsonWebToken, scopes, expires_at })
    }

    async fn read(&self) -> Result<DecodingKey, Error> {
        let document: Document = self.secret.json(DOCUMENT).await?;
        if document.jwt_key.len() < SHORTEST_KEY {
            return Err(self.secret.malformed(DOCUMENT));
        }
        Ok(DecodingKey::from_secret(document.jwt_key.as_bytes()))
    }
}

fn malformed(message: &str) -> Failure {
    Failure::unauthorized("malformed", message)
}

/// Refusal of a token that the library does not accept.
fn refused(error: &ErrorKind) -> Failure {
    if matches!(error, ErrorKind::InvalidSignature) {
        return Failure::unauthorized("unknown", "The JSON Web Token is not signed with the key of this installation.");
    }
    if matches!(error, ErrorKind::InvalidAudience) {
        return malformed("The aud of the JSON Web Token must be duekeeper.");
    }
    if matches!(error, ErrorKind::MissingRequiredClaim(_)) {
        return malformed("The JSON Web Token needs exp and aud.");
    }
    if matches!(error, ErrorKind::InvalidAlgorithm) {
        return malformed("The JSON Web Token must be signed with HS256.");
    }
    malformed("The token is not a JSON Web Token of the expected form.")
}
