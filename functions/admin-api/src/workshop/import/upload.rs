//! Upload of a list: the body itself, or a file in a multipart form.

use std::convert::Infallible;

use crate::http::response::Fault;

/// Largest list in bytes.
pub(crate) const LARGEST_LIST: usize = 6 * 1024 * 1024;
/// Content types that programs give to workbooks and CSV, or to any file. What a file is its content says.
const TYPES: [&str; 14] = [
    "",
    "text/csv",
    "text/plain",
    "text/tab-separated-values",
    "text/comma-separated-values",
    "text/x-csv",
    "application/csv",
    "application/x-csv",
    "application/excel",
    "application/vnd.ms-excel",
    "application/vnd.ms-excel.sheet.macroenabled.12",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/octet-stream",
    // curl calls what follows `--data-binary` a form unless another type is given.
    "application/x-www-form-urlencoded",
];

/// Reads the file of a request.
pub(crate) async fn file(body: &[u8], content_type: &str) -> Result<Vec<u8>, Fault> {
    if body.len() > LARGEST_LIST {
        return Err(too_large());
    }
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media_type == "multipart/form-data" {
        return part(body, content_type).await;
    }
    if TYPES.contains(&media_type.as_str()) {
        return Ok(body.to_vec());
    }
    Err(Fault::new("Content-Type", "must be that of an Excel file (.xlsx), CSV or multipart/form-data"))
}

/// Multipart form with a file.
pub(crate) struct UploadForm {
    /// File; empty where the form has none.
    pub(crate) file: Vec<u8>,
    /// Other fields by their names.
    pub(crate) fields: Vec<(String, String)>,
}

/// Reads a multipart form with a file and other fields.
pub(crate) async fn form(body: &[u8], content_type: &str) -> Result<UploadForm, Fault> {
    if body.len() > LARGEST_LIST {
        return Err(too_large());
    }
    let parts = parts(body, content_type).await?;
    Ok(UploadForm { file: parts.file.unwrap_or_default(), fields: parts.fields })
}

/// The file of a form. Fields without a file name are no lists.
async fn part(body: &[u8], content_type: &str) -> Result<Vec<u8>, Fault> {
    parts(body, content_type).await?.file.ok_or_else(|| Fault::new("body", "has no file"))
}

/// Parts of a multipart form.
#[derive(Default)]
struct Parts {
    file: Option<Vec<u8>>,
    fields: Vec<(String, String)>,
}

async fn parts(body: &[u8], content_type: &str) -> Result<Parts, Fault> {
    let malformed = |_| Fault::new("body", "is not a valid multipart form");
    let boundary = multer::parse_boundary(content_type).map_err(malformed)?;
    // multer reads a stream; the whole body is one chunk.
    let whole = futures::stream::iter([Ok::<_, Infallible>(body.to_vec())]);
    let mut parts = multer::Multipart::new(whole, boundary);
    let mut found = Parts::default();
    while let Some(part) = parts.next_field().await.map_err(malformed)? {
        let name = part.name().unwrap_or_default().to_owned();
        let is_file = part.file_name().is_some() || name == "file";
        let content = part.bytes().await.map_err(malformed)?;
        if !is_file {
            found.fields.push((name, String::from_utf8_lossy(&content).into_owned()));
        } else if found.file.replace(content.to_vec()).is_some() {
            return Err(Fault::new("body", "has more than one file"));
        }
    }
    Ok(found)
}

fn too_large() -> Fault {
    Fault::new("body", "is larger than 6 MB: import it in parts")
}
