//! CheckMacValue: vectors signed by the Python oracle, keys, and comparison.

use serde::Deserialize;
use shared::ecpay::check_mac_value::{FIELD, HashKeys};

use crate::{Field, Keys, OLDER, STAGE, hash_keys, mac};

/// Output of `tests/oracle/check_mac_value.py --vectors`.
const VECTORS: &str = include_str!("vectors.jsonl");
/// CheckMacValue of the sample order in ECPay's documentation.
const OFFICIAL: &str = "6C51C9E6888DE861FD62FB1DD17029FC742634498FD813DC43D4243B5685B840";

#[derive(Deserialize)]
struct Vector {
    key: String,
    iv: String,
    fields: Vec<(String, String)>,
    mac: String,
}

impl Vector {
    fn fields(&self) -> Vec<Field<'_>> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// True for two names that differ by case only.
    fn has_twins(&self) -> bool {
        let lower: std::collections::BTreeSet<String> =
            self.fields.iter().map(|(name, _)| name.to_lowercase()).collect();
        lower.len() < self.fields.len()
    }
}

fn vectors() -> Vec<Vector> {
    let vectors: Vec<Vector> = VECTORS.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(vectors.len(), 54);
    assert_eq!(vectors[0].mac, OFFICIAL);
    vectors
}

#[test]
fn every_vector_of_the_python_oracle_is_signed_as_it_signed_it() {
    for vector in vectors() {
        let keys = HashKeys::new(vector.key.clone(), vector.iv.clone());
        assert_eq!(keys.sign(vector.fields()).as_str(), vector.mac, "{:?}", vector.fields);
    }
}

#[test]
fn the_implementation_that_signs_these_tests_fixtures_agrees_with_the_vectors() {
    let mut compared = 0;
    for vector in vectors().iter().filter(|vector| !vector.has_twins()) {
        let computed = mac::check_mac_value(&vector.fields(), Keys { key: &vector.key, iv: &vector.iv });
        assert_eq!(computed, vector.mac, "{:?}", vector.fields);
        compared += 1;
    }
    assert_eq!(compared, 52);
}

#[test]
fn a_digest_is_taken_in_either_case_and_in_full_only() {
    let vector = &vectors()[0];
    let digest = hash_keys(STAGE).sign(vector.fields());
    for same in [OFFICIAL.to_owned(), OFFICIAL.to_lowercase(), OFFICIAL.replace('C', "c")] {
        assert!(digest.matches(&same), "{same}");
    }
    let cut = OFFICIAL.strip_suffix('0').unwrap();
    let last_changed = format!("{cut}1");
    let first_changed = OFFICIAL.replacen('6', "7", 1);
    let longer = format!("{OFFICIAL}0");
    let padded = format!("{OFFICIAL} ");
    for other in ["", "6", cut, &longer, &padded, &last_changed, &first_changed] {
        assert!(!digest.matches(other), "{other}");
    }
}

#[test]
fn the_digest_depends_on_the_key_and_on_the_iv() {
    let fields = [("MerchantID", "3002607")];
    let of = |keys| hash_keys(keys).sign(fields).as_str().to_owned();
    assert_eq!(of(STAGE), mac::check_mac_value(&fields, STAGE));
    assert_ne!(of(Keys { key: STAGE.key, iv: OLDER.iv }), of(STAGE));
    assert_ne!(of(Keys { key: OLDER.key, iv: STAGE.iv }), of(STAGE));
    assert_ne!(of(Keys { key: STAGE.iv, iv: STAGE.key }), of(STAGE));
}

#[test]
fn keys_that_ecpay_publishes_are_distinguished_from_those_of_a_merchant() {
    for published in ["pwFHCqoQZGmho4w6", "5294y06JbISpM5x9", "ejCk326UnaZWKisg", "7b53896b742849d3"] {
        assert!(hash_keys(Keys { key: published, iv: "any" }).are_published(), "{published}");
    }
    for own in ["", "pwFHCqoQZGmho4w", "pwFHCqoQZGmho4w7", "pwfhcqoqzgmho4w6", "EkRm7iFT261dpevs"] {
        assert!(!hash_keys(Keys { key: own, iv: "EkRm7iFT261dpevs" }).are_published(), "{own}");
    }
}

#[test]
fn neither_key_nor_iv_is_printed() {
    assert_eq!(format!("{:?}", hash_keys(STAGE)), "HashKeys(***)");
    assert_eq!(FIELD, "CheckMacValue");
}
