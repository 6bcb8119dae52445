//! `voe demo`: the real loop, tools, edits and tests on a shipped task, with recorded replies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use voe_agent::{AttemptPlan, EndedAttempt};
use voe_bench::shipped::{self, ShippedTask};
use voe_model::Scripted;
use voe_protocol::{BaseSource, CallLimits, FileState, RawBytes, Setup, SyntaxCheck};
use voe_protocol::{ClientError, Toolbox};
use voe_repo::{Repo, throw_away_copy};
use voe_search::Work;
use voe_trace::Writer;
use voe_trace::event::Task;

use voe_trace::layout::TRAJECTORY;

use crate::places::AttemptPaths;
use crate::session;
use crate::settings::words::Apply;
use crate::settings::{Settings, table};
use crate::show::text::Text;
use crate::{UsageError, cli, exit, state};

/// The task that is shown.
const TASK: &str = "mini__pages-1";
/// The most time that the task's own tests may take: they take a second.
const VERDICT_LIMIT: Duration = Duration::from_secs(120);
/// The model's replies, written by hand.
const REPLIES: &str = include_str!("../demo/replies.toml");
/// The strategy that it is shown with.
const STRATEGY: &str = table::DEFAULT_STRATEGY;

pub(crate) async fn run(args: cli::Demo) -> anyhow::Result<u8> {
    let task = shipped::find(TASK)?.ok_or_else(|| anyhow!("the task {TASK} is not in this build"))?;
    if voe_untrusted::program("python3").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err()
    {
        return Err(UsageError("the demo's task needs python3, which is not on PATH; install it".into()).into());
    }
    let mut settings = Settings::load(None)?;
    settings.flag_sandbox(args.sandbox);
    if !args.output.json && !args.output.quiet {
        outln!(
            "This is a demo: the replies are scripted, and no model is called. Everything else is real: the loop, the"
        );
        outln!("tools, the edits and the tests run now, on a throw-away repository.\n");
        outln!("The problem ({TASK}):\n");
        for line in task.statement.trim().lines() {
            outln!("    {line}");
        }
        outln!();
    }
    let temporary = state::Temporary::new()?;
    let tree = temporary.path().join(task.about.id.trim_start_matches("mini__"));
    throw_away_copy(&task.files, &tree)?;
    let repo = Repo::discover(&tree)?;
    let base = repo.base(&temporary.path().join("store"))?;
    let dir = state::new_attempt(&state::dir()?.join("demo"), args.out.as_deref())?;
    let places = AttemptPaths { dir: dir.clone(), repository: repo.top().to_owned(), undo: None, base, adopted: false };

    let sandbox = session::sandbox(&settings, repo.top(), &temporary.path().join("sandbox")).await?;
    let plan = AttemptPlan {
        task: Task {
            id: task.about.id.clone(),
            statement: task.statement.clone(),
            workspace: sandbox.workspace().display().to_string(),
            commit: places.base.commit.clone(),
            base: Some(places.base.tree.clone()),
            check: None,
        },
        strategy: voe_agent::load(STRATEGY, Path::new("."))?,
        model: Arc::new(Scripted::from_toml(REPLIES)?),
        sandbox,
        pristine: places.base.pristine(),
        user_tree: None,
        notes: String::new(),
        stream: false,
        stop: session::stop_on_signals(args.output.json)?,
        time: jiff::Timestamp::now().to_string(),
    };
    let writer = Writer::create(&places.trajectory())?;
    let attempt = Work::start(plan, writer, session::observer(&args.output, false)).await?;
    crate::trust::record::remember(&places, false)?;
    let judge = async |ended: &EndedAttempt| verdict(&settings, &task, ended, &temporary.path()).await.map(Some);
    let finish = session::run(attempt, &places, Apply::No, &args.output, judge).await?;
    session::keep_base(&places)?;
    if !args.output.json {
        let paint = crate::show::Paint::stdout(args.output.no_color);
        crate::show::out::text(&Text::from("\nvoe: the patch:\n\n").then(paint.diff(finish.patch.trim_end())));
        outln!("\nvoe: next: `voe doctor` finds a model, `voe fix \"…\"` lets it work in your repository;");
        outln!("     `voe replay {}` shows this attempt again.", dir.join(TRAJECTORY).display());
    }
    Ok(if finish.resolved == Some(true) { exit::OK } else { exit::INTERNAL })
}

/// Runs the task's own tests, which the agent never saw, on a fresh copy with the patch: in a sandbox of its own, since
/// the patch is the model's work and so is what its tests run.
async fn verdict(
    settings: &Settings,
    task: &ShippedTask,
    ended: &EndedAttempt,
    temporary: &Path,
) -> anyhow::Result<bool> {
    if ended.patch.is_empty() || task.test_patch.is_empty() {
        return Ok(false);
    }
    let tree = temporary.join("verdict");
    throw_away_copy(&task.files, &tree)?;
    let repo = Repo::discover(&tree)?;
    let base = repo.base(&temporary.join("verdict-store"))?;
    let sandbox = session::sandbox(settings, repo.top(), &temporary.join("verdict-sandbox")).await?;
    let setup = Setup {
        workspace: sandbox.workspace().to_owned(),
        scratch: PathBuf::new(),
        pristine: sandbox.base_inside().map_or(base.pristine(), BaseSource::Dir),
        limits: CallLimits { max_timeout_s: VERDICT_LIMIT.as_secs_f64(), ..CallLimits::default() },
        env: BTreeMap::new(),
        syntax: SyntaxCheck::Off,
        byproducts: Vec::new(),
        resumed: false,
        earlier_commands: Vec::new(),
        unwatched: true,
    };
    let (mut toolbox, _) = sandbox.toolbox(setup).await?;
    let tested = test(&mut toolbox, task, ended).await;
    toolbox.close().await;
    sandbox.close().await?;
    Ok(tested?)
}

/// Applies the patch and the tests, and runs the tests. Only their exit code counts.
async fn test(toolbox: &mut Toolbox, task: &ShippedTask, ended: &EndedAttempt) -> Result<bool, ClientError> {
    let diff = |name: &str, text: &str| {
        let state = FileState { mode: 0o100_644, content: RawBytes(text.as_bytes().to_vec()) };
        (RawBytes(name.as_bytes().to_vec()), Some(state))
    };
    let [patch, tests] = [".voe-patch.diff", ".voe-tests.diff"];
    toolbox.import(vec![diff(patch, &ended.patch.text), diff(tests, &task.test_patch)]).await?;
    // No settings of the user's: they may change what is applied.
    let apply = "GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git apply --whitespace=nowarn";
    let command = format!(
        "{apply} {patch} && {apply} {tests} && rm {patch} {tests} && export PYTHONDONTWRITEBYTECODE=1 && {}",
        task.about.test_command
    );
    Ok(toolbox.check(&command, VERDICT_LIMIT).await?.exit == Some(0))
}
