//! Institutions about to expire, by tier, with their acknowledgements and the state of the last scan.

use askama::Template;
use axum::response::Response;
use shared::domain::institutions::ZONE;
use shared::domain::institutions::expiry_tier::ExpiryTier;
use shared::domain::institutions::tracked_institution::LONGEST_QUIET_DAYS;
use shared::domain::values::time::LocalDate;
use shared::slack::backstage_page;

use crate::auth::caller::Institutions;
use crate::console::institutions::PATH;
use crate::console::page::address;
use crate::console::page::faults::Faults;
use crate::console::page::field::{Field, FieldKind};
use crate::console::page::frame::Frame;
use crate::console::page::html;
use crate::console::page::moment::Moment;
use crate::console::page::visit::Visit;
use crate::console::words::institutions::{InstitutionWords, TierWords};
use crate::console::words::runs::RunStatusWords;
use crate::http::given::Given;
use crate::http::response::Failure;
use crate::institutions::expiring::{ExpiringInstitutions, ExpiringQuery, Wanted, listed};
use crate::institutions::institution_answer::{InstitutionAcknowledged, InstitutionAnswer, Tier};
use crate::runs::exclusive_job::ExclusiveJob;
use crate::runs::history::{RunStatus, RunSummary, latest_of};

/// Institutions of one page, each with a form.
const PAGE: usize = 30;
/// Days for which an expired institution is shown while MMS lists it.
const EXPIRED_DAYS: i64 = 60;

/// Page of institutions.
#[derive(Template)]
#[template(path = "console/institutions/list.html")]
struct ListHtml {
    frame: Frame,
    w: &'static InstitutionWords,
    fault: Vec<String>,
    scan: Option<Scan>,
    tiers: Vec<ShownTier>,
    next: Option<String>,
    key: String,
    /// Address of this page, to which its forms lead back.
    back: String,
}

/// Latest run of the scan.
struct Scan {
    at: Moment,
    status: &'static str,
    has_failed: bool,
    /// Reason for which it failed or stopped.
    reason: Option<String>,
    address: String,
}

/// Institutions of a tier.
struct ShownTier {
    name: &'static str,
    class: &'static str,
    institutions: Vec<ShownInstitution>,
}

/// Institution of the list.
struct ShownInstitution {
    /// Number within the page, for the ids of the form's fields.
    number: usize,
    name: String,
    uid: String,
    /// Address of its page in MMS's back office.
    page: String,
    expires: LocalDate,
    days: i64,
    contact: Option<String>,
    phone: Option<Phone>,
    address: Option<String>,
    plan: Option<String>,
    accounts: Option<String>,
    is_new: bool,
    /// Expiry date that was announced, where it was another one.
    was: Option<LocalDate>,
    acknowledged: Option<Acknowledged>,
    action: String,
    fields: [Field; 2],
    /// True for the one whose form was refused, which then has what was typed.
    is_typed: bool,
}

/// Phone number with the address that calls it.
struct Phone {
    shown: String,
    address: String,
}

/// Acknowledgement in force.
struct Acknowledged {
    until: LocalDate,
    by: String,
    why: String,
    at: Moment,
}

/// Shows the list.
pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    page(&visit, Faults::none(), None).await
}

/// The list with sentences about the refused form of an institution, in which what was typed is kept.
pub(super) async fn page(visit: &Visit, mut faults: Faults, refused: Option<&str>) -> Result<Response, Failure> {
    visit.caller_with::<Institutions>()?;
    let language = visit.language();
    let query = faults.or_default(language, visit.query().map(|given: Given<ExpiringQuery>| given.query))?;
    let today = visit.now().day(ZONE);
    let wanted = Wanted { first: today.plus_days(-EXPIRED_DAYS), after: query.after.as_deref(), limit: PAGE };
    let latest = latest_of(&visit.api, ExclusiveJob::ExpiryScan, visit.visitor.time.wall);
    let (list, latest) = futures::try_join!(listed(&visit.api, wanted, today), latest)?;
    let ExpiringInstitutions { institutions, next, .. } = list;
    let html = ListHtml {
        frame: visit.frame(),
        w: InstitutionWords::of(language),
        fault: faults.sentences,
        scan: latest.map(|run| Scan::new(visit, run)),
        tiers: tiers(visit, institutions, refused),
        next: next.map(|next| address::with(PATH, [("after", Some(next))])),
        key: Visit::new_key()?,
        back: address::with(PATH, [("after", query.after)]),
    };
    html::page(faults.status, &html)
}

