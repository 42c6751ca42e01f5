//! Institutions that MMS lists, as one or two passes over its pages show them.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use shared::domain::institutions::expiry_tier::TierThresholds;
use shared::domain::institutions::tracked_institution::Institution;
use shared::domain::values::ids::InstitutionUid;
use shared::domain::values::time::LocalDate;

use crate::mms::record::{Record, Unreadable};

/// Institutions that a digest may show.
pub(crate) struct Horizon<'a> {
    pub(crate) tiers: &'a TierThresholds,
    /// Day of the digest, Asia/Taipei.
    pub(crate) today: LocalDate,
}

/// Union of the passes.
#[derive(Debug, Default)]
pub(crate) struct MmsListing {
    /// Readable institutions: of several entries with one uid the one that expires first.
    institutions: BTreeMap<InstitutionUid, Institution>,
    /// Dates of institutions that are listed with more than one.
    contradictory: BTreeMap<InstitutionUid, BTreeSet<LocalDate>>,
    /// Unreadable records in their order.
    pub(crate) unreadable: Vec<Unreadable>,
    unreadable_labels: HashSet<String>,
}

impl Horizon<'_> {
    fn contains(&self, expires: LocalDate) -> bool {
        self.tiers.tier(self.today.days_until(expires)).is_some()
    }
}

impl MmsListing {
    pub(crate) fn add(&mut self, record: Record) {
        let institution = match record {
            Record::Institution(institution) => institution,
            Record::Unreadable(unreadable) => {
                if self.unreadable_labels.insert(unreadable.label.clone()) {
                    self.unreadable.push(unreadable);
                }
                return;
            }
        };
        let uid = institution.uid.clone();
        match self.institutions.get(&uid).map(|known| known.expires) {
            Some(known) if known == institution.expires => {}
            Some(known) => {
                self.contradictory.entry(uid.clone()).or_default().extend([known, institution.expires]);
                if institution.expires < known {
                    self.institutions.insert(uid, institution);
                }
            }
            None => drop(self.institutions.insert(uid, institution)),
        }
    }

    /// Prepares for another pass, in which a record without a uid may have another place.
    pub(crate) fn begin_second_pass(&mut self) {
        self.unreadable.retain(|unreadable| unreadable.uid.is_some());
        self.unreadable_labels = self.unreadable.iter().map(|unreadable| unreadable.label.clone()).collect();
    }

    /// Returns true if MMS lists the institution, readable or not and within the horizon or beyond it.
    pub(crate) fn lists(&self, uid: &InstitutionUid) -> bool {
        self.institutions.contains_key(uid)
            || self.unreadable.iter().any(|unreadable| unreadable.uid.as_ref() == Some(uid))
    }

    /// Institutions that have expired or expire within the horizon, by uid.
    pub(crate) fn within(&self, horizon: &Horizon<'_>) -> Vec<Institution> {
        self.institutions.values().filter(|one| horizon.contains(one.expires)).cloned().collect()
    }

    /// Institutions that are listed with several expiry dates, at least one of them within the horizon.
    pub(crate) fn contradictory_within(&self, horizon: &Horizon<'_>) -> Vec<(InstitutionUid, Vec<LocalDate>)> {
        let shown = self.contradictory.iter().filter(|(_, dates)| dates.iter().any(|date| horizon.contains(*date)));
        shown.map(|(uid, dates)| (uid.clone(), dates.iter().copied().collect())).collect()
    }
}
