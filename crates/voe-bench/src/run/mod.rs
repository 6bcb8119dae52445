//! Runs an experiment: every task in every arm, trial by trial, resumed where it was stopped.
//!
//! - [`dir`]: the run directory; [`file`](mod@file): its `run.toml`; `check`: checks that voe can have made it
//! - [`place`]: where its tasks are worked on; `same`: whether it is the same run
//! - `attempt`: one attempt; [`record`]: where its record can be resumed
//! - [`policy`]: retry policy, by the reason that an attempt ended
//! - [`pace`]: how many requests the server gets at the same time
//! - [`progress`]: what a run is doing; [`status`]: the same from its files

mod attempt;
mod check;
pub mod dir;
mod dir_error;
pub mod file;
pub(crate) mod memory;
pub mod pace;
pub mod place;
pub mod policy;
pub mod progress;
pub mod record;
mod same;
pub mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::Instrument;

use attempt::{AttemptJob, JobOutcome, JobState};
pub use attempt::{FaultLine, faults};
pub(crate) use check::plain;
pub use dir::{DirError, RunDir};
pub use file::{ArmFile, RunFile, RunMachine, Server};
use pace::Pacer;
use policy::Disposition;
use progress::Progress;

use crate::models::Models;
use crate::suite::filter::draw;
use crate::workspace::Workspaces;

/// Settings of a run.
pub struct RunSettings {
    /// Attempts that run at the same time.
    pub parallel: usize,
    /// Most tries of an attempt that fails through no fault of the model.
    pub tries: u32,
    /// Whether replies are streamed (needed for times to the first token).
    pub stream: bool,
    /// The models, by arm.
    pub models: Models,
    /// Workspaces of the tasks.
    pub workspaces: Workspaces,
    /// Set to true to finish the running steps and then stop.
    pub pause: watch::Receiver<bool>,
}

/// What all attempts of a run share.
pub(crate) struct Context {
    dir: RunDir,
    models: Models,
    workspaces: Workspaces,
    pacers: BTreeMap<String, Arc<Pacer>>,
    progress: Arc<Progress>,
    tries: u32,
    stream: bool,
}

