//! What `fix`, `demo` and `replay --run` share: a sandbox, an attempt in it, and what becomes of its patch.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use voe_agent::{AttemptError, EndedAttempt, Observer};
use voe_repo::{Repo, UndoPoint};
use voe_sandbox::{Sandbox, SandboxConfig};
use voe_search::{SearchError, Work};
use voe_trace::event::{Applied, Finish};
use voe_trace::{Reason, layout};

use crate::flags::OutputFlags;
use crate::places::{AttemptPaths, STORE, put};
use crate::settings::words::Apply;
use crate::settings::{Settings, table};
use crate::show::ask;
use crate::show::text::Text;
use crate::show::{self, Paint};
use crate::{exit, signals, state, trust};

/// Moves the base out of a place that is about to go, so that the attempt can be run again.
pub(crate) fn keep_base(places: &AttemptPaths) -> anyhow::Result<()> {
    let store = places.dir.join(STORE);
    let kept = AttemptPaths { base: places.base.keep(&store)?, ..places.clone() };
    kept.save()?;
    trust::record::remember(&kept, true)
}

/// Opens the sandbox that the settings ask for, with its parts in `home`.
pub(crate) async fn sandbox(settings: &Settings, workspace: &Path, home: &Path) -> anyhow::Result<Sandbox> {
    sandbox_at(settings, workspace, home, None).await
}

/// The same with the workspace at another path inside, where the backend can do that.
pub(crate) async fn sandbox_at(
    settings: &Settings,
    workspace: &Path,
    home: &Path,
    mount_at: Option<&str>,
) -> anyhow::Result<Sandbox> {
    let mut spec = spec(settings, workspace, home)?;
    if voe_sandbox::capabilities(spec.choice).mounts {
        spec.mount_at = mount_at.map(PathBuf::from);
    }
    Ok(Sandbox::open(spec).await?)
}

/// What the settings ask of a sandbox.
pub(crate) fn spec(settings: &Settings, workspace: &Path, home: &Path) -> anyhow::Result<SandboxConfig> {
    let program = std::env::current_exe().context("cannot find voe's own program")?;
    let mut spec = SandboxConfig::new(program, workspace, home);
    spec.choice = settings.sandbox();
    spec.allow_home = settings.allow_home;
    spec.state = state::dir().ok();
    // Records of other repositories, wherever the user keeps them.
    spec.hidden = [state::dir().ok(), voe_bench::cache::dir()].into_iter().flatten().collect();
    spec.network = settings.switch(&table::NETWORK).unwrap_or(spec.network);
    spec.image = settings.text(&table::IMAGE);
    spec.read = settings.paths(&table::READ);
    if let Some(bytes) = settings.bytes(&table::MEMORY) {
        spec.limits.memory_bytes = bytes;
    }
    if let Some(processes) = settings.count(&table::PROCESSES) {
        spec.limits.processes = processes;
    }
    if let Some(bytes) = settings.bytes(&table::DISK) {
        spec.disk_bytes = bytes;
    }
    for name in settings.list(&table::ENV) {
        if let Ok(value) = std::env::var(&name) {
            spec.env.insert(name, value);
        }
    }
    Ok(spec)
}

/// Becomes `true` at the first Ctrl-C, and the patch is taken.
pub(crate) fn stop_on_signals(quiet: bool) -> anyhow::Result<watch::Receiver<bool>> {
    Ok(signals::stop((!quiet).then_some("stopping; the patch is being taken"))?)
}

/// Who watches: JSON lines, a person, or nobody.
pub(crate) fn observer(output: &OutputFlags, stream: bool) -> Box<dyn Observer> {
    if output.json {
        Box::new(show::Json)
    } else if output.quiet {
        Box::new(())
    } else {
        Box::new(show::Live::new(Paint::stdout(output.no_color), stream))
    }
}

/// Whether replies are shown while they come.
pub(crate) fn stream(settings: &Settings, output: &OutputFlags) -> bool {
    let person = !output.json && !output.quiet && show::out::is_terminal();
    settings.switch(&table::STREAM).unwrap_or(person)
}

/// What to do with the patch. Without a terminal the default is to apply it, and `ask` means no.
pub(crate) fn apply(settings: &Settings, output: &OutputFlags) -> Apply {
    let person = std::io::stdin().is_terminal() && show::out::is_terminal() && !output.json;
    match settings.word(&table::APPLY) {
        None if person => Apply::Ask,
        None => Apply::Yes,
        Some(Apply::Ask) if !person => Apply::No,
        Some(apply) => apply,
    }
}

