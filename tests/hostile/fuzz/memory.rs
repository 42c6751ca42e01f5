//! Memory that hostile input takes, measured in a process of its own, apart from other tests.

use std::process::Command;

use shared::domain::billing::payments::callback_kind::CallbackKind;
use shared::domain::values::ids::{EmailAddress, MerchantId, PaymentId, SubscriptionId, UserId};
use shared::domain::values::time::{LocalDate, Timestamp};
use shared::ecpay::callback_form::{Error, VerifiedForm};
use shared::ecpay::check_mac_value::{HashKeys, VerificationKeys};
use shared::ecpay::period_action::parse_period_action;
use shared::ecpay::period_query::parse_period_info;

const MEGABYTE: usize = 1024 * 1024;
/// Input that is refused by its size is not copied: it takes no more than the first call of any code does.
const NOTHING: usize = 3 * MEGABYTE;
/// The longest answer of ECPay's that is read, as the gateway cuts it.
const ANSWER: usize = 512 * 1024;

/// Growth of the peak memory by a call, in bytes.
fn growth(call: impl FnOnce()) -> usize {
    // "5" sets the peak to what is used now.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = of("VmRSS:");
    call();
    of("VmHWM:").saturating_sub(before)
}

fn of(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// Each hostile input with the memory that it may take.
#[test]
fn what_is_hostile_is_refused_whatever_its_size() {
    let keys = || HashKeys::new("pwFHCqoQZGmho4w6".to_owned(), "EkRm7iFT261dpevs".to_owned());
    let verification = VerificationKeys { current: keys(), previous: Some(keys()) };
    let (merchant, order) =
        (MerchantId::parse("3002607").unwrap(), SubscriptionId::parse("DK20250131SAMPLE0001").unwrap());
    for size in [21 * 1024, MEGABYTE, 10 * MEGABYTE] {
        for piece in ["a=1&", "%41", "&", "a", "\u{feff}"] {
            let text = piece.repeat(size / piece.len());
            report(
                "a form beyond its limit",
                NOTHING,
                growth(|| {
                    let refused = VerifiedForm::verify(CallbackKind::Period, text.as_bytes(), &verification);
                    assert_eq!(refused.err(), Some(Error::TooLarge));
                }),
            );
            report(
                "an id or a time",
                NOTHING,
                growth(|| {
                    assert!(SubscriptionId::parse(&text).is_err() && UserId::parse(&text).is_err());
                    assert!(PaymentId::parse(&text).is_err() && EmailAddress::parse(&text).is_err());
                    assert!(Timestamp::parse(&text).is_err() && shared::ecpay::date::parse(&text).is_err());
                    assert!(LocalDate::parse(&text).is_err());
                }),
            );
        }
    }
    for piece in ["a=1&", "%41%42=%43&", "a1=&", "é=x&"] {
        let text = piece.repeat(20 * 1024 / piece.len());
        report(
            "a form within its limit",
            MEGABYTE,
            growth(|| {
                assert!(VerifiedForm::verify(CallbackKind::Period, text.as_bytes(), &verification).is_err());
            }),
        );
    }
    for piece in ["[", "{\"ExecLog\":[", "{\"ExecLog\":[{}", ",{}", "a=b&", "\"", "1", "\\u0000"] {
        let text = piece.repeat(ANSWER / piece.len());
        let log = format!("{{\"RtnCode\":1,\"ExecLog\":[{{}}{}]}}", ",{}".repeat(ANSWER / 3));
        report(
            "an answer of ECPay's",
            64 * MEGABYTE,
            growth(|| {
                for body in [text.as_str(), log.as_str()] {
                    assert!(parse_period_info(body, &merchant, &order).is_err());
                    assert!(parse_period_action(body, &order, &keys()).is_err());
                }
            }),
        );
    }
}

/// Output for the test below, which reads it.
#[expect(clippy::print_stdout, reason = "the other process reads it")]
fn report(what: &str, allowed: usize, taken: usize) {
    println!("\ntaken {taken} of {allowed} by {what}");
}

#[test]
fn hostile_input_takes_bounded_memory() {
    let this = std::env::current_exe().unwrap();
    let alone = ["--exact", "fuzz::memory::what_is_hostile_is_refused_whatever_its_size", "--nocapture"];
    let ended = Command::new(this).args(alone).output().unwrap();
    let told = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success(), "{told}");
    let taken: Vec<&str> = told.lines().filter(|line| line.starts_with("taken ")).collect();
    assert_eq!(taken.len(), 3 * 5 * 2 + 4 + 8, "{told}");
    for line in taken {
        let words: Vec<&str> = line.split(' ').collect();
        let (taken, allowed): (usize, usize) = (words[1].parse().unwrap(), words[3].parse().unwrap());
        assert!(taken <= allowed, "{line}");
        println!("{line}");
    }
}
