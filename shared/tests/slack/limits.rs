//! Digests of arbitrary institutions: within Slack's limits, no mentions, every institution once and in full.

use proptest::prelude::*;
use serde_json::json;
use shared::domain::institutions::expiry_tier::{ExpiryTier, TierThresholds};
use shared::domain::institutions::tracked_institution::{DigestEntry, ExpiryChange, Institution};
use shared::domain::values::ids::InstitutionUid;
use shared::domain::values::time::{LocalDate, Timestamp};
use shared::slack::{Digest, Entry, Message, scan_failed};

use crate::checker::{Given, check, check_buttons};

const TODAY: &str = "2026-11-20";

fn today() -> LocalDate {
    LocalDate::parse(TODAY).unwrap()
}

/// Names that look like markup, break lines or are invisible, and arbitrary ones.
fn hostile() -> impl Strategy<Value = String> {
    let known = [
        "晨光才藝教室",
        "<!channel>",
        "<!here> & <b>",
        "<@U0INVENTED>",
        "<#C0INVENTED|general>",
        "@channel",
        "https://phish.example/?a=b&c",
        "<https://phish.example|查看詳情>",
        "a|b>c",
        "*粗* _斜_ ~線~ `碼`",
        "```",
        "&lt;!channel&gt;",
        "&amp;",
        "一\n二\r\n三\u{2028}四",
        "• <x|y>（z）",
        "🔴 *緊急（7 天內到期）*",
        "\u{202e}室教光晨",
        "\u{200b}",
        "\u{200f}\u{feff}\u{ad}",
        " \u{3000} ",
        "👩‍👩‍👧‍👦🏴‍☠️",
        "é\u{301}\u{301}\u{301}",
        "\0\u{7}\u{1b}[31m",
        ":rotating_light:",
    ];
    prop_oneof![
        6 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
        2 => any::<String>().prop_map(|text| text.replace('…', "")),
        2 => proptest::collection::vec(proptest::sample::select(known.to_vec()), 1..200).prop_map(|parts| parts.concat()),
        1 => proptest::sample::select(vec!['<', '&', '長', 'x', '\u{1f600}']).prop_map(|c| String::from(c).repeat(10_000)),
    ]
}

fn change() -> impl Strategy<Value = Option<ExpiryChange>> {
    prop_oneof![
        Just(None),
        Just(Some(ExpiryChange::New)),
        proptest::sample::select(ExpiryTier::ALL.to_vec()).prop_map(|from| Some(ExpiryChange::Moved(from))),
        (-30..60_i64).prop_map(|days| Some(ExpiryChange::Rescheduled(today().plus_days(days)))),
    ]
}

fn tiers() -> TierThresholds {
    TierThresholds::new(7, 30, 60).unwrap()
}

prop_compose! {
    fn institution()(
        days in prop_oneof![-800_000..0_i64, -3..=60_i64, 0..=7_i64, 31..=60_i64],
        uid in "[A-Za-z0-9<>&|*_~`!@#%?/.+=-]{0,30}",
        name in hostile(),
        values in proptest::collection::vec(proptest::option::of(hostile()), 5),
        change in change(),
    ) -> (Institution, DigestEntry) {
        let [contact, phone, address, plan, account_limit] = values.try_into().unwrap();
        let institution = Institution {
            // The number makes the UID unique; see below.
            uid: InstitutionUid::parse(&format!("u{uid}")).unwrap(),
            name, expires: today().plus_days(days), contact, phone, address, plan, account_limit,
        };
        (institution, DigestEntry { tier: tiers().tier(days).unwrap(), days, change })
    }
}

/// Up to `most` institutions in the order of a digest.
fn institutions(most: usize) -> impl Strategy<Value = Vec<(Institution, DigestEntry)>> {
    proptest::collection::vec(institution(), 0..=most).prop_map(|mut all| {
        all.sort_by_key(|(_, shown)| (shown.tier, shown.days));
        for (number, (institution, _)) in all.iter_mut().enumerate() {
            institution.uid = InstitutionUid::parse(&format!("{}{number}", institution.uid)).unwrap();
        }
        all
    })
}

fn unreadable() -> impl Strategy<Value = Vec<(String, &'static str)>> {
    let field = proptest::sample::select(vec!["uid", "expirationTime"]);
    proptest::collection::vec((hostile(), field), 0..30)
}

