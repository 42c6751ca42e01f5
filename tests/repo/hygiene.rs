//! Rules that hold for the whole tree: sizes, what depends on what, what each half may use.
//! Where a tool enforces a rule, a planted violation proves that it bites.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Output;

use sandbox::aws::template::Template;
use serde_json::Value;
use testing::cargo::cargo;
use testing::support::project::{TEMPLATE, files, functions, names, package, path, text};

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

/// Number of lines of a function that begins at the left edge.
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
    // Who takes no more for now is waited for; Slack takes one message a second; and the clock has the system's timer.
    let waiting = [
        "functions/maintenance-reminder/src/imports.rs",
        "functions/maintenance-reminder/src/providers.rs",
        "functions/mms-expiry-scan/src/mms/client.rs",
        "functions/mms-expiry-scan/src/slack_client.rs",
        "functions/mms-expiry-scan/src/publish.rs",
        "shared/src/platform/clock.rs",
        "shared/src/store/retry.rs",
    ];
    for file in ours.into_iter().flat_map(|directory| files(directory, ".rs")) {
        let source = text(&file);
        let allowed = usize::from(waiting.contains(&file.as_str()));
        let found = words.map(|word| source.matches(word).count());
        assert_eq!(found, [0, 0, allowed], "{file}");
    }
}

/// Runs cargo on the workspace at `root`, without the network.
fn offline(root: &Path, arguments: &[&str]) -> Output {
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
    let infrastructure = BTreeSet::from(["shared", "sandbox", "testing"]);
    assert_eq!(members, functions.union(&infrastructure).copied().collect());
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let used = package["dependencies"].as_array().unwrap().iter().map(|used| used["name"].as_str().unwrap());
        let used: BTreeSet<&str> = used.filter(|used| members.contains(used)).collect();
        let allowed: BTreeSet<&str> = match name {
            "shared" => BTreeSet::new(),
            "sandbox" => functions.iter().copied().chain(["shared"]).collect(),
            "testing" => functions.iter().copied().chain(["shared", "sandbox"]).collect(),
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

/// Uses of the runtime, of AWS and of the system's clock, which the compiler refuses in the pure half.
const IMPURE: &str = "//! A violation.

use aws_sdk_dynamodb as _;
use tokio as _;

/// Now.
pub fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}
";

/// Uses of the clock and of the environment that compile, which Clippy refuses.
const BANNED: &str = "//! A violation.

/// Now.
pub fn now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}

/// A setting.
pub fn setting() -> Option<String> {
    std::env::var(\"SETTING\").ok()
}
";

/// Copies the workspace to `copy`, where `shared::domain` has one more module, `planted`.
fn plant(copy: &Path) {
    let manifests = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "clippy.toml"].map(str::to_owned);
    let packages = CODE.into_iter().flat_map(|directory| files(directory, ""));
    for file in manifests.into_iter().chain(packages) {
        let to = copy.join(&file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(path(&file), to).unwrap();
    }
    let module = text("shared/src/domain/mod.rs");
    std::fs::write(copy.join("shared/src/domain/mod.rs"), format!("{module}\npub mod planted;\n")).unwrap();
}

/// Runs a cargo command on the pure half of the copy with this source in `planted`. Returns the errors found there, each
/// as `line:column: code: message`.
fn errors(copy: &Path, source: &str, command: &[&str]) -> Vec<String> {
    std::fs::write(copy.join("shared/src/domain/planted.rs"), source).unwrap();
    // The workspace's own target directory, where what `shared` depends on is built already.
    let target = format!("--target-dir={}/..", env!("CARGO_TARGET_TMPDIR"));
    let (command, lints) = command.split_at(1);
    let pure = ["-p", "shared", "--no-default-features", "--message-format=json", &target, "--locked", "--offline"];
    let mut cargo = cargo();
    // The copy is gone afterwards, and with it the use of anything kept.
    cargo.env("CARGO_INCREMENTAL", "0");
    let ended = cargo.args(command).args(pure).args(lints).current_dir(copy).output().unwrap();
    let reported = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(ended.status.code(), Some(101), "{reported}{}", String::from_utf8_lossy(&ended.stderr));
    let reported = reported.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    reported
        .filter_map(|mut report| {
            let message = report["message"].take();
            let at = message["spans"].as_array()?.iter().find(|span| span["is_primary"] == true)?;
            let here = at["file_name"] == "shared/src/domain/planted.rs" && message["level"] == "error";
            let (code, text) = (message["code"]["code"].as_str()?, message["message"].as_str()?);
            here.then(|| format!("{}:{}: {code}: {text}", at["line_start"], at["column_start"]))
        })
        .collect()
}

#[test]
fn the_pure_half_uses_no_runtime_no_aws_no_clock_and_no_environment() {
    let copy = tempfile::tempdir().unwrap();
    plant(copy.path());
    let refused = [
        "3:5: E0432: unresolved import `aws_sdk_dynamodb`",
        "4:5: E0432: unresolved import `tokio`",
        "8:18: E0599: no function or associated item named `now`",
    ];
    assert_begin(&errors(copy.path(), IMPURE, &["check"]), &refused);
    // What does not compile is not linted, so this is a second run.
    let banned = [
        "5:5: clippy::disallowed_methods: use of a disallowed method `std::time::SystemTime::now`",
        "10:5: clippy::disallowed_methods: use of a disallowed method `std::env::var`",
    ];
    assert_begin(&errors(copy.path(), BANNED, &["clippy", "--", "-D", "warnings"]), &banned);
}

/// Asserts that these errors were found and no others; of each the beginning is given.
fn assert_begin(errors: &[String], beginnings: &[&str]) {
    assert_eq!(errors.len(), beginnings.len(), "{errors:#?}");
    for (error, beginning) in errors.iter().zip(beginnings) {
        assert!(error.starts_with(beginning), "{errors:#?}");
    }
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
