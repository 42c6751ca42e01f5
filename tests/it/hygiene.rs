//! Rules that hold for the whole tree: sizes, what depends on what, what each half may use.
//! Where a tool enforces a rule, a planted violation proves that it bites.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Output;

use sandbox::aws::template::Template;
use serde_json::Value;
use tests::cargo::cargo;

use crate::support::project::{TEMPLATE, files, functions, names, package, path, text};

const CODE: [&str; 4] = ["shared", "functions", "sandbox", "tests"];

fn rust_files() -> Vec<String> {
    CODE.into_iter().flat_map(|directory| files(directory, ".rs")).collect()
}

/// The lines of a text that hold one of the words, up to its tests.
fn lines_with(text: &str, words: &[&str]) -> Vec<usize> {
    let product = text.split("#[cfg(test)]").next().unwrap_or_default();
    let found = |line: &str| !line.trim_start().starts_with("//") && words.iter().any(|word| line.contains(word));
    product.lines().enumerate().filter(|(_, line)| found(line)).map(|(number, _)| number + 1).collect()
}

/// How many lines a function has that begins at the left edge.
fn length(source: &str, name: &str) -> Option<usize> {
    let begin = format!("pub async fn {name}(");
    let mut lines = source.lines().skip_while(|line| !line.starts_with(&begin));
    lines.next()?;
    Some(lines.position(|line| line == "}")? + 2)
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let files = rust_files();
    assert!(files.len() > 80, "only {} files were found", files.len());
    let long: Vec<(String, usize)> = files
        .into_iter()
        .map(|file| (file.clone(), text(&file).lines().count()))
        .filter(|(_, lines)| *lines > 400)
        .collect();
    assert_eq!(long, Vec::new());
}

#[test]
fn main_is_wiring_and_a_function_fits_on_one_screen() {
    assert_eq!(length("/// It.\npub async fn run(\n    a: A,\n) {\n    b();\n}\n\nfn c() {}\n", "run"), Some(5));
    for package in names("functions") {
        let main = text(&format!("functions/{package}/src/main.rs")).lines().count();
        assert!(main <= 30, "{package}/src/main.rs has {main} lines");
        let library = text(&format!("functions/{package}/src/lib.rs"));
        let entry = length(&library, "handle").or_else(|| length(&library, "run"));
        let entry = entry.unwrap_or_else(|| panic!("{package} has neither handle nor run"));
        assert!(entry <= 70, "the entry of {package} has {entry} lines");
    }
}

#[test]
fn nothing_in_the_product_panics_on_purpose() {
    let words = [".unwrap()", ".expect(", "panic!(", "todo!(", "unreachable!(", "unimplemented!("];
    let planted =
        "fn a() {\n    b().unwrap();\n    // c.unwrap()\n}\n#[cfg(test)]\nmod tests { fn d() { e.unwrap() } }\n";
    assert_eq!(lines_with(planted, &words), [2]);
    let product = files("functions", ".rs").into_iter().chain(files("shared/src", ".rs"));
    let found: BTreeMap<String, Vec<usize>> = product
        .map(|file| (file.clone(), lines_with(&text(&file), &words)))
        .filter(|(_, lines)| !lines.is_empty())
        .collect();
    assert_eq!(found, BTreeMap::new());
}

#[test]
fn no_test_is_ignored_or_sleeps() {
    let words = [concat!("#[ig", "nore"), concat!("thread::sl", "eep"), concat!("time::sl", "eep")];
    let ours = ["functions", "shared", "tests"];
    // Who takes no more for now is waited for; and Slack takes one message a second.
    let waiting = [
        "functions/maintenance-reminder/src/providers.rs",
        "functions/mms-expiry-scan/src/mms/client.rs",
        "functions/mms-expiry-scan/src/slack_client.rs",
        "functions/mms-expiry-scan/src/digest.rs",
    ];
    for file in ours.into_iter().flat_map(|directory| files(directory, ".rs")) {
        let source = text(&file);
        let allowed = usize::from(waiting.contains(&file.as_str()));
        let found = words.map(|word| source.matches(word).count());
        assert_eq!(found, [0, 0, allowed], "{file}");
    }
}

/// Runs cargo on the workspace at `root`, without the network.
fn offline(root: &std::path::Path, arguments: &[&str]) -> Output {
    cargo().args(arguments).args(["--locked", "--offline"]).current_dir(root).output().unwrap()
}

#[test]
fn dependencies_point_one_way() {
    let metadata = offline(&path("."), &["metadata", "--format-version=1", "--no-deps"]);
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let members: BTreeSet<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    let functions = names("functions");
    let functions: BTreeSet<&str> = functions.iter().map(String::as_str).collect();
    let infrastructure = BTreeSet::from(["shared", "sandbox", "tests"]);
    assert_eq!(members, functions.union(&infrastructure).copied().collect());
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let used = package["dependencies"].as_array().unwrap().iter().map(|used| used["name"].as_str().unwrap());
        let used: BTreeSet<&str> = used.filter(|used| members.contains(used)).collect();
        let allowed: BTreeSet<&str> = match name {
            "shared" => BTreeSet::new(),
            "sandbox" => functions.iter().copied().chain(["shared"]).collect(),
            "tests" => functions.iter().copied().chain(["shared", "sandbox"]).collect(),
            _ => BTreeSet::from(["shared"]),
        };
        assert!(used.is_subset(&allowed), "{name} depends on {used:?}");
    }
}

