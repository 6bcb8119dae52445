//! One attempt of a search: from the beginning, or from the middle of another; resumed after a kill.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use voe_agent::strategy::{AttemptLimits, Strategy};
use voe_agent::{Attempt, AttemptPlan};
use voe_model::Model;
use voe_proof::{Workspace, WorkspaceError};
use voe_protocol::{BaseSource, Setup};
use voe_sandbox::{Sandbox, Snapshot};
use voe_trace::event::{Finish, NodeKind, ResumedFrom, Seconds};
use voe_trace::{Level, Reason, Trajectory, Usage, Writer};

use crate::budget::least;
use crate::shared::{RolloutContext, SearchError};
use crate::steps::Begin;
use crate::steps::{self, Prefix};

/// The specification of a rollout.
pub(crate) struct RolloutSpec {
    pub(crate) id: u32,
    pub(crate) parent: u32,
    pub(crate) kind: NodeKind,
    pub(crate) strategy: Strategy,
    pub(crate) model: Arc<dyn Model>,
    /// Its budget, in addition to what the attempt that it continues has spent.
    pub(crate) limits: AttemptLimits,
    pub(crate) begin: Begin,
    /// A message to the model before it begins; may be empty.
    pub(crate) message: String,
    /// Stops after this many steps, so that others can continue from there; else it runs to its end.
    pub(crate) steps: Option<u32>,
    /// Whether to keep a snapshot of its end.
    pub(crate) keep: bool,
}

impl RolloutSpec {
    pub(crate) fn snapshot(&self) -> Option<&Snapshot> {
        match &self.begin {
            Begin::Middle { snapshot, .. } => snapshot.as_ref(),
            _ => None,
        }
    }
}

/// The result of a rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RolloutResult {
    pub(crate) id: u32,
    pub(crate) parent: u32,
    pub(crate) kind: NodeKind,
    pub(crate) strategy: String,
    #[serde(default)]
    pub(crate) model: String,
    pub(crate) temperature: Option<f64>,
    /// Whether it completed or ended at a limit; else it can be continued.
    pub(crate) over: bool,
    pub(crate) finish: Finish,
    /// Its own steps.
    pub(crate) steps: u32,
    pub(crate) usage: Usage,
    pub(crate) seconds: Seconds,
    /// The scratch files at its end.
    pub(crate) pack: String,
    /// Set by the search.
    #[serde(default)]
    pub(crate) value: f64,
}

impl RolloutResult {
    /// Reads one that ended from its files.
    pub(crate) fn read(dir: &Path) -> Option<Self> {
        serde_json::from_str(&fs::read_to_string(dir.join("end.json")).ok()?).ok()
    }
}

/// Runs a rollout in `sandbox`, a fork of the base or of the snapshot in `spec`.
pub(crate) async fn run(
    shared: Arc<RolloutContext>,
    spec: RolloutSpec,
    sandbox: Sandbox,
) -> Result<(RolloutResult, Option<Snapshot>), SearchError> {
    let dir = shared.dir(spec.id);
    let (origin, mut attempt) = open(&shared, &spec, sandbox, &dir).await?;
    let until = spec.steps.map(|steps| origin.step + steps);
    let (reason, error, over) = loop {
        if until.is_some_and(|until| attempt.log().conversation.step >= until) {
            break (Reason::MaxSteps, None, false);
        }
        match attempt.run_for(1).await {
            Some((reason, error)) => break (reason, error, true),
            None => mark(&mut attempt, &dir).await?,
        }
    };
    // Elsewhere a snapshot costs as much as rebuilding the workspace from the record, and may not outlive its sandbox.
    let cheap = attempt.workspace().sandbox().capabilities().snapshot;
    let snapshot = match spec.keep && !over && cheap {
        true => Some(attempt.workspace().sandbox().snapshot().await.map_err(WorkspaceError::from)?),
        false => None,
    };
    let path = steps::trajectory(&dir).display().to_string();
    let ended = attempt.finish(reason, error, path).await?;
    let pack = pack(&mut attempt).await?;
    let finish = ended.finish;
    let spent = SpentBefore::minus(&finish, &origin);
    let rolled = RolloutResult {
        id: spec.id,
        parent: spec.parent,
        kind: spec.kind,
        strategy: spec.strategy.name.clone(),
        model: spec.model.facts().name,
        temperature: spec.strategy.sampling.temperature,
        over,
        steps: spent.0,
        usage: spent.1,
        seconds: spent.2,
        pack,
        value: 0.0,
        finish: finish.clone(),
    };
    // One that the user stopped is continued later.
    if reason != Reason::Interrupted {
        attempt.close(finish).await?;
        let text = serde_json::to_string(&rolled).map_err(|e| SearchError::Rollout(e.to_string()))?;
        steps::write_whole(&dir.join("end.json"), &text)?;
    }
    Ok((rolled, snapshot))
}

