//! Reminders under fault: a year of runs that are started twice and cut off anywhere, answers that are lost, and every cut
//! of one run. What must reach whom is worked out here, with chrono's calendar, without the product's rules.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, FixedOffset, Months, NaiveDate, TimeDelta, Utc};
use lambda_http::http::Method;
use serde_json::{Value, json};
use testing::harness::{HeldCall, Options, Outcome, Service, TaskId, TestDeployment, Verdict};

use testing::support::model_runs::{answer, each};
use testing::support::random::Random;
use testing::support::scale::Scale;

/// A visit of a vehicle: its number, and the day.
type Visit = (usize, NaiveDate);

#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Active,
    Booked,
    Sold,
}

/// A vehicle and its owner as the workshop knows them.
#[derive(Clone, Copy)]
struct Known {
    last: NaiveDate,
    own: Option<NaiveDate>,
    months: u32,
    fate: Fate,
    unwilling: bool,
}

impl Known {
    fn next(&self) -> NaiveDate {
        self.own.unwrap_or_else(|| self.last.checked_add_months(Months::new(self.months)).unwrap())
    }
}

fn jakarta(at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&FixedOffset::east_opt(7 * 3600).unwrap()).date_naive()
}

fn phone(number: usize) -> String {
    format!("628550{number:06}")
}

fn plate(number: usize) -> String {
    format!("B {} Q", 1 + number)
}

/// A deployment with a workshop on it.
struct Workshop {
    deployment: TestDeployment,
    known: Vec<Known>,
}

impl Workshop {
    fn new(now: &str, variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { deployment: TestDeployment::new(Options { now: now.parse().unwrap(), variables }), known: Vec::new() }
    }

    fn ask(&mut self, method: Method, path: &str, body: &Value) {
        let bearer = format!("Bearer {}", sandbox::world::credentials::jwt(self.deployment.now()));
        let task = self.deployment.spawn_admin(method.as_str(), path, Some(body), &[("authorization", &bearer)]);
        let (status, answer) = answer(&self.deployment.run_to_end(task));
        assert!(status < 300, "{path}: {status} {answer}");
    }

    fn store_owner(&mut self, number: usize) {
        let unwilling = self.known[number].unwilling;
        let body = json!({ "name": "Owner", "phone": phone(number), "opted_out": unwilling });
        self.ask(Method::PUT, &format!("/customers/c{number}"), &body);
    }

    fn store_vehicle(&mut self, number: usize) {
        let known = self.known[number];
        let status = match known.fate {
            Fate::Active => "active",
            Fate::Booked => "booked",
            Fate::Sold => "sold",
        };
        let mut body = json!({
            "customer_id": format!("c{number}"), "last_visit_date": known.last, "status": status,
            "interval_months": known.months,
        });
        if let Some(own) = known.own {
            body["next_visit_date"] = json!(own);
        }
        self.ask(Method::PUT, &format!("/vehicles/B{}Q", 1 + number), &body);
    }

    fn add(&mut self, known: Known) {
        self.known.push(known);
        let number = self.known.len() - 1;
        self.store_owner(number);
        self.store_vehicle(number);
    }

    /// Visits to be reminded of on the present day, sent or not.
    fn due(&self) -> BTreeSet<Visit> {
        let today = jakarta(self.deployment.now());
        let due = |known: &Known| {
            let days = (known.next() - today).num_days();
            (0..3).contains(&days) && known.fate == Fate::Active && !known.unwilling
        };
        let all = self.known.iter().enumerate().filter(|(_, known)| due(known));
        all.map(|(number, known)| (number, known.next())).collect()
    }

    /// Number of reminders by visit.
    fn reminded(&self) -> BTreeMap<Visit, usize> {
        let mut reminded = BTreeMap::new();
        for message in self.deployment.messages() {
            assert_eq!(message.channel, "whatsapp");
            let number: usize = message.to.strip_prefix("628550").unwrap().parse().unwrap();
            let body = message.body.to_string();
            assert!(body.contains(&format!("nomor kendaraan {} sebentar", plate(number))), "{body}");
            let day = body.split("pada tanggal ").nth(1).unwrap().get(..10).unwrap();
            *reminded.entry((number, NaiveDate::parse_from_str(day, "%d-%m-%Y").unwrap())).or_default() += 1;
        }
        reminded
    }