/// Runs an attempt to its end, saves the patch and applies it. `verdict` decides, at the very end, whether the task is
/// resolved, where there is something that decides it.
pub(crate) async fn run(
    mut attempt: Work,
    places: &AttemptPaths,
    apply: Apply,
    output: &OutputFlags,
    verdict: impl AsyncFnOnce(&EndedAttempt) -> anyhow::Result<Option<bool>>,
) -> anyhow::Result<Finish> {
    let (reason, error) = attempt.run().await;
    let repo = Repo::discover(&places.repository)?;
    let in_place = attempt.in_place();
    let trajectory = places.trajectory().display().to_string();
    let mut ended = attempt.finish(reason, error, trajectory).await?;
    let patch_file = places.dir.join(layout::PATCH);
    // Where the disk is full the patch can still be applied: that comes first.
    let saved = put(&patch_file, ended.patch.text.as_bytes());
    let mut applied = String::new();
    if ended.patch.is_empty() {
        applied.push_str(show::block::applied_line(Applied::No, true));
    } else if in_place {
        ended.finish.applied = Applied::Yes;
        applied.push_str(show::block::applied_line(Applied::Yes, false));
        if apply == Apply::No {
            applied.push_str("; --apply no has no effect with --sandbox none");
        }
        for hazard in &ended.patch.hazards {
            applied.push_str(&format!("; warning: {hazard}"));
        }
    } else if places.undo.is_none() {
        applied.push_str("not applied: this ran on a throw-away copy");
    } else if apply == Apply::No {
        applied.push_str("not applied (--apply no)");
    } else if apply == Apply::Ask && !confirmed(&ended, output).await? {
        applied.push_str("not applied, as you chose");
    } else if let Some(undo) = places.undo.clone() {
        let (base, patch, export) = (places.base.clone(), ended.patch.clone(), ended.export.clone());
        let to = repo.clone();
        let what = tokio::task::spawn_blocking(move || to.apply(&base, &patch, &export, &undo)).await??;
        ended.finish.applied = what.recorded();
        applied = match &what {
            voe_repo::ApplyOutcome::Plain => show::block::applied_line(Applied::Yes, false).into(),
            voe_repo::ApplyOutcome::Merged(files) => {
                format!("applied, merged with your changes of {}", files.join(", "))
            }
            voe_repo::ApplyOutcome::Nothing => show::block::applied_line(Applied::No, true).into(),
            voe_repo::ApplyOutcome::Conflict(conflicts) => {
                let why: Vec<_> = conflicts.iter().map(ToString::to_string).collect();
                format!("{}: {}", show::block::applied_line(Applied::Conflict, false), why.join("; "))
            }
            voe_repo::ApplyOutcome::Refused(hazards) => {
                let why: Vec<_> = hazards.iter().map(ToString::to_string).collect();
                format!("never applied: {}", why.join("; "))
            }
        };
    }
    // What was applied is in its undo point already; what an attempt did in the tree itself is seen only now.
    if let Some(dir) = places.undo.as_ref().filter(|_| in_place) {
        let mut point = UndoPoint::open(dir)?;
        let sealed = repo.clone();
        tokio::task::spawn_blocking(move || point.seal(&sealed)).await??;
    }
    ended.finish.resolved = verdict(&ended).await?;
    let finish = ended.finish.clone();
    let closed = attempt.close(ended.finish).await;
    // Also where closing failed: the record is whole.
    let remembered = trust::record::remember(places, true);
    let closed = match closed {
        Err(SearchError::Attempt(AttemptError::Workspace(error))) => {
            note(output, &format!("{error}; what is left of the sandbox is removed at the next start"));
            Ok(())
        }
        closed => closed,
    };
    if !output.json {
        let file = (!finish.patch.is_empty() && saved.is_ok()).then(|| patch_file.display().to_string());
        let paint = Paint::stdout(output.no_color);
        let block = show::block::render(&finish, file.as_deref(), &applied, paint);
        // Nobody may be reading anymore; the exit code still tells how it ended.
        show::out::news(&block.then(show::block::automatic_line(&voe_repo::automatic(&ended.export), paint)));
    }
    closed?;
    saved?;
    remembered?;
    Ok(finish)
}

/// Asks on the terminal. Ctrl-C and the end of input are a no.
async fn confirmed(ended: &EndedAttempt, output: &OutputFlags) -> anyhow::Result<bool> {
    let paint = Paint::stdout(output.no_color);
    let automatic = show::block::automatic_line(&voe_repo::automatic(&ended.export), paint);
    let unseen = show::block::unseen_line(&voe_repo::not_text(&ended.export), paint);
    show::out::text(&Text::from("\n").then(paint.diff(&ended.patch.text)).then(unseen).then(automatic));
    ask::forget_what_was_typed();
    out!("voe: put this into your tree? [Y/n] ");
    let (say, said) = tokio::sync::oneshot::channel();
    // A thread of its own: the runtime would wait for one of its threads, and nothing wakes this one but the user.
    std::thread::spawn(move || {
        let answer = ask::answer().ok().flatten();
        let _ = say.send(answer.is_some_and(|answer| matches!(answer.as_str(), "" | "y" | "yes")));
    });
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = interrupt.recv() => Ok(false),
        said = said => Ok(said.unwrap_or(false)),
    }
}

/// The exit code of an attempt that ended so.
pub(crate) fn code(reason: Reason) -> u8 {
    match reason {
        Reason::Completed => exit::OK,
        Reason::MaxSteps | Reason::MaxTokens | Reason::MaxWall | Reason::Context | Reason::Stuck => exit::PARTLY,
        Reason::ModelError => exit::MODEL,
        Reason::Interrupted => exit::INTERRUPTED,
        Reason::Internal => exit::INTERNAL,
    }
}

/// A remark in an event's shape, for what is known before there is a record.
pub(crate) fn note(output: &OutputFlags, text: &str) {
    if !output.json && !output.quiet {
        errln!("voe: {}", show::one_line(text));
    }
}
