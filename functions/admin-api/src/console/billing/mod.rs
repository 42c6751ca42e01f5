//! Pages of subscriptions and of what needs staff.

pub(crate) mod figures;
pub(crate) mod messages;
pub(crate) mod order;
pub(crate) mod quarantine;
pub(crate) mod rows;
pub(crate) mod search;
pub(crate) mod subscriptions;
pub(crate) mod today;
pub(crate) mod user;

use crate::console::route::Page;

/// Pages of this area.
pub(crate) fn pages() -> Vec<Page> {
    let mut pages = vec![
        Page::get("/console", today::show),
        Page::get("/console/search", search::show),
        Page::get("/console/subscriptions", subscriptions::show),
        Page::get("/console/subscriptions/{id}", order::show),
        Page::post("/console/subscriptions/{id}/{operation}", order::operate::operate),
        Page::get("/console/users/{user_id}", user::show),
        Page::get("/console/users/{user_id}/export", user::export),
        Page::post("/console/users/{user_id}/{operation}", user::operate),
        Page::get("/console/messages", messages::show),
        Page::post("/console/messages/{id}/resend", messages::send_again),
        Page::get("/console/previews/{kind}", messages::show_preview),
    ];
    pages.extend(quarantine::pages());
    pages.extend(figures::pages());
    pages
}