/// Institutions by tier, in the order of the digest.
fn tiers(visit: &Visit, institutions: Vec<InstitutionAnswer>, refused: Option<&str>) -> Vec<ShownTier> {
    let mut by_tier: Vec<(Tier, ShownTier)> = ExpiryTier::ALL
        .into_iter()
        .map(|tier| {
            let (name, class) = (tier.name(), class(tier));
            let name = TierWords::of(visit.language()).get(name).unwrap_or(name);
            (Tier::from(tier), ShownTier { name, class, institutions: Vec::new() })
        })
        .collect();
    for (number, institution) in institutions.into_iter().enumerate() {
        let of_tier = by_tier.iter_mut().find(|(tier, _)| Some(*tier) == institution.tier);
        if let Some((_, shown)) = of_tier {
            let is_typed = refused == Some(institution.uid.as_str());
            shown.institutions.push(ShownInstitution::new(visit, number, institution, is_typed));
        }
    }
    by_tier.into_iter().map(|(_, shown)| shown).filter(|shown| !shown.institutions.is_empty()).collect()
}

const fn class(tier: ExpiryTier) -> &'static str {
    match tier {
        ExpiryTier::Urgent | ExpiryTier::Expired => "bad",
        ExpiryTier::Warning => "warn",
        ExpiryTier::Notice => "good",
    }
}

impl Scan {
    fn new(visit: &Visit, summary: RunSummary) -> Self {
        let RunSummary { run, tasks } = summary;
        let status = run.status.name();
        let stopped = tasks.into_values().find_map(|task| task.stopped);
        // A scan that MMS or Slack refused ends with its report, which says why it stopped.
        let has_failed = matches!(run.status, RunStatus::Failed | RunStatus::CutOff) || stopped.is_some();
        Self {
            at: visit.taipei(run.started_at),
            status: RunStatusWords::of(visit.language()).get(status).unwrap_or(status),
            has_failed,
            reason: stopped.or(run.error),
            address: address::below("/console/runs", &run.id),
        }
    }
}

impl ShownInstitution {
    fn new(visit: &Visit, number: usize, institution: InstitutionAnswer, is_typed: bool) -> Self {
        let announced = institution.announced;
        let expires = institution.expiry_date;
        let acknowledged = institution.acknowledged.map(|InstitutionAcknowledged { until, by, why, at }| {
            Acknowledged { until, by, why, at: visit.taipei(at) }
        });
        Self {
            number,
            uid: institution.uid.as_str().to_owned(),
            page: backstage_page(&institution.uid),
            action: format!("{}/acknowledge", address::below(PATH, institution.uid.as_str())),
            name: institution.name,
            expires,
            days: institution.days_until_expiry,
            contact: institution.contact_person,
            phone: institution.contact_number.map(Phone::new),
            address: institution.address,
            plan: institution.plan_name,
            accounts: institution.account_limit,
            is_new: announced.is_none(),
            was: announced.map(|announced| announced.expiry_date).filter(|announced| *announced != expires),
            fields: fields(visit, acknowledged.is_some(), is_typed),
            is_typed,
            acknowledged,
        }
    }
}

/// Fields of an acknowledgement, or of its end: until today it was in force then.
fn fields(visit: &Visit, is_acknowledged: bool, is_typed: bool) -> [Field; 2] {
    let (today, why) = (visit.now().day(ZONE), Field::why(visit.language()));
    let why = if is_typed { why.typed(visit) } else { why };
    if is_acknowledged {
        return [Field::hidden("until", today.to_string()), why];
    }
    let last = Some(today.plus_days(LONGEST_QUIET_DAYS));
    let until = Field::new("until", InstitutionWords::of(visit.language()).until, FieldKind::Day { last }).required();
    [if is_typed { until.typed(visit) } else { until }, why]
}

impl Phone {
    fn new(shown: String) -> Self {
        let dialled = shown.chars().filter(|sign| sign.is_ascii_digit() || *sign == '+');
        Self { address: format!("tel:{}", dialled.collect::<String>()), shown }
    }
}
