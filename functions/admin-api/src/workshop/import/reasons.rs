//! Reasons in an import's answer, in English and Indonesian: the list's owner may read only one of them.

use shared::domain::workshop::phone::InvalidPhone;
use shared::domain::workshop::plate::InvalidPlate;

/// Reason in both languages. It follows the name of a column and does not repeat a cell, other than the readings of a date: the
/// answer must not carry personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) english: String,
    pub(crate) indonesian: String,
}

impl Reason {
    pub(crate) fn new(english: impl Into<String>, indonesian: impl Into<String>) -> Self {
        Self { english: english.into(), indonesian: indonesian.into() }
    }

    pub(crate) fn missing() -> Self {
        Self::new("is missing", "kosong")
    }

    /// Both languages in one sentence, for an error about the whole list.
    pub(crate) fn both(&self) -> String {
        format!("{} — {}", self.english, self.indonesian)
    }
}

/// Reason for a phone number that is refused.
pub(crate) fn phone(why: InvalidPhone) -> Reason {
    let indonesian = match why {
        InvalidPhone::NotANumber => "bukan nomor telepon",
        InvalidPhone::TooLong => "lebih dari 40 karakter",
        InvalidPhone::DecimalPart => {
            "berisi angka desimal yang ditambahkan spreadsheet; ubah format kolom menjadi teks lalu tulis nomornya tanpa itu"
        }
        InvalidPhone::StrayEnd => "diakhiri angka terpisah yang bukan bagian nomor; tulis nomornya saja",
        InvalidPhone::StrayBeginning => "diawali angka terpisah yang bukan bagian nomor; tulis nomornya saja",
        InvalidPhone::Letters => "berisi huruf; tulis nomornya saja",
        InvalidPhone::ScientificNotation => {
            "rusak oleh spreadsheet (notasi ilmiah); ubah format kolom menjadi teks lalu isi lagi nomornya"
        }
        InvalidPhone::Several => "berisi lebih dari satu nomor; tulis satu saja",
        InvalidPhone::OtherCountry => "nomor negara lain; hanya nomor Indonesia (+62) yang diingatkan",
        InvalidPhone::Ambiguous => "mungkin nomor negara lain; awali dengan 0 atau +62 jika nomor Indonesia",
        InvalidPhone::NotValid => "bukan nomor Indonesia yang benar; nomor HP adalah 08 dan 8 sampai 11 angka lagi",
        InvalidPhone::NotMobile => "bukan nomor HP",
        InvalidPhone::NotStored => "tidak tersimpan sebagai 628 dan 8 sampai 11 angka lagi",
    };
    Reason::new(why.to_string(), indonesian)
}

/// Reason for a plate that is refused.
pub(crate) fn plate(why: &InvalidPlate) -> Reason {
    let indonesian = match why {
        InvalidPlate::Form => "bukan nomor polisi yang benar",
        InvalidPlate::Remark => "berisi kata atau angka lain; tulis nomor polisinya saja",
        InvalidPlate::OneGroup => "pelat CD atau CC terdiri dari dua kelompok angka; beri spasi di antaranya",
        InvalidPlate::NotStored => "bukan nomor polisi yang tersimpan",
    };
    Reason::new(why.to_string(), indonesian)
}
