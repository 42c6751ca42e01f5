//! The binaries: the functions as they are shipped, the same with defaults, and one that does nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::SUBJECTS;

/// Of the same age as the functions' own libraries: the lock file is the workspace's.
const HELLO: &str = r#"
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    run(service_fn(|event: LambdaEvent<serde_json::Value>| async move { Ok::<_, Error>(event.payload) })).await
}
"#;

/// The set-up of clients that most functions have: nothing chosen.
const DEFAULT_CLIENTS: &str = include_str!("default_clients.rs");

/// Where binaries are.
pub(super) struct Builds {
    target: PathBuf,
}

/// The workspace's root.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

impl Builds {
    /// Where all are, once they are built.
    pub(super) fn find() -> Self {
        let target =
            shared::config::environment("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
        Self { target }
    }

    /// Builds all.
    pub(super) fn make(&self) {
        let packages: Vec<&str> = SUBJECTS.iter().flat_map(|subject| ["-p", subject.package]).collect();
        let locked: Vec<&str> = packages.iter().copied().chain(["--locked"]).collect();
        build(&root(), &self.target, &locked);
        build(&self.with_defaults(), &self.target.join("cold-start/default-target"), &packages);
        build(&self.empty_function(), &self.target.join("cold-start/hello-target"), &[]);
    }

    pub(super) fn shipped(&self, package: &str) -> PathBuf {
        self.target.join("release").join(package)
    }

    pub(super) fn default(&self, package: &str) -> PathBuf {
        self.target.join("cold-start/default-target/release").join(package)
    }

    pub(super) fn hello(&self) -> PathBuf {
        self.target.join("cold-start/hello-target/release/hello")
    }

    /// A copy of the workspace that is the same source but for: the AWS SDK's and reqwest's default features, the default
    /// release profile, and the clients' set-up, which is one file.
    fn with_defaults(&self) -> PathBuf {
        let copy = self.target.join("cold-start/default");
        for file in
            files(&root(), "Cargo.toml Cargo.lock rust-toolchain.toml template.yaml shared functions sandbox tests")
        {
            let text = std::fs::read(root().join(&file)).expect("a file of the workspace");
            write(&copy.join(&file), &changed(&file, text));
        }
        copy
    }

    /// A package with nothing but the runtime, in the shipped profile.
    fn empty_function(&self) -> PathBuf {
        let package = self.target.join("cold-start/hello");
        let workspace = std::fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
        let profile = section(&workspace, "[profile.release]");
        let manifest = format!(
            "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
             lambda_runtime = {{ version = \"1.5.0\", default-features = false }}\nserde_json = \"1\"\n\
             tokio = {{ version = \"1\", features = [\"macros\", \"rt-multi-thread\"] }}\n\n{profile}"
        );
        write(&package.join("Cargo.toml"), manifest.as_bytes());
        write(&package.join("src/main.rs"), HELLO.trim_start().as_bytes());
        if !package.join("Cargo.lock").exists() {
            write(&package.join("Cargo.lock"), &std::fs::read(root().join("Cargo.lock")).expect("the lock file"));
        }
        package
    }
}

/// What the copy has instead of a file of the workspace.
fn changed(file: &str, bytes: Vec<u8>) -> Vec<u8> {
    let text = |bytes| String::from_utf8(bytes).expect("text");
    match file {
        "Cargo.toml" => {
            let manifest = text(bytes);
            let without_profile = manifest.replace(section(&manifest, "[profile.release]"), "");
            let lines =
                without_profile.lines().map(|line| match line.starts_with("aws-") || line.starts_with("reqwest ") {
                    true => line.replace("default-features = false, ", ""),
                    false => line.to_owned(),
                });
            lines.collect::<Vec<_>>().join("\n").into_bytes()
        }
        "shared/Cargo.toml" => {
            let manifest = text(bytes).replace("[dependencies]\n", "[dependencies]\naws-config.workspace = true\n");
            manifest.into_bytes()
        }
        "shared/src/clients.rs" => DEFAULT_CLIENTS.as_bytes().to_vec(),
        _ => bytes,
    }
}

/// A section of a manifest, up to the next one.
fn section<'a>(manifest: &'a str, name: &str) -> &'a str {
    let begin = manifest.find(name).unwrap_or_else(|| panic!("{name} is in the manifest"));
    let (_, section) = manifest.split_at(begin);
    let end = section.match_indices("\n[").next().map_or(section.len(), |(end, _)| end + 1);
    section.split_at(end).0
}

/// The files of a directory that are named, and of what is below those, by their paths from it.
fn files(directory: &Path, names: &str) -> Vec<String> {
    let mut found = Vec::new();
    for name in names.split_whitespace() {
        let path = directory.join(name);
        if path.is_dir() {
            let entries =
                std::fs::read_dir(&path).expect("a directory").map(|entry| entry.expect("an entry").file_name());
            let below = entries.map(|entry| entry.into_string().expect("a name")).collect::<Vec<_>>().join(" ");
            found.extend(files(&path, &below).into_iter().map(|file| format!("{name}/{file}")));
        } else {
            found.push(name.to_owned());
        }
    }
    found
}

/// Writes what is not there yet, so that cargo builds only what changed.
fn write(file: &Path, bytes: &[u8]) {
    if std::fs::read(file).is_ok_and(|kept| kept == bytes) {
        return;
    }
    std::fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
    std::fs::write(file, bytes).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}

fn build(directory: &Path, target: &Path, arguments: &[&str]) {
    // By the name that chooses the workspace's toolchain: some dependencies bring a file that asks for another.
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--bins"]).args(arguments).current_dir(directory).env("CARGO_TARGET_DIR", target);
    assert!(cargo.status().expect("cargo runs").success(), "{} does not build", directory.display());
}
