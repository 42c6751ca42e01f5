//! PeriodReturnURL: parsing of a signed report of a later authorisation.

use shared::domain::billing::payments::callback_kind::CallbackKind;
use shared::domain::billing::payments::payment::{DeclineClass, PaymentOutcome, PaymentReport, ReportSource};
use shared::domain::values::ids::EventId;
use shared::domain::values::money::Twd;
use shared::domain::values::time::Timestamp;
use shared::ecpay::callback::{Error, PAID as PAID_CODE, RESULT_OPEN, parse, parse_kept};

use crate::{Field, authorization, merchant, order_id, utc, verify_signed, with, without};

const PAID: [Field<'static>; 18] = [
    ("MerchantID", "3002607"),
    ("MerchantTradeNo", "SUB20250101A0001"),
    ("StoreID", ""),
    ("RtnCode", "1"),
    ("RtnMsg", "交易成功"),
    ("PeriodType", "M"),
    ("Frequency", "1"),
    ("ExecTimes", "999"),
    ("Amount", "899"),
    ("gwsr", "13401070"),
    ("ProcessDate", "2025/02/01 03:05:06"),
    ("AuthCode", "777777"),
    ("FirstAuthAmount", "899"),
    ("TotalSuccessTimes", "2"),
    ("CustomField1", ""),
    ("CustomField2", ""),
    ("CustomField3", ""),
    ("CustomField4", ""),
];

/// Failure from the facts: no authorisation number, and the count of successes has not grown.
fn failed() -> Vec<Field<'static>> {
    let changes =
        [("RtnCode", "10100252"), ("RtnMsg", "額度不足，請檢查卡片額度或餘額"), ("gwsr", ""), ("AuthCode", "")];
    changes.iter().fold(with(&PAID, "TotalSuccessTimes", "1"), |fields, (name, value)| with(&fields, name, value))
}

fn received_at() -> Timestamp {
    utc("2025-02-03T04:05:06Z")
}

fn read(fields: &[Field<'_>]) -> Result<PaymentReport, Error> {
    let form = verify_signed(CallbackKind::Period, fields).ok().unwrap();
    parse(&form, received_at())
}

fn event(id: &str) -> EventId {
    EventId::parse(id).unwrap()
}

fn paid() -> PaymentReport {
    PaymentReport {
        subscription: order_id("SUB20250101A0001"),
        merchant: merchant("3002607"),
        source: ReportSource::PeriodCallback,
        event: event("S:2"),
        first: false,
        outcome: PaymentOutcome::Succeeded { number: 2 },
        rtn_code: "1".to_owned(),
        rtn_msg: "交易成功".to_owned(),
        decline: None,
        amount: Some(Twd::new(899)),
        processed_at: utc("2025-01-31T19:05:06Z"),
        gwsr: Some(authorization("13401070")),
        trade_no: None,
        card_last4: None,
        exec_times: Some(999),
        simulated: false,
    }
}

fn declined() -> PaymentReport {
    PaymentReport {
        event: event("F:20250201030506"),
        outcome: PaymentOutcome::Failed,
        rtn_code: "10100252".to_owned(),
        rtn_msg: "額度不足，請檢查卡片額度或餘額".to_owned(),
        decline: Some(DeclineClass::SoftDecline),
        gwsr: None,
        ..paid()
    }
}

/// Fields without one of them, and with it empty.
fn lacking<'a>(fields: &[Field<'a>], name: &'a str) -> [Vec<Field<'a>>; 2] {
    [without(fields, name), with(fields, name, "")]
}

#[test]
fn a_paid_charge_has_its_number_and_all_that_was_said() {
    assert_eq!(read(&PAID), Ok(paid()));
    assert_eq!((PAID_CODE, RESULT_OPEN), ("1", "10300066"));
}

#[test]
fn what_was_kept_is_read_again_as_it_was_read_first() {
    let form = verify_signed(CallbackKind::Period, &failed()).ok().unwrap();
    assert_eq!(parse_kept(CallbackKind::Period, form.storable(), received_at()), Ok(declined()));
    // The stored kind decides: a report of a period is not one of a first charge.
    assert_eq!(parse_kept(CallbackKind::First, form.storable(), received_at()), Err(Error::Missing("PaymentDate")));
}

