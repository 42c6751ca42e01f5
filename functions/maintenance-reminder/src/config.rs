//! Settings of the function, from its environment variables.

use shared::domain::workshop::message_kind::{FollowUpDays, MessageKind};
use shared::domain::workshop::reminders::{ReminderFrequency, SendHours};
use shared::platform::config::{Invalid, Reader};
use shared::whatsapp::{GroupWording, Provider, Wording};

use crate::providers::{NeededTemplates, WhatsappProviders};

/// Value of `REMINDER_GROUPING` for one message to an owner.
const OWNER: &str = "owner";

/// Settings of the function, from its environment variables.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) table: String,
    pub(crate) phone_secret: String,
    pub(crate) schedules: Schedules,
    pub(crate) providers: WhatsappProviders,
    pub(crate) rules: Rules,
}

/// Names of the function's schedules and of their group.
#[derive(Clone, Debug)]
pub(crate) struct Schedules {
    pub(crate) group: String,
    pub(crate) daily: String,
    pub(crate) continuation: String,
}

/// Rules and texts that the business sets for its reminders.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) repeat: ReminderFrequency,
    pub(crate) hours: SendHours,
    /// Seconds between two messages; StarSender delays them.
    pub(crate) pace: u32,
    /// Messages per day, Asia/Jakarta.
    pub(crate) daily_cap: u32,
    pub(crate) wording: Wording,
    /// None: no message follows a missed visit.
    pub(crate) follow_up: Option<FollowUp>,
    /// Text about several vehicles of an owner; none: a message for each vehicle.
    pub(crate) group: Option<GroupWording>,
}

/// Message after a missed visit.
#[derive(Clone, Debug)]
pub(crate) struct FollowUp {
    days: FollowUpDays,
    wording: Wording,
}

impl Config {
    /// Reads the settings through `lookup`.
    ///
    /// # Errors
    /// [`Invalid`] with all faults at once.
    pub fn parse(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, Invalid> {
        let mut reader = Reader::new(lookup);
        let (table, phone_secret) = (reader.required("TABLE_NAME"), reader.required("PHONE_SECRET_ID"));
        let (daily, continuation) =
            (reader.required("REMINDER_SCHEDULE"), reader.required("REMINDER_CONTINUATION_SCHEDULE"));
        let needed = NeededTemplates {
            follow_up: reader.optional("REMINDER_FOLLOW_UP_DAYS").is_some(),
            group: reader.optional("REMINDER_GROUPING").is_some_and(|grouping| grouping == OWNER),
        };
        let providers = WhatsappProviders::parse(&mut reader, needed);
        let rules = Rules::parse(&mut reader);
        if let (Some(providers), Some(rules)) = (&providers, &rules) {
            providers.refuse_equal_templates(&mut reader);
            rules.refuse_endless_pace(providers, &mut reader);
        }
        let schedules = Schedules { group: reader.required("SCHEDULE_GROUP"), daily, continuation };
        let config =
            providers.zip(rules).map(|(providers, rules)| Self { table, phone_secret, schedules, providers, rules });
        reader.finish(config)
    }
}

impl Rules {
    fn parse(reader: &mut Reader<'_>) -> Option<Self> {
        let phone = reader.required("REMINDER_SERVICE_PHONE");
        let wording = wording(reader, "REMINDER_TEXT", &phone);
        let follow_up = match reader.optional("REMINDER_FOLLOW_UP_DAYS") {
            None => Some(None),
            Some(_) => FollowUp::parse(reader, &phone).map(Some),
        };
        let group = match reader.parsed("REMINDER_GROUPING", |value| match value {
            "vehicle" => Ok(false),
            OWNER => Ok(true),
            _ => Err("must be vehicle or owner"),
        }) {
            Some(true) => group_wording(reader, &phone).map(Some),
            Some(false) => Some(None),
            None => None,
        };
        let repeat = reader.parsed("REMINDER_REPEAT", |value| match value {
            "once" => Ok(ReminderFrequency::Once),
            "daily" => Ok(ReminderFrequency::Daily),
            _ => Err("must be once or daily"),
        });
        let hours = reader.parsed("REMINDER_SEND_HOURS", SendHours::parse);
        let pace = reader.parsed("REMINDER_PACE_SECONDS", |value| number(value, 0..=60, "must be 0 to 60 seconds"));
        let daily_cap =
            reader.parsed("REMINDER_DAILY_CAP", |value| number(value, 1..=100_000, "must be 1 to 100000 messages"));
        Some(Self {
            repeat: repeat?,
            hours: hours?,
            pace: pace?,
            daily_cap: daily_cap?,
            wording: wording?,
            follow_up: follow_up?,
            group: group?,
        })
    }

    /// Refuses a daily cap that the pace does not reach within the hours of a day.
    fn refuse_endless_pace(&self, providers: &WhatsappProviders, reader: &mut Reader<'_>) {
        let seconds = self.pace.saturating_mul(self.daily_cap.saturating_sub(1));
        if seconds > self.hours.seconds() && providers.in_order().any(|provider| provider == Provider::StarSender) {
            let names = "REMINDER_PACE_SECONDS, REMINDER_DAILY_CAP, REMINDER_SEND_HOURS:";
            let (cap, pace, hours) = (self.daily_cap, self.pace, self.hours);
            reader.fault(names, &format!("{cap} messages with {pace} seconds between them do not fit into {hours}"));
        }
    }

    /// Messages that a run sends, in their order.
    pub(crate) fn messages(&self) -> impl Iterator<Item = MessageKind> + use<> {
        let follow_up = self.follow_up.as_ref().map(|follow_up| MessageKind::FollowUp(follow_up.days));
        std::iter::once(MessageKind::Reminder).chain(follow_up)
    }

    /// Text of a message.
    pub(crate) fn wording(&self, message: MessageKind) -> &Wording {
        match (message, &self.follow_up) {
            (MessageKind::FollowUp(_), Some(follow_up)) => &follow_up.wording,
            (MessageKind::FollowUp(_), None) | (MessageKind::Reminder, _) => &self.wording,
        }
    }
}

impl FollowUp {
    fn parse(reader: &mut Reader<'_>, phone: &str) -> Option<Self> {
        let days = reader.parsed("REMINDER_FOLLOW_UP_DAYS", FollowUpDays::parse);
        let wording = wording(reader, "REMINDER_FOLLOW_UP_TEXT", phone);
        Some(Self { days: days?, wording: wording? })
    }
}

/// Reads a text together with the service phone, whose absence is a fault of its own.
fn wording(reader: &mut Reader<'_>, name: &str, phone: &str) -> Option<Wording> {
    let text = reader.required(name);
    if text.is_empty() || phone.is_empty() {
        return None;
    }
    let wording = Wording::new(&text, phone);
    wording.map_err(|error| reader.fault(&format!("{name}, REMINDER_SERVICE_PHONE:"), &error.to_string())).ok()
}

fn group_wording(reader: &mut Reader<'_>, phone: &str) -> Option<GroupWording> {
    let text = reader.required("REMINDER_GROUP_TEXT");
    if text.is_empty() || phone.is_empty() {
        return None;
    }
    let wording = GroupWording::new(&text, phone);
    wording.map_err(|error| reader.fault("REMINDER_GROUP_TEXT, REMINDER_SERVICE_PHONE:", &error.to_string())).ok()
}

fn number(value: &str, range: std::ops::RangeInclusive<u32>, rule: &'static str) -> Result<u32, &'static str> {
    value.parse().ok().filter(|number| range.contains(number)).ok_or(rule)
}
