//! Grades one patch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use voe_grade::{CauseSign, FailureCause, GradeError, Graded, Instance, grade};
use voe_protocol::{BaseSource, CallLimits, FileRead, FileState, RawBytes, Setup};
use voe_protocol::{ClientError, Toolbox};
use voe_sandbox::SandboxError;
use voe_trace::EndedBy;

use super::gold::Gold;
use super::script::{NOT_APPLIED, script};
use crate::workspace::error::{PrepareError, Remedy};
use crate::workspace::reason::Lacks;
use crate::workspace::{TaskSandbox, Workspaces};

/// The official time limit of a task's tests.
pub const TIME_LIMIT: Duration = Duration::from_secs(1800);

/// Most bytes kept of a log.
const LONGEST_LOG: u64 = 64 << 20;

/// Directory through which files are copied into the workspace before anything runs, and out of it afterwards.
const PASSAGE: &str = ".voe-grading";

/// A graded patch.
#[derive(Debug)]
pub struct GradedCell {
    /// The eval script as it ran.
    pub eval: String,
    /// The log of the tests.
    pub log: String,
    /// How the patch was applied, or why it was not.
    pub apply_log: String,
    /// The verdict.
    pub verdict: Result<Graded, CellError>,
    /// Seconds of wall time.
    pub seconds: f64,
    /// The task's environment, by content; empty if there was none.
    pub origin: String,
}

/// A patch could not be graded.
#[derive(Debug, thiserror::Error)]
pub enum CellError {
    /// The task can't run on this machine.
    #[error("{0}")]
    Environment(PrepareError),
    /// The row can't be graded here.
    #[error("{id}: the row has no eval_script (a copy from before 2026); download the suite again")]
    NoEvalScript {
        /// The task.
        id: String,
    },
    /// No way of applying the patch worked.
    #[error("{id}: the patch does not apply: {why}")]
    PatchDoesNotApply {
        /// The task.
        id: String,
        /// The message of git or patch.
        why: String,
    },
    /// The tests took too long.
    #[error("{id}: the tests exceeded the time limit of {} s", .limit.as_secs())]
    TimedOut {
        /// The task.
        id: String,
        /// The limit.
        limit: Duration,
    },
    /// The sandbox ended the tests.
    #[error("{id}: the tests were ended: {by}; grade it again")]
    Ended {
        /// The task.
        id: String,
        /// What ended them.
        by: EndedBy,
    },
    /// The log can't be graded.
    #[error(transparent)]
    Grade(#[from] GradeError),
    /// voe, the sandbox or the machine failed.
    #[error("{id}: {why}; grade it again")]
    Harness {
        /// The task.
        id: String,
        /// The error, in one line.
        why: String,
    },
}

impl CellError {
    /// Whether the task can't run here, whatever the patch is.
    pub fn is_environment(&self) -> bool {
        self.remedy().is_some()
    }

    /// The cause of the failure; `None` where the task can't run here, so nothing was tried.
    pub fn cause(&self) -> Option<FailureCause> {
        let sign = match self {
            Self::Environment(_) | Self::NoEvalScript { .. } | Self::Grade(GradeError::UnsupportedParser(_)) => {
                return None;
            }
            Self::PatchDoesNotApply { .. } => CauseSign::NotApplied,
            Self::TimedOut { .. } => CauseSign::TimeLimit,
            Self::Ended { .. } => CauseSign::Ended,
            Self::Grade(GradeError::ParserStops { .. }) => CauseSign::ParserStops,
            Self::Harness { .. } => CauseSign::Harness,
        };
        Some(sign.into())
    }

    /// How to make the task run here, where it can't, whatever the patch is.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Environment(error) => Some(error.remedy().unwrap_or(Remedy::Reason)),
            Self::NoEvalScript { .. } => Some(Remedy::Reason),
            Self::Grade(GradeError::UnsupportedParser(_)) => Some(Remedy::Voe),
            _ => None,
        }
    }
}

