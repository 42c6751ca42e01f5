//! Distinction between items that cannot be read or written and a table that is down.

use crate::store::Error;

/// Items in a row after which a failure is the table's.
const TABLE_IS_DOWN: usize = 3;

/// Items in a row for which the table failed. One or two may fail for what they are, and the others are handled all the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct TableFailures(usize);

impl TableFailures {
    /// Adds the outcome for an item. An error that is known to be about the item says that the table answered.
    pub fn add(&mut self, error: Option<&Error>) {
        let is_failure = error.is_some_and(|error| !error.is_about_one_item());
        self.0 = if is_failure { self.0.saturating_add(1) } else { 0 };
    }

    /// True if the table is down, as far as the items show it.
    #[must_use]
    pub const fn is_table_down(self) -> bool {
        self.0 >= TABLE_IS_DOWN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_table_failures_are_the_table_s_and_any_answer_ends_the_row() {
        let unavailable = Error::Unavailable { doing: "storing", source: "HTTP 500".into() };
        let of_item = Error::Contended { doing: "storing" };
        let (down, item) = (Some(&unavailable), Some(&of_item));
        for (outcomes, is_down) in [
            (vec![down, down], false),
            (vec![down, down, down], true),
            (vec![down, down, None, down, down], false),
            (vec![down, down, item, down, down], false),
            (vec![item; 5], false),
            (vec![down, down, down, None], false),
        ] {
            let mut failures = TableFailures::default();
            outcomes.iter().for_each(|outcome| failures.add(*outcome));
            assert_eq!(failures.is_table_down(), is_down, "{outcomes:?}");
        }
    }
}
