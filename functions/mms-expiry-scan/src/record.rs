//! A record of MMS as an institution. Nothing of it is certain to be there: nulls and missing fields are ordinary.

use chrono::{DateTime, NaiveDateTime};
use serde_json::Value;
use shared::domain::expiry::{Institution, ZONE};
use shared::domain::ids::InstitutionUid;
use shared::domain::time::{LocalDate, Timestamp};

/// The kinds of contact numbers that are shown: the first entry of either counts.
const SHOWN_NUMBERS: [i64; 2] = [1, 2];

/// The institution of a record, or the field for which it cannot be one.
pub(crate) fn institution(record: &Value) -> Result<Institution, &'static str> {
    let uid = text(record.get("uid")).ok_or("uid")?;
    let uid = InstitutionUid::parse(&uid).map_err(|_| "uid")?;
    let expires = record.get("expirationTime").and_then(Value::as_str).and_then(day).ok_or("expirationTime")?;
    let plan = record.get("purchasePlan");
    let of_plan = |name: &str| text(plan.and_then(|plan| plan.get(name)));
    Ok(Institution {
        name: text(record.get("name")).unwrap_or_else(|| uid.to_string()),
        uid,
        expires,
        contact: contact(record),
        phone: phone(record.get("contactNumbers")),
        address: text(record.get("address")),
        plan: of_plan("name"),
        account_limit: of_plan("accountLimit").or_else(|| text(record.get("accountLimit"))),
    })
}

/// What a record is called that cannot be read: its uid if it has one, else its place.
pub(crate) fn label(record: &Value, page: u32, place: usize) -> String {
    let uid = text(record.get("uid")).and_then(|uid| InstitutionUid::parse(&uid).ok());
    uid.map_or_else(|| format!("page {page}, record {place}"), |uid| format!("uid {uid}"))
}

/// A text or a number that is not empty.
fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn contact(record: &Value) -> Option<String> {
    let parts = ["ownerLastName", "ownerFirstName"].map(|name| text(record.get(name)));
    let name = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    (!name.is_empty()).then_some(name)
}

fn phone(numbers: Option<&Value>) -> Option<String> {
    let is_shown =
        |entry: &&Value| entry.get("type").and_then(Value::as_i64).is_some_and(|kind| SHOWN_NUMBERS.contains(&kind));
    numbers?.as_array()?.iter().filter(is_shown).find_map(|entry| text(entry.get("number")))
}

/// The day in Taipei of an ISO 8601 instant; one without an offset is taken for Taipei's time, a mere day for itself.
fn day(text: &str) -> Option<LocalDate> {
    let text = text.trim();
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(Timestamp::new(instant.to_utc()).day(ZONE));
    }
    let local = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"];
    let local = local.into_iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    local.map_or_else(|| LocalDate::parse(text).ok(), |local| LocalDate::parse(&local.date().to_string()).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_institution_is_read_with_all_that_the_document_lists() {
        let record = json!({
            "name": " 晨光教室 ", "uid": "ORG-1", "expirationTime": "2026-11-30T16:00:00.000Z", "ownerLastName": "林",
            "ownerFirstName": "小明", "address": "台北市虛構路 1 號",
            "contactNumbers": [{ "type": 3, "number": "1" }, { "type": 2, "number": "02-5550-0101" }, { "type": 1, "number": "2" }],
            "purchasePlan": { "name": "標準版", "accountLimit": 50 }, "unknown": { "deep": [1] },
        });
        let read = institution(&record).unwrap();
        assert_eq!(read.uid.as_str(), "ORG-1");
        // Midnight in Taipei.
        assert_eq!(read.expires.to_string(), "2026-12-01");
        assert_eq!((read.name.as_str(), read.contact.as_deref()), ("晨光教室", Some("林 小明")));
        assert_eq!((read.phone.as_deref(), read.address.as_deref()), (Some("02-5550-0101"), Some("台北市虛構路 1 號")));
        assert_eq!((read.plan.as_deref(), read.account_limit.as_deref()), (Some("標準版"), Some("50")));
    }

    #[test]
    fn what_is_missing_or_null_is_absent_and_never_the_word_none() {
        let record = json!({
            "uid": 42, "expirationTime": "2026-12-01", "name": null, "ownerLastName": null, "ownerFirstName": "",
            "contactNumbers": null, "address": " ", "purchasePlan": null,
        });
        let read = institution(&record).unwrap();
        assert_eq!((read.name.as_str(), read.uid.as_str()), ("42", "42"));
        let rest = [read.contact, read.phone, read.address, read.plan, read.account_limit];
        assert_eq!(rest, [const { None::<String> }; 5]);
    }

    #[test]
    fn what_cannot_be_an_institution_names_its_field() {
        for (record, field, label) in [
            (json!({ "uid": "a", "name": "x" }), "expirationTime", "uid a"),
            (json!({ "uid": "a", "expirationTime": null }), "expirationTime", "uid a"),
            (json!({ "uid": "a", "expirationTime": "soon" }), "expirationTime", "uid a"),
            (json!({ "uid": "a", "expirationTime": "2026-02-30" }), "expirationTime", "uid a"),
            (json!({ "uid": "a", "expirationTime": 1_764_547_200 }), "expirationTime", "uid a"),
            (json!({ "uid": "", "expirationTime": "2026-12-01" }), "uid", "page 3, record 7"),
            (json!({ "uid": "two words", "expirationTime": "2026-12-01" }), "uid", "page 3, record 7"),
            (json!("an institution"), "uid", "page 3, record 7"),
            (json!(null), "uid", "page 3, record 7"),
        ] {
            assert_eq!(institution(&record).unwrap_err(), field, "{record}");
            assert_eq!(super::label(&record, 3, 7), label, "{record}");
        }
    }

    #[test]
    fn an_instant_without_an_offset_is_taipeis() {
        let days = [
            ("2026-11-30T15:59:59Z", "2026-11-30"),
            ("2026-11-30T16:00:00Z", "2026-12-01"),
            ("2026-12-01T00:30:00+09:00", "2026-11-30"),
            ("2026-11-30T23:00:00", "2026-11-30"),
            ("2026-11-30 23:00:00.5", "2026-11-30"),
        ];
        for (text, expected) in days {
            assert_eq!(day(text).unwrap().to_string(), expected, "{text}");
        }
    }
}
