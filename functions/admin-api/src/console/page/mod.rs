//! Parts of every page of the console: the request for it, its frame, its texts and its answer.

pub(crate) mod address;
pub(crate) mod chart;
pub(crate) mod failure;
pub(crate) mod faults;
pub(crate) mod field;
pub(crate) mod frame;
pub(crate) mod html;
pub(crate) mod language;
pub(crate) mod moment;
pub(crate) mod visit;
pub(crate) mod visitor;
