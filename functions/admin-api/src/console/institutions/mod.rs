//! Page of institutions.

mod acknowledge;
mod list;

use crate::console::route::Page;

/// Path of the list.
const PATH: &str = "/console/institutions";

/// Pages of this area.
pub(crate) fn pages() -> Vec<Page> {
    vec![Page::get(PATH, list::show), Page::post("/console/institutions/{uid}/acknowledge", acknowledge::acknowledge)]
}
