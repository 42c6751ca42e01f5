//! Folder with a business's own mail templates, read once at start.

use std::fs;
use std::io;
use std::path::Path;

use crate::mail::overrides::Overrides;
use crate::mail::render::InvalidTemplate;

/// Most folders below each other that are searched: templates lie two below.
const DEEPEST: usize = 3;

/// Reasons why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be read.
    #[error("{name} cannot be read: {reason}")]
    Unreadable {
        /// Its name below the folder, or "the folder".
        name: String,
        /// Kind of the error of the file system.
        reason: io::ErrorKind,
    },
    /// A file has a fault.
    #[error(transparent)]
    Invalid(#[from] InvalidTemplate),
}

/// Reads all files of a folder.
///
/// # Errors
/// [`Error`] for the first file that cannot be used.
pub fn read(folder: &Path) -> Result<Overrides, Error> {
    let mut overrides = Overrides::default();
    read_below(folder, "", DEEPEST, &mut overrides)?;
    Ok(overrides)
}

fn read_below(folder: &Path, prefix: &str, depth: usize, overrides: &mut Overrides) -> Result<(), Error> {
    let unreadable = |name: &str, error: &io::Error| Error::Unreadable { name: name.to_owned(), reason: error.kind() };
    let shown = if prefix.is_empty() { "the folder" } else { prefix };
    let entries = fs::read_dir(folder).map_err(|error| unreadable(shown, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(shown, &error))?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let path = entry.path();
        if path.is_dir() && depth > 0 {
            read_below(&path, &format!("{name}/"), depth - 1, overrides)?;
        } else {
            let content = fs::read(&path).map_err(|error| unreadable(&name, &error))?;
            overrides.add(&name, content)?;
        }
    }
    Ok(())
}
