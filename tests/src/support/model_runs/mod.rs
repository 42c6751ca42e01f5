//! Runs of the product on the harness: requests of staff, state at ECPay, and passing time.

pub mod concurrent_handlers;
pub mod life;
pub mod seeded_history;

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::harness::{Options, Outcome, TestDeployment};
use serde_json::{Value, json};

/// Threads of one proof: the gate has two cores.
const THREADS: usize = 2;

/// Starts a deployment at an instant (RFC 3339) with the template's variables.
pub fn deployment(now: &str) -> TestDeployment {
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

/// Status and body of an answer.
pub fn answer(outcome: &Outcome) -> (u16, Value) {
    match outcome {
        Outcome::Answered { status, body } => (*status, serde_json::from_str(body).unwrap_or_else(|_| json!(body))),
        Outcome::Failed(_) | Outcome::Crashed => panic!("no answer: {outcome:?}"),
    }
}

/// A request of staff without any fault.
pub fn request(deployment: &mut TestDeployment, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let task = deployment.spawn_admin(method, path, body, &[]);
    answer(&deployment.run_to_end(task))
}

/// A subscription as staff see it.
pub fn view(deployment: &mut TestDeployment, id: &str) -> Value {
    let (status, body) = request(deployment, "GET", &format!("/api/subscriptions/{id}"), None);
    assert_eq!(status, 200, "{body}");
    body
}

/// A run of tasks without any fault, on the first instance.
pub fn run(deployment: &mut TestDeployment, event: Value) -> Value {
    let task = deployment.spawn_maintenance(event, 0);
    let (status, body) = answer(&deployment.run_to_end(task));
    assert_eq!(status, 200, "{body}");
    body
}

/// An order as ECPay sees it.
pub fn at_ecpay(deployment: &mut TestDeployment, id: &str) -> Value {
    deployment.ecpay(|ecpay, _| ecpay.view(id)).unwrap()
}

/// The list under a name of an object.
pub fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap()
}

/// A field of each object of a list, as text.
pub fn texts(list: &[Value], name: &str) -> Vec<String> {
    list.iter().map(|value| value[name].as_str().unwrap().to_owned()).collect()
}

/// Items of the due index whose time has come: queue, time and key.
pub fn overdue(deployment: &TestDeployment) -> Vec<String> {
    let now = deployment.now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let at_rest = ["quarantine", "unreadable", "mail-dead", "mail-unclear"];
    let items = deployment.items().into_iter();
    let due = items.filter(|item| {
        let queue = item["queue"].as_str();
        queue.is_some_and(|queue| !at_rest.contains(&queue)) && item["due_at"].as_str().is_some_and(|at| at <= &*now)
    });
    due.map(|item| format!("{} {} {}", item["queue"], item["due_at"], item["sk"])).collect()
}