    /// The visits whose reminder is stored in that state.
    fn in_state(&self, state: &str) -> BTreeSet<Visit> {
        let items = self.deployment.items().into_iter().filter(|item| item["data"]["state"] == state);
        let reminders = items.filter(|item| item["sk"].as_str().unwrap().starts_with("REMINDER#"));
        let visit = |item: Value| {
            let plate = item["data"]["plate"].as_str().unwrap().split(' ').nth(1).unwrap().to_owned();
            (plate.parse::<usize>().unwrap() - 1, serde_json::from_value(item["data"]["visit"].clone()).unwrap())
        };
        reminders.map(visit).collect()
    }

    fn event(&self) -> Value {
        json!({ "task": "maintenance-reminder", "scheduled_at": self.deployment.now() })
    }

    /// Lets the calls of some tasks go on in a random order until all have ended, whatever becomes of each.
    fn race(&mut self, random: &mut Random, mut decide: impl FnMut(&HeldCall, &mut Random) -> Verdict) {
        while let held = self.deployment.held_calls()
            && !held.is_empty()
        {
            let call = &held[random.below(held.len())];
            let verdict = decide(call, random);
            self.deployment.release_call(call, verdict);
        }
    }

    /// A run without any fault.
    fn run(&mut self) -> Value {
        let event = self.event();
        let task = self.deployment.spawn_reminders(event, 0);
        answer(&self.deployment.run_to_end(task)).1
    }
}

/// Fate of a call of a run, mostly without a fault. A refusal is in the report, and is no cut.
fn misfortune(call: &HeldCall, random: &mut Random) -> Verdict {
    let hard = [
        Verdict::CrashBefore,
        Verdict::CrashAfter,
        Verdict::LoseRequest,
        Verdict::LoseAnswer,
        Verdict::Throttle,
        Verdict::Conflict,
    ];
    let verdict = if random.one_in(25) { *random.pick(&hard) } else { Verdict::Proceed };
    if verdict.befalls(call.service, &call.action) { verdict } else { Verdict::Proceed }
}

/// Changes in a workshop between two mornings.
fn ordinary_day(workshop: &mut Workshop, random: &mut Random) {
    let today = jakarta(workshop.deployment.now());
    for number in 0..workshop.known.len() {
        let known = &mut workshop.known[number];
        let overdue = known.next() < today;
        match random.below(400) {
            _ if overdue && known.fate != Fate::Sold && random.one_in(4) => {
                *known = Known { last: today, own: None, fate: Fate::Active, ..*known };
                workshop.ask(Method::POST, &format!("/vehicles/B{}Q/visits", 1 + number), &json!({ "date": today }));
            }
            0 => {
                known.own = today.checked_add_days(Days::new(u64::try_from(random.below(60)).unwrap()));
                workshop.store_vehicle(number);
            }
            1 => {
                known.fate = if known.fate == Fate::Active { Fate::Booked } else { known.fate };
                workshop.store_vehicle(number);
            }
            2 if random.one_in(3) => {
                known.fate = Fate::Sold;
                workshop.store_vehicle(number);
            }
            3 => {
                known.unwilling = !known.unwilling;
                workshop.store_owner(number);
            }
            _ => {}
        }
    }
}

/// The schedule fires twice. Lambda repeats what failed after one minute, and once more after two.
fn morning(workshop: &mut Workshop, random: &mut Random, cut_off: bool) {
    let event = workshop.event();
    let tasks = [0, 1].map(|instance| workshop.deployment.spawn_reminders(event.clone(), instance));
    workshop.race(random, |call, random| if cut_off { misfortune(call, random) } else { Verdict::Proceed });
    let mut failed = tasks.iter().filter(|task| !is_answered(&workshop.deployment, **task)).count();
    for minutes in [1, 2] {
        workshop.deployment.set_now(workshop.deployment.now() + TimeDelta::minutes(minutes));
        for _ in 0..std::mem::take(&mut failed) {
            let task = workshop.deployment.spawn_reminders(event.clone(), 0);
            workshop.deployment.run_to_end(task);
            failed += usize::from(!is_answered(&workshop.deployment, task));
        }
    }
}

