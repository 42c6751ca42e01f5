//! Columns of a list, recognised by their titles in English and Indonesian.

use std::collections::{BTreeMap, BTreeSet};

use shared::domain::values::text::visible;

/// Column of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Column {
    CustomerId,
    Name,
    Phone,
    Email,
    Salutation,
    Plate,
    LastVisitDate,
    NextVisitDate,
    IntervalMonths,
}

/// Meaning of a word in a title.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    Number,
    Date,
    Id,
    Person,
    Name,
    Phone,
    Whatsapp,
    Mail,
    Salutation,
    Address,
    Plate,
    Registration,
    Vehicle,
    Visit,
    Last,
    Next,
    Interval,
    Month,
    Months,
    /// Says nothing about the column.
    Filler,
}

/// How sure a title is: of two columns with one meaning the surer one is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Certainty {
    /// `Tanggal` without a word about what happened then.
    Vague,
    Usual,
    /// A number that is said to be one of WhatsApp.
    Whatsapp,
    /// The name that an export has.
    Exact,
}

const WORDS: [(Word, &[&str]); 20] = [
    (Word::Number, &["no", "nomor", "nomer", "number", "num", "nmr"]),
    (Word::Date, &["tgl", "tanggal", "tggl", "date"]),
    (Word::Id, &["id", "kode", "code"]),
    (Word::Person, &["customer", "customers", "cust", "pelanggan", "konsumen", "pemilik", "owner", "client", "klien"]),
    (Word::Name, &["nama", "name"]),
    (
        Word::Phone,
        &[
            "hp",
            "hape",
            "handphone",
            "ponsel",
            "telp",
            "tlp",
            "tel",
            "telepon",
            "telpon",
            "telephone",
            "phone",
            "mobile",
            "cell",
            "cellphone",
            "seluler",
            "kontak",
            "contact",
            "hand",
            "telfon",
            "tlpn",
        ],
    ),
    (Word::Whatsapp, &["wa", "whatsapp", "whatsap"]),
    (Word::Mail, &["email", "mail", "surel"]),
    (Word::Salutation, &["sapaan", "panggilan", "salutation", "sebutan", "title"]),
    (Word::Address, &["alamat", "address"]),
    (Word::Plate, &["plat", "plate", "polisi", "pol", "nopol", "tnkb", "nrkb", "police"]),
    (Word::Registration, &["registration", "registrasi", "license", "licence"]),
    (Word::Vehicle, &["kendaraan", "mobil", "motor", "vehicle", "car", "unit"]),
    (Word::Visit, &["servis", "service", "visit", "kunjungan", "perawatan", "maintenance", "masuk", "datang"]),
    (Word::Last, &["terakhir", "last", "akhir", "latest", "terahir"]),
    (
        Word::Next,
        &["berikutnya", "berikut", "selanjutnya", "next", "mendatang", "jadwal", "due", "jatuh", "tempo", "rencana"],
    ),
    (Word::Interval, &["interval"]),
    (Word::Month, &["bulan", "bln", "month"]),
    (Word::Months, &["months"]),
    (
        Word::Filler,
        &[
            "lengkap", "full", "of", "the", "e", "aktif", "active", "hari", "dan", "and", "atau", "or", "in", "dalam",
            "1",
        ],
    ),
];

/// Words of remarks that leave the meaning of a title as it is.
const REMARKS: [&str; 20] = [
    "sesuai", "ktp", "stnk", "aktif", "active", "wajib", "required", "opsional", "optional", "diisi", "format",
    "contoh", "dd", "mm", "yy", "yyyy", "tgl", "bln", "thn", "wa",
];

impl Column {
    /// All columns in the order of an export.
    pub(crate) const ALL: [Self; 9] = [
        Self::CustomerId,
        Self::Name,
        Self::Phone,
        Self::Email,
        Self::Salutation,
        Self::Plate,
        Self::LastVisitDate,
        Self::NextVisitDate,
        Self::IntervalMonths,
    ];

    /// Name of the column in exports and answers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::CustomerId => "customer_id",
            Self::Name => "name",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Salutation => "salutation",
            Self::Plate => "plate",
            Self::LastVisitDate => "last_visit_date",
            Self::NextVisitDate => "next_visit_date",
            Self::IntervalMonths => "interval_months",
        }
    }

    /// Column of a name in exports and answers.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }

    /// The column that a title means, and how sure that is.
    pub(crate) fn of_title(title: &str) -> Option<(Self, Certainty)> {
        let title = visible(title);
        let title = title.trim();
        if let Some(column) = Self::ALL.into_iter().find(|column| column.name().eq_ignore_ascii_case(title)) {
            return Some((column, Certainty::Exact));
        }
        let spaced = between_cases(title);
        let readings = [Some(title), Some(spaced.as_str()), without_remark(title)];
        readings.into_iter().flatten().find_map(meaning)
    }
}

