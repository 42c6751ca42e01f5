//! Sample of a list, with titles as workshops write them.

/// The sample as CSV. Excel takes it for UTF-8 only after a byte order mark, and its semicolons for separators in Indonesia.
pub(crate) const TEXT: &str = "\u{feff}Nama;No HP;Email;Sapaan;No Polisi;Tgl Servis Terakhir;Interval (bulan)\r\n\
    Budi Santoso;0855-1234-567;budi@customer.example;Bapak;B 1234 ABC;18 Agustus 2024;4\r\n\
    Sari Lestari;0855-7654-321;;Ibu;D 4321 XYZ;2 September 2024;6\r\n\
    PT Contoh Jaya;0855-1111-222;kantor@company.example;tanpa;L 8765 QA;30 Juli 2024;3\r\n";
