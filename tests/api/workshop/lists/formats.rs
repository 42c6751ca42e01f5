//! Lists as people have them: any spreadsheet's CSV, titles in two languages, rows for each visit.

use encoding_rs::{UTF_8, WINDOWS_1252};
use serde_json::{Value, json};

use testing::support::Sandbox;

const NOW: &str = "2025-12-16T10:00:00+07:00";

/// `[line, customer_id, name, phone, plate, last_visit_date]` of the first rows.
fn rows(answer: &Value) -> Vec<[String; 5]> {
    let shown = answer["first_rows"].as_array().unwrap_or_else(|| panic!("{answer}")).iter();
    shown
        .map(|row| {
            ["line", "name", "phone", "plate", "last_visit_date"].map(|name| row[name].to_string().replace('"', ""))
        })
        .collect()
}

fn remarks(list: &Value) -> Vec<String> {
    let one = |note: &Value| format!("{} {}: {}", note["line"], note["field"], note["reason"]).replace('"', "");
    list.as_array().unwrap().iter().map(one).collect()
}

async fn preview(sandbox: &Sandbox, list: impl Into<Vec<u8>>) -> Value {
    let (status, answer) = sandbox.import_as(list, "text/csv", "?dry_run=true").await;
    assert_eq!(status, 200, "{answer}");
    answer
}

/// The text in UTF-16, with a byte order mark or without.
fn utf_16(text: &str, mark: bool, bytes: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
    let mark = if mark { "\u{feff}" } else { "" };
    format!("{mark}{text}").encode_utf16().flat_map(bytes).collect()
}

#[tokio::test]
async fn every_encoding_and_separator_of_a_spreadsheet_is_read() {
    let sandbox = Sandbox::at(NOW).await;
    let cells = [
        ["Nama", "No HP", "No Polisi", "Tgl Servis Terakhir"],
        ["André, Budi; S", "0812-1000-001", "B 1234 ABC", "18 Agustus 2025"],
        ["Siti Aminah", "0812-1000-002", "B 5 XY", "2025-06-05"],
    ];
    let expected = [
        ["2", "André, Budi; S", "628121000001", "B 1234 ABC", "2025-08-18"],
        ["3", "Siti Aminah", "628121000002", "B 5 XY", "2025-06-05"],
    ];
    for separator in [",", ";", "\t"] {
        for end in ["\n", "\r\n", "\r"] {
            let line = |cells: &[&str; 4]| cells.map(|cell| format!("\"{cell}\"")).join(separator);
            let text = cells.each_ref().map(line).join(end) + end;
            let utf_8 = text.as_bytes().to_vec();
            let marked = format!("\u{feff}{text}").into_bytes();
            let western = WINDOWS_1252.encode(&text).0.into_owned();
            assert!(!UTF_8.decode_without_bom_handling(&utf_8).1 && UTF_8.decode_without_bom_handling(&western).1);
            let encoded = [
                utf_8,
                marked,
                western,
                utf_16(&text, true, u16::to_le_bytes),
                utf_16(&text, true, u16::to_be_bytes),
                utf_16(&text, false, u16::to_le_bytes),
                utf_16(&text, false, u16::to_be_bytes),
            ];
            for (place, list) in encoded.into_iter().enumerate() {
                let answer = preview(&sandbox, list).await;
                assert_eq!(rows(&answer), expected, "{separator:?} {end:?} {place}: {answer}");
            }
            let declared = preview(&sandbox, format!("\u{feff}sep={separator}\r\n{text}")).await;
            assert_eq!(rows(&declared)[0][0], "3", "the line that declares the separator counts");
            assert_eq!(rows(&declared)[1][1..], expected[1][1..]);
        }
    }
}

#[tokio::test]
async fn any_usual_content_type_and_a_form_are_taken() {
    let sandbox = Sandbox::at(NOW).await;
    let list = "nama,hp\nBudi Santoso,0812-1000-001\n";
    for kind in [
        "text/csv",
        "text/csv; charset=utf-8",
        "text/plain",
        "application/vnd.ms-excel",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "TEXT/CSV",
    ] {
        let (status, answer) = sandbox.import_as(list, kind, "?dry_run=true").await;
        assert_eq!((status.as_u16(), &answer["would_store"]), (200, &json!(1)), "{kind}: {answer}");
    }
    let form = format!(
        "--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nDecember\r\n--x\r\nContent-Disposition: form-data; \
         name=\"daftar\"; filename=\"daftar.csv\"\r\nContent-Type: text/csv\r\n\r\n{list}\r\n--x--\r\n"
    );
    let (status, answer) = sandbox.import_as(form, "multipart/form-data; boundary=x", "?dry_run=true").await;
    assert_eq!((status.as_u16(), &answer["would_store"]), (200, &json!(1)), "{answer}");
    for (kind, param) in [("application/json", "Content-Type"), ("multipart/form-data; boundary=y", "body")] {
        let (status, answer) = sandbox.import_as(list, kind, "").await;
        assert_eq!((status.as_u16(), &answer["error"]["param"]), (400, &json!(param)), "{kind}: {answer}");
    }
}

