//! Forms of faults, and the services with the faults that each knows.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::json;

use crate::http::answers::Shared;
use crate::http::page::form::Form;
use crate::http::page::html;
use crate::http::page::html::{Done, Effect};
use crate::world::World;
use crate::world::faults::{Fault, FaultSpec, Service};

/// Service with its present fault.
pub(crate) struct ServiceRow {
    pub(crate) name: String,
    /// Beginning and end of a fault that does not last; empty for one that does.
    pub(crate) count: String,
    pub(crate) faults: Vec<FaultChoice>,
}

/// Fault that a service knows.
pub(crate) struct FaultChoice {
    pub(crate) name: String,
    pub(crate) is_set: bool,
}

/// Name of a service or fault as the controls have it.
fn name(of: impl Serialize) -> String {
    json!(of).as_str().unwrap_or_default().to_owned()
}

/// All services, for the page.
pub(crate) fn rows(world: &World) -> Vec<ServiceRow> {
    Service::ALL.into_iter().map(|service| row(service, set_fault(world, service))).collect()
}

fn set_fault(world: &World, service: Service) -> Option<FaultSpec> {
    world.state().faults.get(&service).copied()
}

fn row(service: Service, set: Option<FaultSpec>) -> ServiceRow {
    let present = set.map_or(Fault::None, |set| set.fault);
    let after = set.map(|set| set.after).filter(|after| *after > 0).map(|after| format!("after {after} calls"));
    let times = set.and_then(|set| set.times).map(|times| format!("for {times} calls"));
    let choice = |fault: Fault| FaultChoice { name: name(fault), is_set: fault == present };
    ServiceRow {
        name: name(service),
        count: after.into_iter().chain(times).collect::<Vec<_>>().join(", "),
        faults: Fault::ALL.into_iter().filter(|fault| service.knows(*fault)).map(choice).collect(),
    }
}

/// Sets the faults that the form changes.
pub(crate) async fn set(State(world): Shared, body: Bytes) -> Response {
    html::back(&world, "/sandbox", changed(&world, &Form::read(&body)))
}

fn changed(world: &World, form: &Form) -> Done {
    let mut wanted = BTreeMap::new();
    for service in Service::ALL {
        let chosen = form.text(&name(service));
        let present = set_fault(world, service).map_or(Fault::None, |set| set.fault);
        if chosen.is_empty() || chosen == name(present) {
            continue;
        }
        let fault: Fault = serde_json::from_value(json!(chosen))
            .map_err(|_| format!("{} has no fault \u{201c}{chosen}\u{201d}.", name(service)))?;
        wanted.insert(service, FaultSpec { fault, after: 0, times: None });
    }
    let lines = wanted.iter().map(|(service, wanted)| format!("{}: {}", name(service), name(wanted.fault))).collect();
    let title = if wanted.is_empty() { "The faults are as before." } else { "The faults are set." };
    world.set_faults(wanted)?;
    Ok(Effect { title: title.to_owned(), lines })
}

/// Ends all faults.
pub(crate) async fn end(State(world): Shared) -> Response {
    world.end_faults();
    html::back(&world, "/sandbox", Ok(Effect::of("All faults have ended.".to_owned())))
}
