//! JSON Web Tokens of the business's own apps (RFC 7519): HS256, audience `duekeeper`, expiry at most 24 hours ahead, scopes.

use aws_sdk_secretsmanager::Client;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use shared::domain::values::time::Timestamp;
use shared::platform::cached_secret::CachedSecret;
use shared::platform::secrets::{Error, Secret};

use crate::auth::hs256;
use crate::http::request::Input;
use crate::http::response::Failure;

const AUDIENCE: &str = "duekeeper";
/// Stale limit in minutes: an outage of Secrets Manager does not close the API at once, and a key that was replaced because
/// it leaked still ends.
const STALE_MINUTES: i64 = 15;
const DOCUMENT: &str = "JSON with jwt_key, a text of at least 32 characters";
/// Longest time until `exp`, in hours: a leaked token ends within a day.
const LONGEST_HOURS: i64 = 24;
/// Shortest key in bytes: HS256 needs one at least as long as its hash output (RFC 7518, 3.2).
const SHORTEST_KEY: usize = 32;

/// Part of the API that a scope of a token opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Area {
    /// Scope `reminders`: the schedule of reminders and their runs.
    Reminders,
    /// Scope `customers`: customers and their vehicles.
    Customers,
    /// Scope `institutions`: institutions of MMS and their scans.
    Institutions,
}

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

impl Area {
    const fn scope(self) -> &'static str {
        match self {
            Self::Reminders => "reminders",
            Self::Customers => "customers",
            Self::Institutions => "institutions",
        }
    }
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

    /// Verifies the request's token for `area` at `wall` and returns its `sub`, or `app` if it has none.
    ///
    /// `exp` and `nbf` are checked here, because the library would read the system clock.
    pub(crate) async fn verify(&self, input: &Input, area: Area, wall: Timestamp) -> Result<String, Failure> {
        let token = input.bearer.as_deref().ok_or_else(Failure::unauthorized)?;
        let key = self.cached.get(wall, self.read()).await.map_err(|error| Failure::upstream(&error))?;
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_audience(&[AUDIENCE]);
        // Without these two a token would be valid for every service and for ever.
        rules.set_required_spec_claims(&["exp", "aud"]);
        rules.validate_exp = false;
        rules.validate_nbf = false;
        let claims = decode::<Claims>(token, &key, &rules).map_err(|_| Failure::unauthorized())?.claims;
        let latest = wall.plus_hours(LONGEST_HOURS).unix();
        let timely =
            wall.unix() < claims.exp && claims.exp <= latest && claims.nbf.is_none_or(|nbf| nbf <= wall.unix());
        if !timely {
            return Err(Failure::unauthorized());
        }
        // Checked last: an expired token is 401 whatever its scope, and only a valid one can be 403.
        if !claims.scope.split(' ').any(|scope| scope == area.scope()) {
            return Err(Failure::forbidden());
        }
        input.validated()?;
        // `sub` is logged and stored, so control characters and long texts are cut.
        let name = claims.sub.unwrap_or_default();
        let shown: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
        Ok(if shown.is_empty() { "app".to_owned() } else { shown })
    }

    async fn read(&self) -> Result<DecodingKey, Error> {
        let document: Document = self.secret.json(DOCUMENT).await?;
        if document.jwt_key.len() < SHORTEST_KEY {
            return Err(self.secret.malformed(DOCUMENT));
        }
        Ok(DecodingKey::from_secret(document.jwt_key.as_bytes()))
    }
}

/// True if the bearer token has the form of a JSON Web Token, three parts with dots between; admin tokens are opaque.
pub(crate) fn is_jwt(input: &Input) -> bool {
    input.bearer.as_deref().is_some_and(|token| token.split('.').count() == 3)
}
