//! `voe fix`: a problem in this repository.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use voe_agent::{AttemptPlan, Strategy, UserTree};
use voe_model::Model;
use voe_repo::{Repo, UndoPoint};
use voe_sandbox::BackendChoice;
use voe_search::Work;
use voe_trace::event::{Reason, ResumedFrom, Start, Task};
use voe_trace::{Record, Trajectory, Writer};
use voe_untrusted::UntrustedDir;

use crate::flags::OutputFlags;
use crate::places::{AttemptPaths, is_object_id};
use crate::session;
use crate::settings::words::Apply;
use crate::settings::{Settings, ValueSource, table};
use crate::trust::config::Respondent;
use crate::trust::record::{RecordOrigin, TrustedRecord};
use crate::{UsageError, cli, model, state, trust};

pub(crate) async fn run(args: cli::Fix) -> anyhow::Result<u8> {
    match &args.resume {
        Some(trajectory) => resume(&args, trajectory).await,
        None => begin(&args).await,
    }
}

async fn begin(args: &cli::Fix) -> anyhow::Result<u8> {
    let here = std::env::current_dir()?;
    let repo = Repo::discover(&here)?;
    let settings = settings(args, repo.top())?;
    let statement = statement(args)?;
    let mut strategy = strategy(&settings, &here)?;
    limit(&mut strategy, &settings);
    let wishes = Wishes::of(args, &settings, repo.top())?;
    let found = model::find(&settings, model::ModelNameRule::Any).await?;
    for text in &found.notes {
        session::note(&args.output, text);
    }

    let parent = state::of_repository(repo.top())?;
    let _lock = state::lock(&parent, repo.top())?;
    voe_sandbox::sweep(&state::dir()?);
    let dir = state::new_attempt(&parent.join("records"), args.out.as_deref())?;
    let undo = state::new_attempt(&parent.join("undo"), None)?;
    let base = repo.base(&undo.join("store"))?;
    for skipped in &base.skipped {
        session::note(&args.output, skipped);
    }
    let places = AttemptPaths { dir, repository: repo.top().to_owned(), undo: Some(undo), base, adopted: false };
    let begun = start(args, &settings, &places, &repo, strategy, found.model, statement, wishes.stream).await;
    let attempt = match begun {
        Ok(attempt) => attempt,
        Err(error) => {
            // Nothing was changed, so an undo goes back to before the attempt that came before this one.
            places.forget();
            return Err(error);
        }
    };
    let finish = session::run(attempt, &places, wishes.apply, &args.output, async |_| Ok(None)).await?;
    Ok(session::code(finish.reason))
}

/// Opens the sandbox and begins the attempt in it, behind an undo point.
#[expect(clippy::too_many_arguments, reason = "all of them are what `begin` has found out")]
async fn start(
    args: &cli::Fix,
    settings: &Settings,
    places: &AttemptPaths,
    repo: &Repo,
    strategy: Strategy,
    model: Arc<dyn Model>,
    statement: String,
    stream: bool,
) -> anyhow::Result<Work> {
    let sandbox = session::sandbox(settings, repo.top(), &places.dir.join("sandbox")).await?;
    match &places.undo {
        Some(undo) if sandbox.in_place() => drop(UndoPoint::take(repo, &places.base, undo)?),
        Some(undo) => drop(UndoPoint::begin(repo, undo)?),
        None => {}
    }
    places.save()?;
    let task = Task {
        id: String::new(),
        statement,
        workspace: sandbox.workspace().display().to_string(),
        commit: places.base.commit.clone(),
        base: Some(places.base.tree.clone()),
        check: settings.text(&table::CHECK),
    };
    let plan = AttemptPlan {
        task,
        notes: if strategy.prompt.project_notes { notes(repo.top(), &args.output) } else { String::new() },
        strategy,
        model,
        sandbox,
        pristine: places.base.pristine(),
        user_tree: Some(UserTree::new(repo.clone(), places.base.clone())),
        stream,
        stop: session::stop_on_signals(args.output.json)?,
        time: jiff::Timestamp::now().to_string(),
    };
    let writer = Writer::create(&places.trajectory())?;
    let attempt = Work::start(plan, writer, session::observer(&args.output, stream)).await?;
    trust::record::remember(places, false)?;
    Ok(attempt)
}

/// Options besides those of the attempt itself. Read before any request is sent and anything is written.
struct Wishes {
    apply: Apply,
    stream: bool,
}

impl Wishes {
    fn of(args: &cli::Fix, settings: &Settings, top: &Path) -> anyhow::Result<Self> {
        voe_sandbox::check_workspace(&session::spec(settings, top, Path::new(""))?)?;
        Ok(Self { apply: session::apply(settings, &args.output), stream: session::stream(settings, &args.output) })
    }
}

