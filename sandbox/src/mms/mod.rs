//! The Member Management System, as far as the expiry scan needs it: the institutions by pages, behind a proxy that takes
//! the whole path as one encoded segment.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use chrono::{NaiveDate, TimeDelta};
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::world::World;
use crate::world::credentials::MMS_KEY;
use crate::world::faults::lost_response;
use crate::world::faults::{Fault, Service, pass};
use crate::world::state::State;

/// Only this function calls MMS.
const CALLER: &str = "MmsExpiryScan";
const BY_PAGE: &str = "admin/organization/get/info/byPage";
const LARGEST_PAGE: usize = 100;
const NOT_VALID: &str = "token not valid";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    page_number: usize,
    page_size: usize,
    organization_statuses: Vec<i64>,
    expiration_statuses: Vec<i64>,
    search_keyword: String,
}

pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new().route("/proxy/link-plus/{path}", post(by_page))
}

async fn by_page(
    Shared(world): Shared<Arc<World>>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if path != BY_PAGE {
        return StatusCode::NOT_FOUND.into_response();
    }
    world.count(CALLER, "mms", "byPage");
    let fault = match pass(world.meet_fault(|state| state.next_fault(Service::Mms)).await) {
        Ok(fault) => fault,
        Err(answer) => return answer,
    };
    if fault == Fault::Refuse || !authorised(&headers) {
        return (StatusCode::UNAUTHORIZED, failure(NOT_VALID)).into_response();
    }
    if fault == Fault::RefuseWithOk {
        return failure(NOT_VALID).into_response();
    }
    match Wanted::read(&body) {
        Err(why) => failure(&why).into_response(),
        Ok(_) if fault == Fault::AnswerLost => lost_response(),
        Ok(wanted) => {
            let page = wanted.page(&world.state().institutions, fault);
            if world.state().coming_institutions.is_some() {
                world.change(State::count_page);
            }
            Json(json!({ "status": "success", "data": { "data": page } })).into_response()
        }
    }
}

fn failure(why: &str) -> Json<Value> {
    Json(json!({ "status": "failure", "error": { "message": why } }))
}

/// The header contains the key alone, without a scheme.
fn authorised(headers: &HeaderMap) -> bool {
    headers.get(AUTHORIZATION).is_some_and(|key| key == MMS_KEY)
}

impl Wanted {
    fn read(body: &[u8]) -> Result<Self, String> {
        let wanted: Self = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        if wanted.page_number < 1 {
            return Err("pageNumber must be 1 or more".to_owned());
        }
        if !(1..=LARGEST_PAGE).contains(&wanted.page_size) {
            return Err(format!("pageSize must be 1 to {LARGEST_PAGE}"));
        }
        // MMS does not document the other numbers.
        if (wanted.organization_statuses.as_slice(), wanted.expiration_statuses.as_slice()) != (&[1], &[2]) {
            return Err("only organizationStatuses [1] with expirationStatuses [2] is simulated here".to_owned());
        }
        if !wanted.search_keyword.is_empty() {
            return Err("a search is not simulated here".to_owned());
        }
        Ok(wanted)
    }

    /// The page with its institutions, none after the last page, and the number of all. MMS documents no total; its name
    /// is that of common pagers.
    fn page(&self, institutions: &[Value], fault: Fault) -> Value {
        let mut pages = institutions.chunks(self.page_size);
        let repeats = matches!(fault, Fault::RepeatPage | Fault::RepeatPageWithTotal);
        let last = if repeats { pages.clone().next_back() } else { None };
        let records = pages.nth(self.page_number - 1).or(last).unwrap_or_default();
        let is_null = fault == Fault::NullPage && records.is_empty();
        let mut page = Map::from_iter([("pageData".to_owned(), if is_null { Value::Null } else { json!(records) })]);
        if !matches!(fault, Fault::RepeatPage | Fault::NoTotal) {
            page.insert("total".to_owned(), json!(institutions.len()));
        }
        Value::Object(page)
    }
}

struct Invented {
    /// Days until it expires, from the day of the demo.
    days: i64,
    name: &'static str,
    uid: &'static str,
    /// Last name and first name.
    owner: (&'static str, &'static str),
    /// Kind (as MMS numbers them) and phone number of each contact.
    contacts: &'static [(u8, &'static str)],
    address: &'static str,
    plan: &'static str,
}

const INVENTED: [Invented; 6] = [
    Invented {
        days: 45,
        name: "晨光才藝教室",
        uid: "INV-1001",
        owner: ("林", "虛構"),
        contacts: &[(1, "02-5550-0101")],
        address: "臺北市範例區虛構路 1 號",
        plan: "標準方案",
    },
    Invented {
        days: 7,
        name: "星河數學 & 科學教室",
        uid: "INV-1002",
        owner: ("陳", "假名"),
        contacts: &[(3, "02-5550-0199"), (2, "0900-000-102")],
        address: "新北市範例區虛構街 22 號",
        plan: "專業方案",
    },
    Invented {
        days: 0,
        name: "小樹苗語文補習班",
        uid: "INV-1003",
        owner: ("王", "範例"),
        contacts: &[(1, "03-5550-0103")],
        address: "桃園市範例區虛構大道 3 段 33 號",
        plan: "基本方案",
    },
    Invented {
        days: -1,
        name: "舊港美術工作室",
        uid: "INV-1004",
        owner: ("張", "樣本"),
        contacts: &[(1, "07-5550-0104")],
        address: "高雄市範例區虛構巷 4 號",
        plan: "基本方案",
    },
    Invented {
        days: 21,
        name: "青鳥音樂中心",
        uid: "INV-1005",
        owner: ("黃", "試用"),
        contacts: &[(2, "0900-000-105")],
        address: "臺中市範例區虛構路 55 號",
        plan: "標準方案",
    },
    Invented {
        days: 5,
        name: "海風程式學苑",
        uid: "INV-1006",
        owner: ("吳", "測試"),
        contacts: &[],
        address: "臺南市範例區虛構路 66 號",
        plan: "專業方案",
    },
];

/// Six invented institutions in MMS's own fields, in no order of their days: they expire at noon in Taipei, one the day
/// before `today` and the others 0, 5, 7, 21 and 45 days after it; `today` is a day in Taipei.
#[must_use]
pub fn invented(today: NaiveDate) -> Vec<Value> {
    INVENTED.iter().map(|one| one.record(today)).collect()
}

impl Invented {
    fn record(&self, today: NaiveDate) -> Value {
        let day = today.checked_add_signed(TimeDelta::days(self.days)).unwrap_or(today);
        let contacts: Vec<_> =
            self.contacts.iter().map(|(kind, number)| json!({ "type": kind, "number": number })).collect();
        json!({
            "name": self.name, "uid": self.uid, "expirationTime": format!("{day}T04:00:00.000Z"),
            "ownerLastName": self.owner.0, "ownerFirstName": self.owner.1, "contactNumbers": contacts,
            "address": self.address, "purchasePlan": { "name": self.plan },
        })
    }
}
