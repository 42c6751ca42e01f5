//! Mails: each has its subject, no template is sent with a blank in it, and both parts of a mail say the same.

use std::collections::{BTreeMap, BTreeSet};

use shared::domain::billing::notices::NoticeKind;
use shared::domain::billing::subscription::Locale;
use shared::mail::render::{Error, Mail};

use testing::support::mails::{SHOP, templates};
use testing::support::project::{names, text};

/// Every mail, with its subject once all values are there.
const MAILS: [(NoticeKind, &str); 23] = [
    (NoticeKind::FirstPaymentFailure, "付款失敗通知 - Payment Failure Notice"),
    (NoticeKind::SecondPaymentFailure, "第二次付款失敗 - Second Payment Failure"),
    (NoticeKind::FinalPaymentFailure, "最終付款失敗通知 - Final Payment Failure Notice"),
    (NoticeKind::Downgraded, "方案已降級為 FREE - Plan Downgraded to FREE"),
    (NoticeKind::NotCharged, "方案已降級為 FREE - Plan Downgraded to FREE"),
    (NoticeKind::AmountDiffers, "Charged NT$999 instead of NT$899: order DKSAMPLE"),
    (NoticeKind::UnrecordedCharge, "Charge without a number: order DKSAMPLE"),
    (NoticeKind::PlanEnded, "訂閱已結束 - Subscription Ended"),
    (NoticeKind::Recovered, "付款成功，方案已恢復 - Payment Received, Plan Active"),
    (NoticeKind::Receipt, "付款收據 - Payment Receipt"),
    (NoticeKind::AnnualCharge, "年繳扣款預告 - Upcoming Annual Charge"),
    (NoticeKind::RefundDue, "Refund due: order DKSAMPLE"),
    (NoticeKind::Uncharged, "Charge missing: order DKSAMPLE"),
    (NoticeKind::SecondLiveOrder, "Two live orders: DKSAMPLE and DKOTHER"),
    (NoticeKind::QuarantineDigest, "Quarantined on 2025-02-28: 3 reports"),
    (NoticeKind::Quarantined, "Quarantined: a report about order DKSAMPLE"),
    (NoticeKind::CancelConfirmed, "訂閱已取消 - Subscription Cancelled"),
    (NoticeKind::CancelUnconfirmed, "Cancellation not confirmed: order DKSAMPLE"),
    (NoticeKind::NeedsAttention, "Action needed: order DKSAMPLE"),
    (NoticeKind::SlackRefused, "No expiry digest in Slack: 2025-02-28"),
    (NoticeKind::RemindersFailed, "WhatsApp reminders need attention: 2025-02-28"),
    (NoticeKind::EndpointOff, "Events are not posted any more: endpoint sample-endpoint"),
    (NoticeKind::Undeliverable, "No more mail to the customer: order DKSAMPLE"),
];

fn values() -> BTreeMap<String, String> {
    let values = [
        ("subscription", "DKSAMPLE"),
        ("other", "DKOTHER"),
        ("plan", "PRO"),
        ("amount", "NT$899"),
        ("amount_known", "true"),
        ("charge_due", "2025-02-28"),
        ("grace_ends_at", "2025-03-07 10:00"),
        ("downgraded_at", "2025-03-10 12:00"),
        ("paid_until", "2025-03-31"),
        ("charged_on", "2025-02-28"),
        ("charged_at", "2025-03-20 10:00"),
        ("gwsr", "13400042"),
        ("payment", "DKSAMPLE.G13400042"),
        ("outside_ecpay", "false"),
        ("day", "2025-02-28"),
        ("count", "3"),
        ("due", "7"),
        ("sent", "1"),
        ("failed", "4"),
        ("skipped", "2"),
        ("reasons", "no such order"),
        ("reason", "the amount is another"),
        ("event", "S:2"),
        ("hard_decline", "false"),
        ("retries", "true"),
        ("charged", "NT$999"),
        ("access_until", "2025-03-31"),
        ("task", "retry"),
        ("feedback", "permanent bounce (NoEmail, 5.1.1)"),
        ("endpoint", "sample-endpoint"),
        ("detail", "it answered with HTTP status 500"),
        ("since", "2025-03-20 10:00"),
    ];
    values.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// The templates of a mail, below the folder of them: one for each language of customers.
fn files(kind: NoticeKind) -> Vec<String> {
    let name = kind.name();
    if kind.is_for_staff() {
        return vec![format!("staff/{name}.txt")];
    }
    Locale::ALL.map(|locale| format!("customer/{}/{name}.txt", locale.name())).into()
}

/// The variables of a template, read from its file.
fn variables(file: &str) -> BTreeSet<String> {
    let text = text(&format!("shared/templates/{file}"));
    let names = text.split("{{").skip(1).map(|part| part.split_once("}}").unwrap().0.to_owned());
    // What is advised follows from whether a new card is needed.
    names.map(|name| if name == "advice" { "hard_decline".to_owned() } else { name }).collect()
}

fn render(kind: NoticeKind, values: &BTreeMap<String, String>) -> Result<Mail, Error> {
    templates().render(kind, values, None)
}

fn in_language(locale: Locale, mut values: BTreeMap<String, String>) -> BTreeMap<String, String> {
    values.insert("locale".to_owned(), locale.name().to_owned());
    values
}

/// The words of an HTML text, without its head.
fn words(html: &str) -> String {
    let body = html.split_once("<body").unwrap().1;
    let texts = body.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text);
    let text = texts.collect::<Vec<_>>().join(" ");
    let escapes = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#x2f;", "/"), ("&amp;", "&")];
    escapes.into_iter().fold(text, |text, (escaped, plain)| text.replace(escaped, plain))
}

