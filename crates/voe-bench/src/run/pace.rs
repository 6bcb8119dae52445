//! Limits how many requests the server gets at the same time: fewer when it is overloaded or slow, then more again.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, watch};
use voe_model::{Delta, Model, ModelError, ModelFuture, ModelRequest, ReplyFuture};
use voe_trace::event::{ModelFacts, RetryKind};

/// Replies in a row without a sign of overload after which the limit is raised by one.
const CALM: u32 = 8;
/// A first token that takes this many times as long as the fastest of the run is a sign of overload …
const SLOWER: f64 = 4.0;
/// … if it takes this many seconds at least.
const SLOW_S: f64 = 5.0;
/// Seconds after a reduction without a further one: replies to earlier requests reflect the old limit.
const SETTLE_S: f64 = 10.0;

/// Limits the concurrent requests to one server.
#[derive(Debug)]
pub struct Pacer {
    most: usize,
    state: Mutex<PaceState>,
    freed: Notify,
    /// Set to true when no new step may begin.
    pause: watch::Receiver<bool>,
}

#[derive(Debug)]
struct PaceState {
    limit: usize,
    under_way: usize,
    calm: u32,
    best_first_token: Option<f64>,
    reduced: Option<Instant>,
    reductions: u32,
}

impl Pacer {
    /// Allows at most `most` concurrent requests.
    pub fn new(most: usize, pause: watch::Receiver<bool>) -> Self {
        let most = most.max(1);
        let state =
            PaceState { limit: most, under_way: 0, calm: 0, best_first_token: None, reduced: None, reductions: 0 };
        Self { most, state: Mutex::new(state), freed: Notify::new(), pause }
    }

    /// The current limit of concurrent requests.
    pub fn limit(&self) -> usize {
        self.lock().limit
    }

    /// How many times the limit was reduced.
    pub fn reductions(&self) -> u32 {
        self.lock().reductions
    }

