//! Callbacks as ECPay really posts them are accepted; those that were changed on the way are not.

use std::collections::BTreeSet;

use sandbox::ecpay::{Fields, form_body};
use serde_json::json;

use testing::support::{Reply, STAFF, Sandbox, column, fields, first, period, signed, with};

const NOW: &str = "2025-02-15T12:00:00+08:00";
const CHARGED: &str = "2025/02/15 11:58:03";

/// An order at its second charge, for which nothing was reported yet.
async fn order_at_second_charge() -> (Sandbox, String) {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let made = sandbox.order("callbacks", "monthly", None).await;
    let order = made["subscription_id"].as_str().unwrap().to_owned();
    assert_eq!(sandbox.report("ecpay-auth", &first(&order, "1", "2025/01/15 10:02:11")).await, Reply::ok());
    sandbox.world.leap(NOW.parse().unwrap());
    (sandbox, order)
}

async fn period_end(sandbox: &Sandbox, order: &str) -> String {
    sandbox.account(order).await["current_period_end"].as_str().unwrap_or("-").to_owned()
}

#[tokio::test]
async fn a_first_report_is_taken_with_and_without_the_extra_fields() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    for (user, extra) in [("plain", false), ("extra", true)] {
        let made = sandbox.order(user, "monthly", None).await;
        let order = made["subscription_id"].as_str().unwrap();
        let mut report = first(order, "1", "2025/01/15 10:02:11");
        if extra {
            report.extend(fields(&[
                ("gwsr", "13401070"),
                ("process_date", "2025/01/15 10:02:11"),
                ("auth_code", "777777"),
                ("amount", "899"),
                ("eci", "5"),
                ("card4no", "2222"),
                ("card6no", "431195"),
                ("stage", "0"),
                ("stast", "0"),
                ("staed", "0"),
                ("red_dan", "0"),
                ("red_de_amt", "0"),
                ("red_ok_amt", "0"),
                ("red_yet", "0"),
                ("PeriodType", "M"),
                ("Frequency", "1"),
                ("ExecTimes", "99"),
                ("PeriodAmount", "899"),
                ("TotalSuccessTimes", "1"),
                ("TotalSuccessAmount", "899"),
                ("ATMAccBank", ""),
                ("ATMAccNo", ""),
                ("PaymentNo", ""),
                ("AlipayID", ""),
            ]));
        }
        assert_eq!(sandbox.report("ecpay-auth", &report).await, Reply::ok());
        let account = sandbox.account(order).await;
        assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("PRO")));
        assert_eq!(account["payments"][0]["gwsr"].as_str(), extra.then_some("13401070"));
        assert_eq!(account["payments"][0]["process_date"], "2025-01-15T02:02:11Z");
    }
}

#[tokio::test]
async fn a_period_report_is_accepted_in_both_spellings_of_gwsr_and_with_unknown_fields() {
    let (sandbox, order) = order_at_second_charge().await;
    let mut report: Fields = period(&order, "1", CHARGED, "2", "13401071");
    report.iter_mut().find(|(name, _)| name == "gwsr").unwrap().0 = "Gwsr".to_owned();
    report.push(("SomethingNew".to_owned(), "a b+c~d'e!f*g(h)i-j_k.l%m&n=o/p:q#r@s，中文 é 😀".to_owned()));
    report.push(("also_new".to_owned(), String::new()));
    assert_eq!(sandbox.report("ecpay-billing", &report).await, Reply::ok());
    let account = sandbox.account(&order).await;
    assert_eq!(account["current_period_end"], "2025-03-15");
    assert_eq!(account["payments"][1]["gwsr"], "13401071");
    assert_eq!(account["payments"][1]["number"], 2);
}

