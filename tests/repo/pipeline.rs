//! `.github/workflows`: what is deployed has passed the gate, by a role and not by a key, and by actions of a fixed commit.

use std::collections::BTreeSet;

use testing::support::project::{files, text};
use yaml_serde::Value;

const DEPLOY: &str = ".github/workflows/deploy.yml";

fn workflow(file: &str) -> Value {
    yaml_serde::from_str(&text(file)).unwrap()
}

#[test]
fn main_goes_to_dev_and_a_tag_to_prod_after_the_gate() {
    let deploy = workflow(DEPLOY);
    assert_eq!(deploy["on"]["push"]["branches"][0].as_str(), Some("main"));
    assert_eq!(deploy["on"]["push"]["tags"][0].as_str(), Some("v*"));
    let job = &deploy["jobs"]["deploy"];
    assert_eq!(job["needs"].as_str(), Some("ci"));
    assert_eq!(deploy["jobs"]["ci"]["uses"].as_str(), Some("./.github/workflows/ci.yml"));
    let stage = "${{ github.ref_type == 'tag' && 'prod' || 'dev' }}";
    assert_eq!((job["environment"].as_str(), job["env"]["STAGE"].as_str()), (Some(stage), Some(stage)));
    let config = text("samconfig.toml");
    for stage in ["dev", "prod"] {
        assert!(
            config.contains(&format!("[{stage}.deploy.parameters]\nstack_name = \"duekeeper-{stage}\"")),
            "{stage}"
        );
    }
}

#[test]
fn a_job_gets_no_more_than_it_needs_and_no_key_of_aws() {
    let deploy = workflow(DEPLOY);
    assert!(deploy["permissions"].as_mapping().is_some_and(|none| none.is_empty()));
    let allowed = |job: &Value| -> BTreeSet<String> {
        let pairs = job["permissions"].as_mapping().unwrap().iter();
        pairs.map(|(what, how)| format!("{} {}", what.as_str().unwrap(), how.as_str().unwrap())).collect()
    };
    assert_eq!(allowed(&deploy["jobs"]["ci"]), ["contents read".to_owned()].into());
    assert_eq!(allowed(&deploy["jobs"]["deploy"]), ["contents read", "id-token write"].map(str::to_owned).into());
    for file in files(".github/workflows", ".yml") {
        let written = text(&file);
        assert!(!written.contains("secrets.") && !written.contains("access-key"), "{file}");
    }
}

#[test]
fn an_action_of_others_is_named_by_its_commit() {
    let mut named = 0;
    for file in files(".github/workflows", ".yml") {
        for line in text(&file).lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("uses: ")) {
            if line.starts_with("./") {
                continue;
            }
            let commit = line.split_once('@').and_then(|(_, rest)| rest.split(' ').next()).unwrap_or_default();
            assert!(commit.len() == 40 && commit.chars().all(|digit| digit.is_ascii_hexdigit()), "{file}: {line}");
            named += 1;
        }
    }
    assert!(named >= 3);
}
