//! Pages of runs: run history, one run, and the start of a job.

mod detail;
mod entries;
mod list;
mod report;
mod start;
mod summary;

use crate::console::route::Page;

/// Path of the run history.
const PATH: &str = "/console/runs";

/// Pages of this area.
pub(crate) fn pages() -> Vec<Page> {
    vec![
        Page::get(PATH, list::show),
        Page::get("/console/runs/{id}", detail::show),
        Page::post("/console/runs/{id}", start::start),
    ]
}
