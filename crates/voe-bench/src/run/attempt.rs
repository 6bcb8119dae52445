//! One attempt of a run: started or resumed, and run to its end.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use voe_agent::AttemptPlan;
use voe_grade::Instance;
use voe_search::{SearchError, Work};
use voe_trace::event::{Finish, ResumedFrom, Task};
use voe_trace::layout::{FAULTS, PATCH, TRAJECTORY};
use voe_trace::{Event, Reason, Record, Trajectory, Writer, last_patch};
use voe_untrusted::UntrustedDir;

use super::Context;
use super::dir::DirError;
use super::memory;
use super::pace::{LastError, ThrottledModel};
use super::policy::{self, Disposition};
use super::progress::{AttemptKey, Watching};
use super::record;
use crate::experiment::Arm;
use crate::script::AttemptsScriptError;
use crate::workspace::error::{PrepareError, Remedy};
use crate::workspace::prepared::PreparedTask;

/// Most bytes read of them.
const MOST_FAULTS: u64 = 16 << 20;

/// Directory of temporary files of an attempt's commands, in its own directory.
const TMP: &str = "tmp";

/// An attempt to make.
#[derive(Debug, Clone)]
pub(super) struct AttemptJob {
    pub(super) task: Arc<Instance>,
    pub(super) arm: Arc<Arm>,
    pub(super) trial: u32,
}

/// The state of an attempt, by its files.
#[derive(Debug, PartialEq)]
pub(super) enum JobState {
    /// It ended and counts; nothing is left to do.
    Done,
    /// It was given up: its tries are used up, or another one would end the same way.
    GivenUp,
    /// It has to be started or resumed.
    Open,
}

/// A try that failed through no fault of the model: a line in `faults.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultLine {
    /// When, UTC, RFC 3339.
    pub time: String,
    /// The error, in one line.
    pub why: String,
    /// What happens to the attempt.
    #[serde(rename = "fate")]
    pub disposition: Disposition,
}

/// The outcome of working on an attempt.
pub(super) enum JobOutcome {
    /// It ended and counts.
    Ended(Box<Finish>),
    /// It stopped between two steps because the run pauses.
    Paused,
    /// It failed through no fault of the model.
    Fault(String, Disposition),
    /// The disk is full, so that no other attempt can be made either.
    NoRoom(String),
    /// The task can't run here.
    Skipped(String, Remedy),
}

impl JobOutcome {
    /// A word for the log.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Ended(_) => "ended",
            Self::Paused => "paused",
            Self::Fault(..) => "fault",
            Self::NoRoom(_) => "no room",
            Self::Skipped(..) => "skipped",
        }
    }
}