/// Runs the task's tests on `patch` (empty: the unchanged base). `home`: a directory for voe's own files.
pub async fn run(workspaces: &Workspaces, task: &Instance, patch: &str, home: &Path, limit: Duration) -> GradedCell {
    let mut cell = GradedCell {
        eval: String::new(),
        log: String::new(),
        apply_log: String::new(),
        verdict: Err(CellError::NoEvalScript { id: task.instance_id.clone() }),
        seconds: 0.0,
        origin: String::new(),
    };
    if let Err(error) = task.parser() {
        cell.verdict = Err(GradeError::from(error).into());
        return cell;
    }
    if task.eval_script.is_none() {
        return cell;
    }
    let verdict = inside(workspaces, task, patch, home, limit, &mut cell).await;
    remove(home);
    cell.verdict = match verdict {
        Ok(lacks) => grade(task, &cell.log).map_err(CellError::from).and_then(|graded| {
            let passed = || Gold::read(&workspaces.cache).passed_in(&task.instance_id, &cell.origin);
            match doubt(&graded, &lacks, passed) {
                Some(why) => {
                    let id = task.instance_id.clone();
                    Err(CellError::Environment(PrepareError::Environment { id, why, remedy: Remedy::Install }))
                }
                None => Ok(graded),
            }
        }),
        Err(GradeFailure::Told(error)) => Err(error),
        Err(GradeFailure::Workspace(error)) if error.is_environment() => Err(CellError::Environment(error)),
        Err(other) => Err(CellError::Harness { id: task.instance_id.clone(), why: other.to_string() }),
    };
    cell
}

/// Removes a directory that commands could write to.
fn remove(home: &Path) {
    if let (Some(parent), Some(name)) = (home.parent(), home.file_name()) {
        let _ = voe_untrusted::UntrustedDir::open(parent).and_then(|parent| parent.remove(name));
    }
}

