//! Parses a record of MMS's list. Any field may be missing or null; only uid and expiry are required.

use serde_json::Value;
use shared::domain::institutions::tracked_institution::Institution;
use shared::domain::values::ids::InstitutionUid;

use crate::mms::expiry_day::expiry_day;

/// Longest text kept, in characters.
const LONGEST_TEXT: usize = 500;
/// `type` of the contact numbers to show, as a number or as text: the first entry of either type is taken.
const SHOWN_NUMBERS: [&str; 2] = ["1", "2"];

/// A record of the list.
#[derive(Debug)]
pub(crate) enum Record {
    Institution(Institution),
    Unreadable(Unreadable),
}

/// A record that is no institution.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// Uid, or page and position, for reports.
    pub(crate) label: String,
    /// Required field that is missing or malformed.
    pub(crate) field: &'static str,
    /// Uid of an institution that MMS still lists.
    pub(crate) uid: Option<InstitutionUid>,
}

/// Reads the record at a place, counted from 1, of a page.
pub(crate) fn read(record: &Value, page: u32, place: usize) -> Record {
    match institution(record) {
        Ok(institution) => Record::Institution(institution),
        Err(field) => Record::Unreadable(Unreadable { label: label(record, page, place), field, uid: uid(record) }),
    }
}

/// Parses an institution, or returns the name of the required field that is missing or malformed.
fn institution(record: &Value) -> Result<Institution, &'static str> {
    let uid = uid(record).ok_or("uid")?;
    let expires = record.get("expirationTime").and_then(Value::as_str).and_then(expiry_day).ok_or("expirationTime")?;
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

/// Returns the uid of a record, if it has a valid one.
fn uid(record: &Value) -> Option<InstitutionUid> {
    InstitutionUid::parse(&text(record.get("uid"))?).ok()
}

/// Label of an unreadable record in reports: its uid if it has one, else page and position.
fn label(record: &Value, page: u32, place: usize) -> String {
    uid(record).map_or_else(|| format!("page {page}, record {place}"), |uid| format!("uid {uid}"))
}

