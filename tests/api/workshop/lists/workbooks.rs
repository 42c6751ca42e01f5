//! Lists as workbooks: files of three libraries, and files that are made to do harm.

use std::io::{Cursor, Write};
use std::path::Path;

use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};
use serde_json::{Value, json};
use testing::support::random::Random;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use testing::support::Sandbox;

const NOW: &str = "2025-12-16T10:00:00+07:00";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("lists").join(name)).unwrap()
}

async fn preview(sandbox: &Sandbox, list: Vec<u8>) -> (u16, Value) {
    let (status, answer) = sandbox.import_as(list, XLSX, "?dry_run=true").await;
    (status.as_u16(), answer)
}

/// `name phone plate last_visit_date` of the first rows.
fn rows(answer: &Value) -> Vec<String> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or("-").to_owned();
    let shown = answer["first_rows"].as_array().unwrap_or_else(|| panic!("{answer}")).iter();
    shown.map(|row| ["name", "phone", "plate", "last_visit_date"].map(|name| text(row, name)).join(" ")).collect()
}

#[tokio::test]
async fn the_workbooks_of_three_libraries_have_the_same_rows() {
    let sandbox = Sandbox::at(NOW).await;
    for (name, sheet, lines) in [
        ("openpyxl.xlsx", "Pelanggan", [5, 6, 8]),
        ("xlsxwriter.xlsx", "Data", [4, 5, 6]),
        ("exceljs.xlsx", "Sheet1", [2, 3, 4]),
    ] {
        let (status, answer) = preview(&sandbox, file(name)).await;
        assert_eq!((status, &answer["sheet"], &answer["rows"]), (200, &json!(sheet), &json!(3)), "{name}: {answer}");
        assert_eq!(
            rows(&answer),
            [
                "Budi Santoso 628121000001 B 1234 ABC 2025-08-18",
                "Siti Aminah 628121000002 B 5 XY 2025-06-05",
                "Ratna Dewi 628121000003 D 77 QQ 2025-10-31",
            ],
            "{name}"
        );
        let shown = answer["first_rows"].as_array().unwrap().iter().map(|row| row["line"].as_u64().unwrap());
        assert_eq!(shown.collect::<Vec<_>>(), lines, "{name}");
    }
}

/// A workbook with a row for each of so many vehicles.
fn many(rows: u32) -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_row(0, 0, ["Nama", "No HP", "No Polisi", "Tgl Servis Terakhir"]).unwrap();
    let day = Format::new().set_num_format("dd/mm/yyyy");
    for row in 1..=rows {
        sheet.write(row, 0, format!("Pelanggan {row}")).unwrap();
        sheet.write(row, 1, 628_120_000_000_f64 + f64::from(row)).unwrap();
        sheet.write(row, 2, format!("B {} XY", row % 10_000)).unwrap();
        sheet.write_with_format(row, 3, ExcelDateTime::from_ymd(2025, 8, 18).unwrap(), &day).unwrap();
    }
    book.save_to_buffer().unwrap()
}

#[tokio::test]
async fn numbers_and_dates_of_a_workbook_are_what_the_spreadsheet_shows() {
    let sandbox = Sandbox::at(NOW).await;
    let (_, answer) = sandbox.import_as(many(300), XLSX, "").await;
    assert_eq!((&answer["rows"], &answer["stored"]), (&json!(300), &json!(300)), "{answer}");
    let vehicle = sandbox.seen("/vehicles/B 300 XY").await;
    assert_eq!(vehicle["last_visit_date"], "2025-08-18");
    let owner = sandbox.seen(&format!("/customers/{}", vehicle["customer_id"].as_str().unwrap())).await;
    assert_eq!(owner["phone"], "628120000300");
}

