//! Signed callbacks changed in a hundred thousand ways: a wrong digest is refused without reading anything, what says
//! something else under the right digest is never applied, what says the same is taken as the same.

mod change;
mod meaning;

use std::collections::BTreeMap;

use sandbox::ecpay::{Fields, form_body};
use shared::domain::billing::payments::callback_kind::CallbackKind;
use shared::domain::billing::payments::payment::PaymentReport;
use shared::domain::values::time::Timestamp;
use shared::ecpay::callback;
use shared::ecpay::callback_form::VerifiedForm;
use shared::ecpay::check_mac_value::{HashKeys, VerificationKeys};

use self::change::WAYS;
use self::meaning::{Verdict, verdict};
use testing::support::random::Random;
use testing::support::{Reply, Sandbox, fields, first, period, scale, signed, with};

const SEED: u64 = 0x00DE_CADE;
const ORDER: &str = "DK20250131SAMPLE0001";
const CHARGED: &str = "2025/02/15 11:58:03";
/// A text that looks as much like fields as one may.
const FREE_TEXT: &str = "Pay Fail & a=b&Rz=1&zz_Top= ~'!*() %26 100%";

/// Callbacks that ECPay posts about `order`, by name.
fn fixtures(order: &str) -> Vec<(&'static str, CallbackKind, Fields)> {
    let mut extra = first(order, "1", CHARGED);
    extra.extend(fields(&[
        ("gwsr", "13401070"),
        ("process_date", CHARGED),
        ("auth_code", "777777"),
        ("amount", "899"),
        ("card4no", "2222"),
        ("card6no", "431195"),
        ("PeriodType", "M"),
        ("TotalSuccessTimes", "1"),
        ("ATMAccBank", ""),
    ]));
    let paid = period(order, "1", CHARGED, "2", "13401071");
    let failed = period(order, "10100058", CHARGED, "1", "");
    let mut unknown = with(&paid, "SimulatePaid", "0");
    unknown.extend(fields(&[("SimulateZone", "Abc"), ("AmountText", "a&b=C"), ("also_new", "")]));
    vec![
        ("first", CallbackKind::First, first(order, "1", CHARGED)),
        ("first with the extra fields", CallbackKind::First, extra),
        ("paid", CallbackKind::Period, paid),
        ("failed", CallbackKind::Period, failed.clone()),
        ("Chinese", CallbackKind::Period, with(&failed, "RtnMsg", "額度不足，請檢查卡片額度或餘額 é 😀")),
        ("free text", CallbackKind::Period, with(&failed, "RtnMsg", FREE_TEXT)),
        ("unknown fields", CallbackKind::Period, unknown),
    ]
}

fn keys() -> VerificationKeys {
    let current = HashKeys::new("pwFHCqoQZGmho4w6".to_owned(), "EkRm7iFT261dpevs".to_owned());
    let previous = HashKeys::new("inventedHashKey1".to_owned(), "inventedHashIV01".to_owned());
    VerificationKeys { current, previous: Some(previous) }
}

/// The report that the product takes a body for.
fn taken(kind: CallbackKind, body: &[u8]) -> Option<PaymentReport> {
    let received_at = Timestamp::parse("2025-02-15T04:00:00Z").unwrap();
    let form = VerifiedForm::verify(kind, body, &keys()).ok()?;
    callback::parse(&form, received_at).ok()
}

#[test]
fn of_a_hundred_thousand_changes_none_that_says_something_else_passes() {
    let wanted = scale::count(100_000);
    let mut random = Random::new(SEED);
    let mut seen: BTreeMap<(&str, Verdict), usize> = BTreeMap::new();
    let originals: Vec<_> = fixtures(ORDER)
        .into_iter()
        .map(|(name, kind, fields)| {
            let report = taken(kind, &form_body(&signed(&fields))).unwrap_or_else(|| panic!("{name} is taken"));
            (name, kind, signed(&fields), report)
        })
        .collect();
    let mut different = 0;
    for round in 0.. {
        let (name, kind, fields, report) = &originals[round % originals.len()];
        let (way, change) = WAYS[round / originals.len() % WAYS.len()];
        let body = change(&mut random, fields);
        let verdict = verdict(*kind, &form_body(fields), &body);
        let shown = || format!("round {round}, {name}, {way}: {}", String::from_utf8_lossy(&body));
        let read = taken(*kind, &body);
        match verdict {
            Verdict::Same => assert_eq!(read.as_ref(), Some(report), "{}", shown()),
            Verdict::Different => {
                // Whatever passes the first gate may read the store, so no wrong digest passes it.
                assert!(VerifiedForm::verify(*kind, &body, &keys()).is_err(), "{}", shown());
            }
            Verdict::Recut => assert_eq!(read, None, "{}", shown()),
            Verdict::Blind => {
                let read = read.map(|read| PaymentReport { rtn_msg: report.rtn_msg.clone(), ..read });
                assert!(read.is_none_or(|read| read == *report), "{}", shown());
            }
        }
        *seen.entry((way, verdict)).or_default() += 1;
        different += usize::from(verdict == Verdict::Different);
        if different == wanted {
            break;
        }
    }
    // Every way but those that keep the meaning or the digest made something that had to be refused.
    let harmless =
        ["in another order", "percent-encoded otherwise", "the digest in lower case", "letter case of a name"];
    let blind_to_digest = [
        "letter case of a value",
        "letter case of the order's number",
        "a field within the value before it",
        "a field within the name after it",
    ];
    for (way, _) in WAYS {
        let verdict = match way {
            _ if harmless.contains(&way) => Verdict::Same,
            _ if blind_to_digest.contains(&way) => Verdict::Recut,
            _ => Verdict::Different,
        };
        assert!(seen.contains_key(&(way, verdict)), "{way}: {seen:?}");
    }
    assert!(seen.keys().any(|(_, verdict)| *verdict == Verdict::Blind), "{seen:?}");
}

