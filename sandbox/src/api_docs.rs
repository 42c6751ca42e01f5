//! docs/openapi.json and docs/API.md, made from the types of the routes.

use std::fmt::Write;
use std::io;
use std::path::Path;

use serde_json::{Map, Value};

/// Statuses that the conventions explain for all routes.
const COMMON: [&str; 5] = ["400", "401", "403", "500", "503"];
/// Schemas of errors.
const ERRORS: [&str; 3] = ["/ErrorBody", "/DetailBody", "/ReminderError"];
/// Methods of operations in the order of the document.
const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

/// The description as docs/openapi.json has it.
#[must_use]
pub fn openapi() -> String {
    format!("{:#}\n", admin_api::openapi())
}

/// The description for people, as docs/API.md has it.
#[must_use]
pub fn markdown() -> String {
    Document(admin_api::openapi()).markdown()
}

/// Writes both files into a folder.
///
/// # Errors
/// Those of the file system.
pub fn write(folder: &Path) -> io::Result<()> {
    std::fs::write(folder.join("openapi.json"), openapi())?;
    std::fs::write(folder.join("API.md"), markdown())
}

struct Document(Value);

impl Document {
    fn markdown(&self) -> String {
        let mut page = "# HTTP API\n\nMade from the types of the routes by `cargo run -- api-docs`, as \
            [openapi.json](openapi.json) is. `events/` has a sample request for each route.\n\n"
            .to_owned();
        page += text(&self.0, "/info/description").trim_end();
        for tag in self.0.pointer("/tags").and_then(Value::as_array).into_iter().flatten() {
            let name = text(tag, "/name");
            let operations: Vec<String> = self.operations(name).collect();
            if !operations.is_empty() {
                let mut letters = name.chars();
                let title = letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>());
                let (title, about) = (title.unwrap_or_default(), text(tag, "/description"));
                let _infallible = write!(page, "\n\n## {title}\n\n{about}\n\n{}", operations.join("\n\n"));
            }
        }
        page + "\n"
    }

    fn operations<'a>(&'a self, tag: &'a str) -> impl Iterator<Item = String> + 'a {
        let paths = self.0.pointer("/paths").and_then(Value::as_object).into_iter().flatten();
        paths.flat_map(move |(path, item)| {
            METHODS.into_iter().filter_map(move |method| {
                let operation = item.get(method)?;
                (text(operation, "/tags/0") == tag).then(|| self.operation(method, path, operation))
            })
        })
    }

    fn operation(&self, method: &str, path: &str, operation: &Value) -> String {
        let mut section = format!("### `{} {path}`\n\n{}", method.to_uppercase(), text(operation, "/summary"));
        let details = text(operation, "/description");
        if !details.is_empty() {
            let _infallible = write!(section, "\n\n{details}");
        }
        let scopes = scopes(operation);
        if !scopes.is_empty() {
            let _infallible = write!(section, "\n\nScope: {}.", scopes.join(" or "));
        }
        let parameters = operation.get("parameters").and_then(Value::as_array);
        let parameters: Vec<String> = parameters.into_iter().flatten().map(|it| self.parameter(it)).collect();
        if !parameters.is_empty() {
            let _infallible =
                write!(section, "\n\n| parameter | in | type | |\n|---|---|---|---|\n{}", parameters.join("\n"));
        }
        if let Some(body) = operation.get("requestBody") {
            section += &self.body(body);
        }
        let answers = operation.get("responses").and_then(Value::as_object).into_iter().flatten();
        // The others mean the same for every route.
        let is_own = |(status, answer): &(&String, &Value)| {
            let schema = text(answer, "/content/application~1json/schema/$ref");
            !COMMON.contains(&status.as_str()) || !ERRORS.iter().any(|error| schema.ends_with(error))
        };
        let answers = answers.filter(is_own);
        let answers: Vec<String> = answers.map(|(status, answer)| self.answer(status, answer)).collect();
        let _infallible = write!(section, "\n\n{}", answers.join("\n"));
        section
    }

    fn parameter(&self, parameter: &Value) -> String {
        let schema = parameter.get("schema").cloned().unwrap_or_default();
        let place = text(parameter, "/in");
        let needed =
            if place == "query" && parameter.get("required") == Some(&Value::Bool(true)) { ", required" } else { "" };
        let meaning = one_line(text(parameter, "/description"));
        format!("| `{}` | {place}{needed} | {} | {meaning} |", text(parameter, "/name"), self.kind(&schema))
    }

    fn body(&self, body: &Value) -> String {
        let Some(contents) = body.get("content").and_then(Value::as_object) else { return String::new() };
        let media = contents.keys().map(|media| format!("`{media}`")).collect::<Vec<_>>().join(", ");
        // A body of several types is a file, which the description explains.
        let Some(content) = contents.values().next() else { return String::new() };
        let schema = content.get("schema").unwrap_or(&Value::Null);
        // A body that may be absent is described as its type or null.
        let schema = self.resolved(schema.pointer("/oneOf/1").unwrap_or(schema));
        let fields = schema.get("properties").and_then(Value::as_object).filter(|_| contents.len() == 1);
        let Some(properties) = fields else {
            return format!("\n\nBody: {media}. {}", one_line(text(body, "/description")));
        };
        let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        let row = |(name, field): (&String, &Value)| {
            let is_needed = required.iter().any(|it| it.as_str() == Some(name));
            let needed = if is_needed { "required" } else { "" };
            format!("| `{name}` | {needed} | {} | {} |", self.kind(field), one_line(self.about(field)))
        };
        format!(
            "\n\n| field | | type | |\n|---|---|---|---|\n{}",
            properties.iter().map(row).collect::<Vec<_>>().join("\n")
        )
    }

    fn answer(&self, status: &str, answer: &Value) -> String {
        let content = answer.get("content").and_then(Value::as_object).and_then(|contents| contents.iter().next());
        let schema = content.and_then(|(_, content)| content.get("schema"));
        let name =
            schema.map(|schema| text(schema, "/$ref")).and_then(|path| path.rsplit_once('/')).map(|(_, name)| name);
        let kind = match name {
            Some("ErrorBody" | "DetailBody" | "ReminderError") | None => String::new(),
            Some(name) => format!(" ({name})"),
        };
        format!("- {status}{kind}: {}", one_line(text(answer, "/description")))
    }

    /// Description of a field: its own, or that of its type.
    fn about<'a>(&'a self, field: &'a Value) -> &'a str {
        let own = text(field, "/description");
        let choices = field.get("oneOf").and_then(Value::as_array).into_iter().flatten();
        let types = choices.chain([field]).map(|schema| text(self.resolved(schema), "/description"));
        [own].into_iter().chain(types).find(|about| !about.is_empty()).unwrap_or_default()
    }

    /// Type of a value in words, with its limits.
    fn kind(&self, schema: &Value) -> String {
        let resolved = self.resolved(schema);
        if let Some(values) = resolved.get("enum").and_then(Value::as_array) {
            return values.iter().map(|value| format!("`{}`", plain(value))).collect::<Vec<_>>().join(", ");
        }
        if let Some(choices) = resolved.get("oneOf").and_then(Value::as_array) {
            return choices.iter().map(|choice| self.kind(choice)).collect::<Vec<_>>().join(" or ");
        }
        let kind = match resolved.get("type") {
            Some(Value::Array(kinds)) => kinds.iter().map(plain).collect::<Vec<_>>().join(" or "),
            Some(kind) => plain(kind),
            None => "any".to_owned(),
        };
        let limit = |name: &str| resolved.get(name).map(plain);
        let limits = match (limit("minimum"), limit("maximum"), limit("maxLength")) {
            (Some(low), Some(high), _) => format!(", {low} to {high}"),
            (Some(low), None, _) => format!(", {low} or more"),
            (_, _, Some(longest)) => format!(", at most {longest} characters"),
            _ => String::new(),
        };
        let format = limit("format").map(|format| format!(" ({format})")).unwrap_or_default();
        let default = limit("default").map(|default| format!(", default {default}")).unwrap_or_default();
        format!("{kind}{format}{limits}{default}")
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let path = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
        path.and_then(|path| self.0.pointer(path)).unwrap_or(schema)
    }
}

fn scopes(operation: &Value) -> Vec<String> {
    let needs = operation.get("security").and_then(Value::as_array).into_iter().flatten();
    let scopes = needs.filter_map(Value::as_object).flat_map(Map::values).filter_map(Value::as_array).flatten();
    scopes.map(|scope| format!("`{}`", plain(scope))).collect()
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Text for a cell of a table.
fn one_line(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}
