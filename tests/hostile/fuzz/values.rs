//! Values, configuration, jobs and mails.

use std::collections::BTreeMap;

use proptest::prelude::*;
use shared::domain::billing::dunning::policy::DunningPolicy;
use shared::domain::billing::notices::NoticeKind;
use shared::domain::billing::plan::{BillingCycle, PriceTable};
use shared::domain::billing::task::Task;
use shared::domain::values::ids::{
    CustomerId, EmailAddress, EventId, GatewayAuthorization, InstitutionUid, MerchantId, NotificationId, PaymentId,
    SubscriptionId, UserId,
};
use shared::domain::values::money::Twd;
use shared::domain::values::text::visible;
use shared::domain::values::time::{LocalDate, Timestamp, Zone};
use shared::domain::workshop::phone::Phone;
use shared::domain::workshop::plate::Plate;
use shared::domain::workshop::vehicles::PersonName;
use shared::mail::render;
use shared::mail::templates::Templates;
use subscription_maintenance::Job;
use testing::support::mails::templates;

use super::{check, hostile, json, shaped};

#[test]
fn an_id_is_taken_as_it_is_or_refused() {
    check(4_000, &hostile(), |text| {
        macro_rules! same {
            ($($id:ident),*) => {$(
                match $id::parse(&text) {
                    Ok(id) => {
                        prop_assert_eq!(id.as_str(), text.as_str());
                        prop_assert!(text.len() <= 254 && !text.contains(char::is_control));
                    }
                    Err(error) => prop_assert!(error.to_string().len() < 100),
                }
            )*};
        }
        same!(
            SubscriptionId,
            MerchantId,
            UserId,
            GatewayAuthorization,
            NotificationId,
            EventId,
            PaymentId,
            InstitutionUid
        );
        // Of what people type or copy, characters that show nothing are no part.
        if let Ok(id) = CustomerId::parse(&text) {
            prop_assert_eq!(id.as_str(), visible(&text));
        }
        if let Ok(address) = EmailAddress::parse(&text) {
            prop_assert_eq!(address.as_str(), visible(&text));
        }
        if let Ok(id) = PaymentId::parse(&text) {
            let parts = format!("{}.{}", id.subscription().unwrap(), id.key());
            prop_assert_eq!(parts, text);
        }
        Ok(())
    });
}

#[test]
fn who_is_reminded_of_what_is_stored_in_one_form_and_read_back() {
    let known = ["0855-1234-567", "+62(0)8551234567", "886912345678", "8.55E+10", "b1234abc", "Budi", "Asia/Jakarta"];
    let text = prop_oneof![4 => hostile(), 1 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned)];
    check(4_000, &text, |text| {
        macro_rules! kept {
            ($($value:ident),*) => {$(
                match $value::parse(&text) {
                    Ok(value) => {
                        let stored = String::from(value.clone());
                        prop_assert!(stored.len() <= 400 && !stored.contains(char::is_control));
                        prop_assert_eq!($value::try_from(stored), Ok(value));
                    }
                    Err(error) => prop_assert!(error.to_string().len() < 150),
                }
            )*};
        }
        kept!(Phone, Plate, PersonName);
        if let Ok(zone) = Zone::parse(&text) {
            prop_assert_eq!(zone.name(), text);
        }
        Ok(())
    });
}

#[test]
fn an_instant_and_a_day_are_read_back_as_they_were_written() {
    let known = (any::<i64>(), -400_000_000_000_i64..400_000_000_000)
        .prop_map(|(any, near)| if any % 4 == 0 { any } else { near });
    check(4_000, &(hostile(), known), |(text, seconds)| {
        let read = [Timestamp::parse(&text).ok(), shared::ecpay::date::parse(&text).ok()];
        for at in read.into_iter().flatten() {
            prop_assert_eq!(Timestamp::parse(&at.to_string()), Ok(at));
            let whole = Timestamp::from_unix(at.unix()).unwrap();
            prop_assert_eq!(shared::ecpay::date::parse(&shared::ecpay::date::format(whole)), Ok(whole));
            let compact = at.to_compact();
            prop_assert!(compact.len() <= 30 && !compact.contains(' '));
        }
        if let Some(at) = Timestamp::from_unix(seconds) {
            // Calculating at the ends of time stays there, does not panic, and makes nothing that cannot be read back.
            for days in [i64::MIN, -1, 0, 1, i64::MAX] {
                for end in [at.plus_days(days), at.plus_hours(days), at.plus_minutes(days), at.plus_seconds(days)] {
                    prop_assert_eq!(Timestamp::parse(&end.to_string()), Ok(end));
                    prop_assert_eq!(end.to_compact().len(), 14);
                }
                let day = at.day(Zone::Taipei).plus_days(days);
                prop_assert_eq!(LocalDate::parse(&day.to_string()), Ok(day));
                let start = day.start(Zone::Taipei);
                prop_assert_eq!(Timestamp::parse(&start.to_string()), Ok(start));
            }
            let month = at.day(Zone::Taipei).plus_months(u32::MAX);
            prop_assert_eq!(LocalDate::parse(&month.to_string()), Ok(month));
            let _texts = (at.to_string(), shared::ecpay::date::format(at), at.to_local(Zone::Taipei));
        }
        if let Ok(day) = LocalDate::parse(&text) {
            prop_assert_eq!(LocalDate::parse(&day.to_string()), Ok(day));
        }
        Ok(())
    });
}