/// A sandbox with an order that was charged once.
async fn sandbox() -> (Sandbox, String) {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let order = sandbox.subscribe("mutations", "monthly").await;
    (sandbox, order)
}

const fn address(kind: CallbackKind) -> &'static str {
    match kind {
        CallbackKind::First => "ecpay-auth",
        CallbackKind::Period => "ecpay-billing",
    }
}

#[tokio::test]
async fn what_was_changed_is_refused_over_http_without_a_read_and_with_one_write_a_second() {
    let (sandbox, order) = sandbox().await;
    let before = sandbox.account(&order).await;
    let mut random = Random::new(SEED + 1);
    let fixtures = fixtures(&order);
    sandbox.forget_calls().await;
    let (mut refused, mut round, mut seconds) = (0, 0, 1);
    while refused < scale::count(2_000) {
        let (name, kind, fields) = &fixtures[round % fixtures.len()];
        let (way, change) = WAYS[round / fixtures.len() % WAYS.len()];
        round += 1;
        let fields = signed(fields);
        let body = change(&mut random, &fields);
        if verdict(*kind, &form_body(&fields), &body) != Verdict::Different {
            continue;
        }
        let reply = sandbox.callback(address(*kind), body).await;
        assert_eq!((reply.status, reply.body.starts_with("0|")), (400, true), "{name}, {way}: {reply:?}");
        refused += 1;
        if refused % 20 == 0 {
            sandbox.world.leap(sandbox.world.now() + chrono::TimeDelta::seconds(1));
            seconds += 1;
        }
    }
    let calls = sandbox.calls("dynamodb").await;
    assert_eq!(calls.keys().collect::<Vec<_>>(), ["UpdateItem"]);
    assert!(calls["UpdateItem"] <= seconds, "{calls:?} in {seconds} seconds");
    assert_eq!(sandbox.account(&order).await, before);
}

#[tokio::test]
async fn what_says_something_else_under_the_right_digest_is_acknowledged_and_never_applied() {
    let (sandbox, order) = sandbox().await;
    let before = sandbox.standing(&order).await;
    let mut random = Random::new(SEED + 3);
    let fixtures = fixtures(&order);
    let mut seen = 0;
    for round in 0.. {
        let (name, kind, fields) = &fixtures[round % fixtures.len()];
        let (way, change) = WAYS[round / fixtures.len() % WAYS.len()];
        let fields = signed(fields);
        let body = change(&mut random, &fields);
        if verdict(*kind, &form_body(&fields), &body) != Verdict::Recut {
            continue;
        }
        assert_eq!(sandbox.callback(address(*kind), body).await, Reply::ok(), "{name}, {way}");
        seen += 1;
        if seen == scale::count(1_000) {
            break;
        }
    }
    assert_eq!(sandbox.standing(&order).await, before);
    assert!(sandbox.quarantine_items().await.len() <= 100);
    assert_eq!(
        sandbox.get("/quarantine?limit=100").await["quarantine"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|report| report["merchant_trade_no"] == order.as_str())
            .count(),
        20
    );
}

#[tokio::test]
async fn what_says_the_same_is_applied_once_and_its_original_is_then_a_repeat() {
    let (sandbox, order) = sandbox().await;
    let mut random = Random::new(SEED + 2);
    let ways: Vec<_> = WAYS
        .into_iter()
        .filter(|(way, _)| ["in another order", "percent-encoded otherwise", "the digest in lower case"].contains(way))
        .collect();
    let rounds = scale::count(400);
    for number in 2..2 + rounds {
        // Failures, of which an order may have any number.
        let date = format!("2025/01/15 10:{:02}:{:02}", number / 60, number % 60);
        let report = period(&order, "10100252", &date, "1", &(14_000_000 + number).to_string());
        let original = signed(&with(&report, "RtnMsg", "paid in full, 交易成功"));
        let changed = ways[number % ways.len()].1(&mut random, &original);
        assert_eq!(verdict(CallbackKind::Period, &form_body(&original), &changed), Verdict::Same);
        sandbox.forget_calls().await;
        assert_eq!(sandbox.callback("ecpay-billing", changed).await, Reply::ok());
        assert_eq!(sandbox.calls("dynamodb").await.get("TransactWriteItems"), Some(&1));
        sandbox.forget_calls().await;
        assert_eq!(sandbox.callback("ecpay-billing", form_body(&original)).await, Reply::ok());
        assert_eq!(sandbox.calls("dynamodb").await.into_iter().collect::<Vec<_>>(), [("GetItem".to_owned(), 1)]);
    }
    assert_eq!(sandbox.account(&order).await["payments"].as_array().unwrap().len(), 1 + rounds);
}
