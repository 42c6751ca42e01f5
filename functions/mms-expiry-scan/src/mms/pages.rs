//! Reads MMS's list page by page.

use shared::exclusive_run::ExclusiveRun;

use crate::mms::client::Pages;
use crate::mms::error::{Error, ReadError};
use crate::mms::listing::MmsListing;
use crate::mms::pass::Pass;

/// Upper bound of pages: real lists have a few dozen, so a longer one does not end.
const MOST_PAGES: u32 = 1_000;

/// Reads the pages from the first to the end and adds their records to the listing. Returns the pass.
pub(crate) async fn read_pass(
    pages: &Pages<'_>,
    listing: &mut MmsListing,
    run: &mut ExclusiveRun<'_>,
) -> Result<Pass, ReadError> {
    let mut pass = Pass::default();
    for number in 1..=MOST_PAGES {
        run.heartbeat().await?;
        let page = pages.get(number, &pass, run).await?;
        if pass.add(page, number, listing)? {
            return Ok(pass);
        }
    }
    Err(Error::TooManyPages(MOST_PAGES).into())
}
