//! Event source mappings of the table's stream, as the template writes them.

use yaml_serde::Value;

use super::filter::Filter;

/// Lambda's default number of records of one invocation.
const DEFAULT_BATCH: usize = 100;

/// A mapping that has a function invoked with records of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Name of the event in the template.
    pub name: String,
    /// Function that it invokes, by its logical name.
    pub function: String,
    /// Records that the mapping wants.
    pub filter: Filter,
    /// Largest number of records of one invocation.
    pub batch_size: usize,
    /// Number of times that a batch is retried; `None` for no limit.
    pub retries: Option<u64>,
    /// Age in seconds above which a record is given up; `None` for no limit.
    pub longest_age: Option<i64>,
    /// True if a batch with which the function failed is halved.
    pub is_bisected: bool,
    /// True if the function's answer says which records it could not handle.
    pub has_partial_answers: bool,
}

impl Mapping {
    /// Reads the properties of an event of type `DynamoDB`, after those of `others`; `None` where one has another shape than expected,
    /// and for a second mapping to a function, which Lambda refuses (CreateEventSourceMapping: `ResourceConflictException`).
    #[must_use]
    pub fn read(name: &str, function: &str, properties: &Value, others: &[Self]) -> Option<Self> {
        if others.iter().any(|other| other.function == function) {
            return None;
        }
        let filters = match properties.get("FilterCriteria") {
            Some(criteria) => criteria.get("Filters")?.as_sequence()?.as_slice(),
            None => &[],
        };
        let patterns: Vec<&str> =
            filters.iter().map(|filter| filter.get("Pattern")?.as_str()).collect::<Option<_>>()?;
        let answers = properties.get("FunctionResponseTypes").and_then(Value::as_sequence);
        let size = properties.get("BatchSize").map_or(Some(DEFAULT_BATCH), |size| usize::try_from(size.as_u64()?).ok());
        Some(Self {
            name: name.to_owned(),
            function: function.to_owned(),
            filter: Filter::parse(patterns)?,
            batch_size: size.filter(|size| *size > 0)?,
            // Without a limit the number is absent or -1.
            retries: properties.get("MaximumRetryAttempts").and_then(Value::as_u64),
            longest_age: properties.get("MaximumRecordAgeInSeconds").and_then(Value::as_i64).filter(|age| *age > 0),
            is_bisected: properties.get("BisectBatchOnFunctionError").and_then(Value::as_bool).unwrap_or(false),
            has_partial_answers: answers
                .is_some_and(|answers| answers.iter().any(|it| it.as_str() == Some("ReportBatchItemFailures"))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(properties: &str) -> Option<Mapping> {
        Mapping::read("Stored", "Sender", &yaml_serde::from_str(properties).unwrap(), &[])
    }

    #[test]
    fn what_the_template_leaves_out_is_as_lambda_has_it_by_default() {
        let mapping = read("{ StartingPosition: LATEST, MaximumRetryAttempts: -1 }").unwrap();
        assert_eq!((mapping.batch_size, mapping.retries, mapping.longest_age), (100, None, None));
        assert_eq!((mapping.is_bisected, mapping.has_partial_answers), (false, false));
        assert_eq!((mapping.name.as_str(), mapping.function.as_str()), ("Stored", "Sender"));
        assert_eq!(mapping.filter, Filter::default());
    }

    #[test]
    fn what_the_template_states_is_read() {
        let mapping = read(
            "{ BatchSize: 7, MaximumRetryAttempts: 2, MaximumRecordAgeInSeconds: 60, BisectBatchOnFunctionError: true, \
             FunctionResponseTypes: [ReportBatchItemFailures], \
             FilterCriteria: { Filters: [{ Pattern: '{\"eventName\": [\"INSERT\"]}' }] } }",
        )
        .unwrap();
        assert_eq!((mapping.batch_size, mapping.retries, mapping.longest_age), (7, Some(2), Some(60)));
        assert_eq!((mapping.is_bisected, mapping.has_partial_answers), (true, true));
        assert_ne!(mapping.filter, Filter::default());
    }

    #[test]
    fn a_mapping_that_cannot_be_simulated_is_refused() {
        for wrong in
            ["{ BatchSize: 0 }", "{ FilterCriteria: {} }", "{ FilterCriteria: { Filters: [{ Pattern: 'x' }] } }"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_second_mapping_to_a_function_is_refused_as_lambda_refuses_it() {
        let (first, properties) = (read("{}").unwrap(), Value::Mapping(yaml_serde::Mapping::new()));
        let second = |function| Mapping::read("Further", function, &properties, std::slice::from_ref(&first));
        assert_eq!(second("Sender"), None);
        assert_eq!(second("Other").unwrap().name, "Further");
    }
}
