//! Answer to an import: what became of each row.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use shared::domain::values::ids::{CustomerId, EmailAddress};
use shared::domain::values::time::LocalDate;
use shared::domain::workshop::import::{Refused, RefusedReason, Row};
use shared::domain::workshop::latest_visits::ListedRow;
use shared::domain::workshop::phone::Phone;
use shared::domain::workshop::plate::Plate;
use shared::domain::workshop::vehicles::PersonName;
use shared::domain::workshop::visit_interval::VisitInterval;
use utoipa::ToSchema;

use crate::workshop::customer_fields::SalutationField;
use crate::workshop::import::file::ImportedTable;
use crate::workshop::import::header::Title;
use crate::workshop::import::reasons::Reason;
use crate::workshop::import::rows::Note;

/// Progress of an import.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ImportStatus {
    /// Rows are left, which are stored in the background.
    Running,
    Done,
}

/// Result of an import, or of its dry run.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct ImportAnswer {
    /// Id of an import that goes on in the background; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "9hJ2kQ7bXw3c")]
    pub(crate) import_id: Option<String>,
    /// Of an import that goes on in the background.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<ImportStatus>,
    /// Of an import that goes on in the background: rows that are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remaining: Option<usize>,
    /// True for a dry run; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dry_run: Option<bool>,
    /// Sheet that was read; absent for CSV.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Pelanggan")]
    pub(crate) sheet: Option<String>,
    /// Further visible sheets, which were not read; absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["Harga"]))]
    pub(crate) sheets_not_read: Vec<String>,
    /// Columns of the list in its order.
    pub(crate) columns: Vec<ImportColumn>,
    /// Rows of the list, without the header and blank rows.
    #[schema(example = 120)]
    pub(crate) rows: usize,
    /// Rows of which something was stored. Absent for a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 117)]
    pub(crate) stored: Option<u32>,
    /// Of a dry run: rows of which something would be stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) would_store: Option<u32>,
    /// Rows that were stored like this already.
    #[schema(example = 2)]
    pub(crate) unchanged: u32,
    /// Rows of earlier visits of a vehicle whose latest visit is in another row.
    #[schema(example = 0)]
    pub(crate) older_visits: usize,
    /// Refused rows in the order of the list.
    pub(crate) refused: Vec<ImportNote>,
    #[schema(example = 1)]
    pub(crate) refused_count: usize,
    /// Remarks on rows that are not refused: cells that are not stored, and rows of earlier visits.
    pub(crate) notes: Vec<ImportNote>,
    /// Of a dry run: the first rows as they were read, at most 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_rows: Option<Vec<ImportRow>>,
}

/// Column of a list.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct ImportColumn {
    /// Title in the list.
    #[schema(example = "No HP")]
    pub(crate) title: String,
    /// Column for which it is read; null if it is ignored.
    #[schema(value_type = Option<String>, example = "phone")]
    pub(crate) read_as: Option<Cow<'static, str>>,
}

/// Remark on a row.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct ImportNote {
    /// First line of the row; in a workbook the number of its row.
    #[schema(example = 17)]
    pub(crate) line: u64,
    /// Column at fault; `row` where the cells do not stand in their columns.
    #[schema(value_type = String, example = "phone")]
    pub(crate) field: Cow<'static, str>,
    /// Reason, without the cell's content.
    #[schema(example = "is not a mobile number")]
    pub(crate) reason: String,
    /// Reason in Indonesian.
    #[schema(example = "bukan nomor HP")]
    pub(crate) reason_id: String,
}

