//! Schedule of reminders, with the text of the message.

use askama::Template;
use axum::response::Response;
use lambda_http::http::StatusCode;
use shared::domain::workshop::vehicles::ZONE;

use crate::auth::caller::Reminders;
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
    hours: Vec<NumberChoice>,
    minutes: Vec<NumberChoice>,
    texts: Vec<TextShown>,
    providers: String,
    uses_cloud: bool,
    /// Number that was typed before.
    phone: String,
    key: String,
}

/// Hour or minute that is offered.
struct NumberChoice {
    number: u32,
    label: String,
    is_chosen: bool,
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
    let typed = |name: &str, other: u32| visit.field(name).and_then(|text| text.parse().ok()).unwrap_or(other);
    let html = ScheduleHtml {
        frame: visit.frame(),
        w: ScheduleWords::of(language),
        fault,
        is_running: setting.running,
        daily: daily.map(|daily| format!("{:02}:{:02}", daily.hour, daily.minute)),
        expression: setting.expression,
        next_run: next_run.map(|at| visit.moment(at, ZONE)),
        send_hours: hours.to_string(),
        is_outside_hours: setting.running && daily.is_some_and(|daily| !hours.contain(daily.hour)),
        hours: choices(0..24, typed("hour", hour)),
        minutes: choices((0..60).step_by(MINUTES).chain([minute]), typed("minute", minute)),
        texts: texts.into_iter().filter_map(shown).collect(),
        uses_cloud: providers.iter().any(|provider| provider == "cloud-api"),
        providers: providers.join(", "),
        phone: visit.field("phone").unwrap_or_default(),
        key: Visit::new_key()?,
    };
    html::page(status, &html)
}

fn choices(numbers: impl Iterator<Item = u32>, chosen: u32) -> Vec<NumberChoice> {
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    numbers.dedup();
    let choice = |number| NumberChoice { number, label: format!("{number:02}"), is_chosen: number == chosen };
    numbers.into_iter().map(choice).collect()
}
