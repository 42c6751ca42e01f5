//! Invariants of a digest, checked on its messages alone: Slack's limits, no mentions, every institution once and in
//! full.

use serde_json::Value;
use shared::domain::institutions::expiry_tier::ExpiryTier;
use shared::domain::institutions::tracked_institution::{DigestEntry, Institution};
use shared::slack::Message;

/// Prefix of every link.
pub(crate) const BACKSTAGE: &str = "https://oneclub.backstage.oneclass.com.tw/organizationmanagement/organizations/";

type Checked<T> = Result<T, String>;

/// Institution with its entry, as given to the digest.
pub(crate) type Given<'a> = (&'a Institution, DigestEntry);

/// Institution as shown in a message.
struct Found {
    uid: String,
    tier: ExpiryTier,
    /// Text of its section, or its line.
    text: String,
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Checked<()> {
    if holds { Ok(()) } else { Err(what()) }
}

/// Checks all invariants of the messages.
pub(crate) fn check(given: &[Given<'_>], messages: &[Message]) -> Checked<()> {
    let mut rest = given;
    for message in messages {
        let fields = message.payload.as_object().ok_or("not an object")?;
        let names: Vec<&String> = fields.keys().collect();
        ensure(names == ["blocks", "text"], || format!("fields {names:?}"))?;
        let blocks = message.payload["blocks"].as_array().ok_or("no blocks")?;
        let text = message.payload["text"].as_str().ok_or("no text")?;
        within_limits(blocks, text)?;
        ensure(!text.contains(['<', '>']), || format!("markup in the text: {text}"))?;
        entities(text)?;
        let found = institutions(blocks)?;
        let (here, later) = rest.split_at_checked(found.len()).ok_or("too many institutions")?;
        rest = later;
        for (found, given) in found.iter().zip(here) {
            is_whole(found, given)?;
        }
        let named: Vec<&str> = message.uids.iter().map(|uid| uid.as_str()).collect();
        let shown: Vec<&str> = found.iter().map(|found| found.uid.as_str()).collect();
        ensure(named == shown, || format!("named are {named:?}, shown are {shown:?}"))?;
        is_spoken(here, text)?;
    }
    ensure(rest.is_empty(), || format!("{} institutions are in no message", rest.len()))
}

/// Checks that each institution whose expiry is ahead has its button, and no other.
pub(crate) fn check_buttons(day: &str, given: &[Given<'_>], messages: &[Message]) -> Checked<()> {
    let blocks = messages.iter().flat_map(|message| message.payload["blocks"].as_array().into_iter().flatten());
    let buttons: Vec<&Value> = blocks.filter_map(|block| block.get("accessory")).collect();
    let ahead = given.iter().filter(|(_, shown)| shown.days > 0);
    let expected: Vec<String> = ahead.map(|(one, _)| format!("{day}/{}/{}", one.expires, one.uid)).collect();
    let values: Vec<&str> = buttons.iter().filter_map(|button| button["value"].as_str()).collect();
    ensure(values == expected, || format!("buttons {values:?} where {expected:?} are ahead"))?;
    let are_named = buttons.iter().all(|button| button["action_id"] == "acknowledge-institution");
    ensure(are_named, || "a button of another action".to_owned())
}

fn characters(text: &str) -> usize {
    text.chars().count()
}

fn within_limits(blocks: &[Value], text: &str) -> Checked<()> {
    ensure((1..=4_000).contains(&characters(text)), || format!("a text of {}", characters(text)))?;
    ensure((1..=50).contains(&blocks.len()), || format!("{} blocks", blocks.len()))?;
    let mut all = 0;
    for block in blocks {
        let (texts, kind, most) = match block["type"].as_str() {
            Some("header") => (vec![&block["text"]], "plain_text", 150),
            Some("section") => (vec![&block["text"]], "mrkdwn", 3_000),
            Some("context") => (block["elements"].as_array().ok_or("no elements")?.iter().collect(), "mrkdwn", 3_000),
            Some("divider") => continue,
            other => return Err(format!("a block of type {other:?}")),
        };
        for object in texts {
            ensure(object["type"] == kind, || format!("{object} is not {kind}"))?;
            // Otherwise Slack turns plain words into mentions and links.
            ensure(kind == "plain_text" || object["verbatim"] == true, || format!("{object} is parsed by Slack"))?;
            let length = characters(object["text"].as_str().ok_or("no text")?);
            ensure((1..=most).contains(&length), || format!("{length} characters in {object}"))?;
            all += length;
        }
        if let Some(button) = block.get("accessory") {
            let label = characters(button["text"]["text"].as_str().ok_or("no label")?);
            let value = characters(button["value"].as_str().ok_or("no value")?);
            ensure(button["text"]["type"] == "plain_text" && (1..=75).contains(&label), || format!("{button}"))?;
            ensure(value <= 2_000, || format!("a value of {value}"))?;
            all += label;
        }
    }
    ensure(all <= 12_000, || format!("{all} characters in all blocks"))
}

/// Every `&` starts one of the three entities.
fn entities(text: &str) -> Checked<()> {
    let known = ["amp;", "lt;", "gt;"];
    for rest in text.split('&').skip(1) {
        ensure(known.iter().any(|entity| rest.starts_with(entity)), || format!("a bare & before {rest}"))?;
    }
    Ok(())
}

/// UID of the single link at the start of a text, and the text after the link.
fn link(text: &str) -> Checked<(String, &str)> {
    let rest = text.strip_prefix(BACKSTAGE).ok_or_else(|| format!("< before {text}"))?;
    let (target, rest) = rest.split_once('|').ok_or("a link without a label")?;
    let (label, rest) = rest.split_once('>').ok_or("a link without an end")?;
    ensure(!label.is_empty() && !label.contains(['<', '|', '\n']), || format!("the label {label:?}"))?;
    Ok((decoded(target)?, rest))
}

/// UID decoded from percent-encoding (RFC 3986).
fn decoded(target: &str) -> Checked<String> {
    let mut parts = target.split('%');
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    let mut uid = parts.next().unwrap_or_default().to_owned();
    ensure(plain(&uid), || format!("unescaped in {target}"))?;
    for part in parts {
        let (code, rest) = part.split_at_checked(2).ok_or_else(|| format!("an escape in {target}"))?;
        let byte = u8::from_str_radix(code, 16).map_err(|error| error.to_string())?;
        ensure(plain(rest), || format!("unescaped in {target}"))?;
        uid.push(char::from(byte));
        uid.push_str(rest);
    }
    Ok(uid)
}

fn tier_of_heading(text: &str) -> Option<ExpiryTier> {
    [
        ("🔴 *緊急（", ExpiryTier::Urgent),
        ("🟡 *警告（", ExpiryTier::Warning),
        ("🟢 *提醒（", ExpiryTier::Notice),
        ("⚫ *已到期（", ExpiryTier::Expired),
    ]
    .into_iter()
    .find_map(|(heading, tier)| text.starts_with(heading).then_some(tier))
}

/// Institutions shown in a message, in order.
fn institutions(blocks: &[Value]) -> Checked<Vec<Found>> {
    let (mut found, mut tier) = (Vec::new(), None);
    for block in blocks {
        let texts = [&block["text"]["text"], &block["elements"][0]["text"]];
        for text in texts.into_iter().filter_map(Value::as_str) {
            entities(text)?;
            tier = tier_of_heading(text).or(tier);
            let is_list = text.starts_with("• ");
            let parts: Vec<&str> = if is_list { text.split('\n').collect() } else { vec![text] };
            for part in parts {
                let pieces: Vec<&str> = part.split('<').collect();
                let [_, after] = pieces.as_slice() else {
                    ensure(pieces.len() == 1, || format!("several links in {part}"))?;
                    ensure(!part.contains('>'), || format!("a bare > in {part}"))?;
                    continue;
                };
                let (uid, rest) = link(after)?;
                ensure(!rest.contains('>'), || format!("a bare > in {part}"))?;
                let tier = tier.ok_or("an institution before any heading")?;
                found.push(Found { uid, tier, text: part.to_owned() });
            }
        }
    }
    Ok(found)
}

/// Visible text: without invisible characters and blanks, in Slack's escapes.
fn plain(text: &str) -> String {
    let invisible = |c: char| matches!(u32::from(c), 0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfff8 | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff);
    let mut all = String::new();
    for c in text.chars().filter(|c| !invisible(*c) && !c.is_whitespace() && !c.is_control()) {
        match c {
            '*' => all.push('＊'),
            '_' => all.push('＿'),
            '~' => all.push('～'),
            '`' => all.push('｀'),
            '|' => all.push('｜'),
            '&' => all.push_str("&amp;"),
            '<' => all.push_str("&lt;"),
            '>' => all.push_str("&gt;"),
            c => all.push(c),
        }
    }
    all
}

/// True if the text starts with the value, or with a truncated start of it.
fn begins_with(text: &str, value: &str) -> bool {
    let (kept, is_cut) = text.split_once('…').map_or((text, false), |(kept, _)| (kept, true));
    let without_blanks = |text: &str| text.replace(' ', "");
    let value = plain(value);
    let begins_cut = is_cut && kept.chars().count() >= 190 && value.starts_with(&without_blanks(kept));
    begins_cut || without_blanks(text).starts_with(&value)
}

fn name(institution: &Institution) -> &str {
    if plain(&institution.name).is_empty() { institution.uid.as_str() } else { &institution.name }
}

/// True if the institution is shown in full.
fn is_whole(found: &Found, (institution, shown): &Given<'_>) -> Checked<()> {
    let (uid, text) = (institution.uid.as_str(), &found.text);
    ensure(found.uid == uid, || format!("{} is shown where {uid} should be", found.uid))?;
    ensure(found.tier == shown.tier, || format!("{uid} stands below {:?}", found.tier))?;
    ensure(text.contains(&institution.expires.to_string()), || format!("{uid} without its day: {text}"))?;
    let written = plain(uid);
    if let Some(line) = text.strip_prefix("• ") {
        let label = line.split_once('|').map_or("", |(_, label)| label);
        ensure(begins_with(label, name(institution)), || format!("{uid} without its name: {text}"))?;
        return ensure(text.contains(&format!("（{written}）")), || format!("{uid} without its uid: {text}"));
    }
    let lines: Vec<&str> = text.split('\n').collect();
    let named = lines[0].strip_prefix('*').ok_or_else(|| format!("no bold name in {text}"))?;
    ensure(begins_with(named, name(institution)), || format!("{uid} without its name: {text}"))?;
    ensure(lines.len() == 6, || format!("{} lines of {uid}: {text}", lines.len()))?;
    ensure(lines[5].starts_with(&format!("UID：{written}　<")), || format!("{uid} without its uid: {text}"))?;
    for (line, value, label) in [
        (2, &institution.plan, "方案："),
        (2, &institution.account_limit, "帳號上限："),
        (3, &institution.contact, "聯絡人："),
        (3, &institution.phone, "電話："),
        (4, &institution.address, "地址："),
    ] {
        let (_, rest) = lines[line].split_once(label).ok_or_else(|| format!("{uid} without {label}: {text}"))?;
        let value = value.as_deref().filter(|value| !plain(value).is_empty()).unwrap_or("未提供");
        ensure(begins_with(rest, value), || format!("{label} of {uid} is not {value}: {text}"))?;
    }
    Ok(())
}

/// True if the last lines of the text name the institutions, each with its date.
fn is_spoken(given: &[Given<'_>], text: &str) -> Checked<()> {
    let lines: Vec<&str> = text.split('\n').collect();
    let begin = lines.len().checked_sub(given.len()).ok_or("too few lines")?;
    for (line, (institution, shown)) in lines[begin..].iter().zip(given) {
        let tier = match shown.tier {
            ExpiryTier::Urgent => "緊急：",
            ExpiryTier::Warning => "警告：",
            ExpiryTier::Notice => "提醒：",
            ExpiryTier::Expired => "已到期：",
        };
        let named = line.strip_prefix(tier).ok_or_else(|| format!("{line} is not of {tier}"))?;
        ensure(begins_with(named, name(institution)), || format!("{} is not read out: {line}", institution.uid))?;
        let day = format!("，{} 到期，", institution.expires);
        ensure(line.contains(&day), || format!("{line} does not say {day}"))?;
    }
    Ok(())
}