#[test]
fn amounts_and_price_tables_hold_what_was_written() {
    check(3_000, &(hostile(), any::<u32>()), |(text, dollars)| {
        if let Ok(amount) = Twd::parse(&text) {
            prop_assert_eq!(Twd::parse(&amount.dollars().to_string()), Ok(amount));
        }
        prop_assert_eq!(Twd::parse(&dollars.to_string()).ok(), Some(Twd::new(dollars)));
        let _not_a_table = PriceTable::parse(&text);
        Ok(())
    });
    let price = shaped(&[("monthly", &["1", "899", "0", "4294967295"]), ("annual", &["1", "8999", "-1"])]);
    let name = prop_oneof![proptest::sample::select(vec!["PRO", "FREE", "A_1"]).prop_map(str::to_owned), hostile()];
    check(3_000, &proptest::collection::vec((name, price), 0..4), |prices| {
        let table: serde_json::Map<_, _> = prices.into_iter().collect();
        let Ok(read) = PriceTable::parse(&serde_json::to_string(&table).unwrap()) else { return Ok(()) };
        for (name, price) in &table {
            for (cycle, field) in [(BillingCycle::Monthly, "monthly"), (BillingCycle::Annual, "annual")] {
                let (plan, amount) = read.find(name, cycle).unwrap();
                prop_assert_eq!(
                    (plan.as_str(), u64::from(amount.dollars())),
                    (name.as_str(), price[field].as_u64().unwrap())
                );
                prop_assert!(amount != Twd::ZERO && !plan.is_free());
            }
        }
        Ok(())
    });
}

#[test]
fn a_policy_that_is_taken_retries_within_its_grace() {
    let days = || prop_oneof![4 => 0..20_u32, 1 => any::<u32>()];
    check(4_000, &(proptest::collection::vec(days(), 0..6), days(), days()), |(retries, grace, extra)| {
        match DunningPolicy::new(&retries, grace, extra) {
            Ok(policy) => {
                let taken: Vec<i64> = policy.retry_days().collect();
                prop_assert_eq!(taken.len(), retries.len());
                prop_assert!(taken.is_sorted());
                for attempts in [0, 1, 2, usize::MAX] {
                    prop_assert!(policy.grace_days(attempts) >= i64::from(grace));
                }
            }
            Err(error) => prop_assert!(error.to_string().len() < 200),
        }
        Ok(())
    });
}

