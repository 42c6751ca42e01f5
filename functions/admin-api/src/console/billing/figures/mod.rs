//! Page of figures.

pub(crate) mod by_day;
