//! First page of the console.

use askama::Template;
use axum::response::Response;

use crate::console::page::frame::Frame;
use crate::console::page::visit::Visit;
use crate::http::response::Failure;

/// First page.
#[derive(Template)]
#[template(path = "console/today.html")]
struct TodayHtml {
    frame: Frame,
}

/// Shows what needs somebody today.
pub(crate) async fn show(visit: Visit) -> Result<Response, Failure> {
    visit.page(&TodayHtml { frame: visit.frame() })
}
