//! Ways to change a signed body, each one step.

use sandbox::ecpay::{Fields, check_mac_value, form_body};

use testing::support::random::Random;

/// A way, and what it makes of the fields (with their digest) of a signed body.
pub(super) type Way = (&'static str, fn(&mut Random, &Fields) -> Vec<u8>);

/// All ways to change a callback.
pub(super) const WAYS: [Way; 27] = [
    ("a byte changed", |random, fields| {
        on_bytes(fields, |body| {
            let at = random.below(body.len());
            body[at] ^= u8::try_from(1 + random.below(255)).unwrap();
        })
    }),
    ("a letter changed", |random, fields| {
        on_bytes(fields, |body| {
            let at = random.below(body.len());
            body[at] = *random.pick(b"0123456789ABCXYZabcxyz&=+%_");
        })
    }),
    ("a byte deleted", |random, fields| {
        on_bytes(fields, |body| {
            body.remove(random.below(body.len()));
        })
    }),
    ("a byte inserted", |random, fields| {
        on_bytes(fields, |body| {
            body.insert(random.below(body.len() + 1), *random.pick(b"0129aZ&=+% \0\n\xff"));
        })
    }),
    ("cut off", |random, fields| on_bytes(fields, |body| body.truncate(random.below(body.len())))),
    ("its beginning cut off", |random, fields| {
        on_bytes(fields, |body| {
            body.drain(..=random.below(body.len()));
        })
    }),
    ("two bytes swapped", |random, fields| {
        on_bytes(fields, |body| {
            let (a, b) = (random.below(body.len()), random.below(body.len()));
            body.swap(a, b);
        })
    }),
    ("a piece repeated", |random, fields| {
        on_bytes(fields, |body| {
            let from = random.below(body.len());
            let piece = body[from..].to_vec();
            body.extend(piece);
        })
    }),
    ("broken UTF-8", |random, fields| {
        on_bytes(fields, |body| {
            let at = random.below(body.len() + 1);
            let broken = random.pick(&["%FF", "%C0%80", "%ED%A0%80", "%E4%B8"]);
            body.splice(at..at, broken.bytes());
        })
    }),
    ("huge", |random, fields| {
        on_bytes(fields, |body| {
            body.extend(b"&Long=");
            body.extend(std::iter::repeat_n(b'x', 20 * 1024 + random.below(1_000)));
        })
    }),
    ("percent-encoded otherwise", |random, fields| on_bytes(fields, |body| *body = respell(random, body))),
    ("in another order", |random, fields| changed(fields, |fields| random.shuffle(fields))),
    ("letter case of a name", |random, fields| on_one(random, fields, |random, field| flip_case(random, &mut field.0))),
    ("letter case of a value", |random, fields| {
        on_one(random, fields, |random, field| flip_case(random, &mut field.1))
    }),
    ("letter case of the order's number", |random, fields| {
        on(fields, "MerchantTradeNo", |field| flip_case(random, field))
    }),
    ("a field dropped", |random, fields| {
        changed(fields, |fields| {
            fields.remove(random.below(fields.len()));
        })
    }),
    ("a field added", |random, fields| {
        changed(fields, |fields| {
            let name = *random.pick(&[
                "SimulatePaid",
                "Added",
                "amount",
                "Amount",
                "TradeAmt",
                "PlatformID",
                "x",
                "CustomField5",
            ]);
            let value = *random.pick(&["", "0", "1", "899"]);
            fields.insert(random.below(fields.len() + 1), (name.to_owned(), value.to_owned()));
        })
    }),
    ("a field twice", |random, fields| {
        changed(fields, |fields| {
            let mut again = random.pick(fields).clone();
            match random.below(3) {
                0 => {}
                1 => flip_case(random, &mut again.0),
                _ => again.1.push('1'),
            }
            fields.insert(random.below(fields.len() + 1), again);
        })
    }),
    ("a field emptied or filled", |random, fields| {
        on_one(random, fields, |_, field| {
            field.1 = if field.1.is_empty() { "0".to_owned() } else { String::new() };
        })
    }),
    ("two values swapped", |random, fields| {
        changed(fields, |fields| {
            let (a, b) = (random.below(fields.len()), random.below(fields.len()));
            let (one, other) = (fields[a].1.clone(), fields[b].1.clone());
            (fields[a].1, fields[b].1) = (other, one);
        })
    }),
    ("a value of its kind", |random, fields| {
        on_one(random, fields, |random, field| {
            let values = [
                "1",
                "0",
                "2",
                "899",
                "8990",
                "10100058",
                "2025/02/15 11:58:04",
                "3002608",
                "13401072",
                "01",
                " 1",
                "1 ",
            ];
            field.1 = (*random.pick(&values)).to_owned();
        })
    }),
    ("a field within the value before it", |random, fields| recut(random, fields, true)),
    ("a field within the name after it", |random, fields| recut(random, fields, false)),
    ("a value parted into two fields", split),
    ("signed with other keys", |random, fields| {
        let keys = [("5294y06JbISpM5x9", "v77hoKGq4kWxNNIS"), ("EkRm7iFT261dpevs", "pwFHCqoQZGmho4w6"), ("", "")];
        let (key, iv) = *random.pick(&keys);
        let mut unsigned = fields.clone();
        unsigned.retain(|(name, _)| name != "CheckMacValue");
        // A forgery changes something.
        let at = random.below(unsigned.len());
        unsigned[at].1.push(char::from(b'0' + u8::try_from(random.below(10)).unwrap()));
        let digest = check_mac_value(&unsigned, key, iv);
        unsigned.push(("CheckMacValue".to_owned(), digest));
        form_body(&unsigned)
    }),
    ("another digest", |random, fields| {
        on(fields, "CheckMacValue", |digest| {
            let at = random.below(digest.len());
            match random.below(6) {
                0 => digest.truncate(at),
                1 => digest.replace_range(at..=at, if digest[at..].starts_with('0') { "1" } else { "0" }),
                2 => digest.push('0'),
                3 => *digest = digest.chars().rev().collect(),
                4 => *digest = "0".repeat(64),
                _ => digest.insert(at, ' '),
            }
        })
    }),
    ("the digest in lower case", |_, fields| on(fields, "CheckMacValue", |digest| *digest = digest.to_lowercase())),
];

fn on_bytes(fields: &Fields, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut body = form_body(fields);
    change(&mut body);
    body
}

fn changed(fields: &Fields, change: impl FnOnce(&mut Fields)) -> Vec<u8> {
    let mut fields = fields.clone();
    change(&mut fields);
    form_body(&fields)
}

fn on_one(random: &mut Random, fields: &Fields, change: impl FnOnce(&mut Random, &mut (String, String))) -> Vec<u8> {
    let at = random.below(fields.len());
    changed(fields, |fields| change(random, &mut fields[at]))
}

fn on(fields: &Fields, name: &str, change: impl FnOnce(&mut String)) -> Vec<u8> {
    changed(fields, |fields| change(&mut fields.iter_mut().find(|(known, _)| known == name).unwrap().1))
}

fn flip_case(random: &mut Random, text: &mut String) {
    let letters: Vec<usize> = text.char_indices().filter(|(_, c)| c.is_ascii_alphabetic()).map(|(at, _)| at).collect();
    if letters.is_empty() {
        return;
    }
    let at = *random.pick(&letters);
    let letter = text.as_bytes()[at];
    let other = if letter.is_ascii_uppercase() { letter.to_ascii_lowercase() } else { letter.to_ascii_uppercase() };
    text.replace_range(at..=at, &char::from(other).to_string());
}

/// Says the same with other escapes: what need not be escaped escaped, digits in the other case, a blank as `%20`.
fn respell(random: &mut Random, body: &[u8]) -> Vec<u8> {
    let mut respelt = Vec::new();
    let mut escape = 0;
    for byte in body {
        escape = if *byte == b'%' { 3_u8 } else { escape }.saturating_sub(1);
        match byte {
            b'+' if random.below(2) == 0 => respelt.extend(b"%20"),
            b'&' | b'=' | b'+' | b'%' => respelt.push(*byte),
            digit if escape > 0 || respelt.iter().rev().take(2).any(|before| *before == b'%') => {
                respelt.push(if random.below(2) == 0 { digit.to_ascii_lowercase() } else { *digit });
            }
            letter if random.below(8) == 0 => respelt.extend(format!("%{letter:02x}").bytes()),
            letter => respelt.push(*letter),
        }
    }
    respelt
}

/// Two neighbours in the signed order as one field, in its value or in its name: the signed text stays the same.
fn recut(random: &mut Random, fields: &Fields, in_value: bool) -> Vec<u8> {
    let mut sorted = fields.clone();
    let digest = sorted.pop().unwrap();
    sorted.sort_by_key(|(name, _)| name.to_ascii_lowercase());
    let at = random.below(sorted.len() - 1);
    let ((left, left_value), (mut right, right_value)) = (sorted[at].clone(), sorted.remove(at + 1));
    if random.below(2) == 0 {
        flip_case(random, &mut right);
    }
    sorted[at] = if in_value {
        (left, format!("{left_value}&{right}={right_value}"))
    } else {
        (format!("{left}={left_value}&{right}"), right_value)
    };
    sorted.push(digest);
    form_body(&sorted)
}

/// A field whose value holds `&name=` as two fields: the signed text stays the same where the names are in order.
fn split(random: &mut Random, fields: &Fields) -> Vec<u8> {
    let holds: Vec<usize> = (0..fields.len()).filter(|at| fields[*at].1.contains('&')).collect();
    if holds.is_empty() {
        return recut(random, fields, true);
    }
    let at = *random.pick(&holds);
    changed(fields, |fields| {
        let (name, value) = fields[at].clone();
        let (kept, part) = value.split_once('&').unwrap();
        let (other, other_value) = part.split_once('=').unwrap_or((part, ""));
        fields[at] = (name, kept.to_owned());
        fields.push((other.to_owned(), other_value.to_owned()));
    })
}
