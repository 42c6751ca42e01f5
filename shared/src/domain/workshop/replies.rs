//! Replies of customers: which words opt a number out, and which take that back.

use std::collections::BTreeSet;

use crate::domain::values::text::{to_ascii, visible};
use crate::domain::workshop::opt_out::Wish;

/// Words that opt out.
const STOP: [&str; 3] = ["stop", "berhenti", "unsubscribe"];
/// Words that take an opt-out back.
const START: [&str; 1] = ["start"];
/// Words that may stand beside one of those. Any other word makes the reply a message for staff: "mobil saya berhenti di jalan".
const COURTESIES: [&str; 36] = [
    "admin",
    "aja",
    "bang",
    "bapak",
    "bos",
    "bu",
    "dong",
    "ibu",
    "ini",
    "kak",
    "kakak",
    "kirim",
    "makasih",
    "mas",
    "mbak",
    "min",
    "mohon",
    "pak",
    "pengingat",
    "pesan",
    "pesannya",
    "please",
    "pls",
    "promo",
    "promosi",
    "promotions",
    "reminder",
    "reminders",
    "saja",
    "terima",
    "kasih",
    "thanks",
    "tolong",
    "wa",
    "whatsapp",
    "ya",
];
/// Longest reply that is read, in characters.
const LONGEST: usize = 200;

/// Text that confirms a wish to the person, in Indonesian.
#[must_use]
pub const fn confirmation(wish: Wish) -> &'static str {
    match wish {
        Wish::Stop => "Baik, nomor ini tidak akan menerima pengingat lagi. Balas START untuk menerimanya kembali.",
        Wish::Start => "Baik, nomor ini akan menerima pengingat lagi. Balas STOP untuk berhenti.",
    }
}

/// Returns the wish that a reply states: one of the words alone, or with courtesies, in any letter case and with any signs around.
/// `None` for any other message, and for one with both wishes.
#[must_use]
pub fn wish(text: &str) -> Option<Wish> {
    let text = visible(text);
    if text.chars().count() > LONGEST {
        return None;
    }
    let text: String = text.chars().map(to_ascii).flat_map(char::to_lowercase).collect();
    let words: BTreeSet<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let (keywords, others): (Vec<&str>, Vec<&str>) =
        words.into_iter().partition(|word| STOP.contains(word) || START.contains(word));
    if others.iter().any(|word| !COURTESIES.contains(word)) {
        return None;
    }
    let states = |wanted: &[&str]| keywords.iter().any(|word| wanted.contains(word));
    match (states(&STOP), states(&START)) {
        (true, false) => Some(Wish::Stop),
        (false, true) => Some(Wish::Start),
        (true, true) | (false, false) => None,
    }
}