#[test]
fn a_success_is_known_by_its_number_alone() {
    for (text, number) in [("1", 1), ("3", 3), ("10", 10), ("999", 999), ("4294967295", u32::MAX)] {
        let expected = PaymentReport {
            event: event(&format!("S:{text}")),
            outcome: PaymentOutcome::Succeeded { number },
            ..paid()
        };
        assert_eq!(read(&with(&PAID, "TotalSuccessTimes", text)), Ok(expected));
    }
    for fields in lacking(&PAID, "TotalSuccessTimes") {
        assert_eq!(read(&fields), Err(Error::Missing("TotalSuccessTimes")));
    }
    assert_eq!(read(&with(&PAID, "TotalSuccessTimes", "0")), Err(Error::Missing("TotalSuccessTimes")));
    for bad in ["02", "-1", "+2", "2.0", "two", "4294967296", " 2"] {
        let found = read(&with(&PAID, "TotalSuccessTimes", bad));
        assert_eq!(found, Err(Error::Malformed("TotalSuccessTimes")), "{bad}");
    }
}

#[test]
fn a_success_has_a_date() {
    for fields in lacking(&PAID, "ProcessDate") {
        assert_eq!(read(&fields), Err(Error::Missing("ProcessDate")));
    }
}

#[test]
fn a_charge_without_a_readable_amount_has_none_and_is_a_report_all_the_same() {
    for fields in lacking(&PAID, "Amount") {
        assert_eq!(read(&fields), Ok(PaymentReport { amount: None, ..paid() }));
        assert_eq!(read(&with(&fields, "TradeAmt", "899")).map(|report| report.amount), Ok(None));
        assert_eq!(read(&with(&fields, "amount", "899")), Ok(paid()));
    }
    let extended = [&PAID[..], &[("amount", "899")]].concat();
    assert_eq!(read(&extended), Ok(paid()));
    for (text, dollars) in [("1", 1), ("900", 900), ("899.0", 899), ("899.00", 899), ("4294967295", u32::MAX)] {
        assert_eq!(
            read(&with(&PAID, "Amount", text)).map(|report| report.amount),
            Ok(Some(Twd::new(dollars))),
            "{text}"
        );
    }
    for text in ["0", "0.0", "0899", "899.5", "899.", ".0", "-899", "8,99", " 899", "4294967296", "NT$899"] {
        assert_eq!(read(&with(&PAID, "Amount", text)), Ok(PaymentReport { amount: None, ..paid() }), "{text}");
        let failure = PaymentReport { amount: None, ..declined() };
        assert_eq!(read(&with(&failed(), "Amount", text)), Ok(failure), "{text}");
    }
}

