//! Reads all pages of MMS's list and keeps the institutions that matter on the day.

use std::collections::HashSet;

use serde_json::Value;
use shared::domain::institutions::expiry_tier::TierThresholds;
use shared::domain::institutions::tracked_institution::Institution;
use shared::domain::values::ids::InstitutionUid;
use shared::domain::values::time::LocalDate;
use shared::exclusive_run::ExclusiveRun;

use crate::mms::client::{Error, Pages, ReadError};
use crate::mms::record::{institution, label, uid};

/// Upper bound of pages: real lists have a few dozen, so a longer one does not end.
const MOST_PAGES: u32 = 1_000;

/// Institutions that a digest may show.
pub(crate) struct Horizon<'a> {
    pub(crate) tiers: &'a TierThresholds,
    /// Day of the digest, Asia/Taipei.
    pub(crate) today: LocalDate,
}

/// MMS's list, reduced to the horizon.
#[derive(Debug, Default)]
pub(crate) struct MmsListing {
    /// Institutions that have expired or expire within the horizon.
    pub(crate) institutions: Vec<Institution>,
    /// Unreadable records: label and missing or malformed field.
    pub(crate) unreadable: Vec<(String, &'static str)>,
    /// Uids of unreadable records: MMS still lists these institutions.
    pub(crate) unreadable_uids: HashSet<InstitutionUid>,
    /// Uids of all readable records so far, also beyond the horizon.
    seen: HashSet<InstitutionUid>,
}

/// Reads page after page until one is empty.
pub(crate) async fn read_all(
    pages: &Pages<'_>,
    horizon: &Horizon<'_>,
    run: &mut ExclusiveRun<'_>,
) -> Result<MmsListing, ReadError> {
    let mut listing = MmsListing::default();
    let (mut last, mut stale) = (Vec::new(), 0);
    for number in 1..=MOST_PAGES {
        run.heartbeat().await?;
        let page = pages.get(number, run).await?;
        if page.is_empty() {
            return Ok(listing);
        }
        // A list that changes while it is read repeats some records, so one page without news is tolerated.
        let has_news = listing.add(&page, number, horizon);
        stale = if has_news { 0 } else { stale + 1 };
        if page == last || stale > 1 {
            return Err(Error::Endless(number).into());
        }
        last = page;
    }
    Err(Error::TooManyPages(MOST_PAGES).into())
}

impl MmsListing {
    /// Adds a page; returns `false` if all its institutions were on earlier pages.
    fn add(&mut self, page: &[Value], number: u32, horizon: &Horizon<'_>) -> bool {
        let (mut known, mut new) = (0_usize, 0_usize);
        for (place, record) in (1..).zip(page) {
            match institution(record) {
                Ok(institution) if !self.seen.insert(institution.uid.clone()) => known += 1,
                Ok(institution) => {
                    new += 1;
                    let days = horizon.today.days_until(institution.expires);
                    if horizon.tiers.tier(days).is_some() {
                        self.institutions.push(institution);
                    }
                }
                Err(field) => {
                    self.unreadable_uids.extend(uid(record));
                    self.unreadable.push((label(record, number, place), field));
                }
            }
        }
        // A page of unreadable records only is no repetition.
        new > 0 || known == 0
    }
}