#[test]
fn a_function_that_does_not_send_has_no_http_client() {
    let tree = |package: &str| {
        let tree = offline(&path("."), &["tree", "-p", package, "-e", "normal", "-i", "reqwest"]);
        (String::from_utf8(tree.stdout).unwrap(), String::from_utf8(tree.stderr).unwrap())
    };
    let (found, _) = tree("subscription-maintenance");
    assert!(found.starts_with("reqwest v") && found.contains("subscription-maintenance v"), "{found}");
    for package in ["ecpay-webhook", "admin-api"] {
        let (found, told) = tree(package);
        assert_eq!(found, "", "{package}");
        assert!(told.contains("package ID specification `reqwest` did not match any packages"), "{told}");
    }
}

/// A copy of the workspace whose `shared::domain` has one more module; what a cargo command says to it.
fn planted(source: &str, arguments: &[&str]) -> String {
    let copy = tempfile::tempdir().unwrap();
    let manifests = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "clippy.toml"].map(str::to_owned);
    let packages = CODE.into_iter().flat_map(|directory| files(directory, ""));
    for file in manifests.into_iter().chain(packages) {
        let to = copy.path().join(&file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(path(&file), to).unwrap();
    }
    let domain = copy.path().join("shared/src/domain");
    let module = text("shared/src/domain/mod.rs");
    std::fs::write(domain.join("mod.rs"), format!("{module}\npub mod planted;\n")).unwrap();
    std::fs::write(domain.join("planted.rs"), format!("//! A violation.\n\n{source}\n")).unwrap();
    // The workspace's own target directory, where what `shared` depends on is built already.
    let target = format!("--target-dir={}/..", env!("CARGO_TARGET_TMPDIR"));
    let (command, lints) = arguments.split_at(1);
    let pure = ["-p", "shared", "--no-default-features", "--message-format=short", &target, "--locked", "--offline"];
    let mut cargo = cargo();
    // The copy is gone afterwards, and with it the use of anything kept.
    cargo.env("CARGO_INCREMENTAL", "0");
    let ended = cargo.args(command).args(pure).args(lints).current_dir(copy.path()).output().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(101), "a violation was taken: {told}");
    told
}

/// The errors in what cargo said, by line of the planted module.
fn errors(told: &str) -> Vec<&str> {
    told.lines().filter_map(|line| line.strip_prefix("shared/src/domain/planted.rs:")).collect()
}

#[test]
fn the_pure_half_cannot_use_the_runtime_or_aws() {
    let told = planted("use aws_sdk_dynamodb as _;\nuse tokio as _;", &["check"]);
    let errors = errors(&told);
    assert_eq!(errors.len(), 2, "{told}");
    assert!(errors[0].starts_with("3:5: error[E0432]: unresolved import `aws_sdk_dynamodb`"), "{told}");
    assert!(errors[1].starts_with("4:5: error[E0432]: unresolved import `tokio`"), "{told}");
}

#[test]
fn the_pure_half_cannot_read_the_clock() {
    let told =
        planted("/// Now.\npub fn now() -> chrono::DateTime<chrono::Utc> {\n    chrono::Utc::now()\n}", &["check"]);
    let errors = errors(&told);
    assert_eq!(errors.len(), 1, "{told}");
    assert!(errors[0].starts_with("5:18: error[E0599]: no function or associated item named `now`"), "{told}");
}

#[test]
fn clippy_refuses_the_clock_and_the_environment() {
    let source = "/// Now.\n\
                  pub fn now() -> std::time::SystemTime {\n    std::time::SystemTime::now()\n}\n\n\
                  /// A setting.\n\
                  pub fn setting() -> Option<String> {\n    std::env::var(\"SETTING\").ok()\n}";
    let told = planted(source, &["clippy", "--", "-D", "warnings"]);
    let errors = errors(&told);
    assert_eq!(errors.len(), 2, "{told}");
    assert!(errors[0].starts_with("5:5: error: use of a disallowed method `std::time::SystemTime::now`"), "{told}");
    assert!(errors[1].starts_with("10:5: error: use of a disallowed method `std::env::var`"), "{told}");
}

#[test]
fn the_template_names_every_function_by_its_folder() {
    let described: BTreeSet<String> = functions().iter().map(|(_, properties)| package(properties)).collect();
    assert_eq!(described, names("functions").into_iter().collect());
    assert_eq!(functions().len(), described.len());
    let template = Template::parse(TEMPLATE).unwrap();
    assert!(template.table["KeySchema"].is_array() && !template.routes.is_empty() && !template.schedules.is_empty());
    let logical: BTreeSet<String> = functions().into_iter().map(|(name, _)| name).collect();
    let routed = template.routes.iter().map(|route| &route.function);
    let called: BTreeSet<String> =
        routed.chain(template.schedules.iter().map(|schedule| &schedule.function)).cloned().collect();
    assert_eq!(called, logical);
}
