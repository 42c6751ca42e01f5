//! What the proofs on the harness share: how much they try, what staff see, and the days as they pass.

pub mod concurrent_handlers;
pub mod life;
pub mod seeded_history;

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::harness::{Options, Outcome, TestDeployment};
use serde_json::{Value, json};

/// Threads of one proof: the gate has two cores.
const THREADS: usize = 2;

/// How much is tried: in the gate about a twentieth.
pub fn scaled(full: usize, gate: usize) -> usize {
    if is_full() { full } else { gate }
}

/// Whether everything is tried.
pub fn is_full() -> bool {
    shared::platform::config::environment("DUEKEEPER_FULL").is_some()
}

/// A new stage.
pub fn stage(now: &str) -> TestDeployment {
    TestDeployment::new(Options { now: now.parse().unwrap(), variables: Default::default() })
}

/// Does something for each number below `count`, in threads.
pub fn each(count: usize, act: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    act(number);
                }
            });
        }
    });
}

/// Numbers that look random and are the same for a seed.
pub struct Random(u64);

impl Random {
    /// A generator that gives the same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    /// One of `0..bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(bound).unwrap()).unwrap()
    }

    /// True once in `count` draws on average.
    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// One of the choices, each as likely as the others.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// Status and body of an answer.
pub fn answer(outcome: &Outcome) -> (u16, Value) {
    match outcome {
        Outcome::Answered { status, body } => (*status, serde_json::from_str(body).unwrap_or_else(|_| json!(body))),
        Outcome::Failed(_) | Outcome::Crashed => panic!("no answer: {outcome:?}"),
    }
}

/// A request of staff without any fault.
pub fn request(stage: &mut TestDeployment, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let task = stage.spawn_admin(method, path, body, &[]);
    answer(&stage.run_to_end(task))
}

/// A subscription as staff see it.
pub fn view(stage: &mut TestDeployment, id: &str) -> Value {
    let (status, body) = request(stage, "GET", &format!("/api/subscriptions/{id}"), None);
    assert_eq!(status, 200, "{body}");
    body
}

/// A run of tasks without any fault, on the first instance.
pub fn run(stage: &mut TestDeployment, event: Value) -> Value {
    let task = stage.spawn_maintenance(event, 0);
    let (status, body) = answer(&stage.run_to_end(task));
    assert_eq!(status, 200, "{body}");
    body
}

/// An order as ECPay sees it.
pub fn at_ecpay(stage: &mut TestDeployment, id: &str) -> Value {
    stage.ecpay(|ecpay, _| ecpay.view(id)).unwrap()
}

/// The list under a name of an object.
pub fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap()
}

/// A field of each object of a list, as text.
pub fn texts(list: &[Value], name: &str) -> Vec<String> {
    list.iter().map(|value| value[name].as_str().unwrap().to_owned()).collect()
}

/// What waits in a queue of the due index although its time has come: queue, time and key.
pub fn overdue(stage: &TestDeployment) -> Vec<String> {
    let now = stage.now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let at_rest = ["quarantine", "unreadable"];
    let items = stage.items().into_iter();
    let due = items.filter(|item| {
        let queue = item["queue"].as_str();
        queue.is_some_and(|queue| !at_rest.contains(&queue)) && item["due_at"].as_str().is_some_and(|at| at <= &*now)
    });
    due.map(|item| format!("{} {} {}", item["queue"], item["due_at"], item["sk"])).collect()
}
