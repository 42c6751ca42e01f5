//! Vehicle as lists of the console show it: its visits, its reminder and what staff may do.

use shared::domain::values::time::LocalDate;
use shared::domain::workshop::deliveries::{Delivery, DeliveryStage};
use shared::domain::workshop::message_kind::MessageKind;
use shared::domain::workshop::reminders::{Reminder, ReminderAction, ReminderInput, ReminderState, SkipReason, plan};
use shared::domain::workshop::send_again::{Permission, send_again};
use shared::domain::workshop::vehicles::{Customer, Vehicle, VehicleStatus, WINDOW_DAYS, ZONE};

use crate::auth::scope::Scope;
use crate::console::page::address;
use crate::console::page::field::Field;
use crate::console::page::moment::Moment;
use crate::console::page::visit::Visit;
use crate::console::words::workshop::{DeliveryWords, ReminderStateWords, SkipWords, VehicleStateWords, WorkshopWords};

/// Vehicle of a list.
pub(crate) struct VehicleRow {
    pub(crate) plate: String,
    /// Address of the vehicle's operations, without the operation.
    pub(crate) address: String,
    pub(crate) owner: Option<OwnerShown>,
    pub(crate) last_visit: LocalDate,
    pub(crate) next_visit: LocalDate,
    pub(crate) interval: String,
    pub(crate) state: &'static str,
    pub(crate) reminder: ReminderNote,
    pub(crate) may_book: bool,
    pub(crate) may_sell: bool,
    pub(crate) may_activate: bool,
    pub(crate) may_opt_out: bool,
    pub(crate) may_remind_again: bool,
}

/// Owner beside a vehicle.
pub(crate) struct OwnerShown {
    pub(crate) name: String,
    pub(crate) phone: String,
    /// Address of the owner's page.
    pub(crate) address: String,
}

/// Reminder of the next visit in words.
#[derive(Default)]
pub(crate) struct ReminderNote {
    pub(crate) text: String,
    /// Class of the style sheet.
    pub(crate) class: &'static str,
    /// Day from which the owner is reminded.
    pub(crate) from: Option<LocalDate>,
    pub(crate) at: Option<Moment>,
    /// Words of the provider, and the stage that the message reached.
    pub(crate) details: Vec<String>,
}

/// Vehicle with what is stored about its next visit.
pub(crate) struct Seen<'a> {
    pub(crate) vehicle: &'a Vehicle,
    pub(crate) owner: Option<&'a Customer>,
    pub(crate) is_opted_out: bool,
    /// Latest reminder of the next visit.
    pub(crate) reminder: Option<&'a Reminder>,
    /// Stage that its message reached.
    pub(crate) delivery: Option<&'a Delivery>,
}

impl VehicleRow {
    /// Builds the row of a vehicle.
    pub(crate) fn of(visit: &Visit, seen: &Seen<'_>) -> Self {
        let (vehicle, today) = (seen.vehicle, visit.now().day(ZONE));
        let status = vehicle.status;
        let is_active = status == VehicleStatus::Active;
        let permission = Permission { at: visit.now(), by: String::new(), why: String::new() };
        let further = send_again(vehicle, seen.reminder, permission, today);
        let owner = seen.owner.map(|owner| OwnerShown {
            name: owner.name.to_string(),
            phone: owner.phone.national(),
            address: customer_address(owner.id.as_str()),
        });
        Self {
            plate: vehicle.plate.to_string(),
            address: address::below("/console/vehicles", &vehicle.plate.to_string()),
            owner,
            last_visit: vehicle.last_visit,
            next_visit: vehicle.next_visit(),
            interval: vehicle.interval.to_string(),
            state: VehicleStateWords::of(visit.language()).get(status.name()).unwrap_or(status.name()),
            reminder: note(visit, seen),
            may_book: is_active,
            may_sell: status != VehicleStatus::Sold,
            may_activate: !is_active,
            may_opt_out: seen.owner.is_some() && !seen.is_opted_out,
            may_remind_again: matches!(further, Ok(Some(_))) && visit.may(Scope::Reminders),
        }
    }
}