async fn resume(args: &cli::Fix, path: &Path) -> anyhow::Result<u8> {
    let record = trust::record::open(path, args.trust)?;
    let start =
        record.trajectory.start().ok_or_else(|| UsageError(format!("{} has no beginning", path.display())))?.clone();
    if record.trajectory.finish().is_some_and(|finish| finish.reason == Reason::Completed) {
        return Err(UsageError(format!("{}: this attempt is complete; `voe replay` shows it", path.display())).into());
    }
    let mut strategy = record.strategy(&start)?;
    let places = record.places.clone();
    let here = std::env::current_dir()?;
    let repo = Repo::discover(places.as_ref().map_or(&here, |places| &places.repository))?;
    let mut settings = settings(args, repo.top())?;
    limit(&mut strategy, &settings);
    // The sandbox, the network and the model come from the user, never from a record.
    let own = record.origin == RecordOrigin::Own;
    if own && settings.get(&table::MODEL).is_none() && !model::reads_a_file(&start.model.name) {
        settings.flag(&table::MODEL, Some(start.model.name.clone()));
    }
    let wishes = Wishes::of(args, &settings, repo.top())?;
    record.refuse_no_sandbox(&settings)?;
    let found = model::find_again(&settings, &start.model.base_url, model::ModelNameRule::Any).await?;
    for text in &found.notes {
        session::note(&args.output, text);
    }
    let parent = state::of_repository(repo.top())?;
    let _lock = state::lock(&parent, repo.top())?;
    voe_sandbox::sweep(&state::dir()?);
    let mut places = match places {
        Some(places) => places,
        None => adopt(&record, &strategy, &start, &repo, &parent)?,
    };
    let sandbox = session::sandbox(&settings, repo.top(), &places.dir.join("sandbox")).await?;
    let (then, now) = (start.sandbox.backend.as_str(), sandbox.facts().backend);
    if now != then {
        session::note(&args.output, &format!("the attempt ran in the sandbox {then}; it is resumed in {now}"));
    }
    // Only where both then and now work in the tree itself does the tree stand as the attempt left it.
    let in_place = |choice| voe_sandbox::capabilities(choice).in_place;
    let was_in_place = then.parse::<BackendChoice>().is_ok_and(in_place) && own;
    let stands = sandbox.in_place() && was_in_place;
    if was_in_place && !stands && repo.tree_now(&places.base.git_dir)? != places.base.tree {
        let text = format!(
            "this attempt ran with --sandbox none, and its changes are in {}; undo them first (voe undo), or resume it \
             with --sandbox none",
            repo.top().display()
        );
        return Err(UsageError(text).into());
    }
    ready_to_undo(&mut places, &repo, &parent, sandbox.in_place(), stands)?;
    let stream = wishes.stream;
    let plan = AttemptPlan {
        task: start.task.clone(),
        notes: String::new(),
        strategy,
        model: found.model,
        sandbox,
        pristine: places.base.pristine(),
        user_tree: Some(UserTree::new(repo.clone(), places.base.clone())),
        stream,
        stop: session::stop_on_signals(args.output.json)?,
        time: start.time.clone(),
    };
    let mut records = record.trajectory.records;
    let before = records.last().map_or(0.0, |record| record.at);
    if plan.strategy.search.is_some() {
        records = whole_steps(&places.trajectory(), records)?;
    }
    let records = &records;
    let writer = Writer::append(&places.trajectory(), before)?;
    let from = if stands { ResumedFrom::InPlace } else { ResumedFrom::Record };
    let observer = session::observer(&args.output, stream);
    let files = match voe_trace::last_patch(records) {
        Some(patch) if !stands => places.base.with_patch(patch)?,
        _ => Vec::new(),
    };
    let attempt = Work::resume(plan, writer, observer, records, files, from).await?;
    trust::record::remember(&places, false)?;
    let finish = session::run(attempt, &places, wishes.apply, &args.output, async |_| Ok(None)).await?;
    Ok(session::code(finish.reason))
}

/// Cuts a search's record, `records`, after its last complete step: a choice that was not complete is made again as a whole.
fn whole_steps(path: &Path, records: Vec<Record>) -> anyhow::Result<Vec<Record>> {
    let Some((whole, end)) = Trajectory::whole_steps(File::open(path)?, path)? else { return Ok(records) };
    File::options().write(true).open(path)?.set_len(end)?;
    Ok(whole.records)
}

/// Finds an undo point for what a resumed attempt does: the one that it has, as long as that can tell the attempt's changes from
/// the user's, or else a new one.
fn ready_to_undo(
    places: &mut AttemptPaths,
    repo: &Repo,
    parent: &Path,
    in_place: bool,
    stands: bool,
) -> anyhow::Result<()> {
    let point = places.undo.as_ref().and_then(|dir| UndoPoint::open(dir).ok());
    let continues = match &point {
        Some(point) if in_place => stands && point.is_as_left(repo)?,
        Some(point) => point.takes_patches(),
        None => false,
    };
    if continues {
        return Ok(());
    }
    let dir = state::new_attempt(&parent.join("undo"), None)?;
    if in_place {
        UndoPoint::take(repo, &repo.base(&dir.join("store"))?, &dir)?;
    } else {
        UndoPoint::begin(repo, &dir)?;
    }
    places.undo = Some(dir);
    places.save()
}

