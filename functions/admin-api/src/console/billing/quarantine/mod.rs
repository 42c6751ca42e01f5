//! Pages of quarantined reports: the list, and the replay of marked reports.

mod compare;
mod list;
mod replay;
mod shown;

use crate::console::route::Page;

/// Path of the list.
const PATH: &str = "/console/quarantine";
/// Parameters that filter the list.
const FILTER: [&str; 5] = ["state", "reason", "from", "to", "subscription"];

/// Pages of the quarantine.
pub(crate) fn pages() -> Vec<Page> {
    vec![Page::get(PATH, list::show), Page::post("/console/quarantine/replay", replay::replay)]
}
