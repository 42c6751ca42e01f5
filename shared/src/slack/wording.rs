//! The digest's wording, in Traditional Chinese.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::institutions::{BACKSTAGE, DigestEntry, ExpiryTier, Institution, InstitutionChange, TierThresholds};
use crate::domain::values::time::LocalDate;
use crate::slack::mrkdwn::escaped;

/// Where MMS's own site shows an institution (the MMS tool's link).
const PAGES: &str = "/organizationmanagement/organizations/";
/// All but RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Longest value of an institution that is shown, in characters of mrkdwn.
const LONGEST_VALUE: usize = 200;
const MISSING: &str = "未提供";

/// The title of a digest.
pub(crate) fn title(day: LocalDate) -> String {
    format!("MMS 機構到期提醒 {day}")
}

pub(crate) const fn colour(stage: ExpiryTier) -> &'static str {
    match stage {
        ExpiryTier::Urgent => "🔴",
        ExpiryTier::Warning => "🟡",
        ExpiryTier::Notice => "🟢",
        ExpiryTier::Expired => "⚫",
    }
}

pub(crate) const fn name(stage: ExpiryTier) -> &'static str {
    match stage {
        ExpiryTier::Urgent => "緊急",
        ExpiryTier::Warning => "警告",
        ExpiryTier::Notice => "提醒",
        ExpiryTier::Expired => "已到期",
    }
}

/// A stage with its days.
pub(crate) fn heading(stage: ExpiryTier, tiers: &TierThresholds) -> String {
    match tiers.range(stage) {
        Some((0, last)) => format!("{}（{last} 天內到期）", name(stage)),
        Some((first, last)) => format!("{}（{first}–{last} 天）", name(stage)),
        None => format!("{}（只列一次）", name(stage)),
    }
}

pub(crate) fn remaining(days: i64) -> String {
    match days {
        0 => "今天到期".to_owned(),
        1.. => format!("剩 {days} 天"),
        _ => format!("已過 {} 天", days.unsigned_abs()),
    }
}

fn change(change: Option<InstitutionChange>) -> String {
    match change {
        None => String::new(),
        Some(InstitutionChange::New) => "【新】".to_owned(),
        Some(InstitutionChange::Moved(from)) => format!("【原為{}】", name(from)),
        Some(InstitutionChange::Rescheduled(from)) => format!("【原到期日 {from}】"),
    }
}

/// A value, where anything of it is to be seen.
fn visible(text: &str) -> Option<String> {
    Some(escaped(text, LONGEST_VALUE)).filter(|text| !text.trim().is_empty())
}

fn value(text: Option<&String>) -> String {
    text.and_then(|text| visible(text)).unwrap_or_else(|| MISSING.to_owned())
}

fn named(institution: &Institution) -> String {
    visible(&institution.name).unwrap_or_else(|| escaped(institution.uid.as_str(), LONGEST_VALUE))
}

fn link(institution: &Institution, label: &str) -> String {
    format!("<{BACKSTAGE}{PAGES}{}|{label}>", utf8_percent_encode(institution.uid.as_str(), ENCODED))
}

/// An institution with everything that is known of it.
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

/// An institution in one line.
pub(crate) fn in_brief(institution: &Institution, shown: DigestEntry) -> String {
    let name = link(institution, &named(institution));
    let (expires, remaining, change) = (institution.expires, remaining(shown.days), change(shown.change));
    let uid = escaped(institution.uid.as_str(), LONGEST_VALUE);
    format!("• {name}（{uid}）{expires}，{remaining}，{}{change}", value(institution.plan.as_ref()))
}

/// An institution as it is read out.
pub(crate) fn spoken(institution: &Institution, shown: DigestEntry) -> String {
    let name = named(institution);
    format!(
        "{}：{name}，{} 到期，{}{}",
        self::name(shown.stage),
        institution.expires,
        remaining(shown.days),
        change(shown.change)
    )
}
