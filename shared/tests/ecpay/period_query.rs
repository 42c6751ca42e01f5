//! QueryCreditCardPeriodInfo: the request, and the parsing of the response's header and log.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::domain::billing::payments::payment::{PaymentOutcome, PaymentReport, ReportSource};
use shared::domain::billing::subscription::OrderEnd;
use shared::domain::values::ids::EventId;
use shared::domain::values::money::Twd;
use shared::ecpay::period_query::{Error, PeriodInfo, parse_period_info, period_info_form};

use crate::{Field, STAGE, authorization, hash_keys, merchant, order_id, utc};

pub(crate) const ORDER: &str = "SUB20250101A0001";

/// Parsed response, with its log numbered.
pub(crate) fn read(body: &str) -> Result<PeriodInfo, Error> {
    let log = parse_period_info(body, &merchant("3002607"), &order_id(ORDER))?;
    Ok(log.reports(&BTreeMap::new()))
}

/// Response about an order with two charges; ECPay mixes numbers and texts.
fn answer() -> Value {
    json!({
        "MerchantID": "3002607", "MerchantTradeNo": ORDER, "TradeNo": "2501151002110001", "RtnCode": 1,
        "PeriodType": "M", "Frequency": 1, "ExecTimes": 99, "PeriodAmount": 899, "amount": 899, "gwsr": 13401070,
        "process_date": "2025/01/15 10:02:11", "auth_code": "777777", "card4no": "2222", "card6no": "431195",
        "TotalSuccessTimes": 2, "TotalSuccessAmount": 1798, "ExecStatus": "1",
        "ExecLog": [
            {"RtnCode": 1, "RtnMsg": "成功.", "amount": 899, "gwsr": 13401070, "process_date": "2025/01/15 10:02:11",
             "auth_code": "777777", "TradeNo": "2501151002110001"},
            {"RtnCode": 1, "RtnMsg": "成功.", "amount": 899, "gwsr": 13401071, "process_date": "2025/02/15 03:05:06",
             "auth_code": "777777", "TradeNo": "20250215030506000001"},
        ],
    })
}

fn changed(name: &str, value: Value) -> String {
    let mut answer = answer();
    answer[name] = value;
    answer.to_string()
}

fn lacking(name: &str) -> String {
    let mut answer = answer();
    answer.as_object_mut().unwrap().remove(name).unwrap();
    answer.to_string()
}

/// Response with a changed second entry.
fn entry(name: &str, value: Value) -> Vec<PaymentReport> {
    let mut answer = answer();
    answer["ExecLog"][1][name] = value;
    read(&answer.to_string()).unwrap().reports
}

fn success(number: u32, gwsr: &str, at: &str) -> PaymentReport {
    PaymentReport {
        subscription: order_id(ORDER),
        merchant: merchant("3002607"),
        source: ReportSource::Query,
        event: EventId::parse(&format!("S:{number}")).unwrap(),
        first: number == 1,
        outcome: PaymentOutcome::Succeeded { number },
        rtn_code: "1".to_owned(),
        rtn_msg: "成功.".to_owned(),
        decline: None,
        amount: Some(Twd::new(899)),
        processed_at: utc(at),
        gwsr: Some(authorization(gwsr)),
        card_last4: None,
        exec_times: None,
        simulated: false,
    }
}

fn both() -> Vec<PaymentReport> {
    vec![success(1, "13401070", "2025-01-15T02:02:11Z"), success(2, "13401071", "2025-02-14T19:05:06Z")]
}

#[test]
fn a_request_has_these_fields_and_no_others() {
    // 2025-02-01 03:05:06 in Taipei; CheckMacValue of the Python oracle.
    let wall = utc("2025-01-31T19:05:06Z");
    let form = period_info_form(&merchant("3002607"), &order_id(ORDER), wall, &hash_keys(STAGE));
    let form: Vec<Field<'_>> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expected = [
        ("MerchantID", "3002607"),
        ("MerchantTradeNo", ORDER),
        ("TimeStamp", "1738350306"),
        ("CheckMacValue", "016983297670FC21D2ADFE8C02E182CF3E4BB35FE5730F37672739BF0AD4EE7F"),
    ];
    assert_eq!(form, expected);
}

#[test]
fn every_charge_of_a_running_order_is_a_report() {
    assert_eq!(read(&answer().to_string()), Ok(PeriodInfo { ended: None, reports: both(), unnumbered: 0 }));
    let marked = format!("\u{feff}{}\r\n", answer());
    assert_eq!(read(&marked).map(|info| info.reports), Ok(both()));
}

