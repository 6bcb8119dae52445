//! Decides whether and when a request is retried.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use crate::error::ModelError;
use crate::fail::Failure;
use crate::limits::RetryPolicy;

/// The tries of one request.
#[derive(Debug)]
pub(crate) struct Retries {
    policy: RetryPolicy,
    tries: u32,
    /// Time spent on pauses, and on pauses for loading.
    paused: Duration,
    loading: Duration,
    /// Time limits that were hit: each of them may be long.
    idle: u32,
}

impl Retries {
    pub(crate) fn new(policy: RetryPolicy) -> Self {
        Self { policy, tries: 0, paused: Duration::ZERO, loading: Duration::ZERO, idle: 0 }
    }

    /// The pause before the next try, or the error, if there is none.
    pub(crate) fn next(&mut self, failure: &Failure, answered: bool) -> Result<Duration, ModelError> {
        let next = self.pause(failure, answered);
        if let Ok(wait) = &next {
            let (kind, wait_ms) = (failure.error.kind().word(), wait.as_millis());
            tracing::info!(kind, wait_ms, tries = self.tries, "the request is made again");
        }
        next
    }

    fn pause(&mut self, failure: &Failure, answered: bool) -> Result<Duration, ModelError> {
        let give_up = || Err(failure.error.clone());
        if failure.hopeless || !failure.error.is_transient() {
            return give_up();
        }
        let policy = self.policy;
        if matches!(failure.error, ModelError::Loading { .. }) {
            let left = policy.loading.saturating_sub(self.loading);
            if left.is_zero() {
                return give_up();
            }
            let wait =
                failure.wait.unwrap_or(policy.first * 2).min(policy.longest).min(left).max(Duration::from_millis(1));
            self.loading += wait;
            return Ok(wait);
        }
        self.tries += 1;
        self.idle +=
            u32::from(matches!(failure.error, ModelError::IdleTimeout { .. } | ModelError::ReplyTimeout { .. }));
        // A server that never answered is not there; one that hits its limit twice hangs.
        let hopeless = matches!(failure.error, ModelError::Unreachable { .. }) && !answered && self.tries >= 2;
        if self.tries >= policy.tries || hopeless || self.idle >= 2 {
            return give_up();
        }
        let backoff = policy.first.saturating_mul(1 << (self.tries - 1).min(20)).min(policy.longest);
        let left = policy.total.saturating_sub(self.paused);
        let wait = match failure.wait {
            // The server asked for a longer wait than ours: the caller may wait.
            Some(asked) if asked > left => {
                return Err(match failure.error.clone() {
                    ModelError::RateLimited { message, .. } => ModelError::RateLimited { wait: Some(asked), message },
                    other => other,
                });
            }
            Some(asked) => asked,
            None => backoff.mul_f64(0.5 + 0.5 * chance()),
        };
        if left.is_zero() {
            return give_up();
        }
        let wait = wait.min(left);
        self.paused += wait;
        Ok(wait)
    }
}

/// A number from 0 to 1 that many clients do not share: the standard library seeds each of these separately.
fn chance() -> f64 {
    RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Wait;

    fn policy() -> RetryPolicy {
        RetryPolicy { tries: 4, ..RetryPolicy::default() }
    }

    fn failure(error: ModelError) -> Failure {
        error.into()
    }

    fn overloaded() -> Failure {
        failure(ModelError::Overloaded { status: 529, message: String::new() })
    }

    #[test]
    fn pauses_grow_with_jitter_and_end_with_the_tries() {
        let mut retries = Retries::new(policy());
        for longest in [1.0, 2.0, 4.0] {
            let wait = retries.next(&overloaded(), true).unwrap().as_secs_f64();
            assert!((longest / 2.0..=longest).contains(&wait), "{wait} of {longest}");
        }
        assert_eq!(retries.next(&overloaded(), true).unwrap_err().kind().word(), "overloaded");
    }

    #[test]
    fn a_server_is_waited_for_as_it_asks_and_not_longer_than_the_policy_allows() {
        let limited = |seconds| Failure {
            wait: Some(Duration::from_secs(seconds)),
            ..failure(ModelError::RateLimited { wait: None, message: String::new() })
        };
        let mut retries = Retries::new(policy());
        assert_eq!(retries.next(&limited(299), true), Ok(Duration::from_secs(299)));
        let error = retries.next(&limited(2), true).unwrap_err();
        assert_eq!(error, ModelError::RateLimited { wait: Some(Duration::from_secs(2)), message: String::new() });
    }

    #[test]
    fn waiting_for_loading_does_not_count_as_tries() {
        let mut retries = Retries::new(RetryPolicy { loading: Duration::from_secs(5), ..policy() });
        let loading = failure(ModelError::Loading { message: String::new() });
        let waits: Vec<_> =
            std::iter::from_fn(|| retries.next(&loading, true).ok()).map(|wait| wait.as_secs()).collect();
        assert_eq!(waits, [2, 2, 1]);
        assert!(retries.next(&overloaded(), true).is_ok());
    }

    #[test]
    fn what_waiting_does_not_fix_is_not_retried() {
        let tries = |failure: &Failure, answered| {
            let mut retries = Retries::new(policy());
            std::iter::from_fn(|| retries.next(failure, answered).ok()).count() + 1
        };
        let gone = failure(ModelError::Unreachable { server: String::new(), message: String::new() });
        assert_eq!((tries(&gone, false), tries(&gone, true)), (2, 4));
        assert_eq!(tries(&failure(ModelError::IdleTimeout { what: Wait::FirstToken, after: Duration::ZERO }), true), 2);
        assert_eq!(tries(&failure(ModelError::BadRequest { status: 400, message: String::new() }), true), 1);
        assert_eq!(tries(&Failure { hopeless: true, ..overloaded() }, true), 1);
    }
}
