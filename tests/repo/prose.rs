//! Prose of the product: the measure of its doc comments, and words that its code and texts avoid (docs/STYLE.md).

use std::collections::BTreeMap;

use testing::support::project::{files, names, text};

/// First words of a doc comment that name neither a thing nor an action.
const PRONOUNS: [&str; 18] = [
    "what",
    "whatever",
    "whether",
    "who",
    "whom",
    "whose",
    "whoever",
    "which",
    "why",
    "when",
    "where",
    "how",
    "nobody",
    "nothing",
    "somebody",
    "something",
    "everything",
    "everybody",
];
/// Doc comments that may begin with one of them, in percent.
const PRONOUNS_PERCENT: usize = 7;
/// Doc comments that may have at most three words, in percent.
const SHORT_PERCENT: usize = 8;

/// Words that the product's code and texts do not use (docs/STYLE.md names their replacements).
const BANNED: [&str; 8] = ["told", "nobody", "whoever", "somebody", "anew", "set aside", "stuck", "parked"];
/// Places where one is right, each with its reason.
const EXCEPTIONS: [(&str, &str); 2] = [
    ("docs/STYLE.md", "quotes the words in order to ban them"),
    ("docs/GLOSSARY.md", "quotes the words in order to ban them"),
];
/// Files and folders of the product's code and texts; a folder with the endings of its files.
const TEXTS: [(&str, &str); 8] = [
    ("shared/src", ".rs"),
    ("shared/templates/customer/en", ".txt"),
    ("shared/templates/staff", ".txt"),
    ("functions", ".rs"),
    ("sandbox/src", ".rs"),
    ("docs", ".md"),
    (".ci", ""),
    (".github", ".yml"),
];

/// Banned words in a text, each with its line. An underscore separates words, so that names are read too.
fn banned(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let words: Vec<String> = line
            .split(|letter: char| !letter.is_alphabetic())
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        let line = format!(" {} ", words.join(" "));
        let here = BANNED.iter().filter(|word| line.contains(&format!(" {word} ")));
        found.extend(here.map(|word| format!("{}: {word}", number + 1)));
    }
    found
}

#[test]
fn no_text_of_the_product_uses_a_banned_word() {
    let planted = "fn is_stuck() {}\n/// Nobody is retold.\nA report is\nset_aside, parked-";
    assert_eq!(banned(planted), ["1: stuck", "2: nobody", "4: set aside", "4: parked"]);
    let below = TEXTS.into_iter().flat_map(|(root, ending)| files(root, ending));
    let at_the_root =
        names(".").into_iter().filter(|name| [".md", ".yaml", ".toml"].iter().any(|end| name.ends_with(end)));
    let all: Vec<String> = below.chain(at_the_root).collect();
    for (file, reason) in EXCEPTIONS {
        assert!(!banned(&text(file)).is_empty(), "{file} needs no exception: {reason}");
    }
    let is_checked = |file: &&String| EXCEPTIONS.iter().all(|(exception, _)| file != exception);
    let found: BTreeMap<&String, Vec<String>> = all
        .iter()
        .filter(is_checked)
        .map(|file| (file, banned(&text(file))))
        .filter(|(_, found)| !found.is_empty())
        .collect();
    assert_eq!(found, BTreeMap::new());
}

/// Figures of the doc comments of some files. A block is a run of consecutive lines of `///` or `//!`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Measure {
    blocks: usize,
    pronouns: Vec<String>,
    short: Vec<String>,
}

impl Measure {
    fn add(&mut self, source: &str) {
        let mut block: Option<String> = None;
        for line in source.lines().chain([""]) {
            let line = line.trim_start();
            let doc = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
            match doc.filter(|doc| !doc.starts_with('/')) {
                Some(doc) => {
                    let block = block.get_or_insert_default();
                    block.push(' ');
                    block.push_str(doc.trim());
                }
                None => self.count(block.take()),
            }
        }
    }

    fn count(&mut self, block: Option<String>) {
        let Some(block) = block else { return };
        let block = block.trim();
        self.blocks += 1;
        let first = block.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
        if PRONOUNS.contains(&first.to_lowercase().as_str()) {
            self.pronouns.push(block.to_owned());
        }
        if block.split_whitespace().count() <= 3 {
            self.short.push(block.to_owned());
        }
    }

    fn keeps_the_limits(&self) -> bool {
        self.pronouns.len() * 100 <= PRONOUNS_PERCENT * self.blocks
            && self.short.len() * 100 <= SHORT_PERCENT * self.blocks
    }
}

#[test]
fn a_doc_comment_begins_with_the_thing_or_the_action() {
    for root in ["shared/src", "functions", "sandbox/src"] {
        let mut measure = Measure::default();
        files(root, ".rs").iter().for_each(|file| measure.add(&text(file)));
        assert!(measure.blocks > 100, "{root}: {} blocks", measure.blocks);
        assert!(measure.keeps_the_limits(), "{root}: {measure:#?}");
    }
}

#[test]
fn the_measure_finds_planted_comments() {
    let mut measure = Measure::default();
    measure.add("//! What it is.\n//! It is long.\n\n/// Ids.\nfn a() {}\n//// Not a doc comment.\n// Nor this one.\n");
    measure.add(
        "    /// Returns the next task of the queue.\n    fn b() {}\n/// Whereabouts of the customer in Taipei.\n",
    );
    let expected =
        Measure { blocks: 4, pronouns: vec!["What it is. It is long.".to_owned()], short: vec!["Ids.".to_owned()] };
    assert_eq!(measure, expected);
    assert!(!measure.keeps_the_limits());
    // 7 of 100 are within the limit, 8 are not.
    let mut measure = Measure { blocks: 100, pronouns: vec![String::new(); 7], short: vec![String::new(); 8] };
    assert!(measure.keeps_the_limits());
    measure.pronouns.push(String::new());
    assert!(!measure.keeps_the_limits());
}

#[test]
fn every_allow_and_expect_gives_its_reason() {
    assert_eq!(without_reason("#[expect(dead_code)]\nfn a() {}\n#![allow(\n    x,\n    reason = \"y\"\n)]\n"), 1);
    for root in ["shared", "functions", "sandbox", "tests"] {
        // This file has a planted one.
        for file in files(root, ".rs").into_iter().filter(|file| file != "tests/repo/prose.rs") {
            assert_eq!(without_reason(&text(&file)), 0, "{file}");
        }
    }
}

/// Number of `allow` and `expect` attributes without a reason.
fn without_reason(source: &str) -> usize {
    let attributes = ["#[allow(", "#![allow(", "#[expect(", "#![expect("];
    let begins = attributes.into_iter().flat_map(|attribute| source.match_indices(attribute));
    let whole = begins.map(|(at, _)| source[at..].split(")]").next().unwrap_or_default());
    whole.filter(|attribute| !attribute.contains("reason = ")).count()
}