/// True for a title that says that the column has dates.
pub(crate) fn says_date(title: &str) -> bool {
    let is_exact = Column::of_title(title).is_some_and(|(_, certainty)| certainty == Certainty::Exact);
    let lower = between_cases(title).to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter_map(split_into_words);
    is_exact || words.flatten().any(|word| word == Word::Date)
}

/// The title without a remark in parentheses that says nothing about the column; other words there may change the meaning.
fn without_remark(title: &str) -> Option<&str> {
    let (title, remark) = title.split_once('(')?;
    let lower = remark.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.all(|word| REMARKS.contains(&word)).then_some(title)
}

fn meaning(title: &str) -> Option<(Column, Certainty)> {
    let lower = title.to_lowercase();
    let mut words = BTreeSet::new();
    for token in lower.split(|c: char| !c.is_alphanumeric()).filter(|token| !token.is_empty()) {
        words.extend(split_into_words(token)?);
    }
    let has = |word: Word| words.contains(&word);
    let only = |allowed: &[Word]| words.iter().all(|word| *word == Word::Filler || allowed.contains(word));
    use Word::{
        Address, Date, Id, Interval, Last, Mail, Month, Months, Name, Next, Number, Person, Phone, Plate, Registration,
        Salutation, Vehicle, Visit, Whatsapp,
    };
    let found = if has(Phone) || has(Whatsapp) {
        only(&[Phone, Whatsapp, Number, Person]).then_some(Column::Phone)
    } else if has(Mail) {
        only(&[Mail, Address, Person]).then_some(Column::Email)
    } else if has(Salutation) {
        // `Nama Panggilan` is a nickname.
        only(&[Salutation, Person]).then_some(Column::Salutation)
    } else if has(Plate) || has(Vehicle) && has(Number) || has(Registration) {
        let is_plate = has(Plate) || has(Vehicle) || has(Number);
        (is_plate && only(&[Plate, Number, Vehicle, Registration])).then_some(Column::Plate)
    } else if has(Interval) || has(Months) {
        // A bare `Bulan` may also be the month of the visit, whose number would be taken for the interval.
        only(&[Interval, Month, Months, Visit, Vehicle]).then_some(Column::IntervalMonths)
    } else if has(Next) {
        only(&[Next, Visit, Date, Vehicle]).then_some(Column::NextVisitDate)
    } else if has(Date) || has(Last) && has(Visit) {
        only(&[Last, Visit, Date, Vehicle]).then_some(Column::LastVisitDate)
    } else if has(Id) || has(Number) && has(Person) {
        only(&[Id, Person, Number]).then_some(Column::CustomerId)
    } else if has(Person) {
        only(&[Name, Person, Vehicle]).then_some(Column::Name)
    } else {
        (has(Name) && only(&[Name])).then_some(Column::Name)
    };
    let column = found?;
    let is_vague = match column {
        Column::LastVisitDate => !has(Last) && !has(Visit),
        Column::NextVisitDate => !has(Date) && !has(Visit),
        Column::IntervalMonths => !has(Month) && !has(Months),
        Column::CustomerId | Column::Name | Column::Phone | Column::Email | Column::Salutation | Column::Plate => false,
    };
    let certainty = if has(Whatsapp) { Certainty::Whatsapp } else { Certainty::Usual };
    Some((column, if is_vague { Certainty::Vague } else { certainty }))
}

/// The title with a blank where a capital follows a small letter: `LastVisit`.
fn between_cases(title: &str) -> String {
    let mut spaced = String::new();
    let mut was_lower = false;
    for c in title.chars() {
        if was_lower && c.is_uppercase() {
            spaced.push(' ');
        }
        was_lower = c.is_lowercase();
        spaced.push(c);
    }
    spaced
}

