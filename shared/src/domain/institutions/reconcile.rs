//! Reconciles the institutions that MMS lists today with the stored ones.

use std::collections::{HashMap, HashSet};

use crate::domain::institutions::tracked_institution::{Institution, TrackedInstitution};
use crate::domain::values::ids::InstitutionUid;

/// Result of reading the list of MMS.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Institutions that could be read.
    pub institutions: Vec<Institution>,
    /// Institutions listed in a form that could not be read: those known before stay as they are.
    pub unreadable: HashSet<InstitutionUid>,
    /// True for the list of the current day. A digest made up for an earlier day delists nothing.
    pub is_current: bool,
}

/// Stored institution, and whether the latest scan listed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownInstitution {
    /// The institution as stored.
    pub tracked: TrackedInstitution,
    /// False for an institution that was delisted and is kept for its announcements.
    pub is_listed: bool,
}

/// Effect of a listing on one institution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstitutionChange {
    /// Listed and stored as it is.
    Unchanged(TrackedInstitution),
    /// Listed, and new or different from the stored one: to be stored as listed.
    Updated(TrackedInstitution),
    /// Listed before and not any more: to be stored as delisted.
    Delisted(TrackedInstitution),
}

/// Compares a listing with the stored institutions: one change for each readable institution, in the order of the
/// listing, then one for each that is known but not readable today, then one for each that is to be delisted.
#[must_use]
pub fn reconcile(listing: Listing, mut known: HashMap<InstitutionUid, KnownInstitution>) -> Vec<InstitutionChange> {
    let Listing { institutions, unreadable, is_current } = listing;
    let mut changes = Vec::with_capacity(institutions.len());
    for institution in institutions {
        let before = known.remove(&institution.uid);
        changes.push(listed(institution, before.as_ref()));
    }
    let left = known.into_values().filter(|left| left.is_listed).map(|left| left.tracked);
    let (unreadable, gone): (Vec<_>, Vec<_>) = left.partition(|left| unreadable.contains(&left.institution.uid));
    changes.extend(unreadable.into_iter().map(InstitutionChange::Unchanged));
    if is_current {
        changes.extend(gone.into_iter().map(InstitutionChange::Delisted));
    }
    changes
}

fn listed(institution: Institution, before: Option<&KnownInstitution>) -> InstitutionChange {
    let is_back = before.is_none_or(|before| !before.is_listed);
    let mut tracked = TrackedInstitution::seen(institution, before.map(|before| &before.tracked));
    // An institution that returns with another expiry date was not announced for that date.
    let expires = tracked.institution.expires;
    if is_back && tracked.announced.is_some_and(|announced| announced.expires != expires) {
        tracked.announced = None;
    }
    if is_back || before.is_none_or(|before| before.tracked != tracked) {
        InstitutionChange::Updated(tracked)
    } else {
        InstitutionChange::Unchanged(tracked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::institutions::expiry_tier::ExpiryTier;
    use crate::domain::institutions::tracked_institution::Announced;
    use crate::test_support::day;

    fn institution(uid: &str, expires: &str) -> Institution {
        Institution {
            uid: InstitutionUid::parse(uid).unwrap(),
            name: uid.to_owned(),
            expires: day(expires),
            contact: None,
            phone: None,
            address: None,
            plan: None,
            account_limit: None,
        }
    }

    /// Stored with an announcement of its expiry.
    fn announced(uid: &str, expires: &str) -> TrackedInstitution {
        let mut tracked = TrackedInstitution::seen(institution(uid, expires), None);
        tracked.announced = Some(Announced { expires: day(expires), tier: ExpiryTier::Warning, on: day("2026-11-20") });
        tracked
    }

    fn known(stored: &[(TrackedInstitution, bool)]) -> HashMap<InstitutionUid, KnownInstitution> {
        let of = |(tracked, is_listed): &(TrackedInstitution, bool)| {
            let known = KnownInstitution { tracked: tracked.clone(), is_listed: *is_listed };
            (tracked.institution.uid.clone(), known)
        };
        stored.iter().map(of).collect()
    }

    fn listing(institutions: Vec<Institution>, is_current: bool) -> Listing {
        Listing { institutions, unreadable: HashSet::new(), is_current }
    }

    #[test]
    fn a_listed_institution_is_stored_only_if_it_differs() {
        let same = announced("SAME", "2026-12-10");
        let moved = announced("MOVED", "2026-12-10");
        let stored = known(&[(same.clone(), true), (moved.clone(), true)]);
        let listed = vec![
            institution("SAME", "2026-12-10"),
            institution("MOVED", "2026-12-31"),
            institution("NEW", "2026-12-10"),
        ];
        let renewed = TrackedInstitution { institution: institution("MOVED", "2026-12-31"), ..moved };
        let new = TrackedInstitution::seen(institution("NEW", "2026-12-10"), None);
        assert_eq!(
            reconcile(listing(listed, true), stored),
            [InstitutionChange::Unchanged(same), InstitutionChange::Updated(renewed), InstitutionChange::Updated(new)]
        );
    }

    #[test]
    fn a_returning_institution_keeps_its_announcement_only_for_the_same_expiry() {
        let stored = known(&[(announced("A", "2026-12-10"), false), (announced("B", "2026-12-10"), false)]);
        let listed = vec![institution("A", "2026-12-10"), institution("B", "2026-12-11")];
        let expected = [
            InstitutionChange::Updated(announced("A", "2026-12-10")),
            InstitutionChange::Updated(TrackedInstitution::seen(institution("B", "2026-12-11"), None)),
        ];
        assert_eq!(reconcile(listing(listed, true), stored), expected);
    }

    #[test]
    fn only_a_current_listing_delists_and_only_institutions_it_does_not_contain() {
        let (gone, odd) = (announced("GONE", "2026-12-10"), announced("ODD", "2026-12-10"));
        let stored = [(gone.clone(), true), (odd.clone(), true), (announced("BEFORE", "2026-12-10"), false)];
        let unreadable = HashSet::from(["ODD", "BEFORE", "NEW"].map(|uid| InstitutionUid::parse(uid).unwrap()));
        let current = Listing { institutions: Vec::new(), unreadable, is_current: true };
        let expected = [InstitutionChange::Unchanged(odd), InstitutionChange::Delisted(gone)];
        assert_eq!(reconcile(current, known(&stored)), expected);
        assert_eq!(reconcile(listing(Vec::new(), false), known(&stored)), []);
    }
}
