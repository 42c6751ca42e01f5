//! The workshop's pages of the console.

mod customers;
mod import;
mod schedule;
mod vehicles;

use testing::support::Sandbox;
use testing::support::console::{Page, Staff};

/// Text that a page must escape.
const HOSTILE: &str = "<b onclick=x>Sari</b> & \"Co\"";

/// The owner's desk on the morning of 16 December 2025 in Jakarta.
async fn desk() -> (Sandbox, Staff) {
    let sandbox = Sandbox::at("2025-12-16T09:00:00+07:00").await;
    let owner = sandbox.signed_in("owner").await;
    (sandbox, owner)
}

/// Uploads a file as a browser does.
async fn upload(sandbox: &Sandbox, staff: &Staff, file: &[u8], date_order: &str) -> Page {
    let boundary = "invented-boundary";
    let field = format!("--{boundary}\r\ncontent-disposition: form-data; name=\"date_order\"\r\n\r\n{date_order}\r\n");
    let head = format!(
        "--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"daftar.csv\"\r\ncontent-type: text/csv\r\n\r\n"
    );
    let end = format!("\r\n--{boundary}--\r\n");
    let body = [field.as_bytes(), head.as_bytes(), file, end.as_bytes()].concat();
    let request = sandbox.http.post(format!("{}/console/import", sandbox.base)).header("sec-fetch-site", "same-origin");
    let request = request.header("content-type", format!("multipart/form-data; boundary={boundary}"));
    staff.send(request.body(body)).await
}

/// Page to which a form led.
async fn after(staff: &Staff, posted: &Page) -> Page {
    assert_eq!(posted.status, 303, "{}", posted.text());
    let page = staff.get(posted.location()).await;
    assert_eq!(page.status, 200, "{}", page.text());
    page
}
