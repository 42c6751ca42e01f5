//! Copies of secrets in memory: read again after five minutes, and used for a stated time while that fails.

use tokio::sync::Mutex;

use crate::domain::values::time::Timestamp;
use crate::platform::logging::error_chain;
use crate::platform::secrets::Error;

/// Age in minutes up to which a copy is used without being read again.
pub const FRESH_MINUTES: i64 = 5;
/// Seconds between two reads outside the schedule: after a failed read, and for a value that the copy does not have.
/// Neither an outage nor forged requests must lead to a call of Secrets Manager each.
const PAUSE_SECONDS: i64 = 30;

/// One secret's copy in memory. Time is an argument, so that tests need no clock; at most one read is under way, and
/// callers that come meanwhile wait for it.
pub struct CachedSecret<T> {
    id: String,
    stale_minutes: i64,
    state: Mutex<State<T>>,
}

struct State<T> {
    copy: Option<Copied<T>>,
    /// Time of the last read that failed.
    failed_at: Option<Timestamp>,
    /// Time of the last read for a value that the copy did not have.
    searched_at: Option<Timestamp>,
}

struct Copied<T> {
    value: T,
    read_at: Timestamp,
}

impl<T> Copied<T> {
    fn is_younger(&self, minutes: i64, wall: Timestamp) -> bool {
        wall < self.read_at.plus_minutes(minutes)
    }
}

impl<T: Clone> CachedSecret<T> {
    /// An empty cache for the secret named `id`. While Secrets Manager fails, a copy is used until it is
    /// `stale_minutes` old.
    #[must_use]
    pub fn new(id: String, stale_minutes: i64) -> Self {
        let state = State { copy: None, failed_at: None, searched_at: None };
        Self { id, stale_minutes, state: Mutex::new(state) }
    }

    /// Returns the secret at `wall`: the copy while it is fresh, else what `read` brings, else the copy until its limit.
    ///
    /// # Errors
    /// [`Error`] of `read` where there is no copy, [`Error::Expired`] where the copy has reached its limit.
    pub async fn get(&self, wall: Timestamp, read: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let mut state = self.state.lock().await;
        let usable = state.copy.as_ref().filter(|copy| copy.is_younger(self.stale_minutes, wall));
        let usable = usable.map(|copy| (copy.value.clone(), copy.is_younger(FRESH_MINUTES, wall)));
        let is_paused = state.failed_at.is_some_and(|at| wall < at.plus_seconds(PAUSE_SECONDS));
        if let Some((value, is_fresh)) = &usable
            && (*is_fresh || is_paused)
        {
            return Ok(value.clone());
        }
        match (read.await, usable) {
            (Ok(value), _) => {
                state.copy = Some(Copied { value: value.clone(), read_at: wall });
                Ok(value)
            }
            (Err(error), Some((value, _))) => {
                state.failed_at = Some(wall);
                let limit = self.stale_minutes;
                tracing::warn!(
                    secret = self.id,
                    error = error_chain(&error),
                    "a secret could not be read again; its copy is used until it is {limit} minutes old"
                );
                Ok(value)
            }
            (Err(error), None) if state.copy.is_none() => Err(error),
            (Err(error), None) => {
                Err(Error::Expired { id: self.id.clone(), minutes: self.stale_minutes, source: Box::new(error) })
            }
        }
    }