fn is_answered(deployment: &TestDeployment, task: TaskId) -> bool {
    matches!(deployment.finished(task), Some(Outcome::Answered { .. }))
}

#[test]
fn a_year_of_runs_started_twice_and_cut_off_reminds_each_owner_once_of_each_visit() {
    let vehicles = Scale { few: 60, many: 150, all: 3_000 }.count();
    let begin = NaiveDate::from_ymd_opt(2025, 1, 1).unwrap();
    let mut random = Random::scrambled(2_025);
    let mut workshop = Workshop::new("2025-01-31T16:30:00Z", &[("REMINDER_DAILY_CAP", "10000")]);
    for _ in 0..vehicles {
        let last = begin - Days::new(u64::try_from(random.below(118)).unwrap());
        let months = *random.pick(&[4, 4, 1, 6]);
        workshop.add(Known { last, own: None, months, fate: Fate::Active, unwilling: random.one_in(30) });
    }
    let mut expected = BTreeSet::new();
    for day in 0..365 {
        ordinary_day(&mut workshop, &mut random);
        // Seven in the morning of the next day in Jakarta.
        let midnight = (jakarta(workshop.deployment.now()) + Days::new(1)).and_time(chrono::NaiveTime::MIN).and_utc();
        workshop.deployment.set_now(midnight);
        expected.extend(workshop.due());
        morning(&mut workshop, &mut random, day % 2 == 1);
        assert!(workshop.reminded().values().all(|times| *times == 1), "day {day}: an owner was reminded twice");
        workshop.deployment.set_now(midnight + TimeDelta::hours(10));
    }
    let reminded: BTreeSet<Visit> = workshop.reminded().into_keys().collect();
    let unclear = workshop.in_state("unclear");
    assert_eq!(reminded.difference(&expected).count(), 0, "an owner was reminded who should not be");
    let silent: BTreeSet<_> = expected.difference(&reminded).copied().collect();
    assert_eq!(silent.difference(&unclear).count(), 0, "{silent:?}");
    assert!(reminded.len() > vehicles, "only {} of {} were reminded", reminded.len(), expected.len());
    assert!(unclear.len() * 20 < reminded.len(), "{} of {} are unclear", unclear.len(), reminded.len());
    assert_eq!(workshop.in_state("claimed").len(), 0);
}

#[test]
fn answers_that_are_lost_never_lead_to_a_second_message() {
    let batches = Scale { few: 2, many: 5, all: 100 }.count();
    each(batches, |seed| {
        let mut workshop = Workshop::new("2025-12-16T02:00:00Z", &[]);
        let last = NaiveDate::from_ymd_opt(2025, 8, 17).unwrap();
        for _ in 0..150 {
            workshop.add(Known { last, own: None, months: 4, fate: Fate::Active, unwilling: false });
        }
        let mut random = Random::scrambled(u64::try_from(seed).unwrap());
        let (mut sent, mut unanswered) = (0, 0);
        let event = workshop.event();
        workshop.deployment.spawn_reminders(event, 0);
        workshop.race(&mut random, |call, _| {
            if call.service != Service::StarSender {
                return Verdict::Proceed;
            }
            sent += 1;
            if sent % 3 == 0 {
                return Verdict::Proceed;
            }
            unanswered += 1;
            Verdict::LoseAnswer
        });
        assert_eq!((sent, unanswered), (150, 100));
        for _ in 0..3 {
            workshop.deployment.set_now(workshop.deployment.now() + TimeDelta::hours(6));
            let run = workshop.run();
            assert_eq!((&run["reminder_sent"], &run["failed"]), (&json!(0), &json!(0)), "{run}");
            assert_eq!((&run["unclear"], &run["already_sent"]), (&json!(100), &json!(50)), "{run}");
        }
        let reminded = workshop.reminded();
        assert_eq!((reminded.len(), reminded.values().sum::<usize>()), (150, 150));
        assert_eq!((workshop.in_state("unclear").len(), workshop.in_state("sent").len()), (100, 50));
    });
}

