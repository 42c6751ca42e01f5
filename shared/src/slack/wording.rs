//! Wording of the digest, in Traditional Chinese.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::institutions::expiry_tier::{ExpiryTier, TierThresholds};
use crate::domain::institutions::tracked_institution::{DigestEntry, ExpiryChange, Institution};
use crate::domain::values::ids::InstitutionUid;
use crate::domain::values::time::LocalDate;
use crate::slack::mrkdwn::escaped;

/// Website of MMS's back office, the target of every link in a digest.
pub const BACKSTAGE: &str = "https://oneclub.backstage.oneclass.com.tw";
/// Path on MMS's site that shows an institution (MMS document, link of the tool).
const PAGES: &str = "/organizationmanagement/organizations/";
/// Characters that are percent-encoded: all but RFC 3986's unreserved ones.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Longest shown value of an institution, in characters of mrkdwn.
const LONGEST_VALUE: usize = 200;
const MISSING: &str = "未提供";
/// Label of the button that acknowledges an expiry.
pub(crate) const ACKNOWLEDGE: &str = "確認，到期前不再列出";
/// Answer to a press about an institution that the last scan did not list.
pub(crate) const NOT_LISTED: &str = "這家機構已不在 MMS 最近一次的清單中，沒有確認。";

/// Title of a day's digest.
pub(crate) fn title(day: LocalDate) -> String {
    format!("MMS 機構到期提醒 {day}")
}

pub(crate) const fn colour(tier: ExpiryTier) -> &'static str {
    match tier {
        ExpiryTier::Urgent => "🔴",
        ExpiryTier::Warning => "🟡",
        ExpiryTier::Notice => "🟢",
        ExpiryTier::Expired => "⚫",
    }
}

pub(crate) const fn name(tier: ExpiryTier) -> &'static str {
    match tier {
        ExpiryTier::Urgent => "緊急",
        ExpiryTier::Warning => "警告",
        ExpiryTier::Notice => "提醒",
        ExpiryTier::Expired => "已到期",
    }
}

/// Name of a tier with its range of days.
pub(crate) fn heading(tier: ExpiryTier, tiers: &TierThresholds) -> String {
    match tiers.range(tier) {
        Some((0, last)) => format!("{}（{last} 天內到期）", name(tier)),
        Some((first, last)) => format!("{}（{first}–{last} 天）", name(tier)),
        None => format!("{}（只列一次）", name(tier)),
    }
}

pub(crate) fn remaining(days: i64) -> String {
    match days {
        0 => "今天到期".to_owned(),
        1.. => format!("剩 {days} 天"),
        _ => format!("已過 {} 天", days.unsigned_abs()),
    }
}

fn change(change: Option<ExpiryChange>) -> String {
    match change {
        None => String::new(),
        Some(ExpiryChange::New) => "【新】".to_owned(),
        Some(ExpiryChange::Moved(from)) => format!("【原為{}】", name(from)),
        Some(ExpiryChange::Rescheduled(from)) => format!("【原到期日 {from}】"),
    }
}

/// Escaped value; `None` where it has no visible character.
fn visible(text: &str) -> Option<String> {
    Some(escaped(text, LONGEST_VALUE)).filter(|text| !text.trim().is_empty())
}

fn value(text: Option<&String>) -> String {
    text.and_then(|text| visible(text)).unwrap_or_else(|| MISSING.to_owned())
}

pub(crate) fn named(institution: &Institution) -> String {
    visible(&institution.name).unwrap_or_else(|| escaped(institution.uid.as_str(), LONGEST_VALUE))
}

/// Address of an institution's page in MMS's back office.
#[must_use]
pub fn backstage_page(uid: &InstitutionUid) -> String {
    format!("{BACKSTAGE}{PAGES}{}", utf8_percent_encode(uid.as_str(), ENCODED))
}

fn link(institution: &Institution, label: &str) -> String {
    format!("<{}|{label}>", backstage_page(&institution.uid))
}

/// Full text of an institution, with all fields of the MMS document.
pub(crate) fn in_full(institution: &Institution, shown: DigestEntry) -> String {
    let name = named(institution);
    let mut lines = vec![
        format!("*{name}* {}", change(shown.change)).trim_end().to_owned(),
        format!("到期日：{}（{}）", institution.expires, remaining(shown.days)),
        format!("方案：{}　帳號上限：{}", value(institution.plan.as_ref()), value(institution.account_limit.as_ref())),
        format!("聯絡人：{}　電話：{}", value(institution.contact.as_ref()), value(institution.phone.as_ref())),
        format!("地址：{}", value(institution.address.as_ref())),
    ];
    let uid = escaped(institution.uid.as_str(), LONGEST_VALUE);
    lines.push(format!("UID：{uid}　{}", link(institution, "查看詳情")));
    lines.join("\n")
}

/// Text of an institution in one line.
pub(crate) fn in_brief(institution: &Institution, shown: DigestEntry) -> String {
    let name = link(institution, &named(institution));
    let (expires, remaining, change) = (institution.expires, remaining(shown.days), change(shown.change));
    let uid = escaped(institution.uid.as_str(), LONGEST_VALUE);
    format!("• {name}（{uid}）{expires}，{remaining}，{}{change}", value(institution.plan.as_ref()))
}

/// Text of an institution for screen readers.
pub(crate) fn spoken(institution: &Institution, shown: DigestEntry) -> String {
    let name = named(institution);
    format!(
        "{}：{name}，{} 到期，{}{}",
        self::name(shown.tier),
        institution.expires,
        remaining(shown.days),
        change(shown.change)
    )
}

/// Line of an acknowledged institution; `by` is markup.
pub(crate) fn acknowledged(by: &str, until: LocalDate) -> String {
    format!("✅ 已由 {by} 確認，{until} 前不再列出")
}

/// Answer to a press about an expiry date that MMS no longer lists.
pub(crate) fn rescheduled(name: &str, to: LocalDate) -> String {
    format!("*{name}* 的到期日已改為 {to}，沒有確認。請以新的提醒為準。")
}

/// Answer to a press about an expiry date that has come.
pub(crate) fn over(name: &str, expires: LocalDate) -> String {
    format!("*{name}* 的到期日 {expires} 已到，不需要確認。")
}

/// Answer to a press after which the institution is not acknowledged, because staff ended that meanwhile.
pub(crate) fn not_acknowledged(name: &str) -> String {
    format!("*{name}* 沒有確認，請再按一次。")
}