/// Makes a foreign record one that can be resumed: a copy of it in the state directory, on the base of the repository around the
/// current directory. Nothing else that came with it is read.
fn adopt(
    record: &TrustedRecord,
    strategy: &Strategy,
    start: &Start,
    repo: &Repo,
    parent: &Path,
) -> anyhow::Result<AttemptPaths> {
    if strategy.search.is_some() {
        let text = "a search is several attempts, and those of another machine can't be resumed; start a new `voe fix`";
        return Err(UsageError(text.into()).into());
    }
    let dir = state::new_attempt(&parent.join("records"), None)?;
    let undo = state::new_attempt(&parent.join("undo"), None)?;
    let base = repo.base(&undo.join("store"))?;
    let places = AttemptPaths { dir, repository: repo.top().to_owned(), undo: Some(undo), base, adopted: true };
    let made = || -> anyhow::Result<()> {
        if start.task.base.as_ref() != Some(&places.base.tree) {
            let text = format!(
                "{} is not at the base of this record; check out the commit {} there, without changes",
                repo.top().display(),
                start.task.commit.as_deref().filter(|id| is_object_id(id)).unwrap_or("that it names")
            );
            return Err(UsageError(text).into());
        }
        // It may have been exchanged since it was read; what is copied is a file, and stays foreign.
        let from = UntrustedDir::open(&record.dir)?.open_file(voe_trace::layout::TRAJECTORY)?;
        let mut from = from.ok_or_else(|| UsageError(format!("{} is gone", record.trajectory.path.display())))?;
        let mut to = File::create_new(places.trajectory())?;
        std::io::copy(&mut from, &mut to)?;
        if let Some(undo) = &places.undo {
            UndoPoint::begin(repo, undo)?;
        }
        places.save()
    };
    made().inspect_err(|_| {
        let _ = std::fs::remove_file(places.trajectory());
        places.forget();
    })?;
    Ok(places)
}

/// The settings with this command's flags on top.
fn settings(args: &cli::Fix, top: &Path) -> anyhow::Result<Settings> {
    let mut settings = Settings::load(Some(top))?;
    args.model.set(&mut settings);
    settings.flag(&table::STRATEGY, args.strategy.clone());
    settings.flag_count(&table::MAX_STEPS, args.max_steps.map(u64::from));
    settings.flag_count(&table::MAX_TOKENS, args.max_tokens);
    settings.flag(&table::MAX_WALL, args.max_wall.clone());
    settings.flag(&table::CHECK, args.check.clone());
    settings.flag_word(&table::APPLY, args.apply);
    settings.flag_sandbox(args.sandbox);
    settings.flag_word(&table::NETWORK, args.network);
    settings.flag(&table::IMAGE, args.image.clone());
    settings.allow_home = args.allow_home;
    trust::config::settle(&mut settings, Respondent::of(args.trust_config, args.output.json))?;
    Ok(settings)
}

/// The user's limits over the strategy's.
fn limit(strategy: &mut Strategy, settings: &Settings) {
    if let Some(steps) = settings.count(&table::MAX_STEPS) {
        strategy.limits.steps = u32::try_from(steps).unwrap_or(u32::MAX);
    }
    if let Some(tokens) = settings.count(&table::MAX_TOKENS) {
        strategy.limits.tokens = tokens;
    }
    if let Some(wall) = settings.duration(&table::MAX_WALL) {
        strategy.limits.wall_s = wall.as_secs_f64();
    }
}

/// The problem: an argument, a file, or standard input.
fn statement(args: &cli::Fix) -> anyhow::Result<String> {
    let text = match (&args.problem, &args.issue) {
        (_, Some(file)) if file.as_os_str() != "-" => std::fs::read_to_string(file).map_err(|e| {
            UsageError(format!(
                "cannot read the problem from {}: {e}; give another file, - for standard input, or the problem itself",
                file.display()
            ))
        })?,
        (Some(problem), None) if problem != "-" => problem.clone(),
        _ => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("cannot read the problem from standard input")?;
            text
        }
    };
    if text.trim().is_empty() {
        return Err(UsageError("the problem is empty: describe what goes wrong and what should happen".into()).into());
    }
    Ok(text)
}

/// The repository's notes for agents. Those that can't be read are left out, and the user learns why.
fn notes(top: &Path, output: &OutputFlags) -> String {
    voe_agent::notes::read(top).unwrap_or_else(|error| {
        session::note(output, &format!("the repository's notes are left out: {error}"));
        String::new()
    })
}

/// The strategy that the settings name. A name in the repository's own file is the repository's word, not the user's.
fn strategy(settings: &Settings, here: &Path) -> anyhow::Result<Strategy> {
    let name = settings.text(&table::STRATEGY).unwrap_or_default();
    let from = settings.get(&table::STRATEGY).map(|(_, source)| source);
    Ok(match from {
        Some(ValueSource::Repository(file)) => {
            voe_agent::load::load_for_repository(&name, file.parent().unwrap_or(here))?
        }
        Some(ValueSource::User(file)) => voe_agent::load(&name, file.parent().unwrap_or(here))?,
        _ => voe_agent::load(&name, here)?,
    })
}
