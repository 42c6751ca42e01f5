//! Pages of the workshop.

pub(crate) mod customer;
pub(crate) mod customer_fields;
pub(crate) mod customer_operations;
pub(crate) mod customers;
pub(crate) mod delivered_reminder;
pub(crate) mod forms;
pub(crate) mod import;
pub(crate) mod import_preview;
pub(crate) mod reminder_run;
pub(crate) mod sample_list;
pub(crate) mod schedule;
pub(crate) mod schedule_operations;
pub(crate) mod vehicle_operations;
pub(crate) mod vehicle_row;
pub(crate) mod vehicles;

use crate::console::route::Page;

/// Pages of this area.
pub(crate) fn pages() -> Vec<Page> {
    vec![
        Page::get("/console/vehicles", vehicles::show),
        Page::post("/console/vehicles/{plate}/{operation}", vehicle_operations::post),
        Page::get("/console/customers", customers::show),
        Page::post("/console/customers", customers::add),
        Page::get("/console/customers/{id}", customer::show),
        Page::get("/console/customers/{id}/export", customer_operations::export),
        Page::post("/console/customers/{id}/{operation}", customer_operations::post),
        Page::get("/console/import", import::show),
        Page::post("/console/import", import::post),
        Page::get("/console/import/{id}", import::progress),
        Page::get("/console/schedule", schedule::show),
        Page::post("/console/schedule/{operation}", schedule_operations::post),
    ]
}