#[test]
fn the_number_of_charges_at_ecpay_is_read_where_it_is_one() {
    let exec_times = |fields: &[Field<'_>]| read(fields).map(|report| report.exec_times);
    for (text, number) in [("1", 1), ("150", 150), ("999", 999)] {
        assert_eq!(exec_times(&with(&PAID, "ExecTimes", text)), Ok(Some(number)));
        assert_eq!(exec_times(&with(&failed(), "ExecTimes", text)), Ok(Some(number)));
    }
    for text in ["0", "1000", "4294967296", "99.0", "-1", "x"] {
        assert_eq!(exec_times(&with(&PAID, "ExecTimes", text)), Ok(None), "{text}");
    }
    for fields in lacking(&PAID, "ExecTimes") {
        assert_eq!(exec_times(&fields), Ok(None));
    }
}

#[test]
fn a_form_of_a_recurring_charge_is_read_alike_at_the_other_address() {
    for fields in [PAID.to_vec(), failed()] {
        let form = verify_signed(CallbackKind::First, &fields).ok().unwrap();
        assert_eq!(parse(&form, received_at()), read(&fields));
    }
}

#[test]
fn a_success_without_an_authorisation_number_is_a_success() {
    for fields in lacking(&PAID, "gwsr").into_iter().chain([with(&PAID, "gwsr", "0"), with(&PAID, "gwsr", "000000")]) {
        assert_eq!(read(&fields), Ok(PaymentReport { gwsr: None, ..paid() }));
    }
    assert_eq!(read(&with(&without(&PAID, "gwsr"), "Gwsr", "13401070")), Ok(paid()));
}

#[test]
fn a_failure_is_known_by_its_date_whether_it_has_a_number_or_not() {
    assert_eq!(read(&failed()), Ok(declined()));
    let numbered = PaymentReport { gwsr: Some(authorization("13401071")), ..declined() };
    assert_eq!(read(&with(&failed(), "gwsr", "13401071")), Ok(numbered));
    for code in ["0", "2", "11", "10300067", "9999999999"] {
        let expected = PaymentReport { rtn_code: code.to_owned(), ..declined() };
        assert_eq!(read(&with(&failed(), "RtnCode", code)), Ok(expected), "{code}");
    }
}

#[test]
fn a_failure_needs_neither_amount_nor_count_nor_message() {
    for fields in lacking(&failed(), "Amount") {
        assert_eq!(read(&fields), Ok(PaymentReport { amount: None, ..declined() }));
    }
    for fields in lacking(&failed(), "TotalSuccessTimes") {
        assert_eq!(read(&fields), Ok(declined()));
    }
    for fields in lacking(&failed(), "RtnMsg") {
        assert_eq!(read(&fields), Ok(PaymentReport { rtn_msg: String::new(), ..declined() }));
    }
}

#[test]
fn a_failure_without_a_date_is_known_by_its_number_and_dated_when_it_came() {
    for undated in lacking(&failed(), "ProcessDate") {
        let expected = PaymentReport {
            event: event("F:G13401071"),
            processed_at: received_at(),
            gwsr: Some(authorization("13401071")),
            ..declined()
        };
        assert_eq!(read(&with(&undated, "gwsr", "13401071")), Ok(expected));
        for none in ["", "0"] {
            assert_eq!(read(&with(&undated, "gwsr", none)), Err(Error::Missing("ProcessDate")), "{none:?}");
        }
        assert_eq!(read(&without(&undated, "gwsr")), Err(Error::Missing("ProcessDate")));
    }
}

#[test]
fn a_malformed_date_or_number_is_not_passed_over() {
    for code in ["1", "10100252", "10300066"] {
        let fields = with(&PAID, "RtnCode", code);
        for bad in ["2025-02-01", "2025/02/29 03:05:06", "2025/02/01 24:00:00", " "] {
            let found = read(&with(&fields, "ProcessDate", bad));
            assert_eq!(found, Err(Error::Malformed("ProcessDate")), "{code} {bad}");
        }
        for bad in ["1x", "-1", "123456789012345678901"] {
            assert_eq!(read(&with(&fields, "gwsr", bad)), Err(Error::Malformed("gwsr")), "{code} {bad}");
        }
    }
}

#[test]
fn a_charge_whose_result_is_open_is_known_by_its_date() {
    let open = with(&PAID, "RtnCode", "10300066");
    let expected = PaymentReport {
        event: event("P:20250201030506"),
        outcome: PaymentOutcome::Pending,
        rtn_code: "10300066".to_owned(),
        ..paid()
    };
    assert_eq!(read(&open), Ok(expected.clone()));
    assert_eq!(read(&without(&open, "Amount")), Ok(PaymentReport { amount: None, ..expected }));
    for undated in lacking(&open, "ProcessDate") {
        assert_eq!(read(&undated), Err(Error::Missing("ProcessDate")));
    }
}

#[test]
fn the_code_the_order_and_the_merchant_are_needed() {
    for name in ["RtnCode", "MerchantTradeNo", "MerchantID"] {
        for fields in [lacking(&PAID, name), lacking(&failed(), name)].into_iter().flatten() {
            assert_eq!(read(&fields), Err(Error::Missing(name)));
        }
        for base in [PAID.to_vec(), failed()] {
            assert_eq!(read(&with(&base, name, "a-b")), Err(Error::Malformed(name)));
        }
    }
}

#[test]
fn a_test_notification_is_distinguished_from_a_scheduled_charge() {
    for (text, expected) in [("", Ok(false)), ("0", Ok(false)), ("1", Ok(true)), ("2", Err("SimulatePaid"))] {
        let found = read(&with(&PAID, "SimulatePaid", text)).map(|report| report.simulated);
        assert_eq!(found, expected.map_err(Error::Malformed), "{text:?}");
    }
    let failed = read(&with(&failed(), "SimulatePaid", "1"));
    assert_eq!(failed, Ok(PaymentReport { simulated: true, ..declined() }));
}

#[test]
fn a_problem_is_named_by_its_field() {
    assert_eq!(Error::Missing("Amount").to_string(), "Amount is missing");
    assert_eq!(Error::Malformed("Amount").to_string(), "Amount is malformed");
}
