//! An institution with the announcements made to staff and their acknowledgement.

use serde::{Deserialize, Serialize};

use crate::domain::institutions::expiry_tier::{ExpiryTier, TierThresholds};
use crate::domain::values::ids::InstitutionUid;
use crate::domain::values::time::{LocalDate, Timestamp};

/// Nobody keeps an institution quiet for longer than this many days.
pub const LONGEST_QUIET_DAYS: i64 = 366;

/// An institution as MMS has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Institution {
    /// Its identity at MMS.
    pub uid: InstitutionUid,
    /// Its name; its UID where MMS has none.
    pub name: String,
    /// The day on which the account expires, in Taipei.
    pub expires: LocalDate,
    /// Last and first name of its owner.
    pub contact: Option<String>,
    /// The owner's number.
    pub phone: Option<String>,
    /// Where it is.
    pub address: Option<String>,
    /// The plan that it bought.
    pub plan: Option<String>,
    /// How many accounts the plan has.
    pub account_limit: Option<String>,
}

/// An institution, and what passed between Duekeeper and staff about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackedInstitution {
    /// As MMS last had it.
    pub institution: Institution,
    /// What staff were last told.
    pub announced: Option<Announced>,
    /// What staff last said.
    pub acknowledged: Option<Acknowledgement>,
}

/// What staff were told of an institution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// When it expires, as it was then.
    pub expires: LocalDate,
    /// How far that was.
    pub stage: ExpiryTier,
    /// The day of the digest.
    pub on: LocalDate,
}

/// Staff know, and want to hear no more of it for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// The expiry that they know of; of another one they are told.
    pub expires: LocalDate,
    /// The first day on which they are told again.
    pub until: LocalDate,
    /// Who said so.
    pub by: String,
    /// Their reason.
    pub why: String,
    /// When they said so.
    pub at: Timestamp,
}

/// What a digest has to say of an institution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestPlacement {
    /// Nothing: it expires beyond the horizon, or its end was told before.
    Nothing,
    /// That staff know.
    Acknowledged,
    /// All of it.
    Show(DigestEntry),
}

/// An institution's place in a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestEntry {
    /// In which part.
    pub stage: ExpiryTier,
    /// Days until it expires; negative when that was before.
    pub days: i64,
    /// What is new about it.
    pub change: Option<ExpiryChange>,
}

/// What changed since an institution was last told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryChange {
    /// It was not told before.
    New,
    /// It was in that stage.
    Moved(ExpiryTier),
    /// It was to expire on that day.
    Rescheduled(LocalDate),
}

impl TrackedInstitution {
    /// An institution that MMS shows now, with what is remembered of it.
    #[must_use]
    pub fn seen(institution: Institution, known: Option<&Self>) -> Self {
        Self {
            institution,
            announced: known.and_then(|known| known.announced),
            acknowledged: known.and_then(|known| known.acknowledged.clone()),
        }
    }

    /// What staff said of this expiry, as long as it counts.
    #[must_use]
    pub fn quiet(&self, today: LocalDate) -> Option<&Acknowledgement> {
        let said = self.acknowledged.as_ref()?;
        (said.expires == self.institution.expires && today < said.until).then_some(said)
    }

    /// What a digest of `today` says of it.
    #[must_use]
    pub fn say(&self, tiers: &TierThresholds, today: LocalDate) -> DigestPlacement {
        let expires = self.institution.expires;
        let days = today.days_until(expires);
        let Some(stage) = tiers.stage(days) else { return DigestPlacement::Nothing };
        let end_was_told =
            self.announced.is_some_and(|told| told.stage == ExpiryTier::Expired && told.expires == expires);
        if stage == ExpiryTier::Expired && end_was_told {
            return DigestPlacement::Nothing;
        }
        if self.quiet(today).is_some() {
            return DigestPlacement::Acknowledged;
        }
        let change = match self.announced {
            None => Some(ExpiryChange::New),
            // The digest of a missed day tells nothing new where a later one was there first.
            Some(told) if told.on > today => None,
            Some(told) if told.expires != expires => Some(ExpiryChange::Rescheduled(told.expires)),
            Some(told) if told.stage != stage => Some(ExpiryChange::Moved(told.stage)),
            Some(_) => None,
        };
        DigestPlacement::Show(DigestEntry { stage, days, change })
    }

