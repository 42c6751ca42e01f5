//! Import in the console: from the file to the stored customers.

use std::fmt::Write;

use rust_xlsxwriter::Workbook;
use serde_json::{Value, json};

use super::{HOSTILE, after, desk, upload};

/// Id of the file that a preview has.
fn upload_id(address: &str) -> String {
    let id = address.split("upload=").nth(1).unwrap();
    id.split('&').next().unwrap().to_owned()
}

fn workbook(rows: &[[&str; 4]]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (row, cells) in rows.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            sheet.write(u32::try_from(row).unwrap(), u16::try_from(column).unwrap(), *cell).unwrap();
        }
    }
    workbook.save_to_buffer().unwrap()
}

#[tokio::test]
async fn the_sample_file_is_previewed_and_taken_over_as_it_is() {
    let (sandbox, owner) = desk().await;
    let page = owner.get("/console/import").await;
    assert!(page.body.contains("href=\"/console/import?sample=csv\""), "{}", page.body);
    let sample = owner.get("/console/import?sample=csv").await;
    assert_eq!(sample.headers["content-type"], "text/csv; charset=utf-8");
    let preview = after(&owner, &upload(&sandbox, &owner, sample.body.as_bytes(), "").await).await;
    let text = preview.text();
    for part in ["3 Rows", "3 Will be stored", "0 Refused", "No Polisi Plate", "Tgl Servis Terakhir Last visit"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("ignored"), "every column of the sample is read: {text}");
    let (_, fields) = preview.form("/console/import").unwrap();
    assert_eq!(fields["confirmed"], "yes");
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let result = owner.post("/console/import", &fields).await;
    assert_eq!(result.status, 200, "{}", result.text());
    assert!(result.text().contains("3 Stored"), "{}", result.text());
    let found = sandbox.seen("/customers?q=budi").await;
    assert_eq!(found["customers"][0]["vehicles"], json!(["B 1234 ABC"]));
    // The same file again has nothing new.
    let again = after(&owner, &upload(&sandbox, &owner, sample.body.as_bytes(), "").await).await;
    assert!(again.text().contains("3 Unchanged") && again.text().contains("nothing new"), "{}", again.text());
}

#[tokio::test]
async fn a_preview_marks_each_bad_cell_with_its_reason_and_stores_nothing() {
    let (sandbox, owner) = desk().await;
    let list = workbook(&[
        ["Nama", "No HP", "No Polisi", "Tgl Servis Terakhir"],
        [HOSTILE, "0855-1234-567", "B 1234 ABC", "18 Agustus 2025"],
        ["Tono", "not a phone", "B 2 C", "18 Agustus 2025"],
        ["Rina", "0855-1234-569", "zzz", "18 Agustus 2025"],
    ]);
    let posted = upload(&sandbox, &owner, &list, "").await;
    let preview = after(&owner, &posted).await;
    let text = preview.text();
    for part in ["3 Rows", "1 Will be stored", "2 Refused", HOSTILE, "Sheet: Sheet1"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!preview.body.contains("<b onclick"), "{}", preview.body);
    for (cell, reason) in [("not a phone", "is not a phone number"), ("zzz", "is not a valid plate")] {
        let marked = preview.body.split(&format!("<mark>{cell}</mark>")).nth(1).unwrap_or_else(|| panic!("{cell}"));
        let in_cell = marked.split("</td>").next().unwrap();
        assert!(in_cell.contains("class=\"bad\""), "{reason}: {in_cell}");
    }
    assert!(text.contains("bukan nomor telepon"), "the reason in Indonesian, too: {text}");
    let indonesian = owner.get(&format!("{}&lang=id", posted.location())).await.text();
    assert!(indonesian.contains("2 Ditolak") && indonesian.contains("bukan nomor polisi"), "{indonesian}");
    assert_eq!(sandbox.seen("/customers?q=sari").await["customers"], json!([]));
}

#[tokio::test]
async fn the_order_of_dates_is_chosen_without_a_second_upload() {
    let (sandbox, owner) = desk().await;
    let list = "nama,no hp,plat,tgl servis\nBudi,0855-1234-567,B 1234 ABC,05/06/2025\n";
    let posted = upload(&sandbox, &owner, list.as_bytes(), "").await;
    let preview = after(&owner, &posted).await;
    assert!(preview.text().contains("can be read in two ways"), "{}", preview.text());
    let id = upload_id(posted.location());
    let read = owner.get(&format!("/console/import?upload={id}&date_order=dmy")).await;
    assert!(read.text().contains("1 Will be stored") && !read.text().contains("two ways"), "{}", read.text());
    let form = [("upload", id.as_str()), ("date_order", "dmy"), ("confirmed", "yes")];
    assert_eq!(owner.post("/console/import", &form).await.status, 200);
    assert_eq!(sandbox.seen("/vehicles/B1234ABC").await["last_visit_date"], "2025-06-05");
}

#[tokio::test]
async fn a_file_that_is_no_list_or_is_gone_leads_back_to_the_form_with_the_reason() {
    let (sandbox, owner) = desk().await;
    for (file, reason) in [("", "Choose a file."), ("a,b\n1,2\n", "none of the first 20 rows has titles")] {
        let page = upload(&sandbox, &owner, file.as_bytes(), "dmy").await;
        assert_eq!(page.status, 400, "{}", page.text());
        assert!(page.text().contains(reason), "{}", page.text());
        assert!(page.body.contains("value=\"dmy\" checked"), "the choice is kept: {}", page.body);
    }
    let posted = upload(&sandbox, &owner, b"nama,no hp\nBudi,0855-1234-567\n", "").await;
    sandbox.advance(0.05).await;
    let owner = sandbox.signed_in("owner").await;
    let page = owner.get(posted.location()).await;
    assert_eq!(page.status, 404, "{}", page.text());
    assert!(page.text().contains("kept for an hour only"), "{}", page.text());
    let id = upload_id(posted.location());
    let page = owner.post("/console/import", &[("upload", &id), ("confirmed", "yes")]).await;
    assert_eq!(page.status, 404, "{}", page.text());
    assert_eq!(sandbox.seen("/customers?q=budi").await["customers"], json!([]));
}

#[tokio::test]
async fn a_list_that_takes_long_goes_on_and_its_page_shows_the_progress() {
    let (sandbox, owner) = desk().await;
    let mut list = "customer_id,name,phone,plate,last_visit_date\n".to_owned();
    for number in 0..400 {
        writeln!(list, "C-{number},Owner {number},0855{number:07},B {} XY,2025-08-18", number + 1).unwrap();
    }
    let posted = upload(&sandbox, &owner, list.as_bytes(), "").await;
    let id = upload_id(posted.location());
    let limit = |units: Value| sandbox.put("/sandbox/dynamodb/write-limit", json!({ "units_per_second": units }));
    limit(json!(300)).await;
    let started = owner.post("/console/import", &[("upload", &id), ("date_order", ""), ("confirmed", "yes")]).await;
    assert!(started.location().starts_with("/console/import/"), "{} {}", started.status, started.text());
    let page = owner.get(started.location()).await;
    let text = page.text();
    assert!(text.contains("is still being stored") && text.contains("400 Rows"), "{text}");
    assert!(page.body.contains(&format!("hx-get=\"{}\"", started.location())), "{}", page.body);
    limit(Value::Null).await;
    let done = loop {
        let page = owner.get(started.location()).await;
        if !page.body.contains("hx-get") {
            break page;
        }
    };
    assert!(done.text().contains("The list is stored.") && done.text().contains("0 Refused"), "{}", done.text());
}
