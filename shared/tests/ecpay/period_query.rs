//! QueryCreditCardPeriodInfo: the request, and the parsing of the response's header and log.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::domain::billing::payments::order_query::EcpayState;
use shared::domain::billing::payments::payment::{DeclineClass, PaymentOutcome, PaymentReport, ReportSource};
use shared::domain::values::ids::{EventId, TradeNo};
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
        trade_no: Some(TradeNo::parse(if number == 1 { "2501151002110001" } else { "20250215030506000001" }).unwrap()),
        card_last4: None,
        exec_times: None,
        simulated: false,
    }
}

fn both() -> Vec<PaymentReport> {
    vec![success(1, "13401070", "2025-01-15T02:02:11Z"), success(2, "13401071", "2025-02-14T19:05:06Z")]
}

/// Running order of 99 charges with these reports.
fn running(reports: Vec<PaymentReport>) -> PeriodInfo {
    PeriodInfo { state: EcpayState::Running, exec_times: Some(99), reports, unnumbered: Vec::new(), higher_count: None }
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
    assert_eq!(read(&answer().to_string()), Ok(running(both())));
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
fn three_states_of_an_order_are_known_and_any_other_proves_nothing() {
    for (status, state) in [("0", EcpayState::Stopped), ("1", EcpayState::Running), ("2", EcpayState::Finished)] {
        let as_number: u64 = status.parse().unwrap();
        for value in [json!(status), json!(as_number)] {
            let info = read(&changed("ExecStatus", value)).unwrap();
            assert_eq!((info.state, info.reports), (state, both()), "{status}");
        }
    }
    // ECPay's console pauses orders; its page does not say what the query then answers. The charges count all the same.
    for status in [json!("3"), json!(3), json!(""), json!("01"), json!("-1"), json!(1.5), json!({}), Value::Null] {
        let info = read(&changed("ExecStatus", status.clone())).unwrap();
        assert_eq!((info.state, info.reports), (EcpayState::Other, both()), "{status}");
    }
    assert_eq!(read(&lacking("ExecStatus")).map(|info| info.state), Ok(EcpayState::Other));
}

#[test]
fn the_number_of_charges_is_the_one_in_force_and_an_unreadable_one_is_none() {
    for (value, expected) in [
        (json!(150), Some(150)),
        (json!("150"), Some(150)),
        (json!(0), None),
        (json!(-1), None),
        (json!(1.5), None),
        (json!(4_294_967_296_u64), None),
        (json!("many"), None),
        (Value::Null, None),
    ] {
        let info = read(&changed("ExecTimes", value.clone())).unwrap();
        assert_eq!((info.exec_times, info.reports), (expected, both()), "{value}");
    }
    assert_eq!(read(&lacking("ExecTimes")).map(|info| info.exec_times), Ok(None));
}

#[test]
fn an_order_that_ecpay_does_not_have_or_that_was_not_paid_has_no_charges() {
    let none = |exec_times| {
        Ok(PeriodInfo {
            state: EcpayState::Unpaid,
            exec_times,
            reports: Vec::new(),
            unnumbered: Vec::new(),
            higher_count: None,
        })
    };
    for code in ["10200047", "10200095", "10100059", "0", ""] {
        let body = json!({"MerchantID": "0", "MerchantTradeNo": null, "RtnCode": code, "PeriodType": null,
            "TotalSuccessTimes": 0, "ExecStatus": null, "ExecLog": null});
        assert_eq!(read(&body.to_string()), none(None), "{code}");
    }
    let number = json!({"RtnCode": 10_200_047, "ExecLog": []});
    assert_eq!(read(&number.to_string()), none(None));
    assert_eq!(read("{}"), none(None));
    // Whatever the header contains besides.
    let mut unpaid = answer();
    (unpaid["RtnCode"], unpaid["ExecLog"]) = (json!("10200095"), json!([]));
    assert_eq!(read(&unpaid.to_string()), none(None));
    unpaid["ExecLog"] = json!([{"RtnCode": "10100058", "process_date": "2025/01/15 10:02:11"}]);
    assert_eq!(read(&unpaid.to_string()), none(None));
}

#[test]
fn a_header_that_denies_a_success_in_its_own_log_is_refused() {
    for code in [json!("10200047"), json!("10200095"), json!("0"), json!("")] {
        let named = code.as_str().unwrap().to_owned();
        assert_eq!(read(&changed("RtnCode", code)), Err(Error::Refused(named.clone())), "{named}");
    }
    assert_eq!(read(&lacking("RtnCode")), Err(Error::Refused(String::new())));
}

#[test]
fn a_decline_in_the_header_is_that_of_the_first_charge() {
    for code in ["10100058", "10100248", "10100251", "10100999"] {
        let mut declined = answer();
        declined["RtnCode"] = json!(code);
        declined["TotalSuccessTimes"] = json!(0);
        declined["ExecLog"] = json!([]);
        let expected = PeriodInfo {
            state: EcpayState::Declined,
            exec_times: None,
            reports: Vec::new(),
            unnumbered: Vec::new(),
            higher_count: None,
        };
        assert_eq!(read(&declined.to_string()), Ok(expected.clone()), "{code}");
        // The log of the declined charge is a failed first authorisation.
        declined["ExecLog"] = json!([{"RtnCode": code, "amount": 899, "process_date": "2025/01/15 10:02:11"}]);
        let found = read(&declined.to_string()).unwrap();
        let seen: Vec<_> = found.reports.iter().map(|report| (report.event.to_string(), report.first)).collect();
        assert_eq!((found.state, seen), (EcpayState::Declined, vec![("F1:20250115100211".to_owned(), true)]));
    }
}

#[test]
fn a_code_about_the_request_is_a_refusal_named_by_at_most_ten_characters() {
    for (code, named) in [
        (json!(10_200_073), "10200073"),
        (json!("10200009"), "10200009"),
        // IP access denied and parameter error, among the codes of authorisations.
        (json!("10100001"), "10100001"),
        (json!("10100050"), "10100050"),
        (json!("11"), "11"),
        (json!("01"), "01"),
        (json!("1010x"), "1010x"),
        (json!("1234567890"), "1234567890"),
        (json!("12345678901"), "1234567890"),
        (json!("訂單不存在訂單不存在訂單"), "訂單不存在訂單不存在"),
    ] {
        for log in [json!([]), answer()["ExecLog"].clone()] {
            let mut refused = answer();
            (refused["RtnCode"], refused["ExecLog"]) = (code.clone(), log);
            assert_eq!(read(&refused.to_string()), Err(Error::Refused(named.to_owned())), "{named}");
        }
    }
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
    for log in [json!({}), json!("none"), json!(["x"]), json!(7)] {
        assert_eq!(read(&changed("ExecLog", log.clone())), Err(Error::Malformed), "{log}");
    }
}

#[test]
fn a_count_of_successes_that_cannot_be_read_leaves_the_log_to_what_is_known() {
    let times: Vec<_> = both().iter().map(|report| report.processed_at).collect();
    let expected = PeriodInfo { unnumbered: times, ..running(Vec::new()) };
    for total in [json!(""), Value::Null, json!("two"), json!(-1), json!(2.5), json!("-1"), json!(4_294_967_296_u64)] {
        assert_eq!(read(&changed("TotalSuccessTimes", total.clone())), Ok(expected.clone()), "{total}");
    }
    assert_eq!(read(&lacking("TotalSuccessTimes")), Ok(expected));
}

#[test]
fn a_log_that_is_empty_null_or_absent_holds_no_charge_and_fewer_than_the_header_counts() {
    for body in [changed("ExecLog", json!([])), changed("ExecLog", Value::Null), lacking("ExecLog")] {
        assert_eq!(read(&body), Ok(PeriodInfo { higher_count: Some(2), ..running(Vec::new()) }));
    }
}

#[test]
fn a_success_without_an_authorisation_number_is_a_success() {
    for none in [json!(""), json!(0), json!("0"), json!(-1), Value::Null, json!("x1"), json!("123456789012345678901")] {
        let mut answer = answer();
        answer["ExecLog"][1]["gwsr"] = none.clone();
        let mut expected = both();
        expected[1].gwsr = None;
        assert_eq!(read(&answer.to_string()), Ok(running(expected)), "{none}");
        // Where the counts differ, it proves that its period was paid.
        answer["TotalSuccessTimes"] = json!(1);
        let unnumbered = both().iter().map(|report| report.processed_at).collect();
        assert_eq!(read(&answer.to_string()), Ok(PeriodInfo { unnumbered, ..running(Vec::new()) }), "{none}");
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
            assert_eq!(read(&answer.to_string()), Ok(running(both()[..1].to_vec())), "{code} {none}");
        }
    }
}