#[tokio::test]
async fn titles_above_the_header_other_columns_blank_rows_and_padding_do_no_harm() {
    let sandbox = Sandbox::at(NOW).await;
    let list = "DAFTAR PELANGGAN;;;;;\n;;;;;\nNo;NAMA PELANGGAN;Telp/WA;Merk;no. polisi;Tgl. Servis Terakhir;;\n\
        1;Budi Santoso;08121000001;Avanza;B 1234 ABC;18/08/2025;;\n;;;;;;;\n2;Siti Aminah;08121000002;Jazz;;;\n3;Ratna\n";
    let answer = preview(&sandbox, list).await;
    let columns: Vec<_> = answer["columns"].as_array().unwrap().iter().map(|one| one["read_as"].clone()).collect();
    let wanted = [json!(null), json!("name"), json!("phone"), json!(null), json!("plate"), json!("last_visit_date")];
    assert_eq!(columns, wanted);
    assert_eq!(answer["columns"][3]["title"], "Merk");
    assert_eq!(
        rows(&answer),
        [
            ["4", "Budi Santoso", "628121000001", "B 1234 ABC", "2025-08-18"],
            ["6", "Siti Aminah", "628121000002", "null", "null"]
        ]
    );
    assert_eq!((&answer["rows"], remarks(&answer["refused"])), (&json!(3), vec!["7 phone: is missing".to_owned()]));
    assert_eq!(answer["refused"][0]["reason_id"], "kosong");
}

#[tokio::test]
async fn a_customer_without_an_id_is_the_stored_one_or_gets_an_id_that_does_not_show_the_number() {
    let sandbox = Sandbox::at(NOW).await;
    sandbox.keep("/customers/C-1", json!({ "name": "Budi Santoso", "phone": "0812-1000-001" })).await;
    for id in ["C-8", "C-9"] {
        sandbox.keep(&format!("/customers/{id}"), json!({ "name": "Keluarga", "phone": "0812-1000-009" })).await;
    }
    let list = "nama,hp,nopol,tanggal\nBudi S.,0812-1000-001,B 1 A,2025-08-18\nSiti,0812-1000-002,B 2 A,2025-08-18\n\
        Siti,0812-1000-002,B 3 A,2025-08-18\nKeluarga,0812-1000-009,B 4 A,2025-08-18\n";
    let (_, first) = sandbox.import(list).await;
    assert_eq!((&first["stored"], &first["refused_count"]), (&json!(3), &json!(1)), "{first}");
    assert!(remarks(&first["refused"])[0].starts_with("5 customer_id: "), "{first}");
    assert_eq!(sandbox.seen("/vehicles/B1A").await["customer_id"], "C-1");
    let owner = sandbox.seen("/vehicles/B2A").await["customer_id"].as_str().unwrap().to_owned();
    assert_eq!(sandbox.seen("/vehicles/B3A").await["customer_id"], owner.as_str());
    assert!(owner.starts_with("P-") && owner.len() == 22 && !owner.contains("81210"), "{owner}");
    let (_, again) = sandbox.import(list).await;
    assert_eq!((&again["stored"], &again["unchanged"]), (&json!(0), &json!(3)), "{again}");
    // Siti has another number, and hers was given to Ratna.
    sandbox.keep(&format!("/customers/{owner}"), json!({ "name": "Siti", "phone": "0812-1000-005" })).await;
    let (_, taken) = sandbox.import("nama,hp\nRatna,0812-1000-002\n").await;
    assert!(remarks(&taken["refused"])[0].starts_with("2 customer_id: belongs to a customer"), "{taken}");
    assert_eq!(sandbox.seen(&format!("/customers/{owner}")).await["name"], "Siti");
}

