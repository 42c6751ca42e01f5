//! Pages of the workshop.

pub(crate) mod import;
pub(crate) mod import_preview;
pub(crate) mod sample_list;

use crate::console::route::Page;

/// Pages of this area.
pub(crate) fn pages() -> Vec<Page> {
    vec![
        Page::get("/console/import", import::show),
        Page::post("/console/import", import::post),
        Page::get("/console/import/{id}", import::progress),
    ]
}