#[test]
fn numbers_written_as_texts_are_the_same_numbers() {
    let mut texts = answer();
    texts["MerchantID"] = json!(3_002_607);
    texts["ExecStatus"] = json!(1);
    for name in ["RtnCode", "TotalSuccessTimes"] {
        texts[name] = json!(texts[name].to_string());
    }
    for place in 0..2 {
        for name in ["RtnCode", "amount", "gwsr"] {
            texts["ExecLog"][place][name] = json!(texts["ExecLog"][place][name].to_string());
        }
    }
    assert_eq!(read(&texts.to_string()).map(|info| info.reports), Ok(both()));
}

#[test]
fn only_three_states_of_an_order_are_known() {
    for (status, ended) in [("0", Some(OrderEnd::Cancelled)), ("1", None), ("2", Some(OrderEnd::Finished))] {
        let as_number: u64 = status.parse().unwrap();
        for value in [json!(status), json!(as_number)] {
            let info = read(&changed("ExecStatus", value)).unwrap();
            assert_eq!((info.ended, info.reports), (ended, both()), "{status}");
        }
    }
    for status in [json!("3"), json!(3), json!(""), json!("01"), json!("-1"), Value::Null] {
        assert_eq!(read(&changed("ExecStatus", status.clone())), Err(Error::Malformed), "{status}");
    }
    assert_eq!(read(&lacking("ExecStatus")), Err(Error::Malformed));
}

#[test]
fn an_order_that_ecpay_does_not_have_has_no_charges() {
    let none = Ok(PeriodInfo { ended: None, reports: Vec::new(), unnumbered: 0 });
    for code in [json!(10_200_047), json!("10200047")] {
        let body = json!({"MerchantID": "0", "MerchantTradeNo": null, "RtnCode": code, "PeriodType": null,
            "TotalSuccessTimes": 0, "ExecStatus": null, "ExecLog": null});
        assert_eq!(read(&body.to_string()), none);
    }
    // Whatever the other fields contain.
    assert_eq!(read(&changed("RtnCode", json!("10200047"))), none);
}

#[test]
fn any_other_code_is_a_refusal_named_by_at_most_ten_characters() {
    for (code, named) in [
        (json!(10_200_073), "10200073"),
        (json!("0"), "0"),
        (json!(""), ""),
        (Value::Null, ""),
        (json!("11"), "11"),
        (json!("01"), "01"),
        (json!("1234567890"), "1234567890"),
        (json!("12345678901"), "1234567890"),
        (json!("訂單不存在訂單不存在訂單"), "訂單不存在訂單不存在"),
    ] {
        assert_eq!(read(&changed("RtnCode", code)), Err(Error::Refused(named.to_owned())), "{named}");
    }
    assert_eq!(read(&lacking("RtnCode")), Err(Error::Refused(String::new())));
}

#[test]
fn an_answer_about_another_order_or_merchant_says_nothing() {
    for other in [json!("SUB20250101A0002"), json!("sub20250101a0001"), json!(""), json!(1), Value::Null] {
        assert_eq!(read(&changed("MerchantTradeNo", other.clone())), Err(Error::AnotherOrder), "{other}");
    }
    for other in [json!("3002608"), json!(3_002_608), json!("0"), json!("03002607"), Value::Null] {
        assert_eq!(read(&changed("MerchantID", other.clone())), Err(Error::AnotherOrder), "{other}");
    }
    assert_eq!(read(&lacking("MerchantID")), Err(Error::AnotherOrder));
    assert_eq!(read(&lacking("MerchantTradeNo")), Err(Error::AnotherOrder));
}

#[test]
fn what_is_not_the_documented_json_says_nothing() {
    let truncated = answer().to_string().replace("}]", "");
    for body in ["", "{", "null", "1|OK", "<html></html>", "RtnCode=1", "\"1\"", &truncated] {
        assert_eq!(read(body), Err(Error::Malformed), "{body}");
    }
    for total in [json!(""), Value::Null, json!("two"), json!(-1), json!(2.5), json!("-1"), json!(4_294_967_296_u64)] {
        assert_eq!(read(&changed("TotalSuccessTimes", total.clone())), Err(Error::Malformed), "{total}");
    }
    assert_eq!(read(&lacking("TotalSuccessTimes")), Err(Error::Malformed));
    for log in [json!({}), json!("none"), json!(["x"]), json!([{"RtnCode": true}]), json!([{"amount": 899.5}])] {
        assert_eq!(read(&changed("ExecLog", log.clone())), Err(Error::Malformed), "{log}");
    }
}

#[test]
fn a_log_that_is_empty_null_or_absent_holds_no_charge() {
    for body in [changed("ExecLog", json!([])), changed("ExecLog", Value::Null), lacking("ExecLog")] {
        assert_eq!(read(&body), Ok(PeriodInfo { ended: None, reports: Vec::new(), unnumbered: 0 }));
    }
}