#[tokio::test]
async fn of_a_row_for_each_visit_the_latest_counts() {
    let sandbox = Sandbox::at(NOW).await;
    let list = "nama,hp,nopol,tanggal servis,email\nBudi,0812-1000-001,B 1 A,2024-12-01,\n\
        Budi Santoso,0812-1000-001,B 1 A,2025-08-18,\nBudi,0812-1000-001,b-1-a,2025-04-10,budi@customer.example\n\
        Siti,0812-1000-002,B 1 A,2025-07-01,\nRatna,0812-1000-003,B 2 A,2025-01-01,\n\
        Dewi,0812-1000-004,B 2 A,2025-09-01,\n";
    let (_, answer) = sandbox.import(list).await;
    let counts = ["rows", "stored", "older_visits", "refused_count"].map(|name| answer[name].as_u64().unwrap());
    assert_eq!(counts, [6, 2, 2, 2], "{answer}");
    let refused = remarks(&answer["refused"]);
    assert!(
        refused[0].starts_with("5 plate: is in line 3") && refused[1].starts_with("6 plate: is in line 7"),
        "{answer}"
    );
    assert_eq!(sandbox.seen("/vehicles/B2A").await["last_visit_date"], "2025-09-01");
    assert_eq!(sandbox.seen("/vehicles/B1A").await["last_visit_date"], "2025-08-18");
    let owner = sandbox.seen("/vehicles/B1A").await["customer_id"].as_str().unwrap().to_owned();
    let seen = sandbox.seen(&format!("/customers/{owner}")).await;
    assert_eq!((&seen["name"], &seen["email"]), (&json!("Budi Santoso"), &json!("budi@customer.example")));
}

#[tokio::test]
async fn a_date_with_two_readings_is_refused_with_both_unless_the_order_is_said() {
    let sandbox = Sandbox::at(NOW).await;
    let list = "nama;hp;nopol;tanggal\nBudi;0812-1000-001;B 1 A;05/06/2025\nSiti;0812-1000-002;B 2 A;18/06/2025\n";
    let answer = preview(&sandbox, list).await;
    assert_eq!(rows(&answer), [["3", "Siti", "628121000002", "B 2 A", "2025-06-18"]]);
    let reason = remarks(&answer["refused"])[0].clone();
    assert!(reason.starts_with("2 last_visit_date: may be 2025-05-06 or 2025-06-05"), "{reason}");
    let indonesian = answer["refused"][0]["reason_id"].as_str().unwrap();
    assert!(indonesian.contains("06 Mei 2025") && indonesian.contains("05 Juni 2025"), "{indonesian}");
    for (order, day) in [("dmy", "2025-06-05"), ("mdy", "2025-05-06")] {
        let query = format!("?dry_run=true&date_order={order}");
        let (_, answer) = sandbox.import_as(list, "text/csv", &query).await;
        assert_eq!(rows(&answer)[0][4], day, "{answer}");
    }
}

#[tokio::test]
async fn a_bad_optional_cell_loses_the_cell_and_a_word_for_nothing_is_nothing() {
    let sandbox = Sandbox::at(NOW).await;
    let list = "nama,hp,email,nopol,servis terakhir,servis berikutnya\n\
        Budi,0812-1000-001,tidak ada,B 1 A,2025-08-18,-\nSiti,0812-1000-002,siti@,B 2 A,2025-08-18,bulan depan\n\
        Ratna,0812-1000-003,n/a,-,-,\n";
    let (_, answer) = sandbox.import(list).await;
    assert_eq!((&answer["stored"], &answer["refused_count"]), (&json!(3), &json!(0)), "{answer}");
    let notes = remarks(&answer["notes"]);
    assert!(
        notes.len() == 2 && notes[0].starts_with("3 email") && notes[1].starts_with("3 next_visit_date"),
        "{notes:?}"
    );
    assert_eq!(sandbox.seen("/vehicles/B2A").await["next_visit_date"], "2025-12-18");
}