    /// Returns a copy that `is_wanted` accepts. One that is not in memory is searched for by an early read, at most one
    /// in 30 seconds: the secret may have been changed since it was read.
    pub async fn find(
        &self,
        wall: Timestamp,
        is_wanted: impl Fn(&T) -> bool,
        read: impl Future<Output = Result<T, Error>>,
    ) -> Option<T> {
        let mut state = self.state.lock().await;
        let copy = state.copy.as_ref()?;
        // Another caller may have read it while this one waited for the lock.
        if is_wanted(&copy.value) {
            return Some(copy.value.clone());
        }
        let is_paused = state.searched_at.is_some_and(|at| wall < at.plus_seconds(PAUSE_SECONDS));
        if is_paused || wall <= copy.read_at {
            return None;
        }
        state.searched_at = Some(wall);
        match read.await {
            Ok(value) => {
                state.copy = Some(Copied { value: value.clone(), read_at: wall });
                is_wanted(&value).then_some(value)
            }
            Err(error) => {
                tracing::warn!(secret = self.id, error = error_chain(&error), "a secret could not be read early");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const LIMIT: i64 = 60;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::parse("2025-01-15T02:00:00Z").unwrap().plus_seconds(seconds)
    }

    fn failed() -> Error {
        Error::Malformed { id: "invented".to_owned(), expected: "anything" }
    }

    /// A secret that can be changed and can be out of reach, and counts how often it is read.
    #[derive(Default)]
    struct Source {
        value: Cell<u32>,
        is_down: Cell<bool>,
        reads: Cell<u32>,
    }

    impl Source {
        async fn read(&self) -> Result<u32, Error> {
            self.reads.set(self.reads.get() + 1);
            if self.is_down.get() { Err(failed()) } else { Ok(self.value.get()) }
        }
    }

    fn cache() -> CachedSecret<u32> {
        CachedSecret::new("invented".to_owned(), LIMIT)
    }

    #[tokio::test]
    async fn a_copy_is_used_for_five_minutes_and_then_read_again() {
        let (source, cache) = (Source::default(), cache());
        assert_eq!(cache.get(at(0), source.read()).await.unwrap(), 0);
        source.value.set(1);
        assert_eq!(cache.get(at(299), source.read()).await.unwrap(), 0);
        assert_eq!(source.reads.get(), 1);
        assert_eq!(cache.get(at(300), source.read()).await.unwrap(), 1);
        assert_eq!(cache.get(at(599), source.read()).await.unwrap(), 1);
        assert_eq!(source.reads.get(), 2);
    }

    #[tokio::test]
    async fn while_the_source_is_down_the_copy_is_used_to_its_limit_and_not_a_second_longer() {
        let (source, cache) = (Source::default(), cache());
        cache.get(at(0), source.read()).await.unwrap();
        source.is_down.set(true);
        for seconds in [300, 1_800, LIMIT * 60 - 1] {
            assert_eq!(cache.get(at(seconds), source.read()).await.unwrap(), 0, "{seconds}");
        }
        let error = cache.get(at(LIMIT * 60), source.read()).await.unwrap_err();
        let expected = "secret invented could not be read again for 60 minutes and its copy is no longer used: \
            secret invented is not anything";
        assert_eq!(error_chain(&error), expected);
        source.is_down.set(false);
        assert_eq!(cache.get(at(LIMIT * 60), source.read()).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn without_a_copy_the_cause_itself_is_the_error() {
        let (source, cache) = (Source::default(), cache());
        source.is_down.set(true);
        let error = cache.get(at(0), source.read()).await.unwrap_err();
        assert_eq!(error.to_string(), failed().to_string());
    }

    #[tokio::test]
    async fn an_outage_leads_to_one_read_in_thirty_seconds() {
        let (source, cache) = (Source::default(), cache());
        cache.get(at(0), source.read()).await.unwrap();
        source.is_down.set(true);
        for seconds in 300..360 {
            cache.get(at(seconds), source.read()).await.unwrap();
        }
        assert_eq!(source.reads.get(), 1 + 2);
    }

    #[tokio::test]
    async fn a_value_that_the_copy_lacks_is_read_early_once_in_thirty_seconds() {
        let (source, cache) = (Source::default(), cache());
        let is_one = |value: &u32| *value == 1;
        assert_eq!(cache.find(at(0), is_one, source.read()).await, None, "without a copy there is nothing to compare");
        cache.get(at(0), source.read()).await.unwrap();
        source.value.set(1);
        assert_eq!(cache.find(at(0), is_one, source.read()).await, None, "it was read in this second");
        assert_eq!(cache.find(at(1), is_one, source.read()).await, Some(1));
        assert_eq!(source.reads.get(), 2);
        let is_two = |value: &u32| *value == 2;
        for seconds in 2..31 {
            assert_eq!(cache.find(at(seconds), is_two, source.read()).await, None);
        }
        assert_eq!(source.reads.get(), 2);
        source.value.set(2);
        assert_eq!(cache.find(at(31), is_two, source.read()).await, Some(2));
    }

    #[tokio::test]
    async fn callers_at_once_share_one_read() {
        let (source, cache) = (Source::default(), cache());
        let slow = || async {
            tokio::task::yield_now().await;
            source.read().await
        };
        let (a, b, c) = tokio::join!(cache.get(at(0), slow()), cache.get(at(0), slow()), cache.get(at(0), slow()));
        assert_eq!((a.unwrap(), b.unwrap(), c.unwrap()), (0, 0, 0));
        assert_eq!(source.reads.get(), 1);
    }
}
