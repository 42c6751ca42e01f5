//! Page of figures: key figures over three periods, subscriptions by status, and payments by month with their file for accounting.

pub(crate) mod by_day;
mod months;
mod periods;
mod show;

use crate::console::route::Page;

/// Path of the page.
const PATH: &str = "/console/figures";

/// Pages of the figures.
pub(crate) fn pages() -> Vec<Page> {
    vec![Page::get(PATH, show::show)]
}