    async fn enter(&self) {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            {
                let mut state = self.lock();
                if state.under_way < state.limit {
                    state.under_way += 1;
                    return;
                }
            }
            freed.await;
        }
    }

    fn leave(&self) {
        self.lock().under_way -= 1;
        self.freed.notify_one();
    }

    /// The server shows a sign of overload.
    pub fn overloaded(&self) {
        let mut state = self.lock();
        state.calm = 0;
        if state.reduced.is_some_and(|at| at.elapsed().as_secs_f64() < SETTLE_S) {
            return;
        }
        state.reduced = Some(Instant::now());
        if state.limit > 1 {
            state.limit = state.limit.div_ceil(2);
            state.reductions += 1;
            tracing::info!(limit = state.limit, "fewer requests at a time");
        }
    }

    /// A reply arrived; `first_token`: seconds to its first token, where known.
    pub fn replied(&self, first_token: Option<f64>) {
        let slow = {
            let mut state = self.lock();
            let best = state.best_first_token;
            if let Some(seconds) = first_token {
                state.best_first_token = Some(best.map_or(seconds, |best| best.min(seconds)));
            }
            matches!((first_token, best), (Some(now), Some(best)) if now > SLOW_S && now > SLOWER * best)
        };
        if slow {
            return self.overloaded();
        }
        let mut state = self.lock();
        state.calm += 1;
        if state.calm >= CALM && state.limit < self.most {
            state.calm = 0;
            state.limit += 1;
            tracing::debug!(limit = state.limit, "more requests at a time");
            drop(state);
            self.freed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, PaceState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error of the last request of an attempt, kept to decide whether the attempt is retried.
#[derive(Debug, Clone, PartialEq)]
pub struct LastError {
    /// The class, see [`ModelError::kind`].
    pub kind: RetryKind,
    /// Whether the same request may succeed later.
    pub transient: bool,
}

/// One attempt's access to the model: waits for its turn, and starts no new request once the run pauses.
#[derive(Clone)]
pub struct ThrottledModel {
    inner: Arc<dyn Model>,
    pacer: Arc<Pacer>,
    last_error: Arc<Mutex<Option<LastError>>>,
    at_rest: Arc<Notify>,
}

impl ThrottledModel {
    /// The model `inner`, for one attempt.
    pub fn new(inner: Arc<dyn Model>, pacer: Arc<Pacer>) -> Self {
        Self { inner, pacer, last_error: Arc::default(), at_rest: Arc::default() }
    }

    /// Reports when the attempt has stopped between two steps because the run pauses.
    pub fn at_rest(&self) -> Arc<Notify> {
        Arc::clone(&self.at_rest)
    }

    /// The last error of the model.
    pub fn last_error(&self) -> Arc<Mutex<Option<LastError>>> {
        Arc::clone(&self.last_error)
    }
}

/// Frees the slot of a request, also when its future is dropped.
struct Turn<'a>(&'a Pacer);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Model for ThrottledModel {
    fn complete<'a>(&'a self, request: ModelRequest<'a>, on: &'a mut (dyn FnMut(Delta<'_>) + Send)) -> ReplyFuture<'a> {
        Box::pin(async move {
            if *self.pacer.pause.borrow() {
                self.at_rest.notify_one();
                return pending().await;
            }
            let mut pause = self.pacer.pause.clone();
            let paused = async {
                if pause.wait_for(|paused| *paused).await.is_err() {
                    pending::<()>().await;
                }
            };
            let turn = tokio::select! {
                biased;
                () = paused => {
                    self.at_rest.notify_one();
                    return pending().await;
                }
                () = self.pacer.enter() => Turn(&self.pacer),
            };
            let pacer = &self.pacer;
            let mut watching = |delta: Delta<'_>| {
                if matches!(delta, Delta::Retry { kind: RetryKind::Overloaded | RetryKind::RateLimited, .. }) {
                    pacer.overloaded();
                }
                on(delta);
            };
            let reply = self.inner.complete(request, &mut watching).await;
            drop(turn);
            match &reply {
                Ok(reply) => self.pacer.replied(reply.first_token),
                Err(error) => {
                    if matches!(error, ModelError::Overloaded { .. } | ModelError::RateLimited { .. }) {
                        self.pacer.overloaded();
                    }
                    let last = LastError { kind: error.kind(), transient: error.is_transient() };
                    *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
                }
            }
            reply
        })
    }

    fn facts(&self) -> ModelFacts {
        self.inner.facts()
    }

    /// Shares the limit: it is the same server.
    fn another<'a>(&'a self, name: &'a str) -> ModelFuture<'a> {
        Box::pin(async move {
            let inner = self.inner.another(name).await?;
            Ok(Arc::new(Self { inner, ..self.clone() }) as Arc<dyn Model>)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pacer(most: usize) -> Pacer {
        // The sender is gone: this run never pauses.
        Pacer::new(most, watch::channel(false).1)
    }

    #[test]
    fn an_overloaded_server_gets_half_as_many_requests_and_one_more_after_some_calm() {
        let pacer = pacer(8);
        pacer.overloaded();
        pacer.overloaded();
        assert_eq!(pacer.limit(), 4, "replies to earlier requests reflect the old limit");
        for _ in 0..CALM {
            pacer.replied(None);
        }
        assert_eq!(pacer.limit(), 5);
        for _ in 0..100 * CALM {
            pacer.replied(None);
        }
        assert_eq!((pacer.limit(), pacer.reductions()), (8, 1));
    }

    #[test]
    fn a_first_token_that_takes_much_longer_than_the_best_is_a_sign_of_overload() {
        let pacer = pacer(4);
        pacer.replied(Some(0.5));
        pacer.replied(Some(1.9));
        assert_eq!(pacer.limit(), 4);
        pacer.replied(Some(9.0));
        assert_eq!(pacer.limit(), 2);
    }

    #[tokio::test]
    async fn no_more_than_the_limit_get_in() {
        let pacer = Arc::new(pacer(1));
        pacer.enter().await;
        let second = tokio::spawn({
            let pacer = Arc::clone(&pacer);
            async move { pacer.enter().await }
        });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        pacer.leave();
        second.await.unwrap();
    }
}
