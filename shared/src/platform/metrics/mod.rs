//! Metrics: lines in CloudWatch's embedded metric format (EMF) on standard output, among the lines of the log.
//!
//! Disabled until [`init`], which only `main.rs` calls: the sandbox and tests print none.

use std::io::Write;
use std::sync::OnceLock;

use serde_json::{Map, Number, Value, json};

use crate::domain::billing::business_events::{BusinessEvent, RetryNumber};
use crate::domain::values::time::Timestamp;

mod outcomes;
mod request;
pub mod table;

pub use outcomes::{
    CallbackOutcome, MailAudience, NoticeOutcome, ReminderOutcome, RunOutcome, ScanOutcome, StopReason,
};
pub use request::StatusClass;
pub use table::{Dimensions, Point};

/// CloudWatch namespace of all metrics.
pub const NAMESPACE: &str = "Duekeeper";

/// Dimension that all metrics have: the name of the stack, which tells environments of one account and region apart.
pub const ENVIRONMENT: &str = "Environment";

/// Environment of a function that is not deployed as part of a stack.
const NO_STACK: &str = "local";

static EMITTED_FOR: OnceLock<String> = OnceLock::new();

/// Enables the printing of metrics, of the stack with that name.
pub fn init(stack: Option<String>) {
    let stack = stack.filter(|name| !name.is_empty()).unwrap_or_else(|| NO_STACK.to_owned());
    // Only the first call counts; a process belongs to one stack.
    let _named = EMITTED_FOR.set(stack);
}

/// Metrics of one invocation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch(Vec<(Point, Amount)>);

#[derive(Clone, Debug, PartialEq)]
enum Amount {
    Whole(u64),
    Measured(f64),
}

/// One line in progress. In a line each dimension has one value, and each metric occurs once.
#[derive(Default)]
struct Line {
    dimensions: Dimensions,
    directives: Vec<(Dimensions, Vec<Value>)>,
    values: Map<String, Value>,
}

impl Batch {
    /// Adds `by` to a count.
    pub fn count(&mut self, point: Point, by: u64) {
        let known = self.0.iter_mut().find_map(|(known, amount)| match amount {
            Amount::Whole(sum) if *known == point => Some(sum),
            Amount::Whole(_) | Amount::Measured(_) => None,
        });
        match known {
            Some(sum) => *sum = sum.saturating_add(by),
            None => self.0.push((point, Amount::Whole(by))),
        }
    }

    /// Adds a measured value, such as milliseconds.
    pub fn measure(&mut self, point: Point, value: f64) {
        self.0.push((point, Amount::Measured(value)));
    }

    /// Counts a business event.
    pub fn happened(&mut self, event: &BusinessEvent) {
        let point = match event {
            BusinessEvent::Charge(result) => Point::Charges(*result),
            BusinessEvent::EpisodeStarted => Point::EpisodesStarted,
            BusinessEvent::Recovered(recovery) => {
                Point::Recoveries(RetryNumber::after(recovery.failures), recovery.class)
            }
            BusinessEvent::PlanRestored => Point::PlansRestored,
            BusinessEvent::Downgraded(cause) => Point::Downgrades(cause.reason()),
            BusinessEvent::RefundDue => Point::RefundsDue,
            BusinessEvent::NeedsAttention => Point::NeedsAttention,
        };
        self.count(point, 1);
    }

    /// Returns the lines of an environment, as few as the format allows.
    #[must_use]
    pub fn lines(&self, environment: &str, at: Timestamp) -> Vec<Value> {
        let mut lines: Vec<Line> = Vec::new();
        for (point, amount) in &self.0 {
            let (name, mut dimensions) = (point.name(), point.dimensions());
            dimensions.insert(ENVIRONMENT, environment.to_owned());
            match lines.iter_mut().find(|line| line.has_room(&name, &dimensions)) {
                Some(line) => line.put(point, name, dimensions, amount),
                None => {
                    let mut line = Line::default();
                    line.put(point, name, dimensions, amount);
                    lines.push(line);
                }
            }
        }
        lines.into_iter().map(|line| line.document(at)).collect()
    }

    /// Prints the lines, with `at` as the time of the values. Does nothing while metrics are disabled.
    pub fn emit(&self, at: Timestamp) {
        let Some(environment) = EMITTED_FOR.get().filter(|_| !self.0.is_empty()) else { return };
        let text: String = self.lines(environment, at).iter().map(|line| format!("{line}\n")).collect();
        // One write under the lock that the log's lines take too, so that no line ends up within another. A failed write is
        // ignored: metrics must not fail the invocation.
        let _unwritten = std::io::stdout().lock().write_all(text.as_bytes());
    }
}

impl Line {
    fn has_room(&self, name: &str, dimensions: &Dimensions) -> bool {
        let agrees = |(key, value)| self.dimensions.get(key).is_none_or(|known| known == value);
        !self.values.contains_key(name) && dimensions.iter().all(agrees)
    }