#[test]
fn an_entry_with_a_date_and_without_a_code_is_a_failure_with_an_unknown_code() {
    for none in [json!(""), Value::Null, json!("x"), json!(true), json!({})] {
        let mut answer = answer();
        answer["TotalSuccessTimes"] = json!(1);
        answer["ExecLog"][1]["RtnCode"] = none.clone();
        answer["ExecLog"][1]["amount"] = json!("");
        answer["ExecLog"][1]["gwsr"] = json!("");
        let mut expected = both();
        expected[1] = PaymentReport {
            event: EventId::parse("F:20250215030506").unwrap(),
            outcome: PaymentOutcome::Failed,
            rtn_code: String::new(),
            decline: Some(DeclineClass::SoftDecline),
            amount: None,
            gwsr: None,
            ..expected[1].clone()
        };
        assert_eq!(read(&answer.to_string()), Ok(running(expected)), "{none}");
    }
}

#[test]
fn an_entry_of_nothing_is_passed_over() {
    for nothing in [json!({}), json!({"RtnCode": true}), json!({"amount": 899.5})] {
        let mut answer = answer();
        answer["ExecLog"].as_array_mut().unwrap().push(nothing);
        assert_eq!(read(&answer.to_string()).map(|info| info.reports), Ok(both()));
    }
}

#[test]
fn the_amount_and_the_message_of_an_entry_may_be_absent() {
    let unreadable = [json!("8 99"), json!("-899"), json!("4294967296"), json!(899.5), json!("899.5"), json!([])];
    for none in [json!(""), Value::Null, json!("0"), json!(0)].into_iter().chain(unreadable) {
        assert_eq!(entry("amount", none.clone())[1].amount, None, "{none}");
    }
    assert_eq!(entry("amount", json!("999"))[1].amount, Some(Twd::new(999)));
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
    assert_eq!((info.state, info.exec_times, seen), (EcpayState::Stopped, Some(999), expected.to_vec()));
    assert_eq!(info.unnumbered, []);
}

#[test]
fn an_error_says_what_was_wrong() {
    assert_eq!(Error::Malformed.to_string(), "ECPay's response to the query is malformed");
    assert_eq!(Error::AnotherOrder.to_string(), "ECPay's response is about another order");
    assert_eq!(Error::Refused("10200073".to_owned()).to_string(), "ECPay refused the query with 10200073");
}
