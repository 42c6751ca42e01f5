//! State of the sandbox beside the table: clock, simulators, messages, secrets. With `--data` it is stored in a file.

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
use crate::world::mail_feedback::MailState;
use crate::world::mail_refusal::MailRefusal;
use crate::world::received_events::ReceivedEvents;
use crate::world::slack_presses::SlackPress;
use crate::world::whatsapp_refusal::WhatsappRefusal;

/// State that survives a restart.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// Present time of the sandbox.
    pub now: DateTime<Utc>,
    /// Moment up to which the schedules have fired; `None` before the clock was first moved. A run that takes time leaves the
    /// clock after it.
    #[serde(default)]
    pub fired: Option<DateTime<Utc>>,
    /// Lines of ECPay's charges that the answer of no move of the clock has listed yet.
    #[serde(skip)]
    pub happened: Vec<(DateTime<Utc>, String)>,
    /// Simulated ECPay with its orders.
    pub ecpay: Ecpay,
    /// Messages that reached their recipient, oldest first.
    pub messages: Vec<Message>,
    /// Secrets of Secrets Manager, by name.
    pub secrets: BTreeMap<String, Secret>,
    /// MMS's institutions, each in its own fields or broken as it was put.
    #[serde(default)]
    pub institutions: Vec<Value>,
    /// Institutions that MMS lists after some more pages.
    #[serde(default)]
    pub coming_institutions: Option<ComingInstitutions>,
    /// Fault of each simulated service.
    #[serde(default)]
    pub faults: BTreeMap<Service, FaultSpec>,
    /// Error with which SES refuses mails.
    #[serde(default)]
    pub mail_refusal: Option<MailRefusal>,
    /// Mails that SES accepted, and the reports that follow them.
    #[serde(default)]
    pub mail: MailState,
    /// Fault of messages to a WhatsApp number, by its digits with country code.
    #[serde(default)]
    pub whatsapp: BTreeMap<String, FaultSpec>,
    /// Time of the latest message from a WhatsApp number to the business.
    #[serde(default)]
    pub replied: BTreeMap<String, DateTime<Utc>>,
    /// Number of messages from persons.
    #[serde(default)]
    pub replies: u64,
    /// Response with which each WhatsApp provider refuses messages.
    #[serde(default)]
    pub whatsapp_refusals: BTreeMap<Service, WhatsappRefusal>,
    /// Presses of buttons in Slack, oldest first.
    #[serde(default)]
    pub slack_presses: Vec<SlackPress>,
    /// Schedules that are not as the template has them any more, by name.
    #[serde(default)]
    pub schedules: BTreeMap<String, Definition>,
    /// True while no schedule fires.
    #[serde(default)]
    pub schedules_are_off: bool,
    /// Events that the business's app received.
    #[serde(default)]
    pub events: ReceivedEvents,
}

/// A list of institutions that takes the place of the present one while it is read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ComingInstitutions {
    /// Pages that are still of the present list: 1 or more.
    pub after_pages: u32,
    /// Institutions after that.
    pub institutions: Vec<Value>,
}

/// A message as its recipient got it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `mail`, `whatsapp`, `slack`, or `slack_ephemeral` of a message that one user of Slack sees.
    pub channel: String,
    /// The recipient, as the sender named them.
    pub to: String,
    /// The subject of a mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Text or payload of the message.
    pub body: Body,
    /// Time at which it arrived.
    pub sent_at: DateTime<Utc>,
    /// Further parts of a mail.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailParts>,
}

/// Parts of a mail besides subject and text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailParts {
    /// From header, as it was given to SES.
    pub from: String,
    /// Address for answers, where it is not the sender's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// HTML of the mail; none of one to staff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// Names of attached files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<String>,
}

impl MailParts {
    /// Parts of SES's request `SendEmail`.
    #[must_use]
    pub fn of(request: &Value) -> Self {
        let text = |path: &str| request.pointer(path).and_then(Value::as_str).map(str::to_owned);
        let attached = request.pointer("/Content/Simple/Attachments").and_then(Value::as_array).into_iter().flatten();
        Self {
            from: text("/FromEmailAddress").unwrap_or_default(),
            reply_to: text("/ReplyToAddresses/0"),
            html: text("/Content/Simple/Body/Html/Data"),
            attachments: attached.filter_map(|file| file.get("FileName")?.as_str().map(str::to_owned)).collect(),
        }
    }
}

/// Content of a message; in JSON the text or the payload itself.
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
    /// Text of the version AWSCURRENT.
    pub current: String,
    /// Creation time of the current version.
    pub created: DateTime<Utc>,
    /// Text of the version AWSPREVIOUS.
    pub previous: Option<String>,
}

/// The clock's file and the table's, and the lock that keeps a second sandbox out.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: std::fs::File,
}

/// Errors of a data directory.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refused.
    #[error("{path}")]
    Io {
        /// File or directory of the failed operation.
        path: PathBuf,
        /// Error of the file system.
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

/// Readable form of the message; of a payload the texts of its blocks line by line.
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
            fired: None,
            happened: Vec::new(),
            ecpay: Ecpay::new(test_merchant()),
            messages: Vec::new(),
            secrets,
            institutions: Vec::new(),
            coming_institutions: None,
            faults: BTreeMap::new(),
            mail_refusal: None,
            mail: MailState::default(),
            whatsapp: BTreeMap::new(),
            replied: BTreeMap::new(),
            replies: 0,
            whatsapp_refusals: BTreeMap::new(),
            slack_presses: Vec::new(),
            schedules: BTreeMap::new(),
            schedules_are_off: false,
            events: ReceivedEvents::default(),
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

    /// Counts a page that MMS returned, after which another list may begin.
    pub(crate) fn count_page(&mut self) {
        let Some(mut coming) = self.coming_institutions.take() else { return };
        coming.after_pages = coming.after_pages.saturating_sub(1);
        if coming.after_pages == 0 {
            self.institutions = coming.institutions;
        } else {
            self.coming_institutions = Some(coming);
        }
    }

    /// Takes the fault of a service's next call, and counts the call.
    pub fn next_fault(&mut self, service: Service) -> Fault {
        next_fault(&mut self.faults, &service)
    }

    /// Takes the fault of a message by a WhatsApp gateway: that of its recipient before that of the gateway.
    pub fn next_message_fault(&mut self, gateway: Service, recipient: &str) -> Fault {
        match next_fault(&mut self.whatsapp, recipient) {
            Fault::None => self.next_fault(gateway),
            fault => fault,
        }
    }
}

/// Merchant that ECPay publishes for its test environment.
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

    /// Path of the table's file.
    #[must_use]
    pub fn table(&self) -> PathBuf {
        self.path.join("table.sqlite")
    }

    /// Loads the stored state; `None` in a new directory.
    ///
    /// # Errors
    /// The file cannot be read, or another version wrote it.
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