/// What the attempt that a rollout continues had spent.
#[derive(Debug, Clone, Copy, Default)]
struct SpentBefore {
    step: u32,
    usage: Usage,
    seconds: Seconds,
}

impl SpentBefore {
    fn of(prefix: &Prefix) -> Self {
        let so_far = &prefix.conversation;
        let seconds = Seconds { model: so_far.model_seconds, tools: so_far.tool_seconds, total: prefix.seconds };
        Self { step: so_far.step, usage: so_far.usage, seconds }
    }

    fn minus(finish: &Finish, origin: &Self) -> (u32, Usage, Seconds) {
        let less = |a: Option<u64>, b: Option<u64>| a.map(|a| a.saturating_sub(b.unwrap_or(0)));
        let (all, before) = (&finish.usage, &origin.usage);
        let usage = Usage {
            prompt: all.prompt.saturating_sub(before.prompt),
            output: all.output.saturating_sub(before.output),
            cached: less(all.cached, before.cached),
            cache_write: less(all.cache_write, before.cache_write),
            reasoning: less(all.reasoning, before.reasoning),
            cost: all.cost.map(|cost| cost - before.cost.unwrap_or(0.0)),
        };
        let (all, before) = (&finish.seconds, &origin.seconds);
        let seconds = Seconds {
            model: all.model - before.model,
            tools: all.tools - before.tools,
            total: all.total - before.total,
        };
        (finish.steps.saturating_sub(origin.step), usage, seconds)
    }
}

/// Begins an attempt, or resumes it.
async fn open(
    shared: &RolloutContext,
    spec: &RolloutSpec,
    sandbox: Sandbox,
    dir: &Path,
) -> Result<(SpentBefore, Attempt), SearchError> {
    let origin = match &spec.begin {
        Begin::Middle { prefix, .. } => SpentBefore::of(prefix),
        _ => SpentBefore::default(),
    };
    let path = steps::trajectory(dir);
    let pipeline = spec.strategy.pipeline.is_some();
    let own = steps::own_mark(dir, &spec.begin);
    if pipeline && steps::begun(dir) {
        // It resumes from any end of its record.
        let records = Trajectory::read(&path).map_err(|error| SearchError::Rollout(error.to_string()))?.records;
        let before = records.last().map_or(0.0, |record| record.at);
        let writer = Writer::append(&path, before).map_err(voe_agent::AttemptError::from)?;
        let plan = plan(shared, spec, sandbox, &origin);
        let attempt = Attempt::resume(plan, writer, Box::new(()), &records, Vec::new(), ResumedFrom::Record).await?;
        return Ok((origin, attempt));
    }
    if let Some(mark) = own {
        steps::cut(dir, &mark)?;
        let prefix = steps::prefix(dir, mark)?;
        let from = ResumedFrom::Record;
        return Ok((origin, continued(shared, spec, sandbox, dir, &origin, &prefix, false, from).await?));
    }
    let _ = fs::remove_dir_all(dir);
    steps::make_dir(dir)?;
    let mut attempt = match &spec.begin {
        Begin::Middle { from, prefix, snapshot } => {
            steps::copy(&shared.dir(*from), prefix, dir)?;
            let fork = ResumedFrom::Fork { attempt: *from, step: prefix.mark.step };
            continued(shared, spec, sandbox, dir, &origin, prefix, snapshot.is_some(), fork).await?
        }
        Begin::Fresh | Begin::Work { .. } => {
            let (patch, pack) = match &spec.begin {
                Begin::Work { patch, pack } => (patch.as_str(), pack.as_str()),
                _ => ("", ""),
            };
            let files = shared.files(patch).await?;
            let sandbox = unpacked(shared, sandbox, pack).await?;
            let writer = Writer::create(&path).map_err(voe_agent::AttemptError::from)?;
            let mut attempt = Attempt::start(plan(shared, spec, sandbox, &origin), writer, Box::new(())).await?;
            attempt.apply_files(files).await?;
            attempt
        }
    };
    if !spec.message.is_empty() {
        attempt.push_user_message(&spec.message)?;
    }
    if !pipeline {
        mark(&mut attempt, dir).await?;
    }
    Ok((origin, attempt))
}

