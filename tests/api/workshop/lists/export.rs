//! Exported lists: they come back through a spreadsheet of any country as they were, and no cell is a formula.

use csv::ReaderBuilder;
use serde_json::json;

use testing::support::Sandbox;

const NOW: &str = "2025-12-16T10:00:00+07:00";

/// How Excel of a country shows a cell of a CSV file, and stores what it shows (support.microsoft.com, "Import or export text files";
/// its general number format has 11 digits at most).
fn shown(cell: &str, is_indonesian: bool) -> String {
    let text = cell.trim();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: f64 = text.parse().unwrap();
        return if number.abs() < 1e11 { format!("{number}") } else { format!("{number:.5E}").replace('E', "E+") };
    }
    let parts: Vec<&str> = text.split([' ', '-', '/']).collect();
    let months = if is_indonesian {
        ["Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des"]
    } else {
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    };
    let number = |text: &str| text.parse::<u32>().ok();
    let in_range =
        |text: &str, range: std::ops::RangeInclusive<u32>| number(text).is_some_and(|number| range.contains(&number));
    match parts.as_slice() {
        [year, month, day] if in_range(year, 1900..=9999) && in_range(month, 1..=12) && in_range(day, 1..=31) => {
            let (month, day) = (number(month).unwrap(), number(day).unwrap());
            if is_indonesian { format!("{day:02}/{month:02}/{year}") } else { format!("{month}/{day}/{year}") }
        }
        [day, month, year]
            if number(day).is_some() && number(year).is_some() && months.iter().any(|name| month.starts_with(name)) =>
        {
            format!("{day}-{}-{}", &month[..3], &year[2..])
        }
        [one, two] if in_range(one, 1..=12) && in_range(two, 1..=31) => {
            format!("{one}-{}", months[0])
        }
        _ => cell.to_owned(),
    }
}

/// A list after it was opened and stored by Excel whose lists are separated by `separator`.
fn stored_by_excel(list: &str, separator: u8) -> String {
    let text = list.strip_prefix('\u{feff}').unwrap();
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(text.as_bytes());
    let mut writer = csv::WriterBuilder::new().flexible(true).delimiter(separator).from_writer(Vec::new());
    for record in reader.records() {
        writer.write_record(record.unwrap().iter().map(|cell| shown(cell, separator == b';'))).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

#[tokio::test]
async fn an_export_comes_back_unchanged_through_excel_of_either_country() {
    let sandbox = Sandbox::at(NOW).await;
    let customers = [
        ("0012", "Santoso, Budi; S", "0812-1000-001"),
        ("1-2", "=HYPERLINK(\"http://a.example\")", "0812-1000-0012"),
        ("C-3", "a;=cmd|'/C calc'!A0", "0812-1000-00123"),
        ("MAR-1", "＝1+1", "0812-100-001"),
    ];
    for (place, (id, name, phone)) in customers.into_iter().enumerate() {
        let salutation = ["bapak", "ibu", "none", "ibu"][place];
        sandbox
            .keep(&format!("/customers/{id}"), json!({ "name": name, "phone": phone, "salutation": salutation }))
            .await;
        let vehicle = json!({ "customer_id": id, "last_visit_date": "2025-06-05", "next_visit_date": "2025-12-20",
            "interval_months": 3 * (1 + place) });
        sandbox.keep(&format!("/vehicles/B {place} XY"), vehicle).await;
    }
    let before = sandbox.items();
    for (id, _, _) in customers {
        for query in ["", "?separator=semicolon"] {
            let (headers, list) = sandbox.exported_as(id, query).await;
            assert_eq!(headers["x-content-type-options"], "nosniff");
            for separator in *b",;" {
                let back = stored_by_excel(&list, separator);
                let (_, answer) = sandbox.import(back.clone()).await;
                assert_eq!(
                    (&answer["unchanged"], &answer["rows"]),
                    (&json!(1), &json!(1)),
                    "{id} {query} {back}: {answer}"
                );
            }
        }
    }
    assert_eq!(sandbox.items(), before);
}

#[tokio::test]
async fn no_cell_of_an_export_is_a_formula_whatever_divides_it() {
    let sandbox = Sandbox::at(NOW).await;
    let names = ["=1+1", "a;=cmd|'/C calc'!A0", "a,@SUM(A1)", "＝1", "a|-1", "x; +1", "'=1"];
    for name in names {
        sandbox.keep("/customers/-1", json!({ "name": name, "phone": "0812-1000-001" })).await;
        let (_, list) = sandbox.exported_as("-1", "").await;
        let list = list.strip_prefix('\u{feff}').unwrap().to_owned();
        let (header, row) = list.split_once("\r\n").unwrap();
        assert_eq!(
            header,
            "\"customer_id\",\"name\",\"phone\",\"email\",\"salutation\",\"plate\",\"last_visit_date\",\"next_visit_date\",\
             \"interval_months\""
        );
        for cell in row.split([',', ';', '\t', '|', '\n']) {
            let begin = cell.trim_start_matches(['"', ' ']);
            assert!(!begin.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']), "{name}: {row}");
        }
        let (_, answer) = sandbox.import(list.clone()).await;
        assert_eq!(answer["unchanged"], 1, "{name}: {answer}");
    }
}