/// Field of the day of a visit, which is today unless another one is chosen.
pub(crate) fn day_of_visit(visit: &Visit) -> Field {
    let w = WorkshopWords::of(visit.language());
    Field::day("date", w.visit_day).with(visit.now().day(ZONE).to_string()).required()
}

/// Address of the page of a customer.
pub(crate) fn customer_address(id: &str) -> String {
    address::below("/console/customers", id)
}

/// Says what became of the reminder of the next visit, by the rules of the run that sends it.
fn note(visit: &Visit, seen: &Seen<'_>) -> ReminderNote {
    let language = visit.language();
    let (w, states) = (WorkshopWords::of(language), ReminderStateWords::of(language));
    let (now, next) = (visit.now(), seen.vehicle.next_visit());
    let &Seen { vehicle, owner, is_opted_out, reminder, .. } = seen;
    let input = ReminderInput { message: MessageKind::Reminder, vehicle, customer: owner, is_opted_out, reminder };
    let said = |text: &str, class| ReminderNote { text: text.to_owned(), class, ..ReminderNote::default() };
    let with_words = |note: ReminderNote| {
        let words = reminder.and_then(|reminder| reminder.detail.clone());
        ReminderNote { details: words.into_iter().collect(), at: moment(visit, seen), ..note }
    };
    match plan(input, now.day(ZONE), None, now) {
        ReminderAction::AlreadySent => sent(visit, seen),
        ReminderAction::Unclear => with_words(said(states.unclear, "warn")),
        ReminderAction::Skip(SkipReason::NotDue) if next > now.day(ZONE) => {
            ReminderNote { from: Some(next.plus_days(1 - WINDOW_DAYS)), ..said(w.not_yet, "soft") }
        }
        ReminderAction::Skip(reason) => said(skip_words(visit, reason), "warn"),
        ReminderAction::Send => match reminder {
            Some(reminder) if reminder.state == ReminderState::Failed => with_words(said(states.failed, "bad")),
            Some(_) => said(w.once_more, "good"),
            None => said(w.next_run, ""),
        },
    }
}

fn moment(visit: &Visit, seen: &Seen<'_>) -> Option<Moment> {
    seen.reminder.map(|reminder| visit.moment(reminder.claimed_at, ZONE))
}

/// Note of a message that the provider accepted.
fn sent(visit: &Visit, seen: &Seen<'_>) -> ReminderNote {
    let stage = seen.delivery.map(|delivery| delivery.stage);
    let words = DeliveryWords::of(visit.language());
    let details = stage.map(|stage| words.get(stage.name()).unwrap_or(stage.name()).to_owned());
    ReminderNote {
        text: WorkshopWords::of(visit.language()).reminded.to_owned(),
        class: if stage == Some(DeliveryStage::Failed) { "bad" } else { "good" },
        from: None,
        at: moment(visit, seen),
        details: details.into_iter().collect(),
    }
}

/// Reason in the language of the page.
pub(crate) fn skip_words(visit: &Visit, reason: SkipReason) -> &'static str {
    let words = SkipWords::of(visit.language());
    match reason {
        SkipReason::NotDue => words.not_due,
        SkipReason::Booked => words.booked,
        SkipReason::Sold => words.sold,
        SkipReason::Archived => words.archived,
        SkipReason::NoCustomer => words.no_customer,
        SkipReason::OptedOut => words.opted_out,
        SkipReason::Hours => words.hours,
        SkipReason::InProgress => words.in_progress,
        SkipReason::DailyCap => words.daily_cap,
        SkipReason::Waiting => words.waiting,
        SkipReason::Stopped => words.stopped,
        SkipReason::Changed => words.changed,
    }
}