#[derive(Debug, thiserror::Error)]
enum GradeFailure {
    #[error("{0}")]
    Told(#[from] CellError),
    #[error(transparent)]
    Workspace(#[from] PrepareError),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error(transparent)]
    Toolbox(#[from] ClientError),
    #[error("cannot read the log: {0}")]
    Log(String),
}

async fn inside(
    workspaces: &Workspaces,
    task: &Instance,
    patch: &str,
    home: &Path,
    limit: Duration,
    cell: &mut GradedCell,
) -> Result<Lacks, GradeFailure> {
    let id = || task.instance_id.clone();
    let prepared = workspaces.prepare(task).await?;
    cell.origin.clone_from(&prepared.origin);
    remove(home);
    let TaskSandbox { sandbox, at } = workspaces.open(&prepared, home, None).await?;
    let work = sandbox.private_tmp().map_or_else(|| home.join("grading"), |tmp| tmp.join("voe-grading"));
    let script = script(task, &prepared.before, &at, &work).ok_or_else(|| CellError::NoEvalScript { id: id() })?;
    cell.eval.clone_from(&script.eval);
    let setup = Setup {
        workspace: at.clone(),
        scratch: PathBuf::new(),
        pristine: sandbox.base_inside().map_or(prepared.checkout.base.pristine(), BaseSource::Dir),
        limits: CallLimits { max_timeout_s: limit.as_secs_f64(), ..CallLimits::default() },
        env: BTreeMap::new(),
        syntax: voe_protocol::SyntaxCheck::Off,
        byproducts: Vec::new(),
        resumed: false,
        earlier_commands: Vec::new(),
        unwatched: true,
    };
    let (mut toolbox, _) = sandbox.toolbox(setup).await?;
    let done = drive(&mut toolbox, &script.drive, &script.eval, patch, &work, limit, cell).await;
    toolbox.close().await;
    let closed = sandbox.close().await;
    let killed = done?;
    closed?;
    match killed {
        EvalEnd::Ran => Ok(prepared.lacks.clone()),
        EvalEnd::NotApplied => Err(CellError::PatchDoesNotApply { id: id(), why: shortened(&cell.apply_log) }.into()),
        EvalEnd::Killed(by) => Err(CellError::Ended { id: id(), by }.into()),
        EvalEnd::TimedOut => {
            // The official runner adds this line.
            cell.log.push_str(&format!("\n\nTimeout error: {} seconds exceeded.", limit.as_secs()));
            Err(CellError::TimedOut { id: id(), limit }.into())
        }
    }
}

/// Why a failed verdict proves nothing: the environment lacks something that may have caused it, and the gold patch has
/// not passed in it either.
fn doubt(graded: &Graded, lacks: &Lacks, gold_passed: impl FnOnce() -> bool) -> Option<String> {
    if graded.report.resolved || lacks.is_empty() || gold_passed() {
        return None;
    }
    Some(format!(
        "it lacks {lacks}, so a failed test shows nothing until gold passes here; install what building that needs, or use \
         --backend docker"
    ))
}

enum EvalEnd {
    Ran,
    NotApplied,
    TimedOut,
    Killed(EndedBy),
}

async fn drive(
    toolbox: &mut Toolbox,
    drive: &str,
    eval: &str,
    patch: &str,
    work: &Path,
    limit: Duration,
    cell: &mut GradedCell,
) -> Result<EvalEnd, GradeFailure> {
    const SHORT: Duration = Duration::from_secs(120);
    let files = [("drive.sh", drive), ("eval.sh", eval), ("patch.diff", patch)].map(|(name, text)| {
        let state = FileState { mode: 0o100_644, content: RawBytes(text.as_bytes().to_vec()) };
        (RawBytes(format!("{PASSAGE}/{name}").into_bytes()), Some(state))
    });
    toolbox.import(files.to_vec()).await?;
    let work = work.display();
    toolbox.check(&format!("mkdir -p '{work}' && mv {PASSAGE}/* '{work}/' && rmdir {PASSAGE}"), SHORT).await?;
    let ran = toolbox.check(&format!("/bin/bash '{work}/drive.sh'"), limit).await?;
    cell.seconds = ran.seconds;
    cell.apply_log = fetch(toolbox, &format!("{work}/apply.log"), SHORT).await?;
    cell.log = fetch(toolbox, &format!("{work}/log"), SHORT).await?;
    match (ran.ended_by, ran.exit) {
        (Some(EndedBy::TimeLimit { .. }), _) => Ok(EvalEnd::TimedOut),
        (Some(by), _) => Ok(EvalEnd::Killed(by)),
        (None, Some(NOT_APPLIED)) => Ok(EvalEnd::NotApplied),
        (None, Some(0)) => Ok(EvalEnd::Ran),
        (None, exit) => Err(GradeFailure::Log(format!("the driver ended with {exit:?}: {}", shortened(&ran.text())))),
    }
}

/// A file's text, invalid UTF-8 replaced; empty if the file is missing.
async fn fetch(toolbox: &mut Toolbox, path: &str, limit: Duration) -> Result<String, GradeFailure> {
    let mut read = toolbox.read_start(path.as_bytes(), LONGEST_LOG).await?;
    if let FileRead::Refused { .. } = read {
        // Only commands can reach it: one copies it to where the toolbox can read.
        let command = format!(
            "rm -rf {PASSAGE} && {{ [ ! -f '{path}' ] || [ ! -r '{path}' ] || \
             {{ mkdir {PASSAGE} && head -c {LONGEST_LOG} '{path}' > {PASSAGE}/out; }}; }}"
        );
        let result = toolbox.check(&command, limit).await?;
        if result.exit != Some(0) {
            return Err(GradeFailure::Log(shortened(&result.text())));
        }
        read = toolbox.read_start(format!("{PASSAGE}/out").as_bytes(), LONGEST_LOG).await?;
        toolbox.check(&format!("rm -rf {PASSAGE}"), limit).await?;
    }
    Ok(read.content().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default())
}

fn shortened(text: &str) -> String {
    let line = text.lines().rfind(|line| line.contains("error") || line.contains("FAILED"));
    let line = line.or(text.lines().next_back()).unwrap_or("no output");
    line.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use voe_grade::InstanceReport;

    use super::*;

    #[test]
    fn a_failure_where_packages_lack_is_no_verdict_unless_gold_has_passed_there() {
        let graded = |resolved| Graded {
            found: true,
            statuses: Default::default(),
            report: InstanceReport { resolved, ..Default::default() },
            not_found: None,
        };
        let lacks = Lacks { pins: vec!["numpy==1.25.2 (uv pip failed: no such version)".to_owned()], log: None };
        let why = doubt(&graded(false), &lacks, || false).unwrap();
        assert!(why.starts_with("it lacks numpy==1.25.2 (uv pip failed"), "{why}");
        assert_eq!(doubt(&graded(true), &lacks, || false), None);
        assert_eq!(doubt(&graded(false), &lacks, || true), None);
        assert_eq!(doubt(&graded(false), &Lacks::default(), || false), None);
    }
}