/// Continues from a prefix of its own record, or of one copied to its directory.
#[allow(clippy::too_many_arguments)]
async fn continued(
    shared: &RolloutContext,
    spec: &RolloutSpec,
    sandbox: Sandbox,
    dir: &Path,
    origin: &SpentBefore,
    prefix: &Prefix,
    in_snapshot: bool,
    from: ResumedFrom,
) -> Result<Attempt, SearchError> {
    let files = if in_snapshot { Vec::new() } else { shared.files(&prefix.patch).await? };
    let sandbox = unpacked(shared, sandbox, &prefix.pack).await?;
    let writer = Writer::append(&steps::trajectory(dir), prefix.seconds).map_err(voe_agent::AttemptError::from)?;
    let plan = plan(shared, spec, sandbox, origin);
    Ok(Attempt::resume(plan, writer, Box::new(()), &prefix.records, files, from).await?)
}

fn plan(shared: &RolloutContext, spec: &RolloutSpec, sandbox: Sandbox, origin: &SpentBefore) -> AttemptPlan {
    let mut strategy = spec.strategy.clone();
    let spent = origin.usage.prompt + origin.usage.output;
    let beyond = |limit: u64, before: u64| if limit == 0 { 0 } else { limit + before };
    let steps = beyond(spec.limits.steps.into(), origin.step.into());
    strategy.limits.steps = u32::try_from(least(strategy.limits.steps.into(), steps)).unwrap_or(u32::MAX);
    strategy.limits.tokens = beyond(spec.limits.tokens, spent);
    if spec.limits.wall_s > 0.0 {
        strategy.limits.wall_s = spec.limits.wall_s + origin.seconds.total;
    }
    if spec.limits.cost > 0.0 {
        strategy.limits.cost = spec.limits.cost + origin.usage.cost.unwrap_or(0.0);
    }
    let mut task = shared.task.clone();
    // Where forks have different paths, an absolute path would be wrong in all but one of them.
    task.workspace = match sandbox.workspace().display().to_string() {
        same if same == task.workspace => same,
        _ => ".".into(),
    };
    AttemptPlan {
        task,
        strategy,
        model: Arc::clone(&spec.model),
        sandbox,
        pristine: shared.pristine.clone(),
        user_tree: shared.user_tree.clone(),
        notes: shared.notes.clone(),
        stream: false,
        stop: shared.stop.clone(),
        time: shared.time.clone(),
    }
}

/// Unpacks scratch files into a sandbox.
async fn unpacked(shared: &RolloutContext, sandbox: Sandbox, pack: &str) -> Result<Sandbox, SearchError> {
    if pack.is_empty() {
        return Ok(sandbox);
    }
    let pristine = sandbox.base_inside().map_or_else(|| shared.pristine.clone(), BaseSource::Dir);
    let setup = Setup {
        workspace: sandbox.workspace().to_owned(),
        scratch: std::path::PathBuf::new(),
        pristine,
        limits: voe_protocol::CallLimits::default(),
        env: std::collections::BTreeMap::new(),
        syntax: voe_protocol::SyntaxCheck::Off,
        byproducts: Vec::new(),
        resumed: true,
        earlier_commands: Vec::new(),
        unwatched: false,
    };
    let mut workspace = Workspace::open(sandbox, setup, &shared.pristine).await?;
    workspace.unpack_scratch(pack).await?;
    Ok(workspace.close().await)
}

/// Records the end of a step.
async fn mark(attempt: &mut Attempt, dir: &Path) -> Result<(), SearchError> {
    let pack = pack(attempt).await?;
    let log = attempt.log();
    let scratch = steps::keep_scratch(dir, log.conversation.step, &pack, log.scratch.as_deref())?;
    Ok(attempt.end_step(scratch)?)
}

async fn pack(attempt: &mut Attempt) -> Result<String, SearchError> {
    let commands: Vec<String> = attempt.log().ledger.checks().iter().map(|check| check.command.clone()).collect();
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    match attempt.workspace().pack_scratch(&commands).await {
        Ok(pack) => Ok(pack),
        // The toolbox may have died; its files in /tmp are then unknown, which costs a check at most.
        Err(WorkspaceError::Toolbox(_)) => Ok(String::new()),
        Err(error) => Err(error.into()),
    }
}

/// The commands that prove an attempt's patch.
pub(crate) fn proofs(rolled: &RolloutResult) -> Vec<String> {
    let checks = rolled.finish.evidence.checks.iter().rev();
    checks.filter(|check| check.level == Level::Proven).map(|check| check.command.clone()).collect()
}
