//! Every parser under hostile input: none panics, none answers beyond bounds, and what is taken survives being written
//! and read again.

mod edges;
mod memory;
mod values;
mod wire;

use std::fmt::Debug;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::{Map, Value};

use testing::support::scale;

type Checked = Result<(), TestCaseError>;

/// The full run takes this many times the cases of the gate.
const FULL: u32 = 20;

/// Tries `cases` inputs in the gate, always the same ones; the full run takes many more, under a seed that it prints.
#[expect(clippy::print_stdout, reason = "a failure is repeated from its seed")]
fn check<S: Strategy>(cases: u32, inputs: &S, property: impl Fn(S::Value) -> Checked)
where
    S::Value: Debug,
{
    let (seed, times) =
        if scale::is_full() { (shared::platform::random::random_id(32).unwrap(), FULL) } else { ("0".repeat(32), 1) };
    println!("seed {seed}");
    let config = Config { cases: cases * times, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, seed.as_bytes()));
    if let Err(failure) = runner.run(inputs, property) {
        panic!("seed {seed}: {failure}");
    }
}

/// Texts that break parsers, and any others.
fn hostile() -> impl Strategy<Value = String> {
    let known = [
        "",
        "0",
        "1",
        "-1",
        "+1",
        "01",
        "1e9",
        "4294967295",
        "4294967296",
        "18446744073709551616",
        "NaN",
        " ",
        "\0",
        "\n",
        "\r\nBcc: a@b.example",
        "a\tb",
        "%00",
        "%",
        "&",
        "=",
        "a=b&c=d",
        "{",
        "[[[[",
        "null",
        "\"",
        "\\",
        "{{x}}",
        "}}",
        "'; DROP TABLE x",
        "<script>",
        "../..",
        "\u{feff}1",
        "１２３",
        "\u{202e}",
        "😀",
        "é",
        "2025/02/29 10:00:00",
        "2024/02/29 23:59:60",
        "0000/00/00 00:00:00",
        "9999/12/31 23:59:59",
        "2025/02/15 11:58:03",
        "2025-02-15",
        "-9999-01-01T00:00:00Z",
        "+262142-12-31T23:59:59Z",
        "2025-02-15T11:58:03.123456789+08:00",
        "2016-12-31T23:59:60Z",
        "DK20250131SAMPLE0001",
        "3002607",
        "13401070",
        "M",
        "10300066",
        "10100058",
        "a@b.example",
        "DK20250131SAMPLE0001.S:1",
        "https://a.example",
    ];
    prop_oneof![
        4 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
        2 => any::<String>(),
        1 => any::<u64>().prop_map(|number| number.to_string()),
        1 => (any::<char>(), 1..5_000_usize).prop_map(|(c, times)| String::from(c).repeat(times)),
    ]
}

/// Any JSON, a few levels deep.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        hostile().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let object = proptest::collection::vec((hostile(), inner.clone()), 0..6);
        prop_oneof![
            proptest::collection::vec(inner, 0..6).prop_map(Value::from),
            object.prop_map(|fields| Value::from(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// An object with some of the known names, each with a fitting value or any other.
fn shaped(known: &'static [(&'static str, &'static [&'static str])]) -> impl Strategy<Value = Value> {
    let field = proptest::sample::select(known.to_vec()).prop_flat_map(|(name, values)| {
        let fitting = proptest::sample::select(values.to_vec())
            .prop_map(|text| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)));
        (Just(name.to_owned()), prop_oneof![5 => fitting, 1 => json()])
    });
    proptest::collection::vec(field, 0..12).prop_map(|fields| Value::from(fields.into_iter().collect::<Map<_, _>>()))
}