#[tokio::test]
async fn what_the_digest_does_not_cover_passes() {
    let (sandbox, order) = order_at_second_charge().await;
    let report = signed(&with(&period(&order, "1", CHARGED, "2", "13401071"), "RtnMsg", "paid in full"));
    let mut reversed = report.clone();
    reversed.reverse();
    let percent = String::from_utf8(form_body(&report)).unwrap().replace('+', "%20");
    let lower: Fields = report
        .iter()
        .map(|(name, value)| (name.clone(), if name == "CheckMacValue" { value.to_lowercase() } else { value.clone() }))
        .collect();
    for body in [form_body(&reversed), percent.into_bytes(), form_body(&lower)] {
        assert_eq!(sandbox.callback("ecpay-billing", body).await, Reply::ok());
    }
    assert_eq!(period_end(&sandbox, &order).await, "2025-03-15");
    assert_eq!(sandbox.account(&order).await["payments"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_text_with_ampersand_and_equals_is_a_text() {
    let (sandbox, order) = order_at_second_charge().await;
    let report = with(&period(&order, "10100058", CHARGED, "1", ""), "RtnMsg", "Pay Fail & a=b ~'!*() %26");
    assert_eq!(sandbox.report("ecpay-billing", &report).await, Reply::ok());
    assert_eq!(sandbox.account(&order).await["payments"][1]["rtn_msg"], "Pay Fail & a=b ~'!*() %26");
}

/// Every way to change a signed form so that its CheckMacValue is wrong, by name.
fn mutations(report: &Fields) -> Vec<(String, Vec<u8>)> {
    let signed = signed(report);
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    let mut keep = |name: String, fields: &Fields| all.push((name, form_body(fields)));
    for place in 0..signed.len() {
        let (name, value) = signed[place].clone();
        let changed = |new_name: &str, new_value: &str| {
            let mut copy = signed.clone();
            copy[place] = (new_name.to_owned(), new_value.to_owned());
            copy
        };
        keep(format!("{name} with a digit more"), &changed(&name, &format!("{value}1")));
        keep(format!("{name} with a blank before"), &changed(&name, &format!(" {value}")));
        keep(format!("{name} renamed"), &changed(&format!("{name}x"), &value));
        let mut dropped = signed.clone();
        dropped.remove(place);
        keep(format!("{name} dropped"), &dropped);
        if name != "CheckMacValue" {
            let mut doubled = signed.clone();
            doubled.push(signed[place].clone());
            keep(format!("{name} doubled"), &doubled);
            let mut doubled_in_another_case = signed.clone();
            doubled_in_another_case.push((swap_case(&name), value.clone()));
            keep(format!("{name} doubled in another case"), &doubled_in_another_case);
        }
    }
    let mut added = signed.clone();
    added.push(("Added".to_owned(), String::new()));
    keep("a field added".to_owned(), &added);
    all
}

fn swap_case(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() }).collect()
}

/// Two neighbours in signing order written as one field: the signed string stays the same.
fn cuts(report: &Fields) -> Vec<(String, Vec<u8>)> {
    let digest = signed(report).pop().unwrap();
    let mut sorted = report.clone();
    sorted.sort_by_key(|(name, _)| name.to_ascii_lowercase());
    let mut all = Vec::new();
    for place in 0..sorted.len() - 1 {
        let ((left, left_value), (right, right_value)) = (sorted[place].clone(), sorted[place + 1].clone());
        let mut rest: Fields = sorted.clone();
        rest.drain(place..=place + 1);
        for hidden in [right.clone(), right.to_lowercase()] {
            let mut in_value = rest.clone();
            in_value.push((left.clone(), format!("{left_value}&{hidden}={right_value}")));
            in_value.push(digest.clone());
            all.push((format!("{hidden} hidden in the value of {left}"), form_body(&in_value)));
        }
        let mut in_name = rest.clone();
        in_name.push((format!("{left}={left_value}&{right}"), right_value));
        in_name.push(digest.clone());
        all.push((format!("{left} hidden in the name of {right}"), form_body(&in_name)));
    }
    all
}

#[tokio::test]
async fn every_change_of_a_signed_form_is_refused_without_a_read_and_without_growth() {
    let (sandbox, order) = order_at_second_charge().await;
    let report = period(&order, "1", CHARGED, "2", "13401071");
    let before = sandbox.items();
    sandbox.forget_calls().await;
    let mut refused = 0;
    for (what, body) in mutations(&report) {
        let reply = sandbox.callback("ecpay-billing", body).await;
        assert_eq!((reply.status, reply.body.starts_with("0|")), (400, true), "{what}: {reply:?}");
        refused += 1;
    }
    assert!(refused > 100, "{refused}");
    let calls = sandbox.calls("dynamodb").await;
    assert_eq!(calls.get("GetItem"), None, "{calls:?}");
    assert_eq!(calls.get("TransactWriteItems"), None, "{calls:?}");
    // All of it within one second of the standing clock: one write.
    assert_eq!(calls.get("UpdateItem"), Some(&1), "{calls:?}");
    let grown: Vec<_> = sandbox.items().into_iter().filter(|item| !before.contains(item)).collect();
    assert!(grown.iter().all(|item| item.starts_with("COUNT#callbacks#")), "{grown:?}");
    assert_eq!(period_end(&sandbox, &order).await, "2025-02-15");
}

#[tokio::test]
async fn a_form_that_was_cut_differently_is_quarantined_and_never_applied() {
    let (sandbox, order) = order_at_second_charge().await;
    let report = period(&order, "1", CHARGED, "2", "13401071");
    for (what, body) in cuts(&report) {
        assert_eq!(sandbox.callback("ecpay-billing", body).await, Reply::ok(), "{what}");
    }
    assert_eq!(period_end(&sandbox, &order).await, "2025-02-15");
    let kept = sandbox.quarantine_items().await;
    assert!(kept.len() <= 20, "{}", kept.len());
    assert_eq!(
        column(&json!(kept), "reason").into_iter().collect::<BTreeSet<_>>(),
        BTreeSet::from(["ambiguous".into()])
    );
    // A replay does not apply it either.
    for report in &kept {
        let answer = sandbox.replay(report["id"].as_str().unwrap(), "looks right").await;
        assert_eq!(
            (answer["outcome"].as_str(), answer["reason"].as_str()),
            (Some("still_quarantined"), Some("ambiguous"))
        );
    }
    assert_eq!(period_end(&sandbox, &order).await, "2025-02-15");
    sandbox.maintain().await;
    assert_eq!(sandbox.mails(STAFF).await.len(), 1);
    assert_eq!(sandbox.report("ecpay-billing", &report).await, Reply::ok());
    assert_eq!(period_end(&sandbox, &order).await, "2025-03-15");
}

#[tokio::test]
async fn bytes_that_are_not_a_form_are_refused() {
    let (sandbox, order) = order_at_second_charge().await;
    let good = form_body(&signed(&period(&order, "1", CHARGED, "2", "13401071")));
    let mut huge = good.clone();
    huge.extend(format!("&Long={}", "x".repeat(20 * 1024)).into_bytes());
    let mut broken_utf8 = good.clone();
    broken_utf8.extend(b"&Text=%E4%B8");
    let mut broken_escape = good.clone();
    broken_escape.extend(b"&Text=%G1");
    let other_key = {
        let fields = period(&order, "1", CHARGED, "2", "13401071");
        let mut signed = fields.clone();
        signed.push((
            "CheckMacValue".to_owned(),
            sandbox::ecpay::check_mac_value(&fields, "5294y06JbISpM5x9", "v77hoKGq4kWxNNIS"),
        ));
        form_body(&signed)
    };
    let empty_digest = {
        let mut unsigned = period(&order, "1", CHARGED, "2", "13401071");
        unsigned.push(("CheckMacValue".to_owned(), String::new()));
        form_body(&unsigned)
    };
    for body in [
        Vec::new(),
        b"hello".to_vec(),
        b"&&&".to_vec(),
        b"=".to_vec(),
        vec![0xff, 0xfe],
        huge,
        broken_utf8,
        broken_escape,
        other_key,
        empty_digest,
    ] {
        let shown = String::from_utf8_lossy(&body).chars().take(60).collect::<String>();
        let reply = sandbox.callback("ecpay-billing", body).await;
        assert_eq!(reply.status, 400, "{shown}: {reply:?}");
    }
    assert_eq!(period_end(&sandbox, &order).await, "2025-02-15");
}