/// voe could not work on the attempt.
#[derive(Debug, thiserror::Error)]
enum AttemptFailure {
    #[error(transparent)]
    Workspace(#[from] PrepareError),
    #[error(transparent)]
    Work(#[from] SearchError),
    #[error(transparent)]
    Script(#[from] AttemptsScriptError),
    #[error(transparent)]
    Dir(#[from] DirError),
    #[error(transparent)]
    Files(#[from] voe_untrusted::Error),
    #[error(transparent)]
    Record(#[from] voe_trace::ReadError),
    #[error("no model has the name {0:?}")]
    NoModel(String),
    #[error("{0}")]
    Task(#[from] tokio::task::JoinError),
}

impl From<voe_trace::WriteError> for AttemptFailure {
    fn from(error: voe_trace::WriteError) -> Self {
        Self::Work(voe_agent::AttemptError::from(error).into())
    }
}

/// Removes a directory that commands could write to, whatever they left there.
fn remove(dir: &Path) {
    if let (Some(parent), Some(name)) = (dir.parent(), dir.file_name()) {
        // Leftovers do no harm here; whoever needs the path next reports the error.
        let _ = UntrustedDir::open(parent).and_then(|parent| parent.remove(name));
    }
}

impl AttemptJob {
    pub(super) fn key(&self) -> AttemptKey {
        AttemptKey { task: self.task.instance_id.clone(), arm: self.arm.name.clone(), trial: self.trial }
    }

    /// Its state. Moves a failed try aside if that was not yet done.
    pub(super) fn state(&self, context: &Context) -> Result<JobState, DirError> {
        let Some(dir) = context.dir.begun(&self.task.instance_id, &self.arm.name, self.trial)? else {
            return Ok(JobState::Open);
        };
        if let Some(finish) = record::finish(&dir) {
            if policy::disposition(finish.reason, None) == Disposition::Counts {
                return Ok(JobState::Done);
            }
            let why = finish.error.unwrap_or_else(|| finish.reason.to_string());
            self.put_aside(context, &why, policy::disposition(finish.reason, None))?;
        }
        let faults = faults(&dir);
        let last = faults.last().map(|fault| fault.disposition);
        let used_up = faults.len() >= context.tries as usize || last == Some(Disposition::Fault);
        Ok(if used_up { JobState::GivenUp } else { JobState::Open })
    }

    /// Starts or resumes the attempt and runs it to its end.
    pub(super) async fn work(&self, context: &Arc<Context>) -> JobOutcome {
        let prepared = match context.workspaces.prepare(&self.task).await {
            Ok(prepared) => prepared,
            Err(error) => match error.remedy() {
                Some(remedy) => return JobOutcome::Skipped(error.to_string(), remedy),
                None if policy::is_no_room(&error) => return JobOutcome::NoRoom(error.to_string()),
                None => return self.fault(context, &error.to_string(), Disposition::Again),
            },
        };
        if !prepared.lacks.is_empty() {
            let text = format!(
                "{}: its environment lacks {}; its tests may fail because of that (grade gold to find out)",
                self.key(),
                prepared.lacks
            );
            context.progress.note(text);
        }
        match self.attempt(context, &prepared).await {
            Ok(TryResult::Ended(finish)) => JobOutcome::Ended(finish),
            Ok(TryResult::Paused) => JobOutcome::Paused,
            Ok(TryResult::Fault(why, disposition)) => self.fault(context, &why, disposition),
            Err(error @ (AttemptFailure::Script(_) | AttemptFailure::Record(_))) => {
                JobOutcome::Fault(error.to_string(), Disposition::Stops)
            }
            Err(error) if policy::is_no_room(&error) => JobOutcome::NoRoom(error.to_string()),
            Err(error) => self.fault(context, &error.to_string(), Disposition::Again),
        }
    }

    /// Records that a try ended in a fault.
    pub(super) fn fault(&self, context: &Context, why: &str, disposition: Disposition) -> JobOutcome {
        // A fault of the model's server or of the strategy has nothing to do with the disk.
        if disposition == Disposition::Again && memory::no_room(&context.dir.path).is_some() {
            return JobOutcome::NoRoom(why.to_owned());
        }
        // If the whole run stops, that is not a try of this attempt.
        if disposition != Disposition::Stops
            && let Err(error) = self.put_aside(context, why, disposition)
        {
            return JobOutcome::Fault(format!("{why}; {error}"), Disposition::Stops);
        }
        JobOutcome::Fault(why.to_owned(), disposition)
    }

    fn put_aside(&self, context: &Context, why: &str, disposition: Disposition) -> Result<(), DirError> {
        let dir = self.dir(context)?;
        let io = |source| DirError::Io { path: dir.path().join(FAULTS), source };
        let number = faults(&dir).len() + 1;
        let fault = FaultLine { time: jiff::Timestamp::now().to_string(), why: why.to_owned(), disposition };
        let line = serde_json::to_string(&fault).map_err(|error| io(error.into()))?;
        writeln!(dir.append(FAULTS)?, "{line}").map_err(io)?;
        if dir.kind(TRAJECTORY)?.is_some() {
            let failed = format!("failed-{number}.jsonl");
            dir.remove_file(&failed)?;
            dir.move_to(TRAJECTORY, &dir, &failed)?;
        }
        let _ = dir.remove_file(PATCH);
        // Leftovers do no harm here; whoever needs the path next reports the error.
        let _ = dir.remove(TMP);
        Ok(())
    }

    /// The attempt's directory, created if missing.
    fn dir(&self, context: &Context) -> Result<UntrustedDir, DirError> {
        context.dir.begin(&self.task.instance_id, &self.arm.name, self.trial)
    }

    async fn attempt(&self, context: &Arc<Context>, prepared: &Arc<PreparedTask>) -> Result<TryResult, AttemptFailure> {
        let key = self.key();
        let dir = self.dir(context)?;
        let at = context.dir.attempt(&self.task.instance_id, &self.arm.name, self.trial);
        let trajectory = at.join(TRAJECTORY);
        let record = self.begun(context, &dir)?;
        let served = record.as_ref().map_or(0, |record| steps(&record.records));
        let source =
            context.models.get(&self.arm.model).ok_or_else(|| AttemptFailure::NoModel(self.arm.model.clone()))?;
        let model = source.open(&self.task, &self.arm.strategy, self.trial, served)?;
        let paced = ThrottledModel::new(model, context.pacer(&self.arm.model));
        let (at_rest, last_error) = (paced.at_rest(), paced.last_error());

        let home = context.dir.path.join("work").join(format!("{}-{}-{}", key.task, key.arm, key.trial));
        remove(&home);
        let opened = context.workspaces.open(prepared, &home, Some(&at.join(TMP))).await?;
        let plan = AttemptPlan {
            task: self.task(context, prepared, &opened.at),
            strategy: self.arm.strategy.clone(),
            model: Arc::new(paced),
            sandbox: opened.sandbox,
            pristine: prepared.checkout.base.pristine(),
            user_tree: None,
            notes: if self.arm.strategy.prompt.project_notes {
                voe_agent::notes::read(&prepared.checkout.dir).unwrap_or_default()
            } else {
                String::new()
            },
            stream: context.stream,
            // A run pauses between steps; no other signal is needed.
            stop: watch::channel(false).1,
            time: jiff::Timestamp::now().to_string(),
        };
        let observer = Box::new(Watching(Arc::clone(&context.progress), key.clone()));
        context.progress.began(&key, record.as_ref().map(|_| served));
        let mut attempt = match record {
            None => {
                let writer = Writer::begin(dir.create_file(TRAJECTORY)?, &trajectory);
                Work::start(plan, writer, observer).await?
            }
            Some(record) => {
                let before = record.records.last().map_or(0.0, |last| last.at);
                let writer = Writer::resume(dir.append(TRAJECTORY)?, &trajectory, before)?;
                let (base, patch) =
                    (prepared.checkout.base.clone(), last_patch(&record.records).unwrap_or_default().to_owned());
                let files =
                    tokio::task::spawn_blocking(move || base.with_patch(&patch)).await?.map_err(PrepareError::from)?;
                Work::resume(plan, writer, observer, &record.records, files, ResumedFrom::Record).await?
            }
        };
        let (reason, error) = tokio::select! {
            biased;
            ended = attempt.run() => ended,
            () = at_rest.notified() => {
                drop(attempt);
                remove(&home);
                return Ok(TryResult::Paused);
            }
        };
        let last = last_error.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let outcome = self.finish(context, attempt, reason, error, last.as_ref(), &dir).await;
        remove(&home);
        outcome
    }

    /// The record to resume, cut after its last complete step; `None` to start over.
    fn begun(&self, context: &Context, dir: &UntrustedDir) -> Result<Option<Trajectory>, AttemptFailure> {
        if dir.kind(TRAJECTORY)?.is_none() {
            let _ = dir.remove(TMP);
            return Ok(None);
        }
        record::check_version(dir)?;
        let keeps = context.workspaces.keeps_tmp();
        if keeps && let Some(record) = record::cut(dir)? {
            return Ok(Some(record));
        }
        if record::has_reply(dir) {
            let why = if keeps {
                "its record has no complete step to resume from"
            } else {
                "its /tmp was lost with its sandbox"
            };
            context.progress.note(format!("{}: {why}; starting over", self.key()));
        }
        dir.remove_file(TRAJECTORY)?;
        let _ = dir.remove_file(PATCH);
        let _ = dir.remove(TMP);
        Ok(None)
    }

    /// What the agent is given: the statement, and the hints if they were asked for.
    fn task(&self, context: &Context, prepared: &PreparedTask, at: &Path) -> Task {
        let mut statement = self.task.problem_statement.clone();
        if context.dir.file.experiment.hints && !self.task.hints_text.trim().is_empty() {
            statement.push_str("\n\nWhat was said about it so far:\n\n");
            statement.push_str(&self.task.hints_text);
        }
        Task {
            id: self.task.instance_id.clone(),
            statement,
            workspace: at.display().to_string(),
            commit: prepared.checkout.base.commit.clone(),
            base: Some(prepared.checkout.base.tree.clone()),
            check: None,
        }
    }

    async fn finish(
        &self,
        context: &Context,
        mut attempt: Work,
        reason: Reason,
        error: Option<String>,
        last: Option<&LastError>,
        dir: &UntrustedDir,
    ) -> Result<TryResult, AttemptFailure> {
        let disposition = policy::disposition(reason, last);
        let ended = attempt.finish(reason, error.clone(), TRAJECTORY.to_owned()).await?;
        // Before the record's end: an attempt that counts must have its patch.
        dir.replace(PATCH, ended.patch.text.as_bytes())?;
        let finish = ended.finish.clone();
        attempt.close(ended.finish).await?;
        let _ = dir.remove(TMP);
        if disposition != Disposition::Counts {
            return Ok(TryResult::Fault(error.unwrap_or_else(|| reason.to_string()), disposition));
        }
        context.dir.add_prediction(&self.arm.name, self.trial, &self.task.instance_id, &finish.patch)?;
        Ok(TryResult::Ended(Box::new(finish)))
    }
}

enum TryResult {
    Ended(Box<Finish>),
    Paused,
    Fault(String, Disposition),
}

/// The failed tries of an attempt.
pub fn faults(attempt: &UntrustedDir) -> Vec<FaultLine> {
    let text = attempt.read_text(FAULTS, MOST_FAULTS).ok().flatten().unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn steps(records: &[Record]) -> u32 {
    let step = |record: &Record| match &record.event {
        Event::Reply(reply) => Some(reply.step),
        _ => None,
    };
    records.iter().rev().find_map(step).unwrap_or(0)
}
