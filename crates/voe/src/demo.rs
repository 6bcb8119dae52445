//! `voe demo`: the real loop, tools, edits and tests on a shipped task, with recorded replies.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use voe_agent::{Ended, Plan};
use voe_bench::mini::{self, MiniTask};
use voe_model::Scripted;
use voe_repo::{Repo, throw_away_copy};
use voe_search::Work;
use voe_trace::Writer;
use voe_trace::event::Task;

use crate::session::{self, Apply, Places, TRAJECTORY};
use crate::settings::Settings;
use crate::show::text::Text;
use crate::{Usage, cli, exit, state};

/// The task that is shown.
const TASK: &str = "mini__pages-1";
/// What the model says, written by hand.
const REPLIES: &str = include_str!("../demo/replies.toml");
/// The strategy that it is shown with.
const STRATEGY: &str = crate::settings::DEFAULT_STRATEGY;

pub(crate) async fn run(args: cli::Demo) -> anyhow::Result<u8> {
    let task = mini::find(TASK)?.ok_or_else(|| anyhow!("the task {TASK} is not in this build"))?;
    if Command::new("python3").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        return Err(Usage("the demo's task needs python3, which is not on PATH; install it".into()).into());
    }
    let settings = {
        let mut settings = Settings::defaults();
        // A throw-away copy: where no sandbox works, none will do.
        settings.flag("sandbox.backend", Some(args.sandbox.clone().unwrap_or_else(|| "auto".into())));
        settings
    };
    if !args.output.json && !args.output.quiet {
        outln!(
            "This is a demo: the replies were written beforehand, and no model is asked. All else is real: the loop, the"
        );
        outln!("tools, the edits and the tests run now, on a throw-away repository.\n");
        outln!("The problem ({TASK}):\n");
        for line in task.statement.trim().lines() {
            outln!("    {line}");
        }
        outln!();
    }
    let temporary =
        tempfile::Builder::new().prefix("voe-demo-").tempdir().context("cannot make a temporary directory")?;
    let tree = temporary.path().join(task.about.id.trim_start_matches("mini__"));
    throw_away_copy(&task.files, &tree)?;
    let repo = Repo::discover(&tree)?;
    let base = repo.base(&temporary.path().join("store"))?;
    let dir = state::new_attempt(&state::dir()?.join("demo"), args.out.as_deref())?;
    let places = Places { dir: dir.clone(), repository: repo.top().to_owned(), undo: None, base };

    let sandbox = session::sandbox_or_none(&settings, repo.top(), &temporary.path().join("sandbox")).await?;
    let plan = Plan {
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
    let judge = |ended: &Ended| verdict(&task, ended, temporary.path()).map(Some);
    let finish = session::run(attempt, &places, Apply::Copy, &args.output, judge).await?;
    places.keep_base()?;
    if !args.output.json {
        let paint = crate::show::Paint::stdout(args.output.no_color);
        crate::show::out::text(&Text::from("\nvoe: the patch:\n\n").then(paint.diff(finish.patch.trim_end())));
        outln!("\nvoe: next: `voe doctor` finds a model, `voe fix \"…\"` lets it work in your repository;");
        outln!("     `voe replay {}` shows this attempt again.", dir.join(TRAJECTORY).display());
    }
    Ok(if finish.resolved == Some(true) { exit::OK } else { exit::INTERNAL })
}

/// Runs the task's own tests, which the agent never saw, on a fresh copy with the patch.
fn verdict(task: &MiniTask, ended: &Ended, temporary: &Path) -> anyhow::Result<bool> {
    let tree = temporary.join("verdict");
    throw_away_copy(&task.files, &tree)?;
    for (name, patch) in [("patch.diff", &ended.patch.text), ("tests.diff", &task.test_patch)] {
        if patch.is_empty() {
            return Ok(false);
        }
        let file = temporary.join(name);
        std::fs::write(&file, patch)?;
        let applied = Command::new("git")
            .current_dir(&tree)
            .arg("apply")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if !applied.success() {
            return Ok(false);
        }
    }
    let tests = Command::new("bash")
        .args(["-c", &task.about.test_command])
        .current_dir(&tree)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    Ok(tests.success())
}