#[test]
fn a_success_without_an_authorisation_number_is_passed_over() {
    for none in [json!(""), json!(0), json!("0"), Value::Null, json!("x1"), json!("123456789012345678901")] {
        let mut answer = answer();
        answer["TotalSuccessTimes"] = json!(1);
        answer["ExecLog"][1]["gwsr"] = none.clone();
        let expected = PeriodInfo { ended: None, reports: both()[..1].to_vec(), unnumbered: 0 };
        assert_eq!(read(&answer.to_string()), Ok(expected), "{none}");
    }
}

#[test]
fn an_entry_without_a_date_is_passed_over() {
    for (code, total) in [(json!(1), 1), (json!(10_100_252), 1)] {
        for none in [json!(""), Value::Null, json!("2025-02-15"), json!(20_250_215), json!("2025/02/30 00:00:00")] {
            let mut answer = answer();
            answer["TotalSuccessTimes"] = json!(total);
            answer["ExecLog"][1]["RtnCode"] = code.clone();
            answer["ExecLog"][1]["process_date"] = none.clone();
            let expected = PeriodInfo { ended: None, reports: both()[..1].to_vec(), unnumbered: 0 };
            assert_eq!(read(&answer.to_string()), Ok(expected), "{code} {none}");
        }
    }
}

#[test]
fn an_entry_of_nothing_is_passed_over() {
    let mut answer = answer();
    answer["ExecLog"].as_array_mut().unwrap().push(json!({}));
    assert_eq!(read(&answer.to_string()).map(|info| info.reports), Ok(both()));
}

#[test]
fn the_amount_and_the_message_of_an_entry_may_be_absent() {
    for none in [json!(""), Value::Null, json!("8 99"), json!("-899"), json!("4294967296")] {
        assert_eq!(entry("amount", none.clone())[1].amount, None, "{none}");
    }
    assert_eq!(entry("amount", json!("0"))[1].amount, Some(Twd::ZERO));
    assert_eq!(entry("RtnMsg", Value::Null)[1].rtn_msg, "");
    assert_eq!(entry("RtnMsg", json!(7))[1].rtn_msg, "7");
    assert_eq!(entry("RtnMsg", json!("額".repeat(200)))[1].rtn_msg, "額".repeat(200));
    assert_eq!(entry("RtnMsg", json!("額".repeat(201)))[1].rtn_msg, "額".repeat(200));
}

#[test]
fn the_stage_servers_own_answer_is_read() {
    let log = |gwsr: u64, at: &str, trade: &str| {
        json!({"RtnCode": 1, "RtnMsg": "成功.", "amount": 200, "gwsr": gwsr, "process_date": at, "auth_code": "777777",
            "TradeNo": trade})
    };
    let body = json!({
        "MerchantID": "2000132", "MerchantTradeNo": "a1b2c3", "TradeNo": "2110261713558708", "RtnCode": 1,
        "PeriodType": "D", "Frequency": 91, "ExecTimes": 999, "PeriodAmount": 200, "amount": 200, "gwsr": 11_718_189,
        "process_date": "2021/10/26 17:14:27", "auth_code": "777777", "card4no": "2222", "card6no": "431195",
        "TotalSuccessTimes": 3, "TotalSuccessAmount": 600, "ExecStatus": "0",
        "ExecLog": [
            log(11_718_189, "2021/10/26 17:14:27", "2110261713558708"),
            log(11_823_053, "2022/01/25 14:37:29", "20220125143728502143"),
            log(11_956_205, "2022/04/26 14:34:54", "20220426143453000001"),
        ],
    });
    let log = parse_period_info(&body.to_string(), &merchant("2000132"), &order_id("a1b2c3")).unwrap();
    let info = log.reports(&BTreeMap::new());
    let seen: Vec<_> = info.reports.iter().map(|report| (report.outcome, report.processed_at, report.first)).collect();
    let expected = [
        (PaymentOutcome::Succeeded { number: 1 }, utc("2021-10-26T09:14:27Z"), true),
        (PaymentOutcome::Succeeded { number: 2 }, utc("2022-01-25T06:37:29Z"), false),
        (PaymentOutcome::Succeeded { number: 3 }, utc("2022-04-26T06:34:54Z"), false),
    ];
    assert_eq!((info.ended, info.unnumbered, seen), (Some(OrderEnd::Cancelled), 0, expected.to_vec()));
}

#[test]
fn an_error_says_what_was_wrong() {
    assert_eq!(Error::Malformed.to_string(), "ECPay's response to the query is malformed");
    assert_eq!(Error::AnotherOrder.to_string(), "ECPay's response is about another order");
    assert_eq!(Error::Refused("10200073".to_owned()).to_string(), "ECPay refused the query with 10200073");
}
