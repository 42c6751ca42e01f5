//! Schedule of reminders, with the text of the message.

use std::collections::BTreeSet;

use askama::Template;
use axum::response::Response;
use lambda_http::http::StatusCode;
use shared::domain::workshop::vehicles::ZONE;

use crate::auth::caller::Reminders;
use crate::console::page::field::{Choice, Field, FieldKind};
use crate::console::page::frame::Frame;
use crate::console::page::html;
use crate::console::page::moment::Moment;
use crate::console::page::visit::Visit;
use crate::console::words::workshop::MessageKinds;
use crate::console::words::workshop_schedule::ScheduleWords;
use crate::console::workshop::reminder_run;
use crate::http::response::Failure;
use crate::workshop::samples::{self, Samples};

/// Time of day that the form offers where the schedule has none.
const USUAL_HOUR: u32 = 7;
/// Distance of the minutes that the form offers.
const MINUTES: usize = 5;

/// Page of the schedule.
#[derive(Template)]
#[template(path = "console/workshop/schedule.html")]
struct ScheduleHtml {
    frame: Frame,
    w: &'static ScheduleWords,
    fault: Vec<String>,
    is_running: bool,
    /// Time of day; none where the schedule has another form.
    daily: Option<String>,
    expression: String,
    next_run: Option<Moment>,
    send_hours: String,
    is_outside_hours: bool,
    hour: Field,
    minute: Field,
    texts: Vec<TextShown>,
    providers: String,
    uses_cloud: bool,
    /// Number that was typed before.
    phone: Field,
    key: String,
}

/// Text of a message.
struct TextShown {
    kind: &'static str,
    text: String,
}

/// Shows the schedule, or the run that the address names.
pub(crate) async fn show(visit: Visit) -> Result<Response, Failure> {
    visit.caller_with::<Reminders>()?;
    match visit.parameter("run") {
        Some(run) => reminder_run::result(&visit, run).await,
        None => page(&visit, StatusCode::OK, Vec::new()).await,
    }
}

/// Page of the schedule, with the faults of a form that was refused.
pub(crate) async fn page(visit: &Visit, status: StatusCode, fault: Vec<String>) -> Result<Response, Failure> {
    let (api, language) = (&visit.api, visit.language());
    // The schedule can be changed also where the texts cannot be read, for example during two runs.
    let texts = async { Ok(samples::texts(api).await.ok()) };
    let (setting, texts): (_, Option<Samples>) = futures::try_join!(api.schedule.setting(), texts)?;
    let (hours, daily) = (api.config.reminders.hours, setting.daily);
    let next_run = daily.filter(|_| setting.running).map(|daily| daily.next_after(visit.visitor.time.wall));
    let Samples { texts, providers } = texts.unwrap_or(Samples { texts: Vec::new(), providers: Vec::new() });
    let kinds = MessageKinds::of(language);
    let shown = |sample: samples::SampleText| Some(TextShown { kind: kinds.get(&sample.kind)?, text: sample.text });
    let chosen = daily.map_or([USUAL_HOUR, 0], |daily| [daily.hour, daily.minute]);
    let [hour, minute] = chosen;
    let w = ScheduleWords::of(language);
    let typed = |name: &str, other: u32| visit.field(name).and_then(|text| text.parse().ok()).unwrap_or(other);
    let phone = FieldKind::Line { of: "tel", longest: 40 };
    let html = ScheduleHtml {
        frame: visit.frame(),
        w,
        fault,
        is_running: setting.running,
        daily: daily.map(|daily| format!("{:02}:{:02}", daily.hour, daily.minute)),
        expression: setting.expression,
        next_run: next_run.map(|at| visit.moment(at, ZONE)),
        send_hours: hours.to_string(),
        is_outside_hours: setting.running && daily.is_some_and(|daily| !hours.contain(daily.hour)),
        hour: number("hour", w.hour, 0..24, typed("hour", hour)),
        minute: number("minute", w.minute, (0..60).step_by(MINUTES).chain([minute]), typed("minute", minute))
            .hinted(w.jakarta),
        texts: texts.into_iter().filter_map(shown).collect(),
        uses_cloud: providers.iter().any(|provider| provider == "cloud-api"),
        providers: providers.join(", "),
        phone: Field::new("phone", w.sample_phone, phone).hinted(w.sample_hint).required().typed(visit),
        key: Visit::new_key()?,
    };
    html::page(status, &html)
}

/// Field of an hour or minute.
fn number(name: &'static str, label: &'static str, offered: impl Iterator<Item = u32>, chosen: u32) -> Field {
    let offered: BTreeSet<u32> = offered.collect();
    let choices = offered.into_iter().map(|number| Choice::new(number.to_string(), format!("{number:02}")));
    Field::choice(name, label, choices.collect()).with(chosen.to_string())
}
