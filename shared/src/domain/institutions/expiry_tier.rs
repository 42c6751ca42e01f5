//! Expiry tiers: urgency by the days that are left.

use serde::{Deserialize, Serialize};

/// Urgency of an institution's expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExpiryTier {
    /// Expires within days; shown in red.
    Urgent,
    /// Expires within weeks; shown in yellow.
    Warning,
    /// Expires within the horizon; shown in green.
    Notice,
    /// Expired yesterday or earlier.
    Expired,
}

/// Largest number of days left at which each tier applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierThresholds {
    urgent: u32,
    warning: u32,
    horizon: u32,
}

/// Thresholds that are not ascending.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must rise: {urgent}, {warning}, {horizon}")]
pub struct InvalidTiers {
    urgent: u32,
    warning: u32,
    horizon: u32,
}

impl ExpiryTier {
    /// All tiers, in the order of a digest.
    pub const ALL: [Self; 4] = [Self::Urgent, Self::Warning, Self::Notice, Self::Expired];

    /// The tier's name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Expired => "expired",
        }
    }
}

impl TierThresholds {
    /// Thresholds in days (defaults of the MMS document: 7, 30, 60).
    ///
    /// # Errors
    /// [`InvalidTiers`] unless each is greater than the one before.
    pub const fn new(urgent: u32, warning: u32, horizon: u32) -> Result<Self, InvalidTiers> {
        if urgent < warning && warning < horizon {
            Ok(Self { urgent, warning, horizon })
        } else {
            Err(InvalidTiers { urgent, warning, horizon })
        }
    }

    /// The tier of an expiry in `days` days; `None` beyond the horizon.
    #[must_use]
    pub fn tier(&self, days: i64) -> Option<ExpiryTier> {
        let within = |threshold: u32| days <= i64::from(threshold);
        match days {
            ..0 => Some(ExpiryTier::Expired),
            _ if within(self.urgent) => Some(ExpiryTier::Urgent),
            _ if within(self.warning) => Some(ExpiryTier::Warning),
            _ if within(self.horizon) => Some(ExpiryTier::Notice),
            _ => None,
        }
    }

    /// The first and last day of a tier, in days before the expiry; `None` for expired institutions.
    #[must_use]
    pub const fn range(&self, tier: ExpiryTier) -> Option<(u32, u32)> {
        match tier {
            ExpiryTier::Urgent => Some((0, self.urgent)),
            ExpiryTier::Warning => Some((self.urgent + 1, self.warning)),
            ExpiryTier::Notice => Some((self.warning + 1, self.horizon)),
            ExpiryTier::Expired => None,
        }
    }

    /// The last day that a scan covers.
    #[must_use]
    pub const fn horizon(&self) -> u32 {
        self.horizon
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiers() -> TierThresholds {
        TierThresholds::new(7, 30, 60).unwrap()
    }

    #[test]
    fn each_day_has_the_stage_of_the_document() {
        let tiers_by_days = [
            (-400, Some(ExpiryTier::Expired)),
            (-1, Some(ExpiryTier::Expired)),
            (0, Some(ExpiryTier::Urgent)),
            (7, Some(ExpiryTier::Urgent)),
            (8, Some(ExpiryTier::Warning)),
            (30, Some(ExpiryTier::Warning)),
            (31, Some(ExpiryTier::Notice)),
            (60, Some(ExpiryTier::Notice)),
            (61, None),
        ];
        for (days, tier) in tiers_by_days {
            assert_eq!(tiers().tier(days), tier, "{days}");
        }
        for wrong in [(30, 7, 60), (7, 7, 60), (7, 60, 60), (7, 90, 60)] {
            let error = TierThresholds::new(wrong.0, wrong.1, wrong.2).unwrap_err().to_string();
            assert_eq!(error, format!("must rise: {}, {}, {}", wrong.0, wrong.1, wrong.2));
        }
    }
}
