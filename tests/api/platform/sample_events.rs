//! The sample events of `events/`, which `sam local invoke` takes: each is delivered twice to a world in which it makes
//! sense, in the order of their story.

use std::collections::BTreeSet;

use base64::Engine;
use chrono::TimeDelta;
use sandbox::aws::template::Template;
use serde_json::Value;
use testing::support::project::{TEMPLATE, files, names};
use testing::support::sample_events::{SAMPLES, assert_final_state, at, deliver_each_twice, event, folders, sandbox};

#[tokio::test]
async fn every_sample_is_answered_as_expected_and_its_second_delivery_changes_nothing() {
    let sandbox = sandbox().await;
    deliver_each_twice(&sandbox, async |function, event| sandbox.world.deliver_event(function, event).await).await;
    assert_final_state(&sandbox).await;
}

#[test]
fn every_sample_has_an_expectation_and_every_function_has_samples() {
    let known: BTreeSet<String> = SAMPLES.iter().map(|sample| format!("events/{}", sample.file)).collect();
    assert_eq!(known.len(), SAMPLES.len());
    assert_eq!(files("events", "").into_iter().collect::<BTreeSet<_>>(), known);
    assert_eq!(names("events"), folders().into_keys().collect::<Vec<_>>());
}

#[test]
fn every_route_has_a_sample_that_leads_there() {
    let template = Template::parse(TEMPLATE).unwrap();
    let mut reached = BTreeSet::new();
    let over_http = |folder: &String| template.routes.iter().any(|route| route.function == folders()[folder]);
    for (folder, function) in folders().into_iter().filter(|(folder, _)| over_http(folder)) {
        for file in names(&format!("events/{folder}")) {
            let event = event(&format!("{folder}/{file}"));
            let (method, path) = (&event["requestContext"]["http"]["method"], event["rawPath"].as_str().unwrap());
            let route = template.route(method.as_str().unwrap(), path).unwrap_or_else(|| panic!("{file}: no route"));
            assert_eq!(route.function, function, "{file}");
            let key = format!("{} {}", route.method, route.path);
            assert_eq!((event["routeKey"].as_str(), event["version"].as_str()), (Some(key.as_str()), Some("2.0")));
            // AWS encodes forms.
            let form = event["headers"]["content-type"] == "application/x-www-form-urlencoded";
            assert_eq!(event["isBase64Encoded"], form, "{file}");
            // The path comes decoded, and the ids in it by name.
            let mut ids: Vec<_> = route.parameters(path).collect();
            ids.sort();
            let of_event = event["pathParameters"].as_object().into_iter().flatten();
            assert_eq!(
                of_event.filter_map(|(name, id)| Some((name.as_str(), id.as_str()?.to_owned()))).collect::<Vec<_>>(),
                ids,
                "{file}"
            );
            assert!(!path.contains('%'), "{file}");
            if form {
                let body = base64::engine::general_purpose::STANDARD.decode(event["body"].as_str().unwrap()).unwrap();
                assert!(String::from_utf8(body).unwrap().contains('='), "{file}");
            }
            reached.insert(key);
        }
    }
    let routes: BTreeSet<String> =
        template.routes.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    assert!(routes.len() > 5, "{routes:?}");
    // Pages for staff are tried in a browser; the sign-in has a sample, with which `sam local invoke` shows that pages are there.
    let routes =
        routes.into_iter().filter(|route| !route.contains(" /console") || route == "GET /console/login").collect();
    assert_eq!(reached, routes);
}

#[test]
fn every_schedule_has_a_sample_of_one_of_its_own_runs() {
    let template = Template::parse(TEMPLATE).unwrap();
    assert!(!template.schedules.is_empty());
    let folders = folders();
    for schedule in &template.schedules {
        let folder = folders.iter().find(|(_, function)| **function == schedule.function).unwrap().0;
        let files = names(&format!("events/{folder}"));
        let samples: Vec<Value> = files.iter().map(|file| event(&format!("{folder}/{file}"))).collect();
        let input: Value = serde_json::from_str(&schedule.input).unwrap();
        let run = samples.iter().find(|sample| sample["task"] == input["task"] && sample.get("run_id").is_none());
        let run = run.unwrap_or_else(|| panic!("no sample of schedule {}", schedule.name));
        let scheduled = at(run["scheduled_at"].as_str().unwrap());
        assert_eq!(schedule.next_after(scheduled - TimeDelta::seconds(1)), Some(scheduled), "{}", schedule.name);
        assert_eq!(serde_json::from_str::<Value>(&schedule.event(scheduled)).unwrap(), *run, "{}", schedule.name);
    }
}
