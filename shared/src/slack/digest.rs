//! The digest of a day: all institutions in as many messages as Slack's limits require, each institution in one message.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::mrkdwn::escaped;
use super::page::{Page, Part, context, header, section};
use crate::domain::institutions::ZONE;
use crate::domain::institutions::expiry_tier::{ExpiryTier, TierThresholds};
use crate::domain::institutions::tracked_institution::{DigestEntry, Institution};
use crate::domain::values::ids::InstitutionUid;
use crate::domain::values::time::{LocalDate, Timestamp};
use crate::slack::wording;

/// Most unreadable records that a digest names.
const NAMED_UNREADABLE: usize = 10;
/// Longest reason of a failed scan, in characters.
const LONGEST_REASON: usize = 300;

/// Content of one day's digest.
#[derive(Clone, Debug)]
pub struct Digest<'a> {
    /// Day of the digest, Asia/Taipei.
    pub day: LocalDate,
    /// Time at which it was composed.
    pub made_at: Timestamp,
    /// Thresholds of the tiers, in days.
    pub tiers: TierThresholds,
    /// Days before the expiry up to which an institution is shown in full, beyond it as one line
    /// (`NOTIFICATION_DAYS_THRESHOLD`).
    pub full_within: u32,
    /// Institutions to show, in their order.
    pub entries: &'a [Entry<'a>],
    /// Number of institutions that are left out because staff acknowledged them.
    pub acknowledged: usize,
    /// Number of institutions that were shown before and are no longer listed by MMS, or expire beyond the horizon.
    pub gone: usize,
    /// Unreadable records: the record's name and the field.
    pub unreadable: &'a [(String, &'static str)],
}

/// An institution with its place in the digest.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Institution as MMS lists it.
    pub institution: &'a Institution,
    /// Tier, remaining days and change.
    pub shown: DigestEntry,
}

/// One message of a digest.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Payload with `text` and `blocks`.
    pub payload: Value,
    /// Institutions that the message shows.
    pub uids: Vec<InstitutionUid>,
}

