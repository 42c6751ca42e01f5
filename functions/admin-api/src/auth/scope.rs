//! Scopes of tokens.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Permission of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    /// Read state, history and statistics.
    Read,
    /// Change state or request something from ECPay.
    Operate,
    /// Customers and their vehicles.
    Customers,
    /// The schedule of reminders and their runs.
    Reminders,
    /// Institutions of MMS and their scans.
    Institutions,
}

impl Scope {
    pub(crate) const ALL: [Self; 5] = [Self::Read, Self::Operate, Self::Customers, Self::Reminders, Self::Institutions];

    /// Name in tokens and answers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Customers => "customers",
            Self::Reminders => "reminders",
            Self::Institutions => "institutions",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// True for a scope that a JSON Web Token may have, too.
    pub(crate) const fn is_of_apps(self) -> bool {
        match self {
            Self::Read | Self::Operate => false,
            Self::Customers | Self::Reminders | Self::Institutions => true,
        }
    }
}
