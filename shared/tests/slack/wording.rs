//! Wording of the digest.

use serde_json::{Value, json};
use shared::domain::institutions::expiry_tier::{ExpiryTier, TierThresholds};
use shared::domain::institutions::tracked_institution::{DigestEntry, ExpiryChange, Institution};
use shared::domain::values::ids::InstitutionUid;
use shared::domain::values::time::Timestamp;
use shared::slack::{Digest, Entry, Message, scan_failed};

use crate::checker::BACKSTAGE;
use crate::support::day;

fn morning() -> Timestamp {
    Timestamp::parse("2026-11-20T01:30:00Z").unwrap()
}

fn institution(uid: &str, name: &str, expires: &str) -> Institution {
    Institution {
        uid: InstitutionUid::parse(uid).unwrap(),
        name: name.to_owned(),
        expires: day(expires),
        contact: Some("林 虛構".to_owned()),
        phone: Some("02-5550-0101".to_owned()),
        address: Some("臺北市範例區虛構路 1 號".to_owned()),
        plan: Some("標準方案".to_owned()),
        account_limit: Some("50".to_owned()),
    }
}

/// Digest of 2026-11-20 with thresholds 7, 30 and 60, in full within 30 days.
fn digest<'a>(entries: &'a [Entry<'a>], unreadable: &'a [(String, &'static str)]) -> Digest<'a> {
    Digest {
        day: day("2026-11-20"),
        made_at: morning(),
        tiers: TierThresholds::new(7, 30, 60).unwrap(),
        full_within: 30,
        entries,
        acknowledged: 0,
        gone: 0,
        unreadable,
        contradictory: &[],
        says_nothing_due: false,
        has_buttons: false,
    }
}

fn shown(institution: &Institution, change: Option<ExpiryChange>) -> Entry<'_> {
    let days = day("2026-11-20").days_until(institution.expires);
    let tier = TierThresholds::new(7, 30, 60).unwrap().tier(days).unwrap();
    Entry { institution, shown: DigestEntry { tier, days, change } }
}

/// Texts of a message's blocks; a divider is a line.
fn texts(message: &Message) -> Vec<&str> {
    let blocks = message.payload["blocks"].as_array().unwrap().iter();
    blocks
        .map(|block| match block["type"].as_str().unwrap() {
            "divider" => "---",
            "context" => block["elements"][0]["text"].as_str().unwrap(),
            _ => block["text"]["text"].as_str().unwrap(),
        })
        .collect()
}

/// Last block of the single message about an institution.
fn alone(institution: &Institution, change: Option<ExpiryChange>) -> String {
    let entries = [shown(institution, change)];
    let messages = digest(&entries, &[]).messages();
    assert_eq!(messages.len(), 1);
    (*texts(&messages[0]).last().unwrap()).to_owned()
}

#[test]
fn a_digest_reads_from_top_to_bottom_as_the_document_has_it() {
    let urgent = institution("ORG-1", "晨光才藝教室", "2026-11-27");
    let warning = institution("ORG-2", "<!channel> & <b>", "2026-12-20");
    let notice = institution("ORG/3", "星河教室", "2027-01-05");
    let expired = institution("ORG-4", "舊港工作室", "2026-11-19");
    let entries = [
        shown(&urgent, Some(ExpiryChange::New)),
        shown(&warning, Some(ExpiryChange::Moved(ExpiryTier::Notice))),
        shown(&notice, None),
        shown(&expired, Some(ExpiryChange::New)),
    ];
    let messages = Digest { acknowledged: 2, gone: 4, ..digest(&entries, &[]) }.messages();
    assert_eq!(messages.len(), 1);
    let summary = "*找到 3 個即將到期的機構*\n🔴 緊急（7 天內到期）：1 家\n🟡 警告（8–30 天）：1 家\n\
                   🟢 提醒（31–60 天）：1 家\n⚫ 已到期（只列一次）：1 家\n已由業務確認、暫不列出：2 家\n\
                   先前列出、現已不在清單（已續約、停用或到期）：4 家";
    let in_full = |name: &str, mark: &str, expires: &str, uid: &str| {
        format!(
            "*{name}*{mark}\n到期日：{expires}\n方案：標準方案　帳號上限：50\n聯絡人：林 虛構　電話：02-5550-0101\n\
             地址：臺北市範例區虛構路 1 號\nUID：{uid}　<{BACKSTAGE}{uid}|查看詳情>"
        )
    };
    assert_eq!(
        texts(&messages[0]),
        [
            "MMS 機構到期提醒 2026-11-20",
            "執行時間 2026-11-20 09:30（台北）",
            summary,
            "---",
            "🔴 *緊急（7 天內到期）*　1 家",
            &in_full("晨光才藝教室", " 【新】", "2026-11-27（剩 7 天）", "ORG-1"),
            "---",
            "🟡 *警告（8–30 天）*　1 家",
            &in_full("&lt;!channel&gt; &amp; &lt;b&gt;", " 【原為提醒】", "2026-12-20（剩 30 天）", "ORG-2"),
            "---",
            "🟢 *提醒（31–60 天）*　1 家",
            &format!("• <{BACKSTAGE}ORG%2F3|星河教室>（ORG/3）2027-01-05，剩 46 天，標準方案"),
            "---",
            "⚫ *已到期（只列一次）*　1 家",
            &in_full("舊港工作室", " 【新】", "2026-11-19（已過 1 天）", "ORG-4"),
        ]
    );
    assert_eq!(
        messages[0].payload["text"],
        "MMS 機構到期提醒 2026-11-20\n即將到期 3 家：緊急 1 家、警告 1 家、提醒 1 家。\n⚫ 已到期（只列一次）：1 家\n\
         已由業務確認、暫不列出：2 家\n先前列出、現已不在清單（已續約、停用或到期）：4 家\n\
         緊急：晨光才藝教室，2026-11-27 到期，剩 7 天【新】\n\
         警告：&lt;!channel&gt; &amp; &lt;b&gt;，2026-12-20 到期，剩 30 天【原為提醒】\n\
         提醒：星河教室，2027-01-05 到期，剩 46 天\n已到期：舊港工作室，2026-11-19 到期，已過 1 天【新】"
    );
    let uids: Vec<&str> = messages[0].uids.iter().map(InstitutionUid::as_str).collect();
    assert_eq!(uids, ["ORG-1", "ORG-2", "ORG/3", "ORG-4"]);
}

#[test]
fn what_changed_is_marked() {
    let urgent = institution("ORG-1", "晨光才藝教室", "2026-11-25");
    let first = |change| alone(&urgent, change).lines().next().unwrap().to_owned();
    assert_eq!(first(None), "*晨光才藝教室*");
    assert_eq!(first(Some(ExpiryChange::New)), "*晨光才藝教室* 【新】");
    assert_eq!(first(Some(ExpiryChange::Moved(ExpiryTier::Warning))), "*晨光才藝教室* 【原為警告】");
    assert_eq!(first(Some(ExpiryChange::Moved(ExpiryTier::Expired))), "*晨光才藝教室* 【原為已到期】");
    assert_eq!(first(Some(ExpiryChange::Rescheduled(day("2026-11-30")))), "*晨光才藝教室* 【原到期日 2026-11-30】");
    let notice = institution("ORG-3", "星河教室", "2027-01-19");
    let line = alone(&notice, Some(ExpiryChange::Rescheduled(day("2026-11-30"))));
    assert_eq!(
        line,
        format!("• <{BACKSTAGE}ORG-3|星河教室>（ORG-3）2027-01-19，剩 60 天，標準方案【原到期日 2026-11-30】")
    );
}

#[test]
fn the_days_are_said_in_words_at_the_edges() {
    for (expires, words) in [
        ("2026-11-20", "到期日：2026-11-20（今天到期）"),
        ("2026-11-21", "到期日：2026-11-21（剩 1 天）"),
        ("2026-11-19", "到期日：2026-11-19（已過 1 天）"),
        ("2025-11-20", "到期日：2025-11-20（已過 365 天）"),
    ] {
        let text = alone(&institution("ORG-1", "晨光才藝教室", expires), None);
        assert_eq!(text.lines().nth(1), Some(words));
    }
}

#[test]
fn values_that_mms_omits_are_shown_as_missing() {
    let mut bare = institution("ORG-1", "ORG-1", "2026-11-25");
    (bare.contact, bare.phone, bare.address, bare.plan, bare.account_limit) = (None, None, None, None, None);
    let missing = "方案：未提供　帳號上限：未提供\n聯絡人：未提供　電話：未提供\n地址：未提供";
    let text = format!("*ORG-1*\n到期日：2026-11-25（剩 5 天）\n{missing}\nUID：ORG-1　<{BACKSTAGE}ORG-1|查看詳情>");
    assert_eq!(alone(&bare, None), text);
    // Invisible text counts as missing.
    let nothing = || Some("\u{200b}\u{feff}\u{3164}\u{fe0f}".to_owned());
    bare.name = nothing().unwrap();
    (bare.contact, bare.phone, bare.address, bare.plan, bare.account_limit) =
        (nothing(), nothing(), nothing(), nothing(), nothing());
    assert_eq!(alone(&bare, None), text);
    bare.expires = day("2027-01-19");
    assert_eq!(alone(&bare, None), format!("• <{BACKSTAGE}ORG-1|ORG-1>（ORG-1）2027-01-19，剩 60 天，未提供"));
}

#[test]
fn ten_records_that_cannot_be_read_are_named_and_the_others_counted() {
    let odd: Vec<(String, &'static str)> = (1..=12).map(|place| (format!("page 1, record {place}"), "uid")).collect();
    let lines = |count: usize| {
        let messages = digest(&[], &odd[..count]).messages();
        assert_eq!(messages.len(), 1);
        let texts = texts(&messages[0]).iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        // What was not read may expire: no sentence claims the contrary, and no zero does.
        let unknown = format!("有 {count} 筆機構資料無法判讀，無法確認有無 60 天內到期的機構");
        assert_eq!(texts[2], format!("*{unknown}*"));
        let spoken = format!("MMS 機構到期提醒 2026-11-20\n{unknown}。\n{}", texts[3]);
        assert_eq!(messages[0].payload["text"], spoken);
        texts[3].lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let ten = lines(10);
    assert_eq!(ten.len(), 11);
    assert_eq!(ten[0], "⚠️ 10 筆機構資料無法判讀，先前讀過的以當時的到期日列出，其餘未列入：");
    assert_eq!(ten[10], "• page 1, record 10：uid 缺少或無法判讀");
    let twelve = lines(12);
    assert_eq!(twelve.len(), 12);
    assert_eq!((twelve[10].as_str(), twelve[11].as_str()), ("• page 1, record 10：uid 缺少或無法判讀", "• 另有 2 筆"));
    assert_eq!(
        lines(1),
        [
            "⚠️ 1 筆機構資料無法判讀，先前讀過的以當時的到期日列出，其餘未列入：",
            "• page 1, record 1：uid 缺少或無法判讀"
        ]
    );
}

#[test]
fn beside_unreadable_records_only_what_was_found_is_counted() {
    let warning = institution("ORG-2", "星河教室", "2026-12-20");
    let entries = [shown(&warning, None)];
    let odd = [("uid ORG-9".to_owned(), "expirationTime")];
    let messages = digest(&entries, &odd).messages();
    assert_eq!(texts(&messages[0])[2], "*已知 1 個即將到期的機構，另有 1 筆無法判讀*\n🟡 警告（8–30 天）：1 家");
    let spoken = messages[0].payload["text"].as_str().unwrap();
    assert_eq!(spoken.lines().nth(1), Some("已知即將到期 1 家：警告 1 家。另有 1 筆無法判讀。"));
}

#[test]
fn an_institution_with_several_expiry_dates_is_named_with_all_of_them() {
    let uid = |uid: &str| InstitutionUid::parse(uid).unwrap();
    let dates = |days: &[&str]| days.iter().map(|text| day(text)).collect::<Vec<_>>();
    let many = (1..=6).map(|number| day(&format!("2026-12-0{number}"))).collect();
    let contradictory = [(uid("D<1"), dates(&["2026-11-22", "2027-01-09"])), (uid("D-2"), many)];
    let messages = Digest { contradictory: &contradictory, ..digest(&[], &[]) }.messages();
    let expected = "⚠️ 2 家機構在 MMS 有不同的到期日，以最早的列出：\n• uid D&lt;1：2026-11-22、2027-01-09\n\
                    • uid D-2：2026-12-01、2026-12-02、2026-12-03、2026-12-04、2026-12-05…";
    assert_eq!(texts(&messages[0])[3], expected);
    assert!(messages[0].payload["text"].as_str().unwrap().ends_with(expected));
}

#[test]
fn a_digest_without_news_has_no_messages() {
    assert_eq!(digest(&[], &[]).messages(), []);
    // Acknowledged institutions alone make no digest.
    assert_eq!(Digest { acknowledged: 3, ..digest(&[], &[]) }.messages(), []);
    // Where a setting asks for it, the day says so.
    let first = |digest: Digest<'_>| texts(&digest.messages()[0])[2].lines().next().unwrap().to_owned();
    let quiet = Digest { says_nothing_due: true, ..digest(&[], &[]) };
    assert_eq!(first(quiet.clone()), "*目前沒有 60 天內到期的機構*");
    assert_eq!(first(Digest { acknowledged: 3, ..quiet }), "*目前沒有其他 60 天內到期的機構*");
    let gone = Digest { gone: 1, ..digest(&[], &[]) }.messages();
    assert_eq!(gone.len(), 1);
    assert!(texts(&gone[0])[2].ends_with("先前列出、現已不在清單（已續約、停用或到期）：1 家"));
}

#[test]
fn a_failed_scan_is_announced_with_its_reason() {
    let body = "今天的到期清單尚未送出，這不代表沒有機構到期。\n原因：MMS refused: &lt;!here&gt; token not valid\n\
                排除後會在下一次執行時補送。";
    let message = scan_failed(day("2026-11-20"), morning(), "MMS refused: <!here> token not valid", &[]);
    let mrkdwn = |text: &str| json!({ "type": "mrkdwn", "text": text, "verbatim": true });
    let expected: Value = json!({
        "text": format!("MMS 到期掃描未完成 2026-11-20\n{body}"),
        "blocks": [
            { "type": "header", "text": { "type": "plain_text", "text": "MMS 到期掃描未完成 2026-11-20" } },
            { "type": "context", "elements": [mrkdwn("執行時間 2026-11-20 09:30（台北）")] },
            { "type": "section", "text": mrkdwn(&format!("❗ {body}")) },
        ],
    });
    assert_eq!(message, expected);
}

#[test]
fn a_failed_scan_lists_the_institutions_that_are_known_as_far_as_they_fit() {
    let all: Vec<Institution> =
        (0..40).map(|number| institution(&format!("ORG-{number:02}"), "星河教室", "2026-12-20")).collect();
    let known: Vec<Entry<'_>> = all.iter().map(|one| shown(one, None)).collect();
    let payload = scan_failed(day("2026-11-20"), morning(), "3 of 3 records of MMS cannot be read", &known);
    let list = payload["blocks"][3]["text"]["text"].as_str().unwrap();
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines[0], "依先前讀到的資料，以下機構即將到期或已到期：");
    assert_eq!(lines[1], format!("• <{BACKSTAGE}ORG-00|星河教室>（ORG-00）2026-12-20，剩 30 天，標準方案"));
    // Of 2,400 characters the title has 22 and each line 125 with its line break.
    assert_eq!((lines.len(), lines[20]), (21, "另有 21 家"), "{list}");
    let text = payload["text"].as_str().unwrap();
    assert_eq!(text.matches("警告：星河教室，2026-12-20 到期，剩 30 天").count(), 40);
}