impl Context {
    fn pacer(&self, model: &str) -> Arc<Pacer> {
        match self.pacers.get(model) {
            Some(pacer) => Arc::clone(pacer),
            None => Arc::new(Pacer::new(1, watch::channel(false).1)),
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunOutcome {
    /// Nothing is left to do.
    Done,
    /// Everything was tried, and some of it was skipped or given up; see the totals.
    Partly,
    /// It was asked to pause, and did; the same command resumes it.
    Paused,
    /// The model can't be reached, with the reason. Continuing would not help.
    Stopped(String),
    /// The disk is full, with the reason.
    NoRoom(String),
}

/// Runs the remaining attempts of a run.
///
/// # Errors
/// The run directory can't be read or written.
pub async fn run(dir: RunDir, settings: RunSettings, progress: Arc<Progress>) -> Result<RunOutcome, DirError> {
    memory::raise_open_files();
    if let Some(state) = &settings.workspaces.native.state {
        voe_sandbox::sweep(state);
    }
    // Leftovers of a killed voe; this process has locked the directory.
    dir.files().remove("work")?;
    let suite = dir.suite()?;
    let tasks: BTreeMap<&str, Arc<voe_grade::Instance>> =
        suite.tasks.iter().map(|task| (task.instance_id.as_str(), Arc::new(task.clone()))).collect();
    let arms: Vec<Arc<crate::experiment::Arm>> = dir.arms()?.into_iter().map(Arc::new).collect();
    let mut jobs: Vec<AttemptJob> = Vec::new();
    for id in &dir.file.tasks {
        let Some(task) = tasks.get(id.as_str()) else { continue };
        for arm in &arms {
            for trial in 1..=dir.file.trials {
                jobs.push(AttemptJob { task: Arc::clone(task), arm: Arc::clone(arm), trial });
            }
        }
    }
    // Shuffled, so that a server that changes over hours affects all arms equally.
    let seed = dir.file.experiment.seed;
    jobs.sort_by_key(|job| draw(seed, &[&job.task.instance_id, &job.arm.name, &job.trial.to_string()]));
    let pacer = || Arc::new(Pacer::new(settings.parallel, settings.pause.clone()));
    let pacers = settings.models.keys().map(|name| (name.clone(), pacer())).collect();
    let RunSettings { parallel, tries, stream, models, workspaces, mut pause } = settings;
    let context = Arc::new(Context { dir, models, workspaces, pacers, progress, tries, stream });

    let planned = jobs.len();
    let (mut open, mut done) = (Vec::new(), 0);
    for job in jobs {
        match job.state(&context)? {
            JobState::Done => done += 1,
            JobState::GivenUp => {
                let dir = context.dir.begun(&job.task.instance_id, &job.arm.name, job.trial)?;
                let last = dir.and_then(|dir| faults(&dir).pop());
                context.progress.fault(&job.key(), &last.map(|fault| fault.why).unwrap_or_default(), false);
            }
            JobState::Open => open.push(job),
        }
    }
    context.progress.plan(planned, done);
    write_all_predictions(&context.dir, &arms)?;
    let outcome =
        Queue { open: open.into(), running: JoinSet::new(), parallel: parallel.max(1), stop: None, no_room: false }
            .work(&context, &mut pause)
            .await;
    write_all_predictions(&context.dir, &arms)?;
    Ok(outcome)
}

fn write_all_predictions(dir: &RunDir, arms: &[Arc<crate::experiment::Arm>]) -> Result<(), DirError> {
    for arm in arms {
        for trial in 1..=dir.file.trials {
            dir.write_predictions(&arm.name, trial)?;
        }
    }
    Ok(())
}

struct Queue {
    open: std::collections::VecDeque<AttemptJob>,
    running: JoinSet<(AttemptJob, JobOutcome)>,
    parallel: usize,
    /// Why no further attempt begins.
    stop: Option<String>,
    /// Whether that is because the disk is full.
    no_room: bool,
}

impl Queue {
    async fn work(mut self, context: &Arc<Context>, pause: &mut watch::Receiver<bool>) -> RunOutcome {
        let mut jobs: BTreeMap<tokio::task::Id, AttemptJob> = BTreeMap::new();
        let mut skipped: BTreeSet<String> = BTreeSet::new();
        let mut told_memory = false;
        loop {
            while self.stop.is_none() && !*pause.borrow() && self.running.len() < self.parallel && !self.open.is_empty()
            {
                if !self.running.is_empty() && memory::is_short() {
                    if !std::mem::replace(&mut told_memory, true) {
                        context.progress.note("memory is short: running fewer attempts for now");
                    }
                    break;
                }
                if memory::no_room(&context.dir.path).is_some() {
                    let text = "the disk has less than 1 GiB left; free some space (`voe bench prune`), then run the same command";
                    (self.stop, self.no_room) = (Some(text.to_owned()), true);
                    break;
                }
                let Some(job) = self.open.pop_front() else { break };
                let (shared, own) = (Arc::clone(context), job.clone());
                // One tokio task each: a panic ends one attempt only.
                let key = job.key();
                tracing::info!(attempt = %key, running = self.running.len() + 1, open = self.open.len(), "attempt begins");
                let span = tracing::info_span!("attempt", task = %key.task, arm = %key.arm, trial = key.trial);
                let work = async move {
                    let outcome = own.work(&shared).await;
                    (own, outcome)
                };
                let handle = self.running.spawn(work.instrument(span));
                jobs.insert(handle.id(), job);
            }
            // Memory is short: wait a little and check again.
            let ended = tokio::time::timeout(Duration::from_secs(2), self.running.join_next_with_id()).await;
            let (job, outcome) = match ended {
                Err(_) => continue,
                Ok(None) => break,
                Ok(Some(Ok((id, ended)))) => {
                    jobs.remove(&id);
                    ended
                }
                Ok(Some(Err(error))) => {
                    let Some(job) = jobs.remove(&error.id()) else { continue };
                    let outcome = job.fault(context, &panicked(error), Disposition::Again);
                    (job, outcome)
                }
            };
            self.take(context, job, outcome, &mut skipped);
        }
        match (self.stop, *pause.borrow()) {
            (Some(why), _) if self.no_room => RunOutcome::NoRoom(why),
            (Some(why), _) => RunOutcome::Stopped(why),
            (None, true) if !self.open.is_empty() => RunOutcome::Paused,
            _ => {
                let (_, totals) = context.progress.now();
                if totals.skipped + totals.faults > 0 { RunOutcome::Partly } else { RunOutcome::Done }
            }
        }
    }

    fn take(&mut self, context: &Arc<Context>, job: AttemptJob, outcome: JobOutcome, skipped: &mut BTreeSet<String>) {
        let key = job.key();
        tracing::info!(attempt = %key, how = outcome.word(), "attempt ends");
        match outcome {
            JobOutcome::Ended(finish) => context.progress.ended(&key, &finish),
            JobOutcome::Paused => {
                context.progress.paused(&key);
                self.open.push_front(job);
            }
            JobOutcome::Skipped(why, remedy) => {
                let first = skipped.insert(key.task.clone());
                context.progress.skipped(&key, first.then_some(why.as_str()), remedy);
            }
            JobOutcome::NoRoom(why) => {
                self.no_room |= self.stop.is_none();
                self.stop_for(context, job, &key, why);
            }
            JobOutcome::Fault(why, Disposition::Stops) => self.stop_for(context, job, &key, why),
            JobOutcome::Fault(why, _) => {
                let again = matches!(job.state(context), Ok(JobState::Open));
                context.progress.fault(&key, &why, again);
                if again {
                    // At the end of the queue: the problem may be gone by then.
                    self.open.push_back(job);
                }
            }
        }
    }
}

impl Queue {
    /// Stops starting attempts, for a reason that concerns all of them. `job` is made when the run is resumed.
    fn stop_for(&mut self, context: &Context, job: AttemptJob, key: &progress::AttemptKey, why: String) {
        context.progress.fault(key, &why, true);
        self.stop.get_or_insert(why);
        self.open.push_front(job);
    }
}

fn panicked(error: tokio::task::JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            format!("voe panicked: {}", text.unwrap_or("(no message)"))
        }
        Err(error) => error.to_string(),
    }
}
