//! Ranges of instants.

use crate::domain::values::time::Timestamp;

/// Range of instants: `from` is included, `to` is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// First instant of the range.
    pub from: Timestamp,
    /// First instant after the range.
    pub to: Timestamp,
}

impl TimeRange {
    /// The range from `from` to `last`, both included: instants are whole seconds.
    #[must_use]
    pub fn inclusive(from: Timestamp, last: Timestamp) -> Self {
        Self { from, to: last.plus_seconds(1) }
    }

    /// Last instant of the range.
    #[must_use]
    pub fn last(&self) -> Timestamp {
        self.to.plus_seconds(-1)
    }

    /// True if the instant lies in the range.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_not_part_of_the_range() {
        let at = |seconds| Timestamp::EPOCH.plus_seconds(seconds);
        let range = TimeRange { from: at(10), to: at(12) };
        assert_eq!(TimeRange::inclusive(at(10), at(11)), range);
        assert_eq!(range.last(), at(11));
        assert_eq!([9, 10, 11, 12].map(|seconds| range.contains(at(seconds))), [false, true, true, false]);
    }
}