#[tokio::test]
async fn a_file_that_is_no_list_is_refused_by_name_without_its_content_and_stores_nothing() {
    let sandbox = Sandbox::at(NOW).await;
    let before = sandbox.items();
    let row = "Budi Santoso,0812-1000-001";
    let many: String = (0..20_001).map(|number| format!("Budi,0812{number:07}\n")).collect();
    let wide = format!("nama,hp{}\n{row}\n", ",x".repeat(99));
    let two_phones = format!("nama,hp,telepon\n{row},\n");
    let cases: [(Vec<u8>, &str, &str); 11] = [
        (Vec::new(), "header", "the list is empty"),
        (format!("nama,hp\n{many}").into_bytes(), "body", "more than 20000 rows"),
        (wide.into_bytes(), "body", "more than 100 columns"),
        (vec![b'x'; 6 * 1024 * 1024 + 1], "body", "larger than 6 MB"),
        (format!("{row}\n{row}\n").into_bytes(), "header", "phone numbers"),
        (b"nama,alamat\nBudi Santoso,Jakarta\n".to_vec(), "header", "tidak ada judul kolom untuk nomor HP"),
        (two_phones.into_bytes(), "header", "several columns may be phone"),
        (b"%PDF-1.7\x00\x01\x02".to_vec(), "body", "is no list"),
        (b"<html><table><tr><td>Budi".to_vec(), "body", "is no list"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec(), "body", "old Excel file"),
        (b"PK\x03\x04 and nothing else".to_vec(), "body", "cannot be read as an Excel file"),
    ];
    for (list, param, reason) in cases {
        let (status, answer) = sandbox.import(list).await;
        assert_eq!((status.as_u16(), answer["error"]["param"].as_str()), (400, Some(param)), "{reason}: {answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(reason) && !message.contains("Budi") && !message.contains("0812"), "{message}");
    }
    assert_eq!(sandbox.items(), before);
    let exact: String = (0..20_000).map(|number| format!("Budi,{number}\n")).collect();
    let (_, answer) = sandbox.import(format!("nama,hp\n{exact}")).await;
    assert_eq!((&answer["rows"], &answer["refused_count"]), (&json!(20_000), &json!(20_000)));
}

#[tokio::test]
async fn an_unclosed_quote_does_not_lose_rows_in_silence() {
    let sandbox = Sandbox::at(NOW).await;
    let list = "nama,hp,alamat\nBudi,0812-1000-001,\"Jl. Mawar\nSiti,0812-1000-002,Jl. Melati\nRatna,0812-1000-003,x\n";
    let answer = preview(&sandbox, list).await;
    assert_eq!((&answer["rows"], &answer["would_store"]), (&json!(1), &json!(0)), "{answer}");
    assert!(remarks(&answer["refused"])[0].contains("a quote may be unclosed"), "{answer}");
    let wider = "nama,hp,alamat,keterangan\nBudi,0812-1000-001,\"Jl. Mawar\nSiti,0812-1000-002,Jl. Melati\nRatna,0812-1000-003,x\n";
    assert_eq!(preview(&sandbox, wider).await["would_store"], 0);
    let commas = "nama,hp,alamat\nBudi,0812-1000-001,\"Jl. Mawar 5\nRT 1, RW 2, Jakarta\"\n";
    assert_eq!(preview(&sandbox, commas).await["would_store"], 1);
    let address = "nama,hp,alamat\nBudi,0812-1000-001,\"Jl. Mawar\nJakarta\"\n";
    assert_eq!(preview(&sandbox, address).await["would_store"], 1);
}

#[tokio::test]
async fn kilometres_are_no_dates() {
    let sandbox = Sandbox::at(NOW).await;
    let list = "nama;hp;nopol;tgl servis terakhir;servis berikutnya (km)\nBudi;0812-1000-001;B 1 A;18/08/2025;50000\n";
    let answer = preview(&sandbox, list).await;
    assert_eq!((&answer["would_store"], &answer["columns"][4]["read_as"]), (&json!(1), &json!(null)), "{answer}");
    let list = "nama;hp;nopol;servis terakhir\nBudi;0812-1000-001;B 1 A;45000\n";
    assert_eq!(preview(&sandbox, list).await["refused"][0]["field"], "last_visit_date");
}

#[tokio::test]
async fn of_two_columns_of_numbers_the_other_one_serves_rows_whose_first_has_none() {
    let sandbox = Sandbox::at(NOW).await;
    for (titles, answers) in [("No HP,No WA", false), ("No WA,No HP", true)] {
        let row = |hp: &str, wa: &str| if answers { format!("{wa},{hp}") } else { format!("{hp},{wa}") };
        let list = [
            format!("Nama,{titles}"),
            format!("Budi,{}", row("0812-1000-001", "0812-2000-001")),
            format!("Siti,{}", row("0812-1000-002", "")),
            format!("Agus,{}", row("0812-1000-003", "ya")),
            format!("Dewi,{}", row("", "0812-2000-004")),
            format!("Joko,{}", row("", "ada")),
            format!("Rini,{}", row("-", "-")),
        ];
        let answer = preview(&sandbox, list.join("\n")).await;
        let phones: Vec<String> =
            rows(&answer).into_iter().map(|[_, name, phone, ..]| format!("{name} {phone}")).collect();
        assert_eq!(phones, ["Budi 628122000001", "Siti 628121000002", "Agus 628121000003", "Dewi 628122000004"]);
        assert_eq!(remarks(&answer["notes"]).len(), 1, "{answer}");
        assert!(remarks(&answer["notes"])[0].starts_with("4 phone: ") && answer["refused_count"] == 2);
        let read: Vec<&Value> = answer["columns"].as_array().unwrap().iter().map(|column| &column["read_as"]).collect();
        assert_eq!(read, [&json!("name"), &json!("phone"), &json!("phone")]);
    }
}
