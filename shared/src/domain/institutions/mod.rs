//! Institutions of a Member Management System (MMS) whose accounts expire soon: urgency, and the announcements to staff.

pub mod digest_button;
pub mod expiry_tier;
pub mod reconcile;
pub mod tracked_institution;

use crate::domain::values::time::Zone;

/// Zone in which an institution's expiry date and the days of a digest are counted.
pub const ZONE: Zone = Zone::Taipei;
