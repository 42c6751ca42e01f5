//! The tool's arguments and what it prints.

use std::io::Write;
use std::process::ExitCode;

use super::{Finding, run, sweep};

const USAGE: &str = "simulate --seeds COUNT [--from FIRST] | --seed SEED [--verbose]";
/// Lines of the transcript that are printed with a finding.
const LINES: usize = 60;
const THREADS: usize = 2;

/// Runs the seeds that the arguments name; fails with the first finding.
///
/// # Errors
/// Where nothing can be printed.
pub fn main(arguments: impl Iterator<Item = String>) -> std::io::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let (mut seeds, mut from, mut seed, mut verbose) = (None, 1, None, false);
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let number = |value: Option<String>| value.and_then(|value| value.parse::<u64>().ok());
        match argument.as_str() {
            "--seeds" => seeds = number(arguments.next()),
            "--from" => from = number(arguments.next()).unwrap_or(1),
            "--seed" => seed = number(arguments.next()),
            "--verbose" => verbose = true,
            _ => seeds = None,
        }
    }
    match (seed, seeds) {
        (Some(seed), _) => match run(seed) {
            Ok((figures, story)) => {
                if verbose {
                    writeln!(out, "{}", story.join("\n"))?;
                }
                writeln!(out, "seed {seed}: nothing found in {} calls", figures.calls)?;
                Ok(ExitCode::SUCCESS)
            }
            Err(finding) => report(&mut out, &finding, verbose),
        },
        (None, Some(seeds)) => match sweep(from, seeds, THREADS) {
            Ok(figures) => {
                writeln!(out, "nothing found in {} seeds, {} calls", figures.seeds, figures.calls)?;
                Ok(ExitCode::SUCCESS)
            }
            Err(finding) => report(&mut out, &finding, verbose),
        },
        (None, None) => {
            writeln!(out, "{USAGE}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn report(out: &mut impl Write, finding: &Finding, verbose: bool) -> std::io::Result<ExitCode> {
    let lines = if verbose { usize::MAX } else { LINES };
    let story = finding.story.iter().skip(finding.story.len().saturating_sub(lines));
    for line in story {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "{finding}")?;
    Ok(ExitCode::FAILURE)
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "seed {}: {}\nreplay: cargo run -p testing --bin simulate -- --seed {0}", self.seed, self.what)
    }
}