fn split(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn every_mail_has_its_subject_and_no_variable_left() {
    for (kind, subject) in MAILS {
        for locale in Locale::ALL {
            let mail = render(kind, &in_language(locale, values())).unwrap();
            assert_eq!(mail.subject, subject);
            for part in [&mail.text, mail.html.as_ref().unwrap_or(&mail.text)] {
                assert!(!part.is_empty() && !["{{", "}}", "{%", "[["].iter().any(|mark| part.contains(mark)), "{part}");
            }
            assert_eq!(mail.html.is_none(), kind.is_for_staff(), "{kind:?}");
        }
    }
    let mut expected: Vec<String> = MAILS.iter().flat_map(|(kind, _)| files(*kind)).collect();
    expected.extend(Locale::ALL.map(|locale| format!("customer/{}/advice.txt", locale.name())));
    expected.sort();
    let folders = ["customer/en", "customer/zh-TW", "staff"];
    let found = folders.into_iter().flat_map(|folder| {
        names(&format!("shared/templates/{folder}")).into_iter().map(move |name| format!("{folder}/{name}"))
    });
    assert_eq!(found.collect::<Vec<_>>(), expected);
}

#[test]
fn a_mail_to_a_customer_speaks_one_language_and_both_parts_say_the_same_with_one_button() {
    for (kind, _) in MAILS.into_iter().filter(|(kind, _)| !kind.is_for_staff()) {
        for (locale, hello) in [(Locale::ZhTw, "您好："), (Locale::En, "Hello,")] {
            let mail = render(kind, &in_language(locale, values())).unwrap();
            let html = mail.html.unwrap();
            assert!(html.contains(&format!("<html lang=\"{}\">", locale.name())), "{html}");
            assert!(mail.text.starts_with("月松 Moonpine\n\n") && mail.text.contains(hello), "{}", mail.text);
            let is_chinese = |letter: char| ('\u{4e00}'..='\u{9fff}').contains(&letter);
            let chinese = mail.text.replace("月松", "").contains(is_chinese);
            assert_eq!(chinese, locale == Locale::ZhTw, "{}", mail.text);
            let links: Vec<&str> = html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
            assert_eq!(links.len(), 1, "{html}");
            let link = links[0].replace("&#x2f;", "/");
            assert_eq!(link, format!("{SHOP}/billing"));
            let text = mail.text.replace(&format!(": {link}"), "").replace("\n-- \n", "\n");
            assert_eq!(split(&words(&html)), split(&text), "{kind:?}");
        }
    }
}

#[test]
fn the_html_is_what_mail_programs_show_alike() {
    for (kind, _) in MAILS.into_iter().filter(|(kind, _)| !kind.is_for_staff()) {
        let html = render(kind, &values()).unwrap().html.unwrap();
        // Gmail cuts a mail at 102 KB.
        assert!(html.len() < 20_000 && html.starts_with("<!doctype html>"), "{}", html.len());
        for unusual in
            ["<script", "<style", "<form", "<iframe", "class=", "position:", "javascript:", "<img", "display:flex"]
        {
            assert!(!html.contains(unusual), "{unusual}");
        }
        for needed in [
            "<meta charset=\"utf-8\">",
            "<meta name=\"viewport\"",
            "<title>",
            "role=\"presentation\"",
            "max-width:560px",
        ] {
            assert!(html.contains(needed), "{needed}");
        }
        assert!(html.lines().all(|line| line.len() < 900), "SMTP allows lines of 998 bytes");
        let opened = |name: &str| html.matches(&format!("<{name}")).count();
        for name in ["table", "tr", "td", "p ", "a ", "title"] {
            assert_eq!(opened(name), html.matches(&format!("</{}>", name.trim())).count(), "{name}");
        }
    }
}

#[test]
fn a_hostile_value_is_shown_as_text_and_adds_neither_header_nor_paragraph_nor_button() {
    let mut hostile = values();
    let plan = "<b onclick=\"x()\">PRO</b>\r\nBcc: a@b.example\n\n[[ click ]]\n\n{{ amount }}";
    hostile.insert("plan".to_owned(), plan.to_owned());
    for locale in Locale::ALL {
        for (kind, subject) in MAILS.into_iter().filter(|(kind, _)| !kind.is_for_staff()) {
            let mail = render(kind, &in_language(locale, hostile.clone())).unwrap();
            assert_eq!(mail.subject, subject);
            let (plain, html) = (render(kind, &in_language(locale, values())).unwrap(), mail.html.unwrap());
            assert_eq!(html.matches('<').count(), plain.html.unwrap().matches('<').count(), "{html}");
            assert_eq!(mail.text.lines().count(), plain.text.lines().count(), "{}", mail.text);
            assert!(mail.text.contains("{{ amount }}") && words(&html).contains("{{ amount }}"), "{html}");
        }
    }
}

#[test]
fn a_variable_without_a_value_is_an_error_in_every_mail() {
    for (kind, _) in MAILS {
        let empty = render(kind, &BTreeMap::new());
        assert!(matches!(empty, Err(Error::MissingVariable { template, .. }) if template == kind.name()), "{empty:?}");
        for (file, locale) in files(kind).into_iter().zip(Locale::ALL) {
            let variables = variables(&file);
            assert!(!variables.is_empty());
            for variable in variables {
                let mut without = in_language(locale, values());
                without.remove(&variable);
                let missing = if variable == "hard_decline" { "advice".to_owned() } else { variable.clone() };
                let expected = Err(Error::MissingVariable { template: kind.name(), variable: missing });
                assert_eq!(render(kind, &without), expected, "{file}");
                if variable != "hard_decline" {
                    without.insert(variable, String::new());
                    assert_eq!(render(kind, &without), expected, "{file}");
                }
            }
        }
    }
}

#[test]
fn a_customer_who_was_not_charged_owes_nothing() {
    for (locale, words) in [(Locale::ZhTw, "您沒有欠款"), (Locale::En, "You owe nothing and need not pay anything")]
    {
        let text = render(NoticeKind::NotCharged, &in_language(locale, values())).unwrap().text;
        assert!(text.contains(words) && !text.contains("NT$899"), "{text}");
    }
}

#[test]
fn a_card_that_can_no_longer_be_charged_is_explained_in_both_languages() {
    let advice = |locale, hard_decline: &str, retries: &str| {
        let mut values = in_language(locale, values());
        values.insert("hard_decline".to_owned(), hard_decline.to_owned());
        values.insert("retries".to_owned(), retries.to_owned());
        render(NoticeKind::FirstPaymentFailure, &values).unwrap().text
    };
    let sentences = [
        (Locale::ZhTw, "再次嘗試扣款", "若要繼續使用，請重新訂閱", "請以新的信用卡重新訂閱"),
        (
            Locale::En,
            "We will try to charge the card again",
            "please subscribe again.",
            "subscribe again with another card",
        ),
    ];
    for (locale, again, over, new_card) in sentences {
        // Where no retry can follow, none is announced.
        for (hard_decline, retries, said) in [
            ("false", "true", again),
            ("false", "false", over),
            ("true", "false", new_card),
            ("true", "true", new_card),
        ] {
            let text = advice(locale, hard_decline, retries);
            let all = [again, over, new_card].into_iter().filter(|sentence| text.contains(sentence));
            assert_eq!(all.collect::<Vec<_>>(), [said], "{text}");
        }
    }
}
