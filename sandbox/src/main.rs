//! `cargo run`: Duekeeper and its world on this machine.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{DateTime, Utc};
use lexopt::prelude::{Long, Short, Value, ValueExt};
use sandbox::token::Wanted;
use sandbox::world::credentials::{ROLES, Role};
use sandbox::world::{Options, World};
use sandbox::{Error, api_docs, demo, token};
use shared::platform::logging;

const HELP: &str = "\
cargo run                          play the demo, then serve
cargo run -- demo                  play the demo
cargo run -- serve [--port 8787] [--data DIR] [--now RFC3339] [--mail-templates DIR]
                                   only serve, on 127.0.0.1
cargo run -- token --name NAME --scopes read,operate [--expires RFC3339] [--key-file FILE]
                                   make an admin token and the entry of its hash for the secret; with the
                                   file of a jwt_key, a JSON Web Token. Scopes: read, operate, customers,
                                   reminders, institutions (a JSON Web Token: the last three)
cargo run -- api-docs              write docs/openapi.json and docs/API.md";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    DemoThenServe,
    Demo,
    Serve,
    ApiDocs,
    Token,
}

struct Arguments {
    mode: Mode,
    port: u16,
    data: Option<PathBuf>,
    now: Option<DateTime<Utc>>,
    mail_templates: Option<String>,
    token: Wanted,
}

#[tokio::main]
async fn main() -> ExitCode {
    // A condition that does not hold is an ordinary answer of the table, and no reason to warn.
    let level = shared::platform::config::environment("LOG_LEVEL").unwrap_or_else(|| "warn,dynoxide=error".to_owned());
    logging::init(Some(level));
    let arguments = match parse() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => return say_and_exit(HELP, ExitCode::SUCCESS),
        Err(error) => return say_and_exit(&format!("{error}\n\n{HELP}"), ExitCode::from(2)),
    };
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => say_and_exit(&format!("stopped: {}", logging::error_chain(&error)), ExitCode::FAILURE),
    }
}

fn parse() -> Result<Option<Arguments>, lexopt::Error> {
    let mut arguments = Arguments {
        mode: Mode::DemoThenServe,
        port: 8787,
        data: None,
        now: None,
        mail_templates: None,
        token: Wanted::default(),
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Value(mode) if mode == "demo" => arguments.mode = Mode::Demo,
            Value(mode) if mode == "serve" => arguments.mode = Mode::Serve,
            Value(mode) if mode == "api-docs" => arguments.mode = Mode::ApiDocs,
            Value(mode) if mode == "token" => arguments.mode = Mode::Token,
            Long("name") => arguments.token.name = parser.value()?.string()?,
            Long("scopes") => arguments.token.scopes = parser.value()?.string()?,
            Long("key-file") => arguments.token.key_file = Some(parser.value()?.into()),
            Long("expires") => arguments.token.expires_at = Some(instant(&mut parser)?),
            Long("port") => arguments.port = parser.value()?.parse()?,
            Long("data") => arguments.data = Some(parser.value()?.into()),
            Long("mail-templates") => arguments.mail_templates = Some(parser.value()?.string()?),
            Long("now") => arguments.now = Some(instant(&mut parser)?),
            Short('h') | Long("help") => return Ok(None),
            Short(_) | Long(_) | Value(_) => return Err(argument.unexpected()),
        }
    }
    Ok(Some(arguments))
}

fn instant(parser: &mut lexopt::Parser) -> Result<DateTime<Utc>, lexopt::Error> {
    parser.value()?.parse_with(|text| DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()))
}

async fn run(arguments: Arguments) -> Result<(), Error> {
    if arguments.mode == Mode::ApiDocs {
        return api_docs::write(Path::new("docs")).map_err(Error::Documents);
    }
    if arguments.mode == Mode::Token {
        say(&token::make(&arguments.token, shared::platform::clock::now().utc())?);
        return Ok(());
    }
    let plays_demo = arguments.mode != Mode::Serve;
    let begin = if plays_demo { demo::BEGIN.parse().ok() } else { None };
    let now = arguments.now.or(begin).unwrap_or_else(|| shared::platform::clock::now().utc());
    // The demo needs no fixed port, so that two can run at the same time.
    let port = if arguments.mode == Mode::Demo { 0 } else { arguments.port };
    let folder = arguments.mail_templates.map(|folder| ("MAIL_TEMPLATES".to_owned(), folder));
    let variables = folder.into_iter().collect();
    let world = World::start(Options { port, data: arguments.data, now, variables, stream: true }).await?;
    if plays_demo {
        demo::play(&world).await?;
    }
    if arguments.mode != Mode::Demo {
        say(&addresses(&world.base_url));
        tokio::signal::ctrl_c().await?;
    }
    Ok(())
}

/// Lists what a person opens or calls. An address that opens in a browser is whole, so that a terminal makes it a link.
fn addresses(base: &str) -> String {
    let sign_in = |role: Role| format!("  console      GET  {base}/sandbox/sign-in/{}    {}\n", role.name, role.scopes);
    let sign_ins = ROLES.map(sign_in).concat();
    format!(
        "\nServing {base}\n  sandbox      GET  {base}/sandbox\n{sign_ins}  credentials  GET  {base}/sandbox/credentials\n  clock        POST {base}/sandbox/clock {{\"advance_days\": 1}}\n  messages     GET  {base}/sandbox/messages\nStop with Ctrl-C."
    )
}

fn say_and_exit(text: &str, code: ExitCode) -> ExitCode {
    say(text);
    code
}

fn say(text: &str) {
    // A closed pipe must not stop the server.
    let _closed_pipe = writeln!(std::io::stdout(), "{text}");
}
