//! What the sandbox remembers beside the table: clock, simulators, messages, counts. With `--data` it is kept in a file.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aws::schedule_definition::Definition;
use crate::ecpay::{Ecpay, Merchant};
use crate::slack::block_kit;
use crate::world::faults::{Fault, FaultSpec, Service, next_fault};

/// Everything that survives a restart.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// The sandbox's time.
    pub now: DateTime<Utc>,
    /// The simulated gateway.
    pub ecpay: Ecpay,
    /// What reached somebody, oldest first.
    pub messages: Vec<Message>,
    /// Secrets by name.
    pub secrets: BTreeMap<String, Secret>,
    /// MMS's institutions, each in its own fields or broken as it was put.
    #[serde(default)]
    pub institutions: Vec<Value>,
    /// How each simulator misbehaves.
    #[serde(default)]
    pub faults: BTreeMap<Service, FaultSpec>,
    /// What befalls messages to a WhatsApp number, by its digits from 62 on.
    #[serde(default)]
    pub whatsapp: BTreeMap<String, FaultSpec>,
    /// Schedules that are not as the template has them any more, by name.
    #[serde(default)]
    pub schedules: BTreeMap<String, Definition>,
}

/// A message as its recipient got it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `mail`, `whatsapp` or `slack`.
    pub channel: String,
    /// The recipient, as the sender named them.
    pub to: String,
    /// The subject of a mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What it says.
    pub body: Body,
    /// When it came.
    pub sent_at: DateTime<Utc>,
}

/// What a message says: in JSON the text or the payload itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Body {
    /// A mail's or a WhatsApp message's text; of a WhatsApp template its name, language and parameters.
    Text(String),
    /// A Slack message's payload, whole.
    Payload(Value),
}

/// A secret and its versions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Secret {
    /// AWSCURRENT.
    pub current: String,
    /// When that was made.
    pub created: DateTime<Utc>,
    /// AWSPREVIOUS.
    pub previous: Option<String>,
}

/// The clock's file and the table's, and the lock that keeps a second sandbox out.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: std::fs::File,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refused.
    #[error("{path}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another sandbox is using it.
    #[error("{0} is in use by another sandbox")]
    Locked(PathBuf),
    /// Not a state that this version wrote.
    #[error("the sandbox's state cannot be read")]
    Unreadable(#[from] serde_json::Error),
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// What a reader sees, of a payload the texts of its blocks line by line.
impl fmt::Display for Body {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => out.write_str(text),
            Self::Payload(payload) => out.write_str(&block_kit::readable(payload)),
        }
    }
}

impl State {
    /// A new world at `now` with ECPay's published stage merchant.
    #[must_use]
    pub fn new(now: DateTime<Utc>, secrets: BTreeMap<String, Secret>) -> Self {
        Self {
            now,
            ecpay: Ecpay::new(test_merchant()),
            messages: Vec::new(),
            secrets,
            institutions: Vec::new(),
            faults: BTreeMap::new(),
            whatsapp: BTreeMap::new(),
            schedules: BTreeMap::new(),
        }
    }

    /// Puts another text into a secret that is there: what was AWSCURRENT becomes AWSPREVIOUS.
    pub(crate) fn rotate_secret(&mut self, name: &str, current: String) {
        let created = self.now;
        if let Some(secret) = self.secrets.get_mut(name) {
            let previous = Some(std::mem::take(&mut secret.current));
            *secret = Secret { current, created, previous };
        }
    }

    /// What a call of a service meets; a fault for a number of calls has one less afterwards.
    pub fn next_fault(&mut self, service: Service) -> Fault {
        next_fault(&mut self.faults, &service)
    }

    /// What a message by a WhatsApp gateway meets: a fault of its recipient before one of the gateway.
    pub fn next_message_fault(&mut self, gateway: Service, recipient: &str) -> Fault {
        match next_fault(&mut self.whatsapp, recipient) {
            Fault::None => self.next_fault(gateway),
            fault => fault,
        }
    }
}

/// The stage merchant that ECPay publishes for everybody's tests.
#[must_use]
pub fn test_merchant() -> Merchant {
    Merchant {
        merchant_id: "3002607".to_owned(),
        hash_key: "pwFHCqoQZGmho4w6".to_owned(),
        hash_iv: "EkRm7iFT261dpevs".to_owned(),
    }
}

impl DataDir {
    /// Opens a directory, making it where it is missing, and keeps others out of it.
    ///
    /// # Errors
    /// [`Error`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let at = |path: PathBuf| move |source| Error::Io { path, source };
        std::fs::create_dir_all(path).map_err(at(path.to_owned()))?;
        let lock_path = path.join("lock");
        let lock = std::fs::File::create(&lock_path).map_err(at(lock_path))?;
        lock.try_lock().map_err(|_| Error::Locked(path.to_owned()))?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The table's file.
    #[must_use]
    pub fn table(&self) -> PathBuf {
        self.path.join("table.sqlite")
    }

    /// What was saved; `None` in a new directory.
    ///
    /// # Errors
    /// [`Error`].
    pub fn load(&self) -> Result<Option<State>, Error> {
        let path = self.path.join("state.json");
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Io { path, source }),
        }
    }

    /// Saves, so that a crash leaves either the old or the new state.
    ///
    /// # Errors
    /// [`Error`].
    pub fn save(&self, state: &State) -> Result<(), Error> {
        let (new, path) = (self.path.join("state.json.new"), self.path.join("state.json"));
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { path, source }
        };
        std::fs::write(&new, serde_json::to_vec(state)?).map_err(at(&new))?;
        std::fs::rename(&new, &path).map_err(at(&path))
    }
}