/// Row as it was read, with the id of its customer.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct ImportRow {
    #[schema(example = 2)]
    pub(crate) line: u64,
    #[schema(value_type = String, example = "C-1")]
    pub(crate) customer_id: CustomerId,
    #[schema(value_type = String, example = "Budi Santoso")]
    pub(crate) name: PersonName,
    /// Mobile number in international form without a plus.
    #[schema(value_type = String, example = "628551234567")]
    pub(crate) phone: Phone,
    /// Null: a stored address stays.
    #[schema(value_type = Option<String>, example = "budi@customer.example")]
    pub(crate) email: Option<EmailAddress>,
    /// Null: the stored one stays, and a new customer has `bapak`.
    #[schema(value_type = Option<String>, example = "ibu")]
    pub(crate) salutation: Option<SalutationField>,
    /// Null if the row has no vehicle.
    #[schema(value_type = Option<String>, example = "B 1234 ABC")]
    pub(crate) plate: Option<Plate>,
    #[schema(value_type = Option<String>, format = Date, example = "2025-08-18")]
    pub(crate) last_visit_date: Option<LocalDate>,
    /// Null: `interval_months` after the latest visit, or the stored one.
    #[schema(value_type = Option<String>, format = Date, example = "2025-12-20")]
    pub(crate) next_visit_date: Option<LocalDate>,
    /// Null: the stored ones stay, and a new vehicle has 4.
    #[schema(value_type = Option<u32>, example = 6)]
    pub(crate) interval_months: Option<VisitInterval>,
}

/// Columns of a table as the answer shows them.
pub(crate) fn columns(list: &ImportedTable) -> Vec<ImportColumn> {
    let shown = |title: &Title| ImportColumn {
        title: title.text.clone(),
        read_as: title.column.map(|column| column.name().into()),
    };
    list.header.titles.iter().filter(|title| !title.text.is_empty()).map(shown).collect()
}

/// Remark on a row that the rules refuse.
pub(crate) fn refused(line: u64, Refused { field, reason }: Refused) -> Note {
    let indonesian = match reason {
        RefusedReason::Erased => "sudah dihapus atas permintaan".to_owned(),
        RefusedReason::NumberChanged => {
            "milik pelanggan yang nomornya sudah berubah; ubah lewat PUT /customers/{id}".to_owned()
        }
        RefusedReason::OtherOwner => "milik pelanggan lain; PUT /vehicles/{plate}?move=true memindahkannya".to_owned(),
        RefusedReason::Older => "lebih awal dari kunjungan terakhir yang tersimpan".to_owned(),
        RefusedReason::Conflict => "bentrok dengan perubahan lain; impor sekali lagi".to_owned(),
        RefusedReason::Unreadable => {
            "tersimpan dalam bentuk yang tidak terbaca; operator menemukannya di log".to_owned()
        }
        RefusedReason::DiffersFrom { line } => format!("berbeda dari baris {line} untuk pelanggan yang sama"),
        RefusedReason::OtherOwnerIn { line } => format!("ada di baris {line} dengan pelanggan lain"),
        RefusedReason::SeveralCustomers => "kosong, dan beberapa pelanggan memakai nomor HP ini".to_owned(),
    };
    Note { line, field: field.name(), reason: Reason::new(reason.to_string(), indonesian) }
}

impl From<Note> for ImportNote {
    fn from(Note { line, field, reason }: Note) -> Self {
        Self { line, field: field.into(), reason: reason.english, reason_id: reason.indonesian }
    }
}

impl From<&ListedRow> for ImportRow {
    fn from(ListedRow { line, row: Row { customer, vehicle } }: &ListedRow) -> Self {
        let vehicle = vehicle.as_ref();
        Self {
            line: *line,
            customer_id: customer.id.clone(),
            name: customer.name.clone(),
            phone: customer.phone.clone(),
            email: customer.email.clone(),
            salutation: customer.salutation.map(SalutationField::from),
            plate: vehicle.map(|vehicle| vehicle.plate.clone()),
            last_visit_date: vehicle.map(|vehicle| vehicle.last_visit),
            next_visit_date: vehicle.and_then(|vehicle| vehicle.next_visit),
            interval_months: vehicle.and_then(|vehicle| vehicle.interval),
        }
    }
}
