//! The seeded simulation: 300 seeds, or as many as `DUEKEEPER_SEEDS` says.

use tests::simulation::{run, sweep};

#[test]
fn nothing_is_found_in_any_seed() {
    let seeds = shared::config::environment("DUEKEEPER_SEEDS").map_or(300, |seeds| seeds.parse().unwrap());
    match sweep(1, seeds, 2) {
        Ok(figures) => assert_eq!(figures.seeds, seeds),
        Err(finding) => panic!("{}\n{finding}", finding.story.join("\n")),
    }
}

#[test]
fn a_seed_gives_the_same_story_again() {
    for seed in [3, 11] {
        assert_eq!(run(seed).unwrap().1, run(seed).unwrap().1);
    }
}
