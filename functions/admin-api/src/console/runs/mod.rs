//! Pages of runs.

use crate::console::route::Page;

/// Pages of this area.
pub(crate) fn pages() -> Vec<Page> {
    Vec::new()
}
