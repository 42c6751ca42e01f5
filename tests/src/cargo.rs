//! Cargo, run from what cargo runs.

use std::process::Command;

/// Variables that cargo sets for a package that it runs. ring's build script depends on them: with other values it runs
/// again, and its dependents are rebuilt.
const OF_THE_PACKAGE: [&str; 6] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_PKG_NAME",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

/// Cargo as a user starts it, by the name that chooses the workspace's toolchain.
#[must_use]
pub fn cargo() -> Command {
    let mut cargo = Command::new("cargo");
    for name in OF_THE_PACKAGE {
        cargo.env_remove(name);
    }
    cargo
}
