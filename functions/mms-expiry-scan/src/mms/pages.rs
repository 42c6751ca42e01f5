//! All pages of MMS, down to what matters on a day.

use std::collections::HashSet;

use serde_json::Value;
use shared::domain::institutions::{Institution, TierThresholds};
use shared::domain::values::ids::InstitutionUid;
use shared::domain::values::time::LocalDate;
use shared::exclusive_run::ExclusiveRun;

use crate::mms::client::{Error, Pages};
use crate::mms::record::{institution, label, uid};

/// Institutions of one digest are counted in thousands; a list without an end is no list.
const MOST_PAGES: u32 = 1_000;

/// What MMS lists.
#[derive(Debug, Default)]
pub(crate) struct MmsListing {
    /// What expires within the horizon or did.
    pub(crate) institutions: Vec<Institution>,
    /// Records that cannot be read: which one, and its field.
    pub(crate) unreadable: Vec<(String, &'static str)>,
    /// Those of them that have a uid: MMS lists them all the same.
    pub(crate) unreadable_uids: HashSet<InstitutionUid>,
    seen: HashSet<InstitutionUid>,
}

/// Reads page after page until one is empty. Of each only what matters is kept.
pub(crate) async fn find(
    pages: &Pages<'_>,
    (tiers, today): (&TierThresholds, LocalDate),
    turn: &mut ExclusiveRun<'_>,
) -> Result<MmsListing, crate::digest::ScanError> {
    let mut found = MmsListing::default();
    let (mut last, mut stale) = (Vec::new(), 0);
    for number in 1..=MOST_PAGES {
        turn.heartbeat().await?;
        let page = pages.get(number, turn).await?;
        if page.is_empty() {
            return Ok(found);
        }
        // A list that shifts while it is read shows some again, and its last page may hold nothing else.
        let has_news = found.add(&page, number, |days| tiers.stage(days).is_some(), today);
        stale = if has_news { 0 } else { stale + 1 };
        if page == last || stale > 1 {
            return Err(Error::Endless(number).into());
        }
        last = page;
    }
    Err(Error::TooManyPages(MOST_PAGES).into())
}

impl MmsListing {
    /// Takes a page; `false` where every institution of it was on an earlier one.
    fn add(&mut self, page: &[Value], number: u32, matters: impl Fn(i64) -> bool, today: LocalDate) -> bool {
        let (mut known, mut new) = (0_usize, 0_usize);
        for (place, record) in (1..).zip(page) {
            match institution(record) {
                Ok(institution) if !self.seen.insert(institution.uid.clone()) => known += 1,
                Ok(institution) => {
                    new += 1;
                    if matters(today.days_until(institution.expires)) {
                        self.institutions.push(institution);
                    }
                }
                Err(field) => {
                    self.unreadable_uids.extend(uid(record));
                    self.unreadable.push((label(record, number, place), field));
                }
            }
        }
        new > 0 || known == 0
    }
}
