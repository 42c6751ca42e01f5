//! One reading of MMS's list. MMS numbers pages by position, so that a list that changes meanwhile shows some institutions
//! twice and others never; the numbers of the pass tell.

use std::collections::HashSet;

use serde_json::Value;
use shared::domain::values::ids::InstitutionUid;

use crate::mms::error::Error;
use crate::mms::listing::MmsListing;
use crate::mms::record::{Record, read};

/// One page of the list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Records of the page; none at the end of the list.
    pub(crate) records: Vec<Value>,
    /// Number of records of the whole list, where MMS gives one.
    pub(crate) total: Option<usize>,
}

/// One reading of the list from its first page to its end.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    pages: u32,
    records: usize,
    unreadable: usize,
    /// Uids of readable records.
    seen: HashSet<InstitutionUid>,
    /// Latest number of all records, where MMS gives one.
    total: Option<usize>,
    has_total_changed: bool,
    last: Vec<Value>,
    /// Pages in a row on which all institutions were known from earlier ones.
    stale: u32,
}

impl Pass {
    /// Adds a page; returns true at the end of the list.
    pub(crate) fn add(&mut self, page: Page, number: u32, listing: &mut MmsListing) -> Result<bool, Error> {
        let records = page.records;
        if records.is_empty() {
            // Some pagers count no records on a page behind the last one, so an earlier total stays.
            self.total = self.total.or(page.total);
            return match self.total {
                Some(total) if total > 0 && self.records == 0 => {
                    Err(Error::Unavailable(format!("none of {total} records on the first page")))
                }
                _ => Ok(true),
            };
        }
        self.has_total_changed |= self.total.is_some_and(|total| page.total.is_some_and(|now| now != total));
        self.total = page.total.or(self.total);
        // Some pagers return the last page for every number behind it.
        let is_repeated = records == self.last;
        if is_repeated && self.has_read_all(None) {
            return Ok(true);
        }
        let has_news = self.add_records(&records, number, listing);
        // A list that changes while it is read repeats some records, so one page without news is tolerated.
        self.stale = if has_news { 0 } else { self.stale + 1 };
        if is_repeated || self.stale > 1 {
            return Err(Error::Endless(number));
        }
        self.pages = number;
        self.last = records;
        Ok(false)
    }

    /// Returns false if all institutions of the page were on earlier ones.
    fn add_records(&mut self, records: &[Value], number: u32, listing: &mut MmsListing) -> bool {
        let (mut known, mut new) = (0_usize, 0_usize);
        self.records += records.len();
        for (place, record) in (1..).zip(records) {
            let record = read(record, number, place);
            match &record {
                Record::Institution(institution) if self.seen.insert(institution.uid.clone()) => new += 1,
                Record::Institution(_) => known += 1,
                Record::Unreadable(_) => self.unreadable += 1,
            }
            listing.add(record);
        }
        // A page of unreadable records only is no repetition.
        new > 0 || known == 0
    }

    /// Returns true if the pass has as many records as MMS says that there are; `total` is the latest number.
    pub(crate) fn has_read_all(&self, total: Option<usize>) -> bool {
        total.or(self.total).is_some_and(|total| total == self.records || total == self.distinct())
    }

    fn distinct(&self) -> usize {
        self.seen.len() + self.unreadable
    }

    /// Returns true if the list did not change while it was read. Without a total only a list of one page is known not to
    /// have changed.
    pub(crate) fn is_steady(&self, page_size: usize) -> bool {
        match self.total {
            Some(total) => !self.has_total_changed && total == self.records && total == self.distinct(),
            None => self.pages <= 1 && self.records < page_size,
        }
    }

    /// Checks that the listing says something about the institutions.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if most records cannot be read.
    pub(crate) fn check_readable(&self) -> Result<(), Error> {
        let Self { unreadable, records, .. } = *self;
        if unreadable * 2 > records { Err(Error::Unreadable { unreadable, records }) } else { Ok(()) }
    }
}
