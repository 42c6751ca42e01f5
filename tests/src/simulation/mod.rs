//! A seeded simulation of the whole product: customers, ECPay, the merchant at its console, staff, the calendar, several
//! instances at once, the network and the store, all drawn from one number, and a model that is checked after every call.

mod actors;
mod cli;
mod driver;
mod fault_rates;
mod model;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::TimeDelta;

pub use self::cli::main;
use self::driver::Driver;
use self::fault_rates::FaultRates;
use self::model::Checked;

/// Weeks without faults at the end, in which everything must come to rest.
const WEEKS_OF_REST: i64 = 3;
/// A simulation's longest time, in days.
const LONGEST_DAYS: i64 = 150;

/// A violation that a simulation found, and how it came about.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The seed that leads to it.
    pub seed: u64,
    /// Description of the violation.
    pub what: String,
    /// Transcript of decisions and actions, oldest first.
    pub story: Vec<String>,
}

/// Totals of several simulations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Number of seeds.
    pub seeds: u64,
    /// Their calls to the outside.
    pub calls: u64,
}

/// One simulation, and its story.
///
/// # Errors
/// [`Finding`], boxed: it is the exception.
pub fn run(seed: u64) -> Result<(Figures, Vec<String>), Box<Finding>> {
    let mut driver = Driver::new(seed);
    let done = catch_unwind(AssertUnwindSafe(|| play(&mut driver)));
    let story = driver.story().to_vec();
    let what = match done {
        Ok(Ok(())) => {
            let calls = u64::try_from(driver.deployment.transcript().len()).unwrap_or(u64::MAX);
            return Ok((Figures { seeds: 1, calls }, story));
        }
        Ok(Err(what)) => what,
        Err(_) => "it panicked".to_owned(),
    };
    Err(Box::new(Finding { seed, what, story }))
}

/// Seeds from `from` on, `count` of them, over this many threads.
///
/// # Errors
/// The finding with the smallest seed of those that were met.
pub fn sweep(from: u64, count: u64, threads: usize) -> Result<Figures, Box<Finding>> {
    let next = AtomicU64::new(from);
    let work = || {
        let mut figures = Figures::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from.saturating_add(count) {
                return Ok(figures);
            }
            let (one, _) = run(seed).inspect_err(|_| next.store(u64::MAX / 2, Ordering::Relaxed))?;
            figures.seeds += one.seeds;
            figures.calls += one.calls;
        }
    };
    let results: Vec<Result<Figures, Box<Finding>>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread that ends")).collect()
    });
    let (mut sum, mut worst) = (Figures::default(), None::<Box<Finding>>);
    for result in results {
        match result {
            Ok(figures) => {
                sum.seeds += figures.seeds;
                sum.calls += figures.calls;
            }
            Err(finding) if worst.as_ref().is_none_or(|known| known.seed > finding.seed) => worst = Some(finding),
            Err(_) => {}
        }
    }
    worst.map_or(Ok(sum), Err)
}

fn play(driver: &mut Driver) -> Checked {
    let begin = driver.deployment.now();
    let calls = usize::try_from(driver.random.between(90, 190)).expect("a number");
    for _ in 0..driver.users {
        driver.order();
    }
    driver.land()?;
    while driver.deployment.transcript().len() < calls
        && driver.deployment.now() - begin < TimeDelta::days(LONGEST_DAYS)
    {
        driver.submit();
        driver.callbacks();
        match driver.random.below(10) {
            0 => driver.order(),
            1..=3 => driver.staff(),
            4 => driver.console(),
            5 => driver.old_callback(),
            6 => driver.edit(),
            7 => driver.trouble(),
            _ => {}
        }
        driver.schedule();
        driver.land()?;
        driver.move_on();
    }
    rest(driver)
}

/// Faults stop, and the schedules run.
fn rest(driver: &mut Driver) -> Checked {
    driver.note("faults stop");
    driver.fault_rates = FaultRates::default();
    driver.calm = true;
    driver.settle(true);
    for id in driver.orders.clone() {
        driver.deployment.ecpay(|ecpay, now| {
            ecpay.set_paused(&id, false, now);
            ecpay.set_callbacks(&id, true);
        });
    }
    let begin = driver.deployment.now();
    let until = begin + TimeDelta::weeks(WEEKS_OF_REST);
    while driver.next_run(until).is_some() {
        driver.callbacks();
        driver.land()?;
    }
    driver.travel(until);
    driver.model.at_rest(&mut driver.deployment)?;
    model::convergence::free_of_charge(&mut driver.deployment, &driver.model.mirror, begin, &driver.moved)
}
