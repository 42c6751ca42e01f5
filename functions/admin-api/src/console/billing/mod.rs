//! Pages of subscriptions and of what needs staff.

pub(crate) mod order;
pub(crate) mod today;

use crate::console::route::Page;

/// Pages of this area.
pub(crate) fn pages() -> Vec<Page> {
    vec![
        Page::get("/console", today::show),
        Page::get("/console/subscriptions/{id}", order::show),
        Page::post("/console/subscriptions/{id}/{operation}", order::operate::operate),
    ]
}