/// Settings of all functions, with values that fit.
const SETTINGS: [(&str, &str); 68] = [
    ("TABLE_NAME", "duekeeper"),
    ("ECPAY_ENVIRONMENT", "stage"),
    ("ECPAY_MERCHANT_ID", "3002607"),
    ("ECPAY_SECRET_ID", "duekeeper/ecpay"),
    ("EVENTS_SECRET_ID", "duekeeper/events"),
    ("ECPAY_ENDPOINT_URL", ""),
    ("ECPAY_CALLS_PER_SECOND", "2"),
    ("ECPAY_APPLY_SIMULATED", "false"),
    ("DUNNING_RETRY_DAYS", "1,3,7"),
    ("DUNNING_GRACE_DAYS", "7"),
    ("DUNNING_EXTRA_GRACE_DAYS", "3"),
    ("API_BASE_URL", "https://api.example"),
    ("FRONTEND_URL", "https://shop.example"),
    ("PLAN_PRICES", "{\"PRO\":{\"monthly\":899,\"annual\":8999}}"),
    ("ADMIN_SECRET_ID", "duekeeper/admin"),
    ("PHONE_SECRET_ID", "duekeeper/phones"),
    ("WHATSAPP_CALLBACK_SECRET_ID", "duekeeper/whatsapp-callbacks"),
    ("SLACK_CALLBACK_SECRET_ID", "duekeeper/slack-callbacks"),
    ("SLACK_ACKNOWLEDGE_BUTTONS", "true"),
    ("MAINTENANCE_FUNCTION", "maintenance"),
    ("EXEC_TIMES_MONTHLY", "99"),
    ("EXEC_TIMES_ANNUAL", "9"),
    ("RECEIPTS", "on"),
    ("BUSINESS_NAME", "Moonpine"),
    ("MAIL_SENDER", "billing@a.example"),
    ("MAIL_SENDER_NAME", "Moonpine"),
    ("MAIL_REPLY_TO", "help@a.example"),
    ("STAFF_EMAIL", "staff@a.example"),
    ("LOG_LEVEL", "info"),
    ("REMINDER_FUNCTION", "reminders"),
    ("INVOKE_PATIENCE_SECONDS", "25"),
    ("REMINDER_SCHEDULE", "daily"),
    ("SCHEDULE_GROUP", "duekeeper"),
    ("REMINDER_CONTINUATION_SCHEDULE", "continuation"),
    ("REMINDER_SEND_HOURS", "6-21"),
    ("REMINDER_SECRET_ID", "duekeeper/reminders"),
    ("REMINDER_PROVIDER", "starsender"),
    ("REMINDER_REPEAT", "once"),
    ("REMINDER_TEXT", "{no_pol} {next_visit_date}"),
    ("REMINDER_SERVICE_PHONE", "087740659525"),
    ("REMINDER_GROUPING", "vehicle"),
    ("REMINDER_GROUP_TEXT", "{kendaraan}"),
    ("REMINDER_FOLLOW_UP_DAYS", ""),
    ("REMINDER_FOLLOW_UP_TEXT", "{no_pol} {next_visit_date}"),
    ("WHATSAPP_GROUP_TEMPLATE", ""),
    ("WHATSAPP_FOLLOW_UP_TEMPLATE", ""),
    ("REMINDER_PACE_SECONDS", "5"),
    ("REMINDER_DAILY_CAP", "500"),
    ("EXPIRY_FUNCTION", "expiry"),
    ("EXPIRY_SECRET_ID", "duekeeper/expiry"),
    ("MMS_BASE_URL", "https://mms.example/proxy"),
    ("MMS_API_VERSION", "v1"),
    ("API_TIMEOUT", "30"),
    ("API_MAX_RETRIES", "3"),
    ("API_RETRY_DELAY", "5"),
    ("API_PAGE_SIZE", "50"),
    ("SLACK_CHANNEL", "#sales"),
    ("SLACK_TIMEOUT", "10"),
    ("SLACK_PACE_SECONDS", "1"),
    ("SLACK_ENDPOINT_URL", ""),
    ("NOTIFICATION_DAYS_THRESHOLD", "30"),
    ("NOTIFICATION_URGENT_THRESHOLD", "7"),
    ("NOTIFICATION_WARNING_THRESHOLD", "30"),
    ("EXPIRY_THRESHOLD", "60"),
    ("EXPIRY_HOLIDAYS", "2027-01-01"),
    ("EXPIRY_POST_NOTHING_DUE", "false"),
    ("UNUSED", ""),
    ("UNUSED_TOO", "x"),
];

#[test]
fn a_configuration_is_read_or_its_faults_are_named() {
    let changes = proptest::collection::vec((0..SETTINGS.len(), proptest::option::of(hostile())), 0..5);
    let read = std::cell::Cell::new(0);
    check(4_000, &changes, |changes| {
        let mut settings: BTreeMap<&str, String> =
            SETTINGS.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        for (place, value) in &changes {
            match value {
                Some(value) => settings.insert(SETTINGS[*place].0, value.clone()),
                None => settings.remove(SETTINGS[*place].0),
            };
        }
        let lookup = |name: &str| settings.get(name).cloned();
        let results = [
            ecpay_webhook::Config::parse(&lookup).err(),
            admin_api::Config::parse(&lookup).err(),
            subscription_maintenance::Config::parse(&lookup).err(),
            maintenance_reminder::Config::parse(&lookup).err(),
            mms_expiry_scan::Config::parse(&lookup).err(),
        ];
        for result in results {
            match result {
                None => read.set(read.get() + 1),
                Some(invalid) => {
                    prop_assert!(!invalid.0.is_empty());
                    prop_assert!(
                        changes.iter().any(|(place, _)| invalid.to_string().contains(SETTINGS[*place].0)),
                        "{}",
                        invalid
                    );
                    // Where a value is repeated it is one that has a bound of its own.
                    prop_assert!(invalid.to_string().len() < 2_000, "{}", invalid);
                }
            }
        }
        Ok(())
    });
    assert!(read.get() > 100, "only {} were read", read.get());
}

