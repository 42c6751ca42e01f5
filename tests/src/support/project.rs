//! The project's own files, as tests read them.

use std::path::{Path, PathBuf};

use yaml_serde::Value;

/// The template as text.
pub const TEMPLATE: &str = include_str!("../../../template.yaml");

/// A path from the workspace's root.
pub fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(relative)
}

/// The text of a file, by its path from the root.
pub fn text(relative: &str) -> String {
    std::fs::read_to_string(path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
}

/// The names in a directory, sorted.
pub fn names(relative: &str) -> Vec<String> {
    let entries = std::fs::read_dir(path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"));
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Paths from the root of all files with an ending, below a directory.
pub fn files(below: &str, ending: &str) -> Vec<String> {
    names(below)
        .into_iter()
        .map(|name| format!("{below}/{name}"))
        .flat_map(|entry| match path(&entry).is_dir() {
            true => files(&entry, ending),
            false => vec![entry].into_iter().filter(|entry| entry.ends_with(ending)).collect(),
        })
        .collect()
}

/// Every function of the template: its logical name and its properties.
pub fn functions() -> Vec<(String, Value)> {
    let template: Value = yaml_serde::from_str(TEMPLATE).unwrap();
    let resources = template["Resources"].as_mapping().unwrap();
    resources
        .iter()
        .filter(|(_, resource)| resource["Type"].as_str() == Some("AWS::Serverless::Function"))
        .map(|(name, resource)| (name.as_str().unwrap().to_owned(), resource["Properties"].clone()))
        .collect()
}

/// The directory of a function below `functions/`, from its CodeUri.
pub fn package(properties: &Value) -> String {
    let code = properties["CodeUri"].as_str().unwrap();
    code.strip_prefix("functions/").unwrap_or_else(|| panic!("CodeUri {code}")).to_owned()
}
