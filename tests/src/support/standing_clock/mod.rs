//! A clock for bootstraps, which read the system's: it does not move until it is set, like the sandbox's.

use std::process::Command;

use chrono::{DateTime, Utc};
use tempfile::TempDir;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/support/standing_clock/standing_clock.c");

/// The clock of the bootstraps that are started with its variables.
pub struct StandingClock(TempDir);

impl StandingClock {
    /// Starts a clock at `now`. It is compiled by the C compiler that the TLS library needs too.
    pub fn at(now: DateTime<Utc>) -> Self {
        let clock = Self(tempfile::tempdir().unwrap());
        let built =
            Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(clock.path("clock.so")).arg(SOURCE).output();
        let built = built.unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        clock.set(now);
        clock
    }

    /// Sets the time. The file is replaced, so that no reader sees half of it.
    pub fn set(&self, now: DateTime<Utc>) {
        std::fs::write(self.path("next"), now.timestamp().to_string()).unwrap();
        std::fs::rename(self.path("next"), self.path("now")).unwrap();
    }

    /// Variables that make a bootstrap read this clock.
    pub fn variables(&self) -> [(String, String); 2] {
        [("LD_PRELOAD", "clock.so"), ("STANDING_CLOCK", "now")].map(|(name, file)| (name.to_owned(), self.path(file)))
    }

    fn path(&self, file: &str) -> String {
        self.0.path().join(file).into_os_string().into_string().unwrap()
    }
}
