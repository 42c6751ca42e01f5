//! Button beside an institution in a digest, with which staff acknowledge its expiry.

use std::fmt;

use crate::domain::institutions::tracked_institution::{Acknowledgement, LONGEST_QUIET_DAYS, TrackedInstitution};
use crate::domain::values::ids::InstitutionUid;
use crate::domain::values::time::{LocalDate, Timestamp};

/// Expiry that a button acknowledges, and the digest that has it. Written as `2026-11-20/2026-12-20/U-1001`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestButton {
    /// Day of the digest, Asia/Taipei.
    pub digest: LocalDate,
    /// Expiry date that the digest shows.
    pub expires: LocalDate,
    /// Institution.
    pub uid: InstitutionUid,
}

/// State of a button's expiry on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ButtonState<'a> {
    /// Not acknowledged.
    Open,
    /// Acknowledged, by this button or otherwise.
    Acknowledged(&'a Acknowledgement),
    /// MMS lists another expiry date now, to which this button does not apply.
    Rescheduled(LocalDate),
    /// The expiry date has come: there is nothing to keep quiet.
    Over,
}

impl DigestButton {
    /// Parses a button's value.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (digest, rest) = value.split_once('/')?;
        let (expires, uid) = rest.split_once('/')?;
        let day = |text| LocalDate::parse(text).ok();
        Some(Self { digest: day(digest)?, expires: day(expires)?, uid: InstitutionUid::parse(uid).ok()? })
    }

    /// State of the expiry on the day `today`, by the institution as it is stored.
    #[must_use]
    pub fn state<'a>(&self, tracked: &'a TrackedInstitution, today: LocalDate) -> ButtonState<'a> {
        let listed = tracked.institution.expires;
        if listed != self.expires {
            return ButtonState::Rescheduled(listed);
        }
        match tracked.quiet(today) {
            Some(acknowledgement) => ButtonState::Acknowledged(acknowledgement),
            None if listed <= today => ButtonState::Over,
            None => ButtonState::Open,
        }
    }

    /// Acknowledgement that a press makes: until the expiry date, on which digests list the institution again if it is not
    /// renewed by then.
    #[must_use]
    pub fn acknowledgement(&self, by: String, today: LocalDate, at: Timestamp) -> Acknowledgement {
        let until = self.expires.min(today.plus_days(LONGEST_QUIET_DAYS));
        let why = format!("acknowledged in the Slack digest of {}", self.digest);
        Acknowledgement { expires: self.expires, until, by, why, at }
    }
}

impl fmt::Display for DigestButton {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}/{}", self.digest, self.expires, self.uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::institutions::tracked_institution::Institution;
    use crate::test_support::day;

    fn button(uid: &str) -> DigestButton {
        DigestButton { digest: day("2026-11-20"), expires: day("2026-12-01"), uid: InstitutionUid::parse(uid).unwrap() }
    }

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

    #[test]
    fn a_value_comes_back_and_nothing_else_is_one() {
        for uid in ["U-1", "a/b", "/", "2026-11-20/2026-12-01/x"] {
            assert_eq!(DigestButton::parse(&button(uid).to_string()), Some(button(uid)));
        }
        assert_eq!(button("U-1").to_string(), "2026-11-20/2026-12-01/U-1");
        for value in
            ["", "U-1", "2026-11-20/2026-12-01", "2026-11-20/2026-12-01/", "2026-11-20/soon/U-1", "x/2026-12-01/U-1"]
        {
            assert_eq!(DigestButton::parse(value), None, "{value}");
        }
    }

    #[test]
    fn a_press_keeps_one_expiry_quiet_until_its_day() {
        let (button, at) = (button("U-1"), Timestamp::parse("2026-11-20T02:00:00Z").unwrap());
        let mut one = tracked("2026-12-01");
        assert_eq!(button.state(&one, day("2026-11-30")), ButtonState::Open);
        assert_eq!(button.state(&one, day("2026-12-01")), ButtonState::Over);
        let said = button.acknowledgement("slack:U0INVENTED".to_owned(), day("2026-11-20"), at);
        assert_eq!((said.until, said.expires), (day("2026-12-01"), day("2026-12-01")));
        one.acknowledged = Some(said.clone());
        assert_eq!(button.state(&one, day("2026-11-30")), ButtonState::Acknowledged(&said));
        assert_eq!(button.state(&one, day("2026-12-01")), ButtonState::Over);
        one.institution.expires = day("2027-12-01");
        assert_eq!(button.state(&one, day("2026-11-30")), ButtonState::Rescheduled(day("2027-12-01")));
        // An expiry beyond the longest acknowledgement.
        let far = DigestButton { expires: day("2028-12-01"), ..button };
        assert_eq!(far.acknowledgement(String::new(), day("2026-11-20"), at).until, day("2027-11-21"));
    }
}
