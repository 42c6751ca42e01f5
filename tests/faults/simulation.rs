//! The seeded simulation.

use serde_json::json;
use testing::harness::{Options, TestDeployment};
use testing::simulation::{run, sweep};
use testing::support::scale::Scale;

#[test]
fn nothing_is_found_in_any_seed() {
    let seeds = Scale { few: 25, many: 300, all: 10_000 }.count() as u64;
    match sweep(1, seeds, 2) {
        Ok(figures) => assert_eq!(figures.seeds, seeds),
        Err(finding) => panic!("{}\n{finding}", finding.story.join("\n")),
    }
}

#[test]
fn a_seed_gives_the_same_story_again() {
    // Bodies hold ids, which are random; what was decided and how it ended does not.
    let story = |seed| {
        let (_, story) = run(seed).unwrap();
        story.iter().map(|line| line.split('{').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for seed in [3, 11] {
        let (first, second) = (story(seed), story(seed));
        assert!(first.len() > 100, "{} lines", first.len());
        assert_eq!(first.iter().zip(&second).find(|(one, other)| one != other), None, "seed {seed}");
        assert_eq!(first.len(), second.len(), "seed {seed}");
    }
}

/// Seed 240 found that the age of a retry request was counted from the run's logical time.
#[test]
fn a_run_that_comes_weeks_late_does_not_have_its_retry_asked_twice() {
    let mut deployment = TestDeployment::new(Options {
        now: "2025-01-31T10:00:00+08:00".parse().unwrap(),
        variables: Default::default(),
    });
    let order = deployment.subscribe("amy", "monthly");
    deployment.ecpay(|ecpay, _| ecpay.set_next_outcomes(&order, vec!["10100252".to_owned()]));
    deployment.set_now("2025-02-28T10:30:00+08:00".parse().unwrap());
    for callback in deployment.due_callbacks() {
        deployment.deliver(&callback);
    }
    let runs = [
        ("2025-03-06T10:00:00+08:00", "2025-03-01T12:30:00+08:00"),
        ("2025-03-06T10:30:30+08:00", "2025-03-06T10:30:00+08:00"),
    ];
    for (now, scheduled_at) in runs {
        deployment.set_now(now.parse().unwrap());
        let run =
            deployment.spawn_maintenance(json!({ "task": ["reconcile", "retry"], "scheduled_at": scheduled_at }), 0);
        deployment.run_to_end(run);
    }
    let asked = deployment.ecpay(|ecpay, _| ecpay.view(&order)).unwrap()["retries_asked"].as_array().unwrap().len();
    assert_eq!(asked, 1);
}
