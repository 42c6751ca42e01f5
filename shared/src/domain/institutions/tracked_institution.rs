//! Institution with its announcement to staff and their acknowledgement.

use serde::{Deserialize, Serialize};

use crate::domain::institutions::expiry_tier::{ExpiryTier, TierThresholds};
use crate::domain::values::ids::InstitutionUid;
use crate::domain::values::time::{LocalDate, Timestamp};

/// Longest acknowledgement by staff, in days.
pub const LONGEST_QUIET_DAYS: i64 = 366;

/// Institution as listed by MMS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Institution {
    /// Identity at MMS.
    pub uid: InstitutionUid,
    /// Display name; the UID if MMS has none.
    pub name: String,
    /// Expiry date of the account (Asia/Taipei).
    pub expires: LocalDate,
    /// Last and first name of the owner.
    pub contact: Option<String>,
    /// Phone number of the owner.
    pub phone: Option<String>,
    /// Postal address of the institution.
    pub address: Option<String>,
    /// Plan bought from MMS.
    pub plan: Option<String>,
    /// Number of accounts in the plan.
    pub account_limit: Option<String>,
}

/// Institution with its announcement and acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackedInstitution {
    /// Institution as listed last.
    pub institution: Institution,
    /// Latest announcement to staff.
    pub announced: Option<Announced>,
    /// Latest acknowledgement by staff.
    pub acknowledged: Option<Acknowledgement>,
}

/// Announcement of an expiry to staff, in a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// Expiry date that was announced.
    pub expires: LocalDate,
    /// Tier at the time of the announcement.
    pub tier: ExpiryTier,
    /// Date of the digest.
    pub on: LocalDate,
}

/// Acknowledgement by staff: no announcements for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Expiry date that was acknowledged; another date is announced.
    pub expires: LocalDate,
    /// First date on which announcements continue.
    pub until: LocalDate,
    /// Author: token or app user.
    pub by: String,
    /// Reason given by the author.
    pub why: String,
    /// Time of the acknowledgement (UTC).
    pub at: Timestamp,
}

/// Place of an institution in a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestPlacement {
    /// Not shown: beyond the horizon, or its end was announced before.
    Nothing,
    /// Counted as acknowledged.
    Acknowledged,
    /// Shown with its details.
    Show(DigestEntry),
}

/// Entry of an institution in a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestEntry {
    /// Tier, and so the section of the digest.
    pub tier: ExpiryTier,
    /// Days until the expiry; negative if it is past.
    pub days: i64,
    /// Difference from the latest announcement.
    pub change: Option<ExpiryChange>,
}

/// Difference between an expiry and its latest announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryChange {
    /// Not announced before.
    New,
    /// Announced in that tier.
    Moved(ExpiryTier),
    /// Announced for that date.
    Rescheduled(LocalDate),
}

impl TrackedInstitution {
    /// Institution as listed now, with the stored announcement and acknowledgement.
    #[must_use]
    pub fn seen(institution: Institution, known: Option<&Self>) -> Self {
        Self {
            institution,
            announced: known.and_then(|known| known.announced),
            acknowledged: known.and_then(|known| known.acknowledged.clone()),
        }
    }

    /// The acknowledgement of the current expiry date, while it is in force.
    #[must_use]
    pub fn quiet(&self, today: LocalDate) -> Option<&Acknowledgement> {
        let said = self.acknowledged.as_ref()?;
        // An acknowledgement is about one expiry date; a new date is news again.
        (said.expires == self.institution.expires && today < said.until).then_some(said)
    }

    /// The institution's place in the digest of `today`.
    #[must_use]
    pub fn say(&self, tiers: &TierThresholds, today: LocalDate) -> DigestPlacement {
        let expires = self.institution.expires;
        let days = today.days_until(expires);
        let Some(tier) = tiers.tier(days) else { return DigestPlacement::Nothing };
        let end_was_announced = self
            .announced
            .is_some_and(|announced| announced.tier == ExpiryTier::Expired && announced.expires == expires);
        // Otherwise an expired institution would be in every digest until MMS drops it.
        if tier == ExpiryTier::Expired && end_was_announced {
            return DigestPlacement::Nothing;
        }
        if self.quiet(today).is_some() {
            return DigestPlacement::Acknowledged;
        }
        let change = match self.announced {
            None => Some(ExpiryChange::New),
            // A digest made up for a missed day marks nothing as new if a later digest was sent before.
            Some(announced) if announced.on > today => None,
            Some(announced) if announced.expires != expires => Some(ExpiryChange::Rescheduled(announced.expires)),
            Some(announced) if announced.tier != tier => Some(ExpiryChange::Moved(announced.tier)),
            Some(_) => None,
        };
        DigestPlacement::Show(DigestEntry { tier, days, change })
    }

    /// Records an announcement; `false` if it is stored already or older than the stored one.
    pub fn record_announcement(&mut self, announced: Announced) -> bool {
        if self.announced.is_some_and(|known| known == announced || known.on > announced.on) {
            return false;
        }
        self.announced = Some(announced);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::day;

    const TODAY: &str = "2026-11-20";

    fn tracked(expires: &str) -> TrackedInstitution {
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

    fn shown(tracked: &TrackedInstitution, today: &str) -> Option<(ExpiryTier, i64, Option<ExpiryChange>)> {
        match tracked.say(&tiers(), day(today)) {
            DigestPlacement::Show(shown) => Some((shown.tier, shown.days, shown.change)),
            DigestPlacement::Nothing | DigestPlacement::Acknowledged => None,
        }
    }

    #[test]
    fn an_announced_change_is_not_marked_again_until_it_changes() {
        let mut one = tracked("2026-12-20");
        assert_eq!(shown(&one, TODAY), Some((ExpiryTier::Warning, 30, Some(ExpiryChange::New))));
        let announced = Announced { expires: day("2026-12-20"), tier: ExpiryTier::Warning, on: day(TODAY) };
        assert!(one.record_announcement(announced));
        assert!(!one.record_announcement(announced));
        assert_eq!(shown(&one, "2026-11-21"), Some((ExpiryTier::Warning, 29, None)));
        let moved = Some(ExpiryChange::Moved(ExpiryTier::Warning));
        assert_eq!(shown(&one, "2026-12-13"), Some((ExpiryTier::Urgent, 7, moved)));
        // A digest made up for the day before marks nothing as new and is not recorded.
        assert_eq!(shown(&one, "2026-11-19"), Some((ExpiryTier::Notice, 31, None)));
        assert!(!one.record_announcement(Announced { on: day("2026-11-19"), tier: ExpiryTier::Notice, ..announced }));
        one.institution.expires = day("2026-12-21");
        let rescheduled = Some(ExpiryChange::Rescheduled(day("2026-12-20")));
        assert_eq!(shown(&one, "2026-11-21"), Some((ExpiryTier::Warning, 30, rescheduled)));
    }

    #[test]
    fn an_end_is_announced_once() {
        let mut one = tracked("2026-11-19");
        assert_eq!(shown(&one, TODAY), Some((ExpiryTier::Expired, -1, Some(ExpiryChange::New))));
        assert!(one.record_announcement(Announced {
            expires: day("2026-11-19"),
            tier: ExpiryTier::Expired,
            on: day(TODAY)
        }));
        assert_eq!(one.say(&tiers(), day("2026-11-21")), DigestPlacement::Nothing);
    }

    #[test]
    fn an_acknowledgement_is_of_one_expiry_and_ends_on_its_day() {
        let mut one = tracked("2026-12-01");
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
