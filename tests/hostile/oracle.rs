//! CheckMacValue against an implementation in another language: 10,000 generated bodies, compared by one digest for
//! each hundred. `tests/oracle/check_mac_value.py` generates and signs them and says how.

use sha2::{Digest, Sha256};
use shared::ecpay::check_mac_value::HashKeys;

const DIGESTS: &str = include_str!("../oracle/check_mac_value.digests");

/// The generator of the oracle: a 64-bit linear congruential one.
struct Draws(u64);

impl Draws {
    fn next(&mut self, n: u64) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % n).unwrap()
    }
}

fn name_alphabet() -> Vec<char> {
    ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['_']).collect()
}

fn value_alphabet() -> Vec<char> {
    let special = "中文訂閱額度不足綠界繁體\u{ff0c}\u{1f600}\u{e9}";
    (' '..='~').chain(special.chars()).collect()
}

fn body(draws: &mut Draws, names: &[char], values: &[char]) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for index in 0..=draws.next(18) {
        let length = 1 + draws.next(12);
        let mut name: String = (0..length).map(|_| names[draws.next(63)]).collect();
        while fields.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
            name.push_str(&index.to_string());
        }
        let size = draws.next(25);
        fields.push((name, (0..size).map(|_| values[draws.next(110)]).collect()));
    }
    fields
}

#[test]
fn ten_thousand_generated_bodies_are_signed_as_the_other_language_signs_them() {
    let (names, values) = (name_alphabet(), value_alphabet());
    assert_eq!((names.len(), values.len()), (63, 110));
    let keys = HashKeys::new("pwFHCqoQZGmho4w6".to_owned(), "EkRm7iFT261dpevs".to_owned());
    let mut draws = Draws(20_260_101);
    let mut blocks = 0;
    for line in DIGESTS.lines() {
        let mut hash = Sha256::new();
        for _ in 0..100 {
            let fields = body(&mut draws, &names, &values);
            hash.update(keys.sign(fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))).as_str());
        }
        let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(line, format!("{blocks} {digest}"));
        blocks += 1;
    }
    assert_eq!(blocks, 100);
}
