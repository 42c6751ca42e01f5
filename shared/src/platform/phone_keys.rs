//! Keys in Secrets Manager under which phone numbers are hashed. A plain hash of a number is found by trying all numbers.

use aws_sdk_secretsmanager::Client;
use hmac::{Hmac, Mac};
use serde::Deserialize;
use sha2::Sha256;

use crate::domain::values::ids::CustomerId;
use crate::domain::values::time::Timestamp;
use crate::domain::workshop::import::DERIVED_ID;
use crate::domain::workshop::phone::Phone;
use crate::platform::cached_secret::CachedSecret;
use crate::platform::secrets::{Error, Secret};

/// Stale limit of the keys in minutes: an earlier key stays valid, so that an older copy does no harm.
const STALE_MINUTES: i64 = 60;
const DOCUMENT: &str = "JSON with keys, each of at least 32 characters, the newest first";
/// Fewest characters of a key.
const SHORTEST: usize = 32;
/// Characters of a customer's id that come from the hash: 80 bits.
const ID_CHARACTERS: usize = 20;

/// Reader of the secret `{"keys": [newest, …]}`.
pub struct PhoneKeys {
    secret: Secret,
    cached: CachedSecret<PhoneHasher>,
}

/// Keys of the secret at one time, the newest first. There is at least one.
#[derive(Clone)]
pub struct PhoneHasher(Vec<Hmac<Sha256>>);

#[derive(Deserialize)]
struct KeyDocument {
    keys: Vec<String>,
}

impl PhoneKeys {
    /// The keys stored under `id`.
    #[must_use]
    pub fn new(client: Client, id: String) -> Self {
        let cached = CachedSecret::new(id.clone(), STALE_MINUTES);
        Self { secret: Secret::new(client, id), cached }
    }

    /// Returns the keys at `wall`.
    ///
    /// # Errors
    /// [`Error`] where they cannot be read and no copy is younger than an hour.
    pub async fn get(&self, wall: Timestamp) -> Result<PhoneHasher, Error> {
        self.cached.get(wall, self.read()).await
    }

    async fn read(&self) -> Result<PhoneHasher, Error> {
        let KeyDocument { keys } = self.secret.json(DOCUMENT).await?;
        if keys.is_empty() || keys.iter().any(|key| key.len() < SHORTEST) {
            return Err(self.secret.malformed(DOCUMENT));
        }
        let macs = keys.iter().map(|key| Hmac::new_from_slice(key.as_bytes()));
        Ok(PhoneHasher(macs.collect::<Result<_, _>>().map_err(|_| self.secret.malformed(DOCUMENT))?))
    }
}

impl PhoneHasher {
    /// Id of a customer whom a list names without one: the same for the same number, and no way to the number.
    #[must_use]
    pub fn customer_id(&self, phone: &Phone) -> Option<CustomerId> {
        let hash = self.hashes("customer", phone).next()?;
        CustomerId::parse(&format!("{DERIVED_ID}{}", hash.get(..ID_CHARACTERS)?)).ok()
    }

    /// Hashes of a number under each key, the newest first. `purpose` keeps the uses of the keys apart.
    fn hashes(&self, purpose: &str, phone: &Phone) -> impl Iterator<Item = String> {
        self.0.iter().map(move |mac| {
            let mac = mac.clone().chain_update(purpose).chain_update([0]).chain_update(phone.as_str());
            hex::encode(mac.finalize().into_bytes())
        })
    }
}
