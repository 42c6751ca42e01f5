//! Institution of MMS as responses show it.

use serde::Serialize;
use shared::domain::institutions::expiry_tier::{ExpiryTier, TierThresholds};
use shared::domain::institutions::tracked_institution::{Acknowledgement, Announced, TrackedInstitution};
use shared::domain::values::ids::InstitutionUid;
use shared::domain::values::time::{LocalDate, Timestamp};
use utoipa::ToSchema;

/// Institution with its announcement and acknowledgement.
#[derive(Serialize, ToSchema)]
pub(crate) struct InstitutionAnswer {
    /// Identity at MMS.
    #[schema(value_type = String, example = "U-1001")]
    pub(crate) uid: InstitutionUid,
    /// Display name; the uid if MMS has none.
    #[schema(example = "晨光教室")]
    pub(crate) name: String,
    /// Expiry date of the account, Asia/Taipei.
    #[schema(value_type = String, format = Date, example = "2026-12-20")]
    pub(crate) expiry_date: LocalDate,
    /// Days until the expiry; negative if it is past.
    #[schema(example = 30)]
    pub(crate) days_until_expiry: i64,
    /// Urgency by the days that are left; null beyond the horizon of the digest.
    pub(crate) tier: Option<Tier>,
    /// Last and first name of the owner.
    pub(crate) contact_person: Option<String>,
    /// Phone number of the owner.
    pub(crate) contact_number: Option<String>,
    /// Postal address.
    pub(crate) address: Option<String>,
    /// Plan bought from MMS.
    pub(crate) plan_name: Option<String>,
    /// Number of accounts in the plan.
    #[schema(example = "50")]
    pub(crate) account_limit: Option<String>,
    /// Latest announcement to staff; null if there was none.
    pub(crate) announced: Option<InstitutionAnnounced>,
    /// Acknowledgement by staff while it is in force; otherwise null.
    pub(crate) acknowledged: Option<InstitutionAcknowledged>,
}

/// Urgency of an expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tier {
    /// Expires within days.
    Urgent,
    /// Expires within weeks.
    Warning,
    /// Expires within the horizon.
    Notice,
    /// Expired yesterday or earlier.
    Expired,
}

/// Announcement of an expiry to staff.
#[derive(Serialize, ToSchema)]
pub(crate) struct InstitutionAnnounced {
    /// Date of the digest, Asia/Taipei.
    #[schema(value_type = String, format = Date, example = "2026-11-20")]
    pub(crate) on: LocalDate,
    /// Urgency at that time.
    pub(crate) tier: Tier,
    /// Expiry date that was announced, Asia/Taipei.
    #[schema(value_type = String, format = Date, example = "2026-12-20")]
    pub(crate) expiry_date: LocalDate,
}

/// Acknowledgement of an expiry by staff.
#[derive(Serialize, ToSchema)]
pub(crate) struct InstitutionAcknowledged {
    /// First date on which digests list the institution again, Asia/Taipei.
    #[schema(value_type = String, format = Date, example = "2026-12-01")]
    pub(crate) until: LocalDate,
    /// Caller who acknowledged it.
    #[schema(example = "lin")]
    pub(crate) by: String,
    #[schema(example = "the contract is signed")]
    pub(crate) why: String,
    #[schema(value_type = String, format = DateTime, example = "2026-11-20T02:00:00Z")]
    pub(crate) at: Timestamp,
}

impl From<ExpiryTier> for Tier {
    fn from(tier: ExpiryTier) -> Self {
        match tier {
            ExpiryTier::Urgent => Self::Urgent,
            ExpiryTier::Warning => Self::Warning,
            ExpiryTier::Notice => Self::Notice,
            ExpiryTier::Expired => Self::Expired,
        }
    }
}

impl From<Announced> for InstitutionAnnounced {
    fn from(last: Announced) -> Self {
        Self { on: last.on, tier: last.tier.into(), expiry_date: last.expires }
    }
}

impl From<Acknowledgement> for InstitutionAcknowledged {
    fn from(said: Acknowledgement) -> Self {
        Self { until: said.until, by: said.by, why: said.why, at: said.at }
    }
}

impl InstitutionAnswer {
    /// Shows an institution on the day `today`.
    pub(crate) fn new(tracked: TrackedInstitution, tiers: &TierThresholds, today: LocalDate) -> Self {
        let acknowledged = tracked.quiet(today).cloned().map(InstitutionAcknowledged::from);
        let TrackedInstitution { institution: one, announced, .. } = tracked;
        let days = today.days_until(one.expires);
        Self {
            uid: one.uid,
            name: one.name,
            expiry_date: one.expires,
            days_until_expiry: days,
            tier: tiers.tier(days).map(Tier::from),
            contact_person: one.contact,
            contact_number: one.phone,
            address: one.address,
            plan_name: one.plan,
            account_limit: one.account_limit,
            announced: announced.map(InstitutionAnnounced::from),
            acknowledged,
        }
    }
}
