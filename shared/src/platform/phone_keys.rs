//! Keys in Secrets Manager under which phone numbers are hashed. A plain hash of a number is found by trying all numbers.

use aws_sdk_secretsmanager::Client;
use hmac::{Hmac, Mac};
use serde::Deserialize;
use sha2::Sha256;

use crate::domain::values::ids::CustomerId;
use crate::domain::values::time::Timestamp;
use crate::domain::workshop::import::DERIVED_ID;
use crate::domain::workshop::phone::Phone;
use crate::platform::secrets::cached::CachedSecret;
use crate::platform::secrets::{Error, Secret};

/// Stale limit of the keys in minutes: earlier keys stay valid and every record stands under all of them, so that an older copy
/// does no harm.
const STALE_MINUTES: i64 = 24 * 60;
const DOCUMENT: &str = "JSON with keys, 1 to 5 of at least 32 characters each, the newest first";
/// Most keys: each is an item that a transaction about a number reads or writes.
const MOST_KEYS: usize = 5;
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
    /// [`Error`] where they cannot be read and no copy is younger than a day.
    pub async fn get(&self, wall: Timestamp) -> Result<PhoneHasher, Error> {
        self.cached.get(wall, self.read()).await
    }

    async fn read(&self) -> Result<PhoneHasher, Error> {
        let KeyDocument { keys } = self.secret.json(DOCUMENT).await?;
        PhoneHasher::new(&keys).ok_or_else(|| self.secret.malformed(DOCUMENT))
    }
}

impl PhoneHasher {
    /// Hashes under these keys, the newest first; `None` unless there are 1 to 5 of at least 32 characters each.
    #[must_use]
    pub fn new(keys: &[String]) -> Option<Self> {
        if !(1..=MOST_KEYS).contains(&keys.len()) || keys.iter().any(|key| key.len() < SHORTEST) {
            return None;
        }
        keys.iter().map(|key| Hmac::new_from_slice(key.as_bytes()).ok()).collect::<Option<_>>().map(Self)
    }

    /// Id of a customer whom a list names without one: the same for the same number, and no way to the number.
    #[must_use]
    pub fn customer_id(&self, phone: &Phone) -> Option<CustomerId> {
        let hash = self.hashes("customer", phone).next()?;
        CustomerId::parse(&format!("{DERIVED_ID}{}", hash.get(..ID_CHARACTERS)?)).ok()
    }

    /// Hashes under which the erasure of a number's customer is recorded, the newest key's first.
    pub(crate) fn erasures(&self, phone: &Phone) -> Vec<String> {
        self.hashes("erasure", phone).collect()
    }

    /// Hashes under which the opt-out of a number is recorded, the newest key's first.
    pub(crate) fn opt_outs(&self, phone: &Phone) -> Vec<String> {
        self.hashes("opt-out", phone).collect()
    }

    /// Hashes of a number under each key, the newest first. `purpose` keeps the uses of the keys apart.
    fn hashes(&self, purpose: &str, phone: &Phone) -> impl Iterator<Item = String> {
        self.0.iter().map(move |mac| {
            let mac = mac.clone().chain_update(purpose).chain_update([0]).chain_update(phone.as_str());
            hex::encode(mac.finalize().into_bytes())
        })
    }
}
