//! Lists of customers and vehicles: import and export.

mod background_import;
mod export;
mod formats;
mod import;
mod workbooks;
