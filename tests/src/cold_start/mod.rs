//! Measurement of cold starts: every function as it is shipped, the same with default features, profile and client
//! set-up, and an empty function, each under the runtime interface emulator that `sam local` uses.

mod builds;
mod emulator;
mod table;
mod world;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use self::builds::Builds;
use self::emulator::Emulator;
use self::table::{Row, Start};
use self::world::Place;

const USAGE: &str = "cold_start [--starts 9] [--evicted] [--built]
  --starts N   counted starts of each, after one that is not counted
  --evicted    the file is put out of the page cache before each start
  --built      nothing is built: what an earlier run built is measured";

/// One of the functions: its package, its name in the template, and the sample that it is invoked with.
struct Subject {
    package: &'static str,
    name: &'static str,
    sample: &'static str,
}

const SUBJECTS: [Subject; 5] = [
    Subject { package: "ecpay-webhook", name: "EcpayWebhook", sample: "first-payment.json" },
    Subject { package: "admin-api", name: "AdminApi", sample: "get-subscription.json" },
    Subject { package: "subscription-maintenance", name: "SubscriptionMaintenance", sample: "every-two-hours.json" },
    Subject { package: "maintenance-reminder", name: "MaintenanceReminder", sample: "by-staff.json" },
    Subject { package: "mms-expiry-scan", name: "MmsExpiryScan", sample: "dry-run.json" },
];

/// A binary that is started again and again.
struct Runner<'a> {
    label: String,
    binary: PathBuf,
    environment: &'a BTreeMap<String, String>,
    event: &'a str,
    starts: Vec<Start>,
}

struct Arguments {
    starts: usize,
    evicted: bool,
    built: bool,
}

/// Builds, starts, and prints the table.
pub async fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    let Some(arguments) = parse(arguments) else { return say(USAGE, ExitCode::from(2)) };
    let emulator = match Emulator::find(arguments.evicted) {
        Ok(emulator) => emulator,
        Err(why) => return say(&why, ExitCode::FAILURE),
    };
    let builds = Builds::find();
    if !arguments.built {
        builds.make();
    }
    let rows = measure(&emulator, &builds, arguments.starts).await;
    say(&table::render(&rows), ExitCode::SUCCESS)
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Arguments> {
    let mut parsed = Arguments { starts: 9, evicted: false, built: false };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--starts" => parsed.starts = arguments.next()?.parse().ok().filter(|starts| *starts > 0)?,
            "--evicted" => parsed.evicted = true,
            "--built" => parsed.built = true,
            _ => return None,
        }
    }
    Some(parsed)
}

/// Starts all binaries in turn, so that other load on the machine affects all alike.
async fn measure(emulator: &Emulator, builds: &Builds, starts: usize) -> Vec<Row> {
    let world = world::start().await;
    let without_tls = world.aws_url.trim_start_matches("http://").parse().expect("an address");
    let place = Place {
        aws: builds.identity().serve(without_tls).await,
        authorities: builds.bundle().to_string_lossy().into_owned(),
    };
    let given: Vec<_> =
        SUBJECTS.iter().map(|of| (world::environment(&world, &place, of.name), world::event(of))).collect();
    let mut runners = vec![Runner::new("hello-world", builds.hello(), &given[0].0, "{}")];
    for (subject, (environment, event)) in SUBJECTS.iter().zip(&given) {
        let package = subject.package;
        runners.push(Runner::new(package, builds.shipped(package), environment, event));
        runners.push(Runner::new(&format!("{package}, defaults"), builds.default(package), environment, event));
    }
    for round in 0..=starts {
        for runner in &mut runners {
            let start = emulator.start(&runner.binary, runner.environment, runner.event).await;
            // The first one also fills caches, and stores what later ones find.
            if round > 0 {
                runner.starts.push(start);
            }
        }
    }
    runners.into_iter().map(|runner| Row::new(runner.label, &runner.binary, &runner.starts)).collect()
}

impl<'a> Runner<'a> {
    fn new(label: &str, binary: PathBuf, environment: &'a BTreeMap<String, String>, event: &'a str) -> Self {
        Self { label: label.to_owned(), binary, environment, event, starts: Vec::new() }
    }
}

fn say(text: &str, code: ExitCode) -> ExitCode {
    // A closed pipe needs no table.
    let _closed_pipe = writeln!(std::io::stdout(), "{text}");
    code
}