impl Digest<'_> {
    /// Returns the messages; none for a digest without content.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        if self.entries.is_empty() && self.gone == 0 && self.unreadable.is_empty() {
            return Vec::new();
        }
        let mut pages = Vec::new();
        let mut page = Page::default();
        page.preface(&self.summary(), &self.spoken_summary());
        if let Some(unreadable) = self.unreadable() {
            page.preface(&unreadable, &unreadable);
        }
        let counts = self.counts();
        let mut last = None;
        for entry in self.entries {
            let tier = entry.shown.tier;
            let count = counts.get(&tier).copied().unwrap_or(0);
            let title = format!("{} *{}*", wording::colour(tier), wording::heading(tier, &self.tiers));
            let part = self.part(entry);
            let heading = |mark: &str| format!("{title}　{count} 家{mark}");
            let mark = if last == Some(tier) { "（續）" } else { "" };
            if !page.put(&part, &heading(mark)) {
                pages.push(std::mem::take(&mut page));
                // A part alone always fits into a message, because its values are cut to a length.
                page.put(&part, &heading(mark));
            }
            last = Some(tier);
        }
        if !page.is_empty() || pages.is_empty() {
            pages.push(page);
        }
        self.titled(pages)
    }

    fn titled(&self, pages: Vec<Page>) -> Vec<Message> {
        let count = pages.len();
        let when = format!("執行時間 {}（台北）", self.made_at.to_local(ZONE));
        let title = |number: usize| match count {
            1 => wording::title(self.day),
            _ => format!("{}（{number}/{count}）", wording::title(self.day)),
        };
        let finish = |(number, mut page): (usize, Page)| {
            let uids = std::mem::take(&mut page.uids);
            Message { payload: page.finish(&title(number), &when), uids }
        };
        (1..).zip(pages).map(finish).collect()
    }

    fn part(&self, entry: &Entry<'_>) -> Part {
        let (institution, shown) = (entry.institution, entry.shown);
        let is_line = shown.days > i64::from(self.full_within);
        Part {
            uid: institution.uid.clone(),
            tier: shown.tier,
            shown: if is_line { wording::in_brief(institution, shown) } else { wording::in_full(institution, shown) },
            is_line,
            spoken: wording::spoken(institution, shown),
        }
    }

    /// Returns the number of shown institutions by tier.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<ExpiryTier, usize> {
        let mut counts: BTreeMap<ExpiryTier, usize> = ExpiryTier::ALL.into_iter().map(|tier| (tier, 0)).collect();
        for entry in self.entries {
            *counts.entry(entry.shown.tier).or_default() += 1;
        }
        counts
    }

    fn count(&self, tier: ExpiryTier) -> usize {
        self.counts().get(&tier).copied().unwrap_or(0)
    }

    fn expiring(&self) -> usize {
        self.entries.len() - self.count(ExpiryTier::Expired)
    }

    fn summary(&self) -> String {
        let total = match self.expiring() {
            0 => format!("*目前沒有 {} 天內到期的機構*", self.tiers.horizon()),
            count => format!("*找到 {count} 個即將到期的機構*"),
        };
        let line = |tier: ExpiryTier| {
            format!("{} {}：{} 家", wording::colour(tier), wording::heading(tier, &self.tiers), self.count(tier))
        };
        let mut lines = vec![total, line(ExpiryTier::Urgent), line(ExpiryTier::Warning), line(ExpiryTier::Notice)];
        lines.extend(self.asides());
        lines.join("\n")
    }

    fn spoken_summary(&self) -> String {
        let counts = [ExpiryTier::Urgent, ExpiryTier::Warning, ExpiryTier::Notice]
            .map(|tier| format!("{} {} 家", wording::name(tier), self.count(tier)));
        let mut lines = vec![format!("即將到期 {} 家：{}。", self.expiring(), counts.join("、"))];
        lines.extend(self.asides());
        lines.join("\n")
    }

    /// Lines for institutions that are counted but not listed as expiring.
    fn asides(&self) -> Vec<String> {
        let expired = self.count(ExpiryTier::Expired);
        let colour = wording::colour(ExpiryTier::Expired);
        [
            (expired, format!("{colour} 已到期（只列一次）：{expired} 家")),
            (self.acknowledged, format!("已由業務確認、暫不列出：{} 家", self.acknowledged)),
            (self.gone, format!("先前列出、現已不在清單（已續約、停用或到期）：{} 家", self.gone)),
        ]
        .into_iter()
        .filter_map(|(count, line)| (count > 0).then_some(line))
        .collect()
    }

    fn unreadable(&self) -> Option<String> {
        let count = self.unreadable.len();
        let named = self.unreadable.iter().take(NAMED_UNREADABLE);
        let lines: Vec<String> =
            named.map(|(which, field)| format!("• {}：{field} 缺少或無法判讀", escaped(which, 80))).collect();
        let more = count.saturating_sub(NAMED_UNREADABLE);
        let more = if more > 0 { format!("\n• 另有 {more} 筆") } else { String::new() };
        (count > 0).then(|| format!("⚠️ {count} 筆機構資料無法判讀，未列入以下清單：\n{}{more}", lines.join("\n")))
    }
}

/// Returns the message that a day has no digest, with the reason.
#[must_use]
pub fn scan_failed(day: LocalDate, at: Timestamp, reason: &str) -> Value {
    let title = format!("MMS 到期掃描未完成 {day}");
    let reason = escaped(reason, LONGEST_REASON);
    let body = format!("今天的到期清單尚未送出，這不代表沒有機構到期。\n原因：{reason}\n排除後會在下一次執行時補送。");
    let when = format!("執行時間 {}（台北）", at.to_local(ZONE));
    json!({
        "text": format!("{title}\n{body}"),
        "blocks": [header(&title), context(&when), section(&format!("❗ {body}"))],
    })
}