#[test]
fn an_event_is_a_job_or_an_error() {
    let event = shaped(&[
        ("task", &["retry", "send-mail", "[\"retry\",\"cancel\",\"retry\"]", "[]"]),
        ("scheduled_at", &["2025-02-15T11:58:03+08:00", "null"]),
        ("run_id", &["again", ""]),
        ("retry", &["{\"subscription_id\":\"DK20250131SAMPLE0001\",\"by\":\"support\"}", "null"]),
    ]);
    let now = Timestamp::parse("2025-02-15T04:00:00Z").unwrap();
    let jobs = std::cell::Cell::new(0);
    check(4_000, &prop_oneof![4 => event, 1 => json()], |event| {
        if let Ok(Job::Tasks(tasks)) = Job::parse(event, now) {
            jobs.set(jobs.get() + 1);
            prop_assert!(tasks.tasks.len() <= Task::ALL.len() && tasks.tasks.is_sorted());
            let again = serde_json::json!({ "task": tasks.tasks, "scheduled_at": tasks.run.scheduled_at });
            let Ok(Job::Tasks(again)) = Job::parse(again, now) else { return Err(TestCaseError::fail("no job")) };
            prop_assert_eq!((again.tasks, again.run.scheduled_at), (tasks.tasks, tasks.run.scheduled_at));
        }
        Ok(())
    });
    assert!(jobs.get() > 300, "only {} were jobs", jobs.get());
}

const KINDS: [NoticeKind; 20] = [
    NoticeKind::FirstPaymentFailure,
    NoticeKind::SecondPaymentFailure,
    NoticeKind::FinalPaymentFailure,
    NoticeKind::Downgraded,
    NoticeKind::PlanEnded,
    NoticeKind::Recovered,
    NoticeKind::Receipt,
    NoticeKind::AnnualCharge,
    NoticeKind::RefundDue,
    NoticeKind::Uncharged,
    NoticeKind::SecondLiveOrder,
    NoticeKind::QuarantineDigest,
    NoticeKind::Quarantined,
    NoticeKind::CancelConfirmed,
    NoticeKind::CancelUnconfirmed,
    NoticeKind::NeedsAttention,
    NoticeKind::SlackRefused,
    NoticeKind::RemindersFailed,
    NoticeKind::EndpointOff,
    NoticeKind::Undeliverable,
];

/// The variables of a template, by asking for each until none is missing.
fn variables(templates: &Templates, kind: NoticeKind) -> Vec<String> {
    let mut fields = BTreeMap::new();
    while let Err(render::Error::MissingVariable { variable, .. }) = templates.render(kind, &fields, None) {
        // The advice is made of the others.
        let variable = if variable == "advice" { "hard_decline".to_owned() } else { variable };
        fields.insert(variable, "x".to_owned());
    }
    fields.into_keys().collect()
}

#[test]
fn a_mail_says_what_the_fields_say_under_one_line_of_subject() {
    let templates = templates();
    let rendered = std::cell::Cell::new(0);
    check(
        2_000,
        &(proptest::sample::select(KINDS.to_vec()), proptest::collection::vec(hostile(), 16)),
        |(kind, values)| {
            let mut fields: BTreeMap<String, String> = variables(&templates, kind).into_iter().zip(values).collect();
            // Otherwise the text names no amount.
            if let Some(known) = fields.get_mut("amount_known") {
                "true".clone_into(known);
            }
            match templates.render(kind, &fields, None) {
                Ok(mail) => {
                    rendered.set(rendered.get() + 1);
                    prop_assert!(!mail.subject.contains(char::is_control), "{:?}", mail.subject);
                    let most = 4_000 + 5 * fields.values().map(String::len).sum::<usize>();
                    prop_assert!(mail.text.len() + mail.subject.len() < most);
                    let words = |text: &str| -> String { text.split(char::is_control).collect::<Vec<_>>().join(" ") };
                    let (text, subject) = (words(&mail.text), words(&mail.subject));
                    let is_flag = |name: &String| ["amount_known", "hard_decline", "retries"].contains(&name.as_str());
                    prop_assert!(fields.iter().all(|(name, value)| is_flag(name)
                        || text.contains(words(value).trim())
                        || subject.contains(words(value).trim())));
                    if let Some(html) = &mail.html {
                        let plain = fields.keys().map(|name| (name.clone(), "x".to_owned())).collect();
                        let plain = templates.render(kind, &plain, None).unwrap().html.unwrap();
                        let tags = |html: &str| (html.matches('<').count(), html.matches("<a ").count());
                        prop_assert!(tags(html) == tags(&plain), "a value became a tag: {html}");
                    }
                }
                Err(error) => prop_assert!(error.to_string().len() < 200),
            }
            Ok(())
        },
    );
    assert!(rendered.get() > 100, "only {} were written", rendered.get());
}
