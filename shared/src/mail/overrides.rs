//! Texts and logo of the business in place of the defaults, from files of its own deployment.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::mail::render::InvalidTemplate;
use crate::mail::template_files::FILES;

/// File of the logo: a PNG beside the folders of texts.
pub const LOGO: &str = "logo.png";
/// Longest template, in bytes.
const LONGEST_TEXT: usize = 64 * 1024;
/// Largest logo, in bytes: it goes out with every mail to a customer.
const LARGEST_LOGO: usize = 100 * 1024;
/// First bytes of a PNG (PNG Specification, 5.2).
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Files that replace defaults, by their names below the folder.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    texts: BTreeMap<String, String>,
    logo: Option<Arc<[u8]>>,
}

impl Overrides {
    /// Takes one file. A `README.md` is for people.
    ///
    /// # Errors
    /// [`InvalidTemplate`] for a file that replaces nothing, that is too large, or whose content is not that of its kind.
    pub fn add(&mut self, file: &str, content: Vec<u8>) -> Result<(), InvalidTemplate> {
        let fault = |line, reason: &str| InvalidTemplate { file: file.to_owned(), line, reason: reason.to_owned() };
        if file == "README.md" {
            return Ok(());
        }
        if file == LOGO {
            if !content.starts_with(PNG) || content.len() > LARGEST_LOGO {
                return Err(fault(1, "must be a PNG of at most 100 KB"));
            }
            self.logo = Some(content.into());
            return Ok(());
        }
        if !FILES.iter().any(|known| known.name == file) {
            return Err(fault(1, "replaces no template; docs/MAILS.md has their names"));
        }
        if content.len() > LONGEST_TEXT {
            return Err(fault(1, "is longer than 64 KB"));
        }
        let text = String::from_utf8(content).map_err(|error| {
            let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
            fault(1 + before.iter().filter(|byte| **byte == b'\n').count(), "is not UTF-8")
        })?;
        // Editors of Windows write both.
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        self.texts.insert(file.to_owned(), text);
        Ok(())
    }

    /// The text of a template: the business's own, otherwise the default.
    pub(crate) fn text<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.texts.get(name).map_or(default, String::as_str)
    }

    /// The business's logo.
    pub(crate) fn logo(&self) -> Option<Arc<[u8]>> {
        self.logo.clone()
    }
}