fn contradictory() -> impl Strategy<Value = Vec<(InstitutionUid, Vec<LocalDate>)>> {
    let uid = "[A-Za-z0-9<>&|*_~`!@#%?/.+=-]{1,60}".prop_map(|uid| InstitutionUid::parse(&uid).unwrap());
    let dates = proptest::collection::vec((-800..800_i64).prop_map(|days| today().plus_days(days)), 2..9);
    proptest::collection::vec((uid, dates), 0..30)
}

/// Settings of a digest.
#[derive(Clone, Copy, Debug)]
struct Style {
    full_within: u32,
    has_buttons: bool,
}

const PLAIN: Style = Style { full_within: 30, has_buttons: false };

/// Messages of a digest of these institutions.
fn messages(
    all: &[(Institution, DigestEntry)],
    Style { full_within, has_buttons }: Style,
    [acknowledged, gone]: [usize; 2],
    unreadable: &[(String, &'static str)],
    contradictory: &[(InstitutionUid, Vec<LocalDate>)],
) -> Vec<Message> {
    let entries: Vec<Entry<'_>> = all.iter().map(|(institution, shown)| Entry { institution, shown: *shown }).collect();
    let digest = Digest {
        day: today(),
        made_at: Timestamp::parse("2026-11-20T01:30:00Z").unwrap(),
        tiers: tiers(),
        full_within,
        entries: &entries,
        acknowledged,
        gone,
        unreadable,
        contradictory,
        says_nothing_due: false,
        has_buttons,
    };
    digest.messages()
}

fn given(all: &[(Institution, DigestEntry)]) -> Vec<Given<'_>> {
    all.iter().map(|(institution, shown)| (institution, *shown)).collect()
}

/// Invented institution, `days` before its expiry.
fn plain(number: i64, days: i64) -> (Institution, DigestEntry) {
    let institution = Institution {
        uid: InstitutionUid::parse(&format!("INV-{number}")).unwrap(),
        name: format!("虛構教室 {number}"),
        expires: today().plus_days(days),
        contact: None,
        phone: Some("02-5550-0101".to_owned()),
        address: None,
        plan: Some("標準方案".to_owned()),
        account_limit: None,
    };
    (institution, DigestEntry { tier: tiers().tier(days).unwrap(), days, change: None })
}

proptest! {
    #![proptest_config(crate::cases(120))]

    #[test]
    fn any_institutions_arrive_whole_and_once_within_slacks_limits(
        all in prop_oneof![institutions(12), institutions(120), institutions(400)],
        full_within in prop_oneof![Just(0_u32), Just(30), Just(60), 0..60_u32],
        asides in [0..3_usize, 0..3_usize],
        unreadable in unreadable(),
        contradictory in contradictory(),
    ) {
        let with = |has_buttons| messages(&all, Style { full_within, has_buttons }, asides, &unreadable, &contradictory);
        let messages = with(false);
        let is_silent = all.is_empty() && asides[1] == 0 && unreadable.is_empty() && contradictory.is_empty();
        prop_assert_eq!(messages.is_empty(), is_silent);
        let checked = check(&given(&all), &messages);
        prop_assert!(checked.is_ok(), "{}", checked.unwrap_err());
        let messages = with(true);
        let checked = check(&given(&all), &messages).and_then(|()| check_buttons(TODAY, &given(&all), &messages));
        prop_assert!(checked.is_ok(), "{}", checked.unwrap_err());
    }

    #[test]
    fn any_reason_of_a_failure_fits_with_the_known_institutions_and_mentions_no_one(
        reason in hostile(), all in institutions(80)
    ) {
        let known: Vec<Entry<'_>> = all.iter().map(|(institution, shown)| Entry { institution, shown: *shown }).collect();
        let now = Timestamp::parse("2026-11-20T01:30:00Z").unwrap();
        let alone = scan_failed(today(), now, &reason, &[]);
        let checked = check(&[], &[Message { payload: alone, uids: Vec::new() }]);
        prop_assert!(checked.is_ok(), "{}", checked.unwrap_err());
        let payload = scan_failed(today(), now, &reason, &known);
        let (text, blocks) = (payload["text"].as_str().unwrap(), payload["blocks"].as_array().unwrap());
        prop_assert!(text.chars().count() <= 4_000 && !text.contains(['<', '>']), "{}", text);
        if let Some(list) = blocks.get(3) {
            let list = list["text"]["text"].as_str().unwrap();
            let shown = list.matches("/organizations/").count();
            let left = list.lines().last().unwrap().strip_prefix("另有 ").and_then(|rest| rest.split(' ').next());
            prop_assert!(list.chars().count() <= 3_000 && !list.contains("<!"), "{}", list);
            prop_assert_eq!(shown + left.map_or(0, |left| left.parse::<usize>().unwrap()), all.len());
        }
        prop_assert_eq!(blocks.len(), if all.is_empty() { 3 } else { 4 });
    }
}

#[test]
fn four_hundred_institutions_take_as_many_messages_as_they_need_and_no_more() {
    let all: Vec<_> = (0..400).map(|number| plain(number, number * 61 / 400)).collect();
    // In full within 30 days: 204 sections, at most 41 beside the message's own blocks; then 196 lines, up to 90.
    let messages = messages(&all, PLAIN, [0, 0], &[], &[]);
    check(&given(&all), &messages).unwrap();
    assert!((8..=10).contains(&messages.len()), "{}", messages.len());
    let title = |message: &Message| message.payload["blocks"][0]["text"]["text"].as_str().unwrap().to_owned();
    for (number, message) in (1..).zip(&messages) {
        assert_eq!(title(message), format!("MMS 機構到期提醒 2026-11-20（{number}/{}）", messages.len()));
    }
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let all = vec![plain(1, 3), plain(2, 20), plain(3, 45), plain(4, 46), plain(5, -1)];
    let good = messages(&all, PLAIN, [1, 1], &[], &[]);
    check(&given(&all), &good).unwrap();
    let blocks = good[0].payload["blocks"].as_array().unwrap();
    let of = |uid: &str| blocks.iter().position(|block| block.to_string().contains(uid)).unwrap();
    let section =
        |text: &str| json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } });
    let with = |change: &dyn Fn(&mut Message)| {
        let mut message = good[0].clone();
        change(&mut message);
        check(&given(&all), &[message]).unwrap_err()
    };
    let in_block = |place: usize, from: &str, to: &str| {
        with(&|message| {
            let text = message.payload["blocks"][place]["text"]["text"].as_str().unwrap().replace(from, to);
            message.payload["blocks"][place]["text"]["text"] = json!(text);
        })
    };
    let added = |text: &str| with(&|message| message.payload["blocks"].as_array_mut().unwrap().push(section(text)));
    let spoken = |from: &str, to: &str| {
        with(&|message| message.payload["text"] = json!(message.payload["text"].as_str().unwrap().replace(from, to)))
    };
    let first = of("INV-1|");
    for (wrong, expected) in [
        (added("<!channel>"), "< before"),
        (added("a & b"), "a bare &"),
        (added(&"x".repeat(3_001)), "3001 characters"),
        (added(""), "0 characters"),
        (in_block(first, "地址", "位置"), "without 地址："),
        (in_block(first, "02-5550-0101", "02-5550-0102"), "電話： of INV-1"),
        (in_block(first, "2026-11-23", "2026-11-24"), "INV-1 without its day"),
        (in_block(first, "虛構教室 1", "虛構教室 2"), "INV-1 without its name"),
        (in_block(of("INV-3|"), "INV-4", "INV-3"), "INV-3 is shown where INV-4 should be"),
        (in_block(of("🟢 *提醒"), "🟢 *提醒", "🟡 *警告"), "below"),
        (spoken("虛構教室 2", ""), "INV-2 is not read out"),
        (spoken("2026-12-10", "2026-12-11"), "does not say"),
        (spoken("緊急：", "<!here>"), "markup"),
        (with(&|message| drop(message.uids.pop())), "named are"),
        (with(&|message| drop(message.payload["blocks"].as_array_mut().unwrap().remove(first))), "is shown where"),
        (with(&|message| message.payload["blocks"][first]["text"]["verbatim"] = json!(false)), "is parsed by Slack"),
        (with(&|message| message.payload["text"] = json!("x".repeat(4_001))), "a text of 4001"),
    ] {
        assert!(wrong.contains(expected), "{expected}: {wrong}");
    }
    let twice = [good[0].clone(), good[0].clone()];
    assert!(check(&given(&all), &twice).is_err());
    assert!(check(&given(&all), &[]).unwrap_err().contains("5 institutions are in no message"));
}