/// Returns a non-empty text or a number as text, truncated to [`LONGEST_TEXT`].
fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => {
            Some(text.trim().chars().take(LONGEST_TEXT).collect()).filter(|text: &String| !text.is_empty())
        }
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
    // An entry without a type may be the number itself.
    let number = |entry: &Value| match entry.get("type").filter(|kind| !kind.is_null()) {
        Some(kind) if SHOWN_NUMBERS.contains(&text(Some(kind))?.as_str()) => text(entry.get("number")),
        Some(_) => None,
        None => text(Some(entry)).or_else(|| text(entry.get("number"))),
    };
    let numbers = numbers?;
    match numbers.as_array() {
        Some(numbers) => numbers.iter().find_map(number),
        None => number(numbers),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;
    use proptest::test_runner::{Config, RngSeed};
    use serde_json::{Map, json};

    use super::*;

    /// Configuration with a fixed seed: the same inputs each time.
    fn cases(cases: u32) -> Config {
        Config { cases, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..Config::default() }
    }

    /// Texts close to those of MMS, and arbitrary ones.
    fn odd() -> impl Strategy<Value = String> {
        let known = [
            "",
            " ",
            "INV-1",
            "two words",
            "\0",
            "N/A",
            "None",
            "2026-11-30",
            "2026-02-30",
            "2026-11-30T16:00:00.000Z",
            "2026-11-30T16:00:00+08:00",
            "2026-11-30 16:00:00",
            "20261130",
            "2026/11/30",
            "2026-11-30T24:00",
            "20261130T1600+08",
            "2026-11-30T16:00[Asia/Taipei]",
            "0000-01-01T00:00:00+14:00",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59-14:00",
            "+262142-12-31T23:59:59Z",
            "-0001-01-01T00:00:00",
            "-0001-01-01",
            "2026-11-30T23:59:60Z",
            "1764547200",
        ];
        prop_oneof![3 => select(known.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
    }

    /// Arbitrary JSON, preferably objects with the fields of an institution.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            3 => odd().prop_map(Value::from),
            1 => Just(Value::Null),
            1 => any::<bool>().prop_map(Value::from),
            1 => any::<i64>().prop_map(Value::from),
            1 => any::<f64>().prop_map(Value::from),
        ];
        let known = [
            "uid",
            "expirationTime",
            "name",
            "ownerLastName",
            "ownerFirstName",
            "contactNumbers",
            "address",
            "purchasePlan",
            "accountLimit",
            "type",
            "number",
        ];
        leaf.prop_recursive(4, 60, 8, move |inner| {
            let name = prop_oneof![9 => select(known.to_vec()).prop_map(str::to_owned), 1 => any::<String>()];
            let object = proptest::collection::vec((name, inner.clone()), 0..10);
            prop_oneof![
                1 => proptest::collection::vec(inner, 0..6).prop_map(Value::from),
                4 => object.prop_map(|fields| Value::from(fields.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    /// Objects with uids and days close to valid ones, and arbitrary other fields.
    fn near() -> impl Strategy<Value = Value> {
        (any_json(), odd(), odd()).prop_map(|(mut record, uid, expires)| {
            if let Some(fields) = record.as_object_mut() {
                fields.insert("uid".to_owned(), json!(uid));
                fields.insert("expirationTime".to_owned(), json!(expires));
            }
            record
        })
    }

    proptest! {
        #![proptest_config(cases(6_000))]

        #[test]
        fn any_record_is_an_institution_of_its_own_fields_or_names_the_one_that_is_wrong(
            record in prop_oneof![any_json(), near()], page in any::<u32>(), place in any::<usize>()
        ) {
            let label = label(&record, page, place);
            prop_assert!(label.chars().count() <= 70, "{}", label);
            match institution(&record) {
                Ok(read) => {
                    let uid = &record["uid"];
                    let uid = uid.as_str().map_or_else(|| uid.to_string(), |uid| uid.trim().to_owned());
                    prop_assert_eq!(read.uid.as_str(), uid);
                    prop_assert!(!read.name.is_empty());
                    // The next run reads it as stored.
                    let stored = serde_json::to_string(&read).unwrap();
                    prop_assert_eq!(serde_json::from_str::<Institution>(&stored).unwrap(), read.clone());
                    let text = record["expirationTime"].as_str().unwrap().trim();
                    let written = text.split(['T', ' ']).next().unwrap().replace(['-', '/'], "");
                    // An offset moves it by one day at most.
                    let near = (-1..=1).map(|days| read.expires.plus_days(days).to_string().replace('-', ""));
                    prop_assert!(near.into_iter().any(|day| day == written), "{} of {}", read.expires, text);
                }
                Err(field) => prop_assert!(["uid", "expirationTime"].contains(&field), "{}", field),
            }
        }
    }

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
    fn a_contact_number_is_shown_in_whatever_form_it_comes() {
        for (numbers, expected) in [
            (json!([{ "type": "1", "number": "0912-000-678" }]), Some("0912-000-678")),
            (json!([{ "type": " 2 ", "number": "0912-000-678" }]), Some("0912-000-678")),
            (json!([{ "type": 2.0, "number": "1" }, { "type": 1, "number": 912_000_678 }]), Some("912000678")),
            (json!(["", null, "0912-000-678", "0912-000-679"]), Some("0912-000-678")),
            (json!([{ "number": "0912-000-678" }]), Some("0912-000-678")),
            (json!([{ "type": null, "number": "0912-000-678" }]), Some("0912-000-678")),
            (json!("0912-000-678"), Some("0912-000-678")),
            (json!({ "type": "2", "number": "0912-000-678" }), Some("0912-000-678")),
            // The first of a shown type that has a number.
            (
                json!([{ "type": "3", "number": "1" }, { "type": "1", "number": " " }, { "type": "2", "number": "2" }]),
                Some("2"),
            ),
            (json!([{ "type": "3", "number": "1" }, { "type": "12", "number": "2" }]), None),
            (json!([{ "type": true, "number": "1" }, [], {}, false]), None),
        ] {
            assert_eq!(phone(Some(&numbers)).as_deref(), expected, "{numbers}");
        }
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
}