#[tokio::test]
async fn an_address_of_several_lines_is_no_unclosed_quote_in_a_workbook() {
    let sandbox = Sandbox::at(NOW).await;
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_row(0, 0, ["Nama", "No HP", "Alamat"]).unwrap();
    sheet.write_row(1, 0, ["Budi", "0812-1000-001", "Jl. Mawar 5\nRT 1, RW 2, Jakarta, 12345"]).unwrap();
    let (_, answer) = preview(&sandbox, book.save_to_buffer().unwrap()).await;
    assert_eq!((&answer["would_store"], &answer["refused_count"]), (&json!(1), &json!(0)), "{answer}");
}

/// A minimal workbook with this XML as its sheet.
fn workbook_of(sheet: &[u8]) -> Vec<u8> {
    const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let relation = |kind: &str, target: &str| {
        format!(
            "<Relationships><Relationship Id=\"r1\" Type=\"{RELATIONS}/{kind}\" Target=\"{target}\"/></Relationships>"
        )
    };
    let book = format!(
        "<workbook xmlns:r=\"{RELATIONS}\"><sheets><sheet name=\"A\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
    );
    let parts = [
        ("_rels/.rels", relation("officeDocument", "xl/workbook.xml")),
        ("xl/workbook.xml", book),
        ("xl/_rels/workbook.xml.rels", relation("worksheet", "worksheets/sheet1.xml")),
    ];
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in &parts {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.start_file("xl/worksheets/sheet1.xml", SimpleFileOptions::default()).unwrap();
    archive.write_all(sheet).unwrap();
    archive.finish().unwrap().into_inner()
}

fn cell(at: &str, text: &str) -> String {
    format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
}

fn sheet(rows: &str) -> Vec<u8> {
    format!("<worksheet><sheetData>{rows}</sheetData></worksheet>").into_bytes()
}

#[tokio::test]
async fn a_bomb_and_a_sheet_that_claims_a_million_columns_are_refused_by_name() {
    let sandbox = Sandbox::at(NOW).await;
    let header = format!("<row r=\"1\">{}{}</row>", cell("A1", "Nama"), cell("B1", "HP"));
    let row = format!("<row r=\"2\">{}{}</row>", cell("A2", "Budi"), cell("B2", "081210000001"));
    let (status, answer) = preview(&sandbox, workbook_of(&sheet(&format!("{header}{row}")))).await;
    assert_eq!((status, &answer["would_store"]), (200, &json!(1)), "{answer}");
    // The last cell that a sheet has: a table from the first to it would take 500 GB.
    let far = format!("{header}<row r=\"1048576\">{}</row>", cell("XFD1048576", "x"));
    let mut bomb = sheet(&header);
    bomb.resize(50 * 1024 * 1024 + 1, b' ');
    for (list, reason) in [(sheet(&far), "more than 100 columns"), (bomb, "larger than 50 MB when it is unpacked")] {
        let list = workbook_of(&list);
        assert!(list.len() < 200_000, "{}", list.len());
        let (status, answer) = preview(&sandbox, list).await;
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(status == 400 && message.contains(reason), "{answer}");
    }
    let low =
        format!("{header}<row r=\"1048576\">{}{}</row>", cell("A1048576", "Budi"), cell("B1048576", "081210000001"));
    let (_, answer) = preview(&sandbox, workbook_of(&sheet(&low))).await;
    assert_eq!(answer["first_rows"][0]["line"], 1_048_576);
}

#[tokio::test]
async fn a_damaged_workbook_is_answered_and_never_a_defect() {
    let sandbox = Sandbox::at(NOW).await;
    let whole = file("openpyxl.xlsx");
    let mut random = Random::scrambled(16);
    for _ in 0..200 {
        let mut list = whole.clone();
        for _ in 0..1 + random.below(8) {
            let place = 4 + random.below(list.len() - 4);
            list[place] = u8::try_from(random.below(256)).unwrap();
        }
        if random.one_in(3) {
            list.truncate(4 + random.below(whole.len() - 4));
        }
        let (status, answer) = preview(&sandbox, list).await;
        assert!(status == 200 || status == 400, "{status}: {answer}");
    }
}
