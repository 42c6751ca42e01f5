//! The binaries: the functions as they are shipped, the same with defaults, and one that does nothing.

use std::path::{Path, PathBuf};

use super::SUBJECTS;
use crate::cargo::cargo;
use crate::tls::Identity;

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

/// Files and folders of the workspace that a copy needs.
const COPIED: &str = "Cargo.toml Cargo.lock rust-toolchain.toml template.yaml shared functions sandbox tests";

/// Of the same age as the SDK's other crates.
const AWS_CONFIG: &str = r#"aws-config = { version = "=1.13.0", features = ["behavior-version-latest"] }"#;

/// Bundles of authorities on Debian and on Amazon Linux.
const SYSTEM_ROOTS: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// AWS's authorities, compiled into the product.
const AMAZON_ROOTS: &str = "shared/src/platform/amazon_roots.pem";

/// Builds of all subjects, and the folder of their binaries.
pub(super) struct Builds {
    target: PathBuf,
}

/// Root folder of the workspace.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

impl Builds {
    /// Locates the binaries, built or not.
    pub(super) fn find() -> Self {
        let target = shared::platform::config::environment("CARGO_TARGET_DIR")
            .map_or_else(|| root().join("target"), PathBuf::from);
        Self { target }
    }

    /// Builds the binaries of all subjects.
    pub(super) fn make(&self) {
        let packages: Vec<&str> = SUBJECTS.iter().flat_map(|subject| ["-p", subject.package]).collect();
        let locked: Vec<&str> = packages.iter().copied().chain(["--locked"]).collect();
        let authority = self.identity().authority;
        let trusting = |file: &str, bytes: Vec<u8>| match file {
            AMAZON_ROOTS => [bytes, authority.clone().into_bytes()].concat(),
            _ => bytes,
        };
        build(&self.copy("shipped", trusting), &self.place("shipped-target"), &locked);
        build(&self.copy("default", defaults), &self.place("default-target"), &packages);
        build(&self.empty_function(), &self.place("hello-target"), &[]);
    }

    /// Identity of the simulated AWS. Its authority is compiled in, so it is stored and stays the same between builds.
    pub(super) fn identity(&self) -> Identity {
        let place = |name: &str| self.place("tls").join(name);
        let read = |name: &str| std::fs::read_to_string(place(name)).ok();
        if let (Some(authority), Some(certificate), Some(key)) =
            (read("authority.pem"), read("certificate.pem"), read("key.pem"))
        {
            return Identity { authority, certificate, key };
        }
        let identity = Identity::invent();
        let Identity { authority, certificate, key } = &identity;
        for (name, pem) in [("authority.pem", authority), ("certificate.pem", certificate), ("key.pem", key)] {
            write(&place(name), pem.as_bytes());
        }
        identity
    }

    /// The system's authorities with that one among them, as libraries read them that have none compiled in.
    pub(super) fn bundle(&self) -> PathBuf {
        let found = SYSTEM_ROOTS.iter().find_map(|place| std::fs::read(place).ok()).expect("the system's authorities");
        let bundle = self.place("tls").join("bundle.pem");
        write(&bundle, &[found, self.identity().authority.into_bytes()].concat());
        bundle
    }

    pub(super) fn shipped(&self, package: &str) -> PathBuf {
        self.place("shipped-target/release").join(package)
    }

    pub(super) fn default(&self, package: &str) -> PathBuf {
        self.place("default-target/release").join(package)
    }

    pub(super) fn hello(&self) -> PathBuf {
        self.place("hello-target/release/hello")
    }

    fn place(&self, name: &str) -> PathBuf {
        self.target.join("cold-start").join(name)
    }

    /// A copy of the workspace with `changed` files.
    fn copy(&self, name: &str, changed: impl Fn(&str, Vec<u8>) -> Vec<u8>) -> PathBuf {
        let copy = self.place(name);
        for file in files(&root(), COPIED) {
            let bytes = std::fs::read(root().join(&file)).expect("a file of the workspace");
            write(&copy.join(&file), &changed(&file, bytes));
        }
        copy
    }

    /// A package with nothing but the runtime, in the shipped profile.
    fn empty_function(&self) -> PathBuf {
        let package = self.place("hello");
        let workspace = std::fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
        let profile = section(&workspace, "[profile.release]");
        let manifest = format!(
            "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
             lambda_runtime = {{ version = \"1.5.0\", default-features = false }}\nserde_json = \"1\"\n\
             tokio = {{ version = \"1\", features = [\"macros\", \"rt-multi-thread\"] }}\n\n{profile}"
        );
        write(&package.join("Cargo.toml"), manifest.as_bytes());
        write(&package.join("src/main.rs"), HELLO.trim_start().as_bytes());
        write(&package.join("Cargo.lock"), &std::fs::read(root().join("Cargo.lock")).expect("the lock file"));
        package
    }
}

/// The same source but for: the AWS SDK's and reqwest's default features, the default release profile, and the clients'
/// set-up, which is one file.
fn defaults(file: &str, bytes: Vec<u8>) -> Vec<u8> {
    let text = |bytes| String::from_utf8(bytes).expect("text");
    match file {
        "Cargo.toml" => {
            let manifest = text(bytes);
            let without_profile = manifest.replace(section(&manifest, "[profile.release]"), "");
            let lines = without_profile.lines().map(|line| {
                let http = ["aws-", "reqwest ", "rustls "].iter().any(|name| line.starts_with(name));
                let chosen =
                    ["default-features = false, ", "\"rustls-ring\"", "\"rustls-no-provider\", ", "\"ring\", "];
                chosen.iter().filter(|_| http).fold(line.to_owned(), |line, chosen| line.replace(chosen, ""))
            });
            lines.collect::<Vec<_>>().join("\n").into_bytes()
        }
        "shared/Cargo.toml" => {
            text(bytes).replace("[dependencies]\n", &format!("[dependencies]\n{AWS_CONFIG}\n")).into_bytes()
        }
        "shared/src/platform/aws.rs" => DEFAULT_CLIENTS.as_bytes().to_vec(),
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
    let mut cargo = cargo();
    cargo.args(["build", "--release", "--bins"]).args(arguments).current_dir(directory).env("CARGO_TARGET_DIR", target);
    assert!(cargo.status().expect("cargo runs").success(), "{} does not build", directory.display());
}
