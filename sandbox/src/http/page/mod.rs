//! The page for developers: `/sandbox` and what is below it, rendered here and usable without scripts. Its forms do what the
//! controls do, by the same functions.

pub(crate) mod call;
pub(crate) mod clock_forms;
pub(crate) mod fault_forms;
pub(crate) mod form;
pub(crate) mod html;
pub(crate) mod order_forms;
pub(crate) mod order_rows;
pub(crate) mod routes;
pub(crate) mod samples;
pub(crate) mod sent;
pub(crate) mod show;
pub(crate) mod sign_in;
