//! The digest of a day: the whole picture, in as many messages as Slack's limits ask for, no institution torn apart.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::mrkdwn::escaped;
use super::page::{Page, Part, context, header, section};
use crate::domain::institutions::{DigestEntry, ExpiryTier, Institution, TierThresholds, ZONE};
use crate::domain::values::ids::InstitutionUid;
use crate::domain::values::time::{LocalDate, Timestamp};
use crate::slack::wording;

/// Records that could not be read are named up to this many.
const NAMED_UNREADABLE: usize = 10;
/// Longest reason that is shown, in characters.
const LONGEST_REASON: usize = 300;

/// What a run found.
#[derive(Clone, Debug)]
pub struct Digest<'a> {
    /// The day that it is about, in Taipei.
    pub day: LocalDate,
    /// When it was made.
    pub made_at: Timestamp,
    /// The thresholds.
    pub tiers: TierThresholds,
    /// Up to this many days before the expiry an institution is shown in full, beyond it as one line
    /// (`NOTIFICATION_DAYS_THRESHOLD`).
    pub full_within: u32,
    /// What is shown, in the order in which it is.
    pub entries: &'a [Entry<'a>],
    /// How many institutions are left out because staff know.
    pub acknowledged: usize,
    /// How many that were shown before MMS lists no more, or with a date beyond the horizon.
    pub gone: usize,
    /// Records that could not be read: which one, and its field.
    pub unreadable: &'a [(String, &'static str)],
}

/// An institution and its place.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The institution.
    pub institution: &'a Institution,
    /// Its place.
    pub shown: DigestEntry,
}

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// What Slack is given: `text` and `blocks`.
    pub payload: Value,
    /// The institutions in it.
    pub uids: Vec<InstitutionUid>,
}

impl Digest<'_> {
    /// The messages; none where there is nothing to tell.
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
            let stage = entry.shown.stage;
            let count = counts.get(&stage).copied().unwrap_or(0);
            let title = format!("{} *{}*", wording::colour(stage), wording::heading(stage, &self.tiers));
            let part = self.part(entry);
            let heading = |mark: &str| format!("{title}　{count} 家{mark}");
            let mark = if last == Some(stage) { "（續）" } else { "" };
            if !page.put(&part, &heading(mark)) {
                pages.push(std::mem::take(&mut page));
                // A part alone has room in every message: its values are cut to a length.
                page.put(&part, &heading(mark));
            }
            last = Some(stage);
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
            stage: shown.stage,
            shown: if is_line { wording::in_brief(institution, shown) } else { wording::in_full(institution, shown) },
            is_line,
            spoken: wording::spoken(institution, shown),
        }
    }

    /// How many institutions are shown in each stage.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<ExpiryTier, usize> {
        let mut counts: BTreeMap<ExpiryTier, usize> = ExpiryTier::ALL.into_iter().map(|stage| (stage, 0)).collect();
        for entry in self.entries {
            *counts.entry(entry.shown.stage).or_default() += 1;
        }
        counts
    }

    fn count(&self, stage: ExpiryTier) -> usize {
        self.counts().get(&stage).copied().unwrap_or(0)
    }

    fn expiring(&self) -> usize {
        self.entries.len() - self.count(ExpiryTier::Expired)
    }

    fn summary(&self) -> String {
        let total = match self.expiring() {
            0 => format!("*目前沒有 {} 天內到期的機構*", self.tiers.horizon()),
            count => format!("*找到 {count} 個即將到期的機構*"),
        };
        let line = |stage: ExpiryTier| {
            format!("{} {}：{} 家", wording::colour(stage), wording::heading(stage, &self.tiers), self.count(stage))
        };
        let mut lines = vec![total, line(ExpiryTier::Urgent), line(ExpiryTier::Warning), line(ExpiryTier::Notice)];
        lines.extend(self.asides());
        lines.join("\n")
    }

    fn spoken_summary(&self) -> String {
        let counts = [ExpiryTier::Urgent, ExpiryTier::Warning, ExpiryTier::Notice]
            .map(|stage| format!("{} {} 家", wording::name(stage), self.count(stage)));
        let mut lines = vec![format!("即將到期 {} 家：{}。", self.expiring(), counts.join("、"))];
        lines.extend(self.asides());
        lines.join("\n")
    }

    /// What is counted beside those that expire.
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

/// Tells staff that there is no digest of a day, and why.
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
