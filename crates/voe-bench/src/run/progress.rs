//! Progress of a run: for the live view, for plain lines and for scripts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::mpsc;
use voe_agent::Observer;
use voe_trace::event::Finish;
use voe_trace::{Event, Level, Reason, Record, Usage};

use crate::workspace::error::Remedy;

/// Identifies an attempt of a run: task, arm and trial.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct AttemptKey {
    /// The task.
    pub task: String,
    /// The arm.
    pub arm: String,
    /// The trial, from 1.
    pub trial: u32,
}

impl std::fmt::Display for AttemptKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}-{}", self.task, self.arm, self.trial)
    }
}

/// A progress event of a run: a line of `voe bench run --json`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "news", rename_all = "snake_case")]
pub enum RunEvent {
    /// An attempt began, or was resumed after `resumed` steps.
    Began {
        /// The attempt.
        #[serde(flatten)]
        key: AttemptKey,
        /// The last step of its record, if it was resumed.
        resumed: Option<u32>,
    },
    /// An attempt ended and counts.
    Ended {
        /// The attempt.
        #[serde(flatten)]
        key: AttemptKey,
        /// Why it ended.
        reason: Reason,
        /// The error, for reasons that have one.
        error: Option<String>,
        /// Number of model replies.
        steps: u32,
        /// Seconds from start to end.
        seconds: f64,
        /// Evidence level of the patch.
        level: Level,
        /// Whether the patch is empty.
        empty: bool,
    },
    /// A try failed through no fault of the model.
    Fault {
        /// The attempt.
        #[serde(flatten)]
        key: AttemptKey,
        /// The error, in one line.
        why: String,
        /// Whether it is retried.
        again: bool,
    },
    /// A task can't run on this machine.
    Skipped {
        /// The task.
        task: String,
        /// The reason, in one line.
        why: String,
        /// What removes the reason.
        remedy: Remedy,
    },
    /// Any other message.
    Note {
        /// The message, in one line.
        text: String,
    },
}

/// A running attempt.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RunningAttempt {
    /// The last step.
    pub step: u32,
    /// Edits so far.
    pub edits: u32,
    /// The best level that a check has shown.
    pub level: Level,
    /// When this process started or resumed it.
    #[serde(skip)]
    pub since: Instant,
}

/// Counts of a run.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Totals {
    /// Number of attempts in the run.
    pub planned: usize,
    /// Attempts that have ended and count.
    pub done: usize,
    /// Of these, those that ended in this session.
    pub done_now: usize,
    /// Attempts given up through no fault of the model.
    pub faults: usize,
    /// Attempts at tasks that can't run here.
    pub skipped: usize,
    /// What removes the reasons.
    pub remedies: BTreeSet<Remedy>,
    /// Steps in this session.
    pub steps: u64,
    /// Tokens in this session.
    pub usage: Usage,
}

/// Progress of a run.
#[derive(Debug)]
pub struct Progress {
    state: Mutex<ProgressState>,
    news: mpsc::UnboundedSender<RunEvent>,
    began: Instant,
}

#[derive(Debug, Default)]
struct ProgressState {
    running: BTreeMap<AttemptKey, RunningAttempt>,
    totals: Totals,
}

impl Progress {
    /// Creates a progress, and the channel that receives its events.
    pub fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<RunEvent>) {
        let (news, heard) = mpsc::unbounded_channel();
        (Arc::new(Self { state: Mutex::default(), news, began: Instant::now() }), heard)
    }

    /// The running attempts, and the totals.
    pub fn now(&self) -> (BTreeMap<AttemptKey, RunningAttempt>, Totals) {
        let state = self.lock();
        (state.running.clone(), state.totals.clone())
    }

    /// Estimated seconds until the run is done, by the pace of this session; `None` while too few attempts have ended.
    pub fn seconds_left(&self) -> Option<f64> {
        let totals = &self.lock().totals;
        let left = totals.planned.saturating_sub(totals.done + totals.faults + totals.skipped);
        (totals.done_now > 0).then(|| self.began.elapsed().as_secs_f64() / totals.done_now as f64 * left as f64)
    }

    pub(super) fn plan(&self, planned: usize, done: usize) {
        let totals = &mut self.lock().totals;
        (totals.planned, totals.done) = (planned, done);
    }

    pub(super) fn began(&self, key: &AttemptKey, resumed: Option<u32>) {
        let running =
            RunningAttempt { step: resumed.unwrap_or(0), edits: 0, level: Level::None, since: Instant::now() };
        self.lock().running.insert(key.clone(), running);
        self.tell(RunEvent::Began { key: key.clone(), resumed });
    }

    pub(super) fn ended(&self, key: &AttemptKey, finish: &Finish) {
        {
            let mut state = self.lock();
            state.running.remove(key);
            state.totals.done += 1;
            state.totals.done_now += 1;
        }
        self.tell(RunEvent::Ended {
            key: key.clone(),
            reason: finish.reason,
            error: finish.error.clone(),
            steps: finish.steps,
            seconds: finish.seconds.total,
            level: finish.evidence.level,
            empty: finish.patch.is_empty(),
        });
    }

    pub(super) fn fault(&self, key: &AttemptKey, why: &str, again: bool) {
        {
            let mut state = self.lock();
            state.running.remove(key);
            state.totals.faults += usize::from(!again);
        }
        self.tell(RunEvent::Fault { key: key.clone(), why: why.to_owned(), again });
    }

    pub(super) fn skipped(&self, key: &AttemptKey, why: Option<&str>, remedy: Remedy) {
        {
            let mut state = self.lock();
            state.running.remove(key);
            state.totals.skipped += 1;
            state.totals.remedies.insert(remedy);
        }
        if let Some(why) = why {
            self.tell(RunEvent::Skipped { task: key.task.clone(), why: why.to_owned(), remedy });
        }
    }

    pub(super) fn paused(&self, key: &AttemptKey) {
        self.lock().running.remove(key);
    }

    /// Sends a message.
    pub fn note(&self, text: impl Into<String>) {
        self.tell(RunEvent::Note { text: text.into() });
    }

    fn tell(&self, news: RunEvent) {
        // The receiver may be gone.
        let _ = self.news.send(news);
    }

    fn record(&self, key: &AttemptKey, event: &Event) {
        let mut state = self.lock();
        match event {
            Event::Reply(reply) => {
                state.totals.steps += 1;
                state.totals.usage += reply.usage;
                if let Some(running) = state.running.get_mut(key) {
                    running.step = reply.step;
                }
            }
            // A search's own record has no replies: the steps of its attempts come with the nodes.
            Event::Node(node) => {
                let (steps, usage) =
                    node.rollout.as_ref().map(|rollout| (rollout.steps, rollout.usage)).unwrap_or_default();
                state.totals.steps += u64::from(steps);
                state.totals.usage += usage;
                if let Some(running) = state.running.get_mut(key) {
                    running.step += steps;
                }
            }
            Event::Result(result) if !result.changes.is_empty() => {
                if let Some(running) = state.running.get_mut(key) {
                    running.edits += 1;
                    running.level = Level::None;
                }
            }
            Event::Check(check) => {
                if let Some(running) = state.running.get_mut(key) {
                    running.level = running.level.max(check.level);
                }
            }
            _ => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, ProgressState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Observes one attempt.
pub(super) struct Watching(pub(super) Arc<Progress>, pub(super) AttemptKey);

impl Observer for Watching {
    fn record(&mut self, record: &Record) {
        self.0.record(&self.1, &record.event);
    }
}
