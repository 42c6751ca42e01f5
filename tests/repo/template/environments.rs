//! `samconfig.toml`: each environment gives every parameter that needs a value, and nothing that is secret.

use std::collections::{BTreeMap, BTreeSet};

use yaml_serde::Value;

use testing::support::project::{TEMPLATE, text};

/// The parameters that each environment sets, by environment.
fn environments() -> BTreeMap<String, BTreeMap<String, String>> {
    let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let config = text("samconfig.toml");
    for section in config.split("\n[").skip(1) {
        let (header, body) = section.split_once(']').unwrap();
        let Some(environment) = header.strip_suffix(".deploy.parameters") else { continue };
        let pairs = body.lines().filter_map(|line| line.strip_prefix("  \"")?.strip_suffix("\",")?.split_once('='));
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        all.insert(environment.to_owned(), pairs.collect());
        // A change of what is live is looked at first.
        let confirmed = body.contains("confirm_changeset = true");
        assert_eq!(confirmed, environment != "dev", "{environment}");
    }
    all
}

#[test]
fn each_stage_gives_every_parameter_that_has_no_default_and_no_other_than_the_templates() {
    let template: Value = yaml_serde::from_str(TEMPLATE).unwrap();
    let parameters = template["Parameters"].as_mapping().unwrap();
    let named = |(name, _): (&Value, &Value)| name.as_str().unwrap().to_owned();
    let known: BTreeSet<String> = parameters.iter().map(named).collect();
    let needed: BTreeSet<String> = parameters.iter().filter(|(_, it)| it.get("Default").is_none()).map(named).collect();
    let environments = environments();
    assert_eq!(environments.keys().collect::<Vec<_>>(), ["dev", "prod", "staging"]);
    for (environment, given) in &environments {
        let names: BTreeSet<String> = given.keys().cloned().collect();
        assert!(names.is_superset(&needed), "{environment} lacks {:?}", needed.difference(&names));
        assert!(names.is_subset(&known), "{environment}: {:?}", names.difference(&known));
        assert_eq!(&given["Stage"], environment);
        let production = given["EcpayEnvironment"] == "production";
        assert_eq!(production, environment == "prod", "{environment}");
    }
}

#[test]
fn the_stages_hold_no_account_and_no_secret() {
    let config = text("samconfig.toml");
    let longest = config.split(|character: char| !character.is_ascii_digit()).map(str::len).max().unwrap();
    assert!(longest < 12, "an account's number");
    assert!(!config.contains("arn:") && !config.contains("profile"));
    for addresses in config.split('"').filter(|text| text.contains("://") || text.contains('@')) {
        assert!(addresses.ends_with("duekeeper.example"), "{addresses}");
    }
}