/// Divides a token such as `notelp` into known words; none if something is left.
fn split_into_words(token: &str) -> Option<Vec<Word>> {
    // The words of each beginning of the token that can be divided.
    let mut divided: BTreeMap<usize, Vec<Word>> = BTreeMap::from([(0, Vec::new())]);
    for (end, _) in token.char_indices().skip(1).chain([(token.len(), ' ')]) {
        let found = divided.iter().find_map(|(start, before)| {
            let (word, _) =
                WORDS.iter().find(|(_, names)| token.get(*start..end).is_some_and(|part| names.contains(&part)))?;
            Some([before.as_slice(), &[*word]].concat())
        });
        divided.extend(found.map(|words| (end, words)));
    }
    divided.remove(&token.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_in_both_languages_and_any_form_mean_their_column() {
        let titles = [
            (
                Column::CustomerId,
                "customer_id;Customer ID;ID;Kode;KODE PELANGGAN;ID Pelanggan;No. Pelanggan;kodecustomer;Cust. Code;id_customer",
            ),
            (
                Column::Name,
                "name;Name;NAMA;Nama Pelanggan;nama_customer;Customer Name;Nama Lengkap;Pelanggan;Pemilik;Nama Pemilik Kendaraan;CustomerName;Konsumen;Owner;Nama (sesuai KTP)",
            ),
            (
                Column::Phone,
                "phone;Phone Number;No HP;no. hp;No.HP;NoHP;Nomor HP;HP;Telp;No. Telp;No Telepon;Telepon;Nomor Telepon;No WA;WA;Nomor WhatsApp;WhatsApp;No HP/WA;Handphone;No. Handphone;Mobile;Mobile Phone;Ponsel;Kontak;notelp;phone_number;Nomor Telepon (aktif);No Telp / HP;HP 1;Telephone;No HP Pelanggan;contact number",
            ),
            (Column::Email, "email;E-mail;E-Mail;Email Address;Alamat Email;Surel;mail"),
            (
                Column::Salutation,
                "salutation;Sapaan;SAPAAN;Panggilan;Title;Salutation;Sapaan Pelanggan;customer_salutation",
            ),
            (
                Column::Plate,
                "plate;Plate Number;No Polisi;No. Polisi;NOPOL;No Pol;Nomor Polisi;Plat;Plat Nomor;No Plat;Plat No.;License Plate;Licence plate;Number Plate;No. Kendaraan;Nomor Kendaraan;Plat Mobil;TNKB;platnomor;Registration Number;No. Polisi Kendaraan;Vehicle Number",
            ),
            (
                Column::LastVisitDate,
                "last_visit_date;Last Visit;LastVisit;Last Service;Last Service Date;Tgl Servis Terakhir;Tanggal Service Terakhir;tgl_servis_terakhir;Servis Terakhir;Kunjungan Terakhir;Tanggal;Tgl;Date;Tgl. Servis;Tanggal Kunjungan;Tgl Masuk;Date of last visit;Visit Date;Service Date;tglservis",
            ),
            (
                Column::NextVisitDate,
                "next_visit_date;Next Visit;Next Service Date;Tgl Servis Berikutnya;Servis Berikutnya;Kunjungan Berikutnya;Jadwal Servis;Jatuh Tempo;Due Date;Tanggal Servis Selanjutnya;Rencana Servis;Jadwal",
            ),
            (
                Column::IntervalMonths,
                "interval_months;Interval;Interval Bulan;Interval (bulan);INTERVAL SERVIS;Interval Servis (bln);Months;Service Interval;Service interval in months;intervalbulan",
            ),
        ];
        for (column, names) in titles {
            for title in names.split(';') {
                assert_eq!(Column::of_title(title).map(|(column, _)| column), Some(column), "{title}");
            }
        }
    }

    #[test]
    fn other_titles_mean_none_of_the_columns() {
        for title in [
            "",
            "No",
            "No.",
            "Merk",
            "Tipe",
            "Nama Kendaraan",
            "Nama Mekanik",
            "Alamat",
            "Tanggal Lahir",
            "Kilometer",
            "KM",
            "Keterangan",
            "Service",
            "Jenis Servis",
            "Biaya",
            "Total",
            "Nama Bengkel",
            "Kode Pos",
            "No. Rangka",
            "No Mesin",
            "Tahun",
            "Warna",
            "HP 2",
            "Kode Kendaraan",
            "Nama Barang",
            "Kota",
            "No KTP",
            "Status",
            "Telp Rumah",
            "Nama (Mekanik)",
            "No HP (Sales)",
            "Tanggal (Lahir)",
            "Servis Berikutnya (KM)",
            "Hari",
            "Bulan",
            "Nama Panggilan",
            "Job Title",
            "Bulan Servis",
            "Interval (km)",
            "Jarak Tempuh",
            "Interval Oli",
        ] {
            assert_eq!(Column::of_title(title), None, "{title}");
        }
    }
}