    fn put(&mut self, point: &Point, name: String, dimensions: Dimensions, amount: &Amount) {
        let value = match amount {
            Amount::Whole(count) => Value::from(*count),
            // CloudWatch does not accept NaN and infinities.
            Amount::Measured(value) => Number::from_f64(*value).map_or_else(|| Value::from(0), Value::from),
        };
        let metric = json!({ "Name": name, "Unit": point.row().unit });
        self.values.insert(name, value);
        match self.directives.iter_mut().find(|(known, _)| *known == dimensions) {
            Some((_, metrics)) => metrics.push(metric),
            None => self.directives.push((dimensions.clone(), vec![metric])),
        }
        self.dimensions.extend(dimensions);
    }

    fn document(self, at: Timestamp) -> Value {
        let directives: Vec<Value> = self
            .directives
            .into_iter()
            .map(|(dimensions, metrics)| {
                let keys: Vec<&str> = dimensions.into_keys().collect();
                json!({ "Namespace": NAMESPACE, "Dimensions": [keys], "Metrics": metrics })
            })
            .collect();
        let mut root = self.values;
        root.extend(self.dimensions.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))));
        let milliseconds = at.unix().saturating_mul(1_000);
        root.insert("_aws".to_owned(), json!({ "Timestamp": milliseconds, "CloudWatchMetrics": directives }));
        Value::Object(root)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::table::TABLE;
    use super::*;
    use crate::domain::billing::business_events::{ChargeResult, DowngradeCause};
    use crate::domain::billing::dunning::arrears::Recovery;
    use crate::domain::billing::dunning::downgrade::DowngradeReason;
    use crate::domain::billing::notices::feedback::FeedbackKind;
    use crate::domain::billing::payments::payment::DeclineClass;
    use crate::domain::billing::task::Task;
    use crate::domain::workshop::deliveries::DeliveryStage;
    use crate::domain::workshop::opt_out::Wish;

    fn at() -> Timestamp {
        Timestamp::parse("2025-01-31T02:00:00Z").unwrap()
    }

    /// One point of each metric.
    fn every_point() -> Vec<Point> {
        vec![
            Point::Callbacks(CallbackOutcome::NotStored),
            Point::CheckMacValueFailures,
            Point::CallbackLatency,
            Point::Charges(ChargeResult::Pending),
            Point::EpisodesStarted,
            Point::Recoveries(RetryNumber::FourthOrLater, DeclineClass::HardDecline),
            Point::PlansRestored,
            Point::Downgrades(DowngradeReason::NotCharged),
            Point::RefundsDue,
            Point::OldestDueAge(Task::EndGrace),
            Point::TasksBehind,
            Point::ItemsDue(Task::Retry),
            Point::ItemsDone(Task::Retry),
            Point::ItemsFailed(Task::Retry),
            Point::UnreadableItems,
            Point::RunsStopped(StopReason::EcpayUnanswered),
            Point::NeedsAttention,
            Point::Notices(NoticeOutcome::Dead),
            Point::MailsHeldBack,
            Point::EcpayBlocked,
            Point::Reminders(ReminderOutcome::AlreadySent),
            Point::ReminderRuns(RunOutcome::Failed),
            Point::ReminderDeliveries(DeliveryStage::Failed),
            Point::OptOuts(Wish::Stop),
            Point::MailFeedback(MailAudience::Staff, FeedbackKind::Complaint),
            Point::StaffMailsFailed,
            Point::ExpiryScans(ScanOutcome::MmsRefused),
            Point::ExpiryScansFailed,
            Point::Requests(StatusClass::ServerError),
            Point::RequestLatency,
        ]
    }

    #[test]
    fn a_line_is_an_object_of_the_embedded_metric_format() {
        let mut batch = Batch::default();
        batch.count(Point::Callbacks(CallbackOutcome::Applied), 1);
        batch.count(Point::CheckMacValueFailures, 0);
        batch.measure(Point::CallbackLatency, 12.5);
        batch.happened(&BusinessEvent::Charge(ChargeResult::Succeeded));
        batch.happened(&BusinessEvent::Recovered(Recovery {
            failures: 2,
            class: DeclineClass::SoftDecline,
            seconds: 259_200,
            after_downgrade: false,
        }));
        // 2025-01-31T02:00:00Z is 1738288800 seconds after 1970.
        let expected = json!({
            "_aws": {
                "Timestamp": 1_738_288_800_000_u64,
                "CloudWatchMetrics": [
                    { "Namespace": "Duekeeper", "Dimensions": [["Environment", "Outcome"]], "Metrics": [{ "Name": "Callbacks", "Unit": "Count" }] },
                    {
                        "Namespace": "Duekeeper",
                        "Dimensions": [["Environment"]],
                        "Metrics": [
                            { "Name": "CheckMacValueFailures", "Unit": "Count" },
                            { "Name": "CallbackLatency", "Unit": "Milliseconds" },
                        ],
                    },
                    { "Namespace": "Duekeeper", "Dimensions": [["Environment", "Result"]], "Metrics": [{ "Name": "Charges", "Unit": "Count" }] },
                    {
                        "Namespace": "Duekeeper",
                        "Dimensions": [["DeclineClass", "Environment", "RetryNumber"]],
                        "Metrics": [{ "Name": "Recoveries", "Unit": "Count" }],
                    },
                ],
            },
            "Environment": "duekeeper-dev", "Outcome": "applied", "Result": "succeeded",
            "RetryNumber": "2", "DeclineClass": "soft_decline",
            "Callbacks": 1, "CheckMacValueFailures": 0, "CallbackLatency": 12.5, "Charges": 1, "Recoveries": 1,
        });
        assert_eq!(batch.lines("duekeeper-dev", at()), [expected]);
    }

    #[test]
    fn the_ages_of_idle_queues_are_in_one_line() {
        let mut batch = Batch::default();
        batch.count(Point::OldestDueAge(Task::CheckPending), 0);
        batch.count(Point::OldestDueAge(Task::SendMail), 0);
        let lines = batch.lines("duekeeper-dev", at());
        assert_eq!(lines.len(), 1);
        assert_eq!(
            (&lines[0]["OldestDueAge.check-pending"], &lines[0]["OldestDueAge.send-mail"]),
            (&json!(0), &json!(0))
        );
    }

    #[test]
    fn another_dimension_needs_another_line_and_equal_points_are_added_up() {
        let mut batch = Batch::default();
        for outcome in [NoticeOutcome::Sent, NoticeOutcome::Dead, NoticeOutcome::Sent] {
            batch.count(Point::Notices(outcome), 1);
        }
        let counted: Vec<Value> =
            batch.lines("duekeeper-dev", at()).iter().map(|line| json!([line["Outcome"], line["Notices"]])).collect();
        assert_eq!(counted, [json!(["sent", 2]), json!(["dead", 1])]);
    }

    /// Checks each line against the limits of CloudWatch's EMF specification.
    #[test]
    fn every_metric_keeps_the_limits_of_the_format_and_the_words_of_the_table() {
        let mut batch = Batch::default();
        every_point().into_iter().for_each(|point| batch.count(point, 3));
        let mut names = BTreeSet::new();
        for line in batch.lines("duekeeper-dev", at()) {
            let root = line.as_object().unwrap();
            let mut used = BTreeSet::from(["_aws".to_owned()]);
            for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
                assert_eq!(directive.as_object().unwrap().len(), 3);
                let [keys] = directive["Dimensions"].as_array().unwrap().as_slice() else {
                    panic!("one set: {directive}")
                };
                assert!(keys.as_array().unwrap().len() <= 30);
                for key in keys.as_array().unwrap() {
                    let value = root[key.as_str().unwrap()].as_str().unwrap();
                    assert!(
                        (1..=1_024).contains(&value.len()) && value.is_ascii() && !value.starts_with(':'),
                        "{value}"
                    );
                    used.insert(key.as_str().unwrap().to_owned());
                }
                assert!((1..=100).contains(&directive["Metrics"].as_array().unwrap().len()));
                for metric in directive["Metrics"].as_array().unwrap() {
                    let name = metric["Name"].as_str().unwrap();
                    assert!(["Count", "Milliseconds", "Seconds"].contains(&metric["Unit"].as_str().unwrap()));
                    assert_eq!(root[name], 3, "{name}");
                    assert!(used.insert(name.to_owned()), "{name} twice in {line}");
                    names.insert(name.replace("end-grace", "<task>"));
                }
            }
            assert_eq!(root.keys().cloned().collect::<BTreeSet<_>>(), used, "nothing else stands in a line");
        }
        assert_eq!(names, TABLE.iter().map(|row| row.name.to_owned()).collect());
        for point in every_point() {
            assert_eq!(point.dimensions().len(), point.row().dimensions.len(), "{}", point.name());
        }
    }

    #[test]
    fn a_downgrade_is_counted_with_its_reason() {
        let mut batch = Batch::default();
        let class = DeclineClass::SoftDecline;
        batch.happened(&BusinessEvent::Downgraded(DowngradeCause::Unpaid { failures: 4, class }));
        batch.happened(&BusinessEvent::Downgraded(DowngradeCause::NotCharged));
        let reasons: Vec<Value> =
            batch.lines("duekeeper-dev", at()).iter().map(|line| line["Reason"].clone()).collect();
        assert_eq!(reasons, ["payment_failure", "not_charged"]);
    }
}