    /// Remembers what a digest told; `false` where that is no news.
    pub fn record_announcement(&mut self, told: Announced) -> bool {
        if self.announced.is_some_and(|known| known == told || known.on > told.on) {
            return false;
        }
        self.announced = Some(told);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: &str = "2026-11-20";

    fn day(text: &str) -> LocalDate {
        LocalDate::parse(text).unwrap()
    }

    fn watched(expires: &str) -> TrackedInstitution {
        let institution = Institution {
            uid: InstitutionUid::parse("U-1").unwrap(),
            name: "晨光教室".to_owned(),
            expires: day(expires),
            contact: None,
            phone: None,
            address: None,
            plan: None,
            account_limit: None,
        };
        TrackedInstitution::seen(institution, None)
    }

    fn tiers() -> TierThresholds {
        TierThresholds::new(7, 30, 60).unwrap()
    }

    fn shown(watched: &TrackedInstitution, today: &str) -> Option<(ExpiryTier, i64, Option<ExpiryChange>)> {
        match watched.say(&tiers(), day(today)) {
            DigestPlacement::Show(shown) => Some((shown.stage, shown.days, shown.change)),
            DigestPlacement::Nothing | DigestPlacement::Acknowledged => None,
        }
    }

    #[test]
    fn what_was_told_is_marked_no_more_until_it_changes() {
        let mut one = watched("2026-12-20");
        assert_eq!(shown(&one, TODAY), Some((ExpiryTier::Warning, 30, Some(ExpiryChange::New))));
        let told = Announced { expires: day("2026-12-20"), stage: ExpiryTier::Warning, on: day(TODAY) };
        assert!(one.record_announcement(told));
        assert!(!one.record_announcement(told));
        assert_eq!(shown(&one, "2026-11-21"), Some((ExpiryTier::Warning, 29, None)));
        let moved = Some(ExpiryChange::Moved(ExpiryTier::Warning));
        assert_eq!(shown(&one, "2026-12-13"), Some((ExpiryTier::Urgent, 7, moved)));
        // A replay of a day before says nothing new, and is not remembered over it.
        assert_eq!(shown(&one, "2026-11-19"), Some((ExpiryTier::Notice, 31, None)));
        assert!(!one.record_announcement(Announced { on: day("2026-11-19"), stage: ExpiryTier::Notice, ..told }));
        one.institution.expires = day("2026-12-21");
        let rescheduled = Some(ExpiryChange::Rescheduled(day("2026-12-20")));
        assert_eq!(shown(&one, "2026-11-21"), Some((ExpiryTier::Warning, 30, rescheduled)));
    }

    #[test]
    fn an_end_is_told_once() {
        let mut one = watched("2026-11-19");
        assert_eq!(shown(&one, TODAY), Some((ExpiryTier::Expired, -1, Some(ExpiryChange::New))));
        assert!(one.record_announcement(Announced {
            expires: day("2026-11-19"),
            stage: ExpiryTier::Expired,
            on: day(TODAY)
        }));
        assert_eq!(one.say(&tiers(), day("2026-11-21")), DigestPlacement::Nothing);
    }

    #[test]
    fn an_acknowledgement_is_of_one_expiry_and_ends_on_its_day() {
        let mut one = watched("2026-12-01");
        one.acknowledged = Some(Acknowledgement {
            expires: day("2026-12-01"),
            until: day("2026-11-25"),
            by: "lin".to_owned(),
            why: "the contract is signed".to_owned(),
            at: Timestamp::parse("2026-11-20T02:00:00Z").unwrap(),
        });
        assert_eq!(one.say(&tiers(), day("2026-11-24")), DigestPlacement::Acknowledged);
        assert_eq!(shown(&one, "2026-11-25"), Some((ExpiryTier::Urgent, 6, Some(ExpiryChange::New))));
        one.institution.expires = day("2026-12-02");
        assert_eq!(shown(&one, "2026-11-24"), Some((ExpiryTier::Warning, 8, Some(ExpiryChange::New))));
    }
}
