//! The digest of a day: all institutions in as many messages as Slack's limits require, each institution in one message.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::mrkdwn::escaped;
use super::page::{Page, Part, context, header, section};
use crate::domain::institutions::ZONE;
use crate::domain::institutions::digest_button::DigestButton;
use crate::domain::institutions::expiry_tier::{ExpiryTier, TierThresholds};
use crate::domain::institutions::tracked_institution::{DigestEntry, Institution};
use crate::domain::values::ids::InstitutionUid;
use crate::domain::values::time::{LocalDate, Timestamp};
use crate::slack::wording;

/// Most unreadable or contradictory records that a digest names.
const NAMED_RECORDS: usize = 10;
/// Most expiry dates named of an institution with contradictory ones.
const NAMED_DATES: usize = 5;
/// Longest list of known institutions in the message that a scan failed, in characters of blocks and of `text`.
const LONGEST_KNOWN: usize = 2_400;
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
    /// Institutions that MMS lists with several expiry dates; the entry has the first of them.
    pub contradictory: &'a [(InstitutionUid, Vec<LocalDate>)],
    /// True if a digest without content has a message that says so (`EXPIRY_POST_NOTHING_DUE`).
    pub says_nothing_due: bool,
    /// True if institutions have a button that acknowledges their expiry (`SLACK_ACKNOWLEDGE_BUTTONS`).
    pub has_buttons: bool,
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
    /// Returns the messages; none for a digest without content, unless it is to say so.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        let has_faults = !self.unreadable.is_empty() || !self.contradictory.is_empty();
        if self.entries.is_empty() && self.gone == 0 && !has_faults && !self.says_nothing_due {
            return Vec::new();
        }
        let mut pages = Vec::new();
        let mut page = Page::default();
        page.preface(&self.summary(), &self.spoken_summary());
        for fault in [self.unreadable(), self.contradictory()].into_iter().flatten() {
            page.preface(&fault, &fault);
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
        let button = DigestButton { digest: self.day, expires: institution.expires, uid: institution.uid.clone() };
        // What expires today or is over is not listed again.
        let is_ahead = shown.days > 0;
        Part {
            uid: institution.uid.clone(),
            tier: shown.tier,
            shown: if is_line { wording::in_brief(institution, shown) } else { wording::in_full(institution, shown) },
            is_line,
            button: (self.has_buttons && is_ahead).then_some(button),
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

    /// Counted tiers. Beside unreadable records a zero would claim what is not known.
    fn counted(&self) -> impl Iterator<Item = ExpiryTier> {
        let tiers = [ExpiryTier::Urgent, ExpiryTier::Warning, ExpiryTier::Notice];
        tiers.into_iter().filter(|tier| self.unreadable.is_empty() || self.count(*tier) > 0)
    }

    fn unknown(&self) -> String {
        format!("有 {} 筆機構資料無法判讀，無法確認有無 {} 天內到期的機構", self.unreadable.len(), self.tiers.horizon())
    }

    fn summary(&self) -> String {
        let total = match (self.expiring(), self.unreadable.len()) {
            // Acknowledged institutions expire too.
            (0, 0) if self.acknowledged > 0 => format!("*目前沒有其他 {} 天內到期的機構*", self.tiers.horizon()),
            (0, 0) => format!("*目前沒有 {} 天內到期的機構*", self.tiers.horizon()),
            (0, _) => format!("*{}*", self.unknown()),
            (count, 0) => format!("*找到 {count} 個即將到期的機構*"),
            (count, unreadable) => format!("*已知 {count} 個即將到期的機構，另有 {unreadable} 筆無法判讀*"),
        };
        let line = |tier: ExpiryTier| {
            format!("{} {}：{} 家", wording::colour(tier), wording::heading(tier, &self.tiers), self.count(tier))
        };
        let mut lines = vec![total];
        lines.extend(self.counted().map(line));
        lines.extend(self.asides());
        lines.join("\n")
    }

    fn spoken_summary(&self) -> String {
        let counts = self.counted().map(|tier| format!("{} {} 家", wording::name(tier), self.count(tier)));
        let counts = counts.collect::<Vec<_>>().join("、");
        let total = match (self.expiring(), self.unreadable.len()) {
            (count, 0) => format!("即將到期 {count} 家：{counts}。"),
            (0, _) => format!("{}。", self.unknown()),
            (count, unreadable) => format!("已知即將到期 {count} 家：{counts}。另有 {unreadable} 筆無法判讀。"),
        };
        let mut lines = vec![total];
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
        let lines =
            self.unreadable.iter().map(|(which, field)| format!("{}：{field} 缺少或無法判讀", escaped(which, 80)));
        let count = self.unreadable.len();
        named(&format!("⚠️ {count} 筆機構資料無法判讀，先前讀過的以當時的到期日列出，其餘未列入："), lines)
    }

    fn contradictory(&self) -> Option<String> {
        let lines = self.contradictory.iter().map(|(uid, dates)| {
            let named: Vec<String> = dates.iter().take(NAMED_DATES).map(LocalDate::to_string).collect();
            let more = if dates.len() > NAMED_DATES { "…" } else { "" };
            format!("uid {}：{}{more}", escaped(uid.as_str(), 80), named.join("、"))
        });
        let count = self.contradictory.len();
        named(&format!("⚠️ {count} 家機構在 MMS 有不同的到期日，以最早的列出："), lines)
    }
}

/// A section with the first of the lines and the number of the others; none without lines.
fn named(title: &str, lines: impl ExactSizeIterator<Item = String>) -> Option<String> {
    let count = lines.len();
    let mut section = vec![title.to_owned()];
    section.extend(lines.take(NAMED_RECORDS).map(|line| format!("• {line}")));
    let more = count.saturating_sub(NAMED_RECORDS);
    section.extend((more > 0).then(|| format!("• 另有 {more} 筆")));
    (count > 0).then(|| section.join("\n"))
}

/// Returns the message that a day has no digest, with the reason. Institutions that are known from an earlier day are
/// listed, as far as they fit.
#[must_use]
pub fn scan_failed(day: LocalDate, at: Timestamp, reason: &str, known: &[Entry<'_>]) -> Value {
    let title = format!("MMS 到期掃描未完成 {day}");
    let reason = escaped(reason, LONGEST_REASON);
    let body = format!("今天的到期清單尚未送出，這不代表沒有機構到期。\n原因：{reason}\n排除後會在下一次執行時補送。");
    let when = format!("執行時間 {}（台北）", at.to_local(ZONE));
    let mut text = format!("{title}\n{body}");
    let mut blocks = vec![header(&title), context(&when), section(&format!("❗ {body}"))];
    if !known.is_empty() {
        let title = "依先前讀到的資料，以下機構即將到期或已到期：";
        let list = |write: fn(&Institution, DigestEntry) -> String| {
            let lines = known.iter().map(|entry| write(entry.institution, entry.shown));
            fitting(title, lines)
        };
        blocks.push(section(&list(wording::in_brief)));
        text = format!("{text}\n{}", list(wording::spoken));
    }
    json!({ "text": text, "blocks": blocks })
}

/// The title with as many lines as fit, and the number of the others.
fn fitting(title: &str, lines: impl ExactSizeIterator<Item = String>) -> String {
    let (mut text, mut left) = (title.to_owned(), lines.len());
    for line in lines {
        if text.chars().count() + line.chars().count() > LONGEST_KNOWN {
            break;
        }
        text = format!("{text}\n{line}");
        left -= 1;
    }
    if left > 0 { format!("{text}\n另有 {left} 家") } else { text }
}
