//! Customer of the workshop as requests describe it.

use serde::{Deserialize, Serialize};
use shared::domain::values::ids::{CustomerId, EmailAddress};
use shared::domain::values::time::Zone;
use shared::domain::workshop::phone::{InvalidPhone, Phone};
use shared::domain::workshop::salutation::Salutation;
use shared::domain::workshop::vehicles::{Customer, PersonName, ZONE};
use utoipa::ToSchema;

/// Most vehicles of a customer in one response.
pub(crate) const MOST_LISTED: usize = 1_000;

/// Customer to be stored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CustomerBody {
    /// Name used in messages: one line, with a letter or digit in it.
    #[schema(value_type = String, min_length = 1, max_length = 100, example = "Budi Santoso")]
    name: PersonName,
    /// Indonesian mobile number in any usual notation, also as a link to its chat (`wa.me/…`); reminders are sent to it by
    /// WhatsApp. Digits that stand apart, such as a decimal part (`.0`), refuse it.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "0855-1234-567")]
    pub(crate) phone: PhoneAsWritten,
    /// Word before the name in messages. It gives way to one in the name (`Ibu Sari`), and a company (`PT …`) gets none. Default:
    /// the stored one, and `bapak` for a new customer.
    pub(crate) salutation: Option<SalutationField>,
    /// Mail address, stored for the workshop; no mail is sent to it. Default: none.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 254, example = "budi@customer.example")]
    email: Option<EmailAddress>,
    /// True opts the number out of reminders, false ends its opt-out. Default: an opt-out stays, also under another number.
    #[schema(example = false)]
    pub(crate) opted_out: Option<bool>,
    /// Time zone of the customer, in which reminders have their send hours. Default: `Asia/Jakarta`.
    time_zone: Option<CustomerZone>,
}

/// Time zone of Indonesia by its tz database name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
pub(crate) enum CustomerZone {
    #[serde(rename = "Asia/Jakarta")]
    Jakarta,
    /// Has the time of Jakarta, and is stored as `Asia/Jakarta`.
    #[serde(rename = "Asia/Pontianak")]
    Pontianak,
    #[serde(rename = "Asia/Makassar")]
    Makassar,
    #[serde(rename = "Asia/Jayapura")]
    Jayapura,
}

/// Word before a customer's name in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SalutationField {
    Bapak,
    Ibu,
    /// The name alone.
    None,
}

/// Phone number in a notation that people use.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct PhoneAsWritten(pub(crate) Phone);

/// Refusal of a text as a [`PhoneAsWritten`].
#[derive(Debug, thiserror::Error)]
#[error("this {0}")]
pub(crate) struct UnusablePhone(InvalidPhone);

impl TryFrom<String> for PhoneAsWritten {
    type Error = UnusablePhone;

    fn try_from(text: String) -> Result<Self, UnusablePhone> {
        Phone::parse(&text).map(Self).map_err(UnusablePhone)
    }
}

impl From<CustomerZone> for Zone {
    fn from(zone: CustomerZone) -> Self {
        match zone {
            CustomerZone::Jakarta | CustomerZone::Pontianak => Self::Jakarta,
            CustomerZone::Makassar => Self::Makassar,
            CustomerZone::Jayapura => Self::Jayapura,
        }
    }
}

impl From<SalutationField> for Salutation {
    fn from(field: SalutationField) -> Self {
        match field {
            SalutationField::Bapak => Self::Bapak,
            SalutationField::Ibu => Self::Ibu,
            SalutationField::None => Self::None,
        }
    }
}

impl From<Salutation> for SalutationField {
    fn from(salutation: Salutation) -> Self {
        match salutation {
            Salutation::Bapak => Self::Bapak,
            Salutation::Ibu => Self::Ibu,
            Salutation::None => Self::None,
        }
    }
}

impl CustomerBody {
    /// The customer to store under an id, with the default salutation unless the request has one.
    pub(crate) fn customer(self, id: CustomerId) -> Customer {
        Customer {
            id,
            name: self.name,
            phone: self.phone.0,
            email: self.email,
            salutation: self.salutation.map(Salutation::from).unwrap_or_default(),
            zone: self.time_zone.map_or(ZONE, Zone::from),
        }
    }
}