/// Two vehicles due, the run begun.
fn begun() -> (Workshop, TaskId) {
    let mut workshop = Workshop::new("2025-12-16T02:00:00Z", &[]);
    let last = NaiveDate::from_ymd_opt(2025, 8, 17).unwrap();
    for _ in 0..2 {
        workshop.add(Known { last, own: None, months: 4, fate: Fate::Active, unwilling: false });
    }
    let event = workshop.event();
    let task = workshop.deployment.spawn_reminders(event, 0);
    (workshop, task)
}

/// One minute after a failure, and two more after the next. What is answered is over, and says what was done.
fn repeat_as_lambda_does(workshop: &mut Workshop, begun: TaskId, at: &str) {
    let event = json!({ "task": "maintenance-reminder", "scheduled_at": "2025-12-16T02:00:00Z" });
    let mut task = begun;
    for minutes in [1, 2] {
        if is_answered(&workshop.deployment, task) {
            break;
        }
        workshop.deployment.set_now(workshop.deployment.now() + TimeDelta::minutes(minutes));
        task = workshop.deployment.spawn_reminders(event.clone(), 0);
        workshop.deployment.run_to_end(task);
    }
    match workshop.deployment.finished(task) {
        Some(Outcome::Answered { body, .. }) => assert!(body.contains(r#""status":"done""#), "{at}: {body}"),
        other => panic!("{at}: {other:?}"),
    }
}

#[test]
fn a_run_that_is_cut_off_at_any_call_goes_on_when_it_is_repeated() {
    let (mut whole, task) = begun();
    let first = whole.deployment.transcript().len();
    whole.deployment.run_to_end(task);
    let calls: Vec<_> = whole.deployment.transcript()[first..].iter().map(|step| step.call.clone()).collect();
    assert!(calls.len() > 10, "{calls:?}");
    for (place, call) in calls.iter().enumerate() {
        for verdict in Verdict::ALL.into_iter().filter(|verdict| verdict.befalls(call.service, &call.action)) {
            let (mut workshop, task) = begun();
            for _ in 0..place {
                workshop.deployment.release(task, Verdict::Proceed);
            }
            workshop.deployment.release(task, verdict);
            let crashed = matches!(verdict, Verdict::CrashBefore | Verdict::CrashAfter);
            if !crashed && workshop.deployment.finished(task).is_none() {
                workshop.deployment.run_to_end(task);
            }
            let refused = verdict == Verdict::Refuse || verdict == Verdict::Down;
            repeat_as_lambda_does(&mut workshop, task, &format!("{place} {verdict:?}"));
            // On that same day all were reminded but those whom the gateway refused, and those with an unknown outcome.
            let (reminded, unclear) = (workshop.reminded(), workshop.in_state("unclear"));
            assert!(
                refused || reminded.len() + unclear.len() >= 2,
                "{place} {call:?} {verdict:?}: {reminded:?} {unclear:?}"
            );
            // The next morning.
            workshop.deployment.set_now(workshop.deployment.now() + TimeDelta::hours(24));
            workshop.run();
            let reminded = workshop.reminded();
            let unclear = workshop.in_state("unclear");
            let at = format!("{place} {call:?} {verdict:?}: {reminded:?} {unclear:?}");
            assert!(reminded.values().all(|times| *times == 1), "{at}");
            let silent = (0..2).filter(|number| !reminded.keys().any(|(of, _)| of == number)).count();
            assert!(silent <= unclear.len() && unclear.len() <= 1, "{at}");
            assert_eq!(workshop.in_state("claimed").len(), 0, "{at}");
            // What was not being sent when it was cut is neither lost nor in doubt.
            let sending = call.service == Service::StarSender
                || call.action == "TransactWriteItems"
                || calls.get(place.wrapping_sub(1)).is_some_and(|before| before.service == Service::StarSender);
            assert!(sending || unclear.is_empty(), "{at}");
        }
    }
}
