//! `voe bench run` and `voe bench status`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use voe_bench::models::Models;
use voe_bench::run::place::PlaceRecord;
use voe_bench::run::progress::{Progress, Totals};
use voe_bench::run::{ArmFile, RunDir, RunFile, RunMachine, RunOutcome, RunSettings, Server};
use voe_bench::suite::SuiteSource;
use voe_bench::workspace::Origins;
use voe_bench::{Arm, Experiment, Filter, Suite, name};

use super::settings::{self, SettingsUse};
use super::{args, building, filtered, hide, live, part, remedies, remembered, server};
use crate::settings::{Settings, table};
use crate::show::one_line;
use crate::{UsageError, exit, signals};

/// The version of this voe.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Default number of attempts at the same time.
const PARALLEL: usize = 4;

pub(super) async fn run(args: args::Run) -> anyhow::Result<u8> {
    let settings = settings::load(SettingsUse::Attempts)?;
    let (experiment, out) = experiment(&args)?;
    if experiment.suite.is_empty() {
        return Err(UsageError("the experiment has no suite; give --suite SUITE".into()).into());
    }
    let here = std::env::current_dir()?;
    let begun = out.join(voe_trace::layout::RUN).is_file().then(|| RunDir::look(&out)).transpose()?;
    let arms = arms(&args, &experiment, &here)?;
    let suite = suite(&args, &experiment).await?;
    let said = args.place.said(&settings, args.backend)?;
    let found = match &begun {
        Some(begun) => remembered::place(begun, said, &suite, remembered::PlaceUse::Run).await?,
        None => said.place(&suite).await?,
    };
    if !voe_sandbox::capabilities(found.place.sandbox).hides && !args.allow_readable_solutions {
        let text = "--sandbox none lets the model's commands read the tasks' solutions; use another sandbox, or give \
                    --allow-readable-solutions to run all the same";
        return Err(UsageError(text.into()).into());
    }
    let mut workspaces = found.workspaces(&suite, args.place.keep_images).await?;
    let begun_by = begun.as_ref().and_then(|run| run.file.experiment_file.as_deref()).filter(|file| file.is_absolute());
    // It may have been deleted, and then there is nothing to hide.
    let begun_by = begun_by.filter(|file| file.parent().is_some_and(Path::is_dir));
    let files = args.experiment.as_deref().into_iter().chain(begun_by).chain([out.as_path()]);
    workspaces.hidden.extend(hide::of([], files));
    hide::refuse_to_show(&workspaces.read, &workspaces.hidden)?;
    refuse_records_of_a_run(&args, &arms)?;
    let mut models = Models::new();
    let mut servers = BTreeMap::new();
    for arm in &arms {
        if !models.contains_key(&arm.model) {
            let then = begun.as_ref().and_then(|run| {
                let arm = run.file.arms.iter().find(|there| there.name == arm.name && there.model == arm.model)?;
                arm.answers.as_ref()
            });
            let server::RunModel { answers, about, server } = server::find(&args, &settings, &arm.model, then).await?;
            models.insert(arm.model.clone(), answers);
            servers.insert(arm.model.clone(), (about, server));
        }
    }
    args.place.remember()?;
    let mut file = describe(found.place, experiment, &suite, &arms, &servers);
    file.stream = Some(stream(begun.as_ref(), &settings));
    file.experiment_file = experiment_file(&args);
    let parallel = file.experiment.parallel.unwrap_or(PARALLEL);
    let dir = RunDir::open(&out, file, &suite)?;
    let stream = dir.file.stream.unwrap_or(false);
    if dir.file.voe != VERSION {
        errln!("voe: {} was started by voe {}, and this is {VERSION}", out.display(), one_line(&dir.file.voe));
    }
    workspaces.origins = Some(Origins::new(dir.path.clone(), true));
    if !args.json {
        outln!("{} tasks, {} arms, {} trials in {}", suite.tasks.len(), arms.len(), dir.file.trials, out.display());
    }
    // A second Ctrl-C loses no more than the running steps.
    let paused = signals::stop((!args.json).then_some("finishing the running steps"))?;
    let (progress, news) = Progress::new();
    if !args.json {
        workspaces.native.watch = building::noted(workspaces.plan(&suite.tasks).await, Arc::downgrade(&progress));
    }
    let run = RunSettings { parallel, tries: args.tries.max(1), stream, models, workspaces, pause: paused };
    let shown = tokio::spawn(live::show(Arc::downgrade(&progress), news, args.json));
    let outcome = voe_bench::run::run(dir, run, progress.clone()).await;
    let (_, totals) = progress.now();
    drop(progress);
    shown.await?;
    let for_people = !args.json;
    if for_people {
        outln!("{}", live::totals_line(&totals, 0, None));
    }
    match outcome? {
        RunOutcome::Done => {
            if for_people {
                outln!("all done; next: voe bench grade {}", out.display());
            }
            Ok(exit::OK)
        }
        RunOutcome::Partly => {
            errln!("voe: {}", partly(&totals, &out));
            Ok(exit::PARTLY)
        }
        RunOutcome::NoRoom(why) => {
            let why = one_line(&why);
            errln!("voe: the run stopped: {why}; to resume: run the same command, or voe bench run {}", out.display());
            Ok(exit::PARTLY)
        }
        RunOutcome::Paused => {
            if for_people {
                outln!("stopped; to resume: run the same command, or voe bench run {}", out.display());
            }
            Ok(exit::INTERRUPTED)
        }
        RunOutcome::Stopped(why) => {
            let why = one_line(&why);
            errln!("voe: the run stopped: {why}; to resume: run the same command, or voe bench run {}", out.display());
            Ok(exit::MODEL)
        }
    }
}

/// Whether replies are streamed: as the run was started, or as the user sets it. Off by default: some servers parse tool calls worse
/// when they stream.
fn stream(begun: Option<&RunDir>, settings: &Settings) -> bool {
    let here = settings.switch(&table::STREAM);
    let Some(then) = begun.and_then(|run| run.file.stream) else { return here.unwrap_or(false) };
    if here.is_some_and(|here| here != then) {
        let word = if then { "on" } else { "off" };
        errln!("voe: using the setting stream {word} that the run was started with, not yours");
    }
    then
}

/// What a run left out, and what to do about it.
fn partly(totals: &Totals, out: &Path) -> String {
    let run = out.display();
    let mut parts = Vec::new();
    if totals.skipped > 0 {
        parts.push(format!("{} skipped ({})", attempts(totals.skipped), remedies(&totals.remedies, true)));
    }
    if totals.faults > 0 {
        parts.push(format!(
            "{} given up (voe bench status {run} shows why; for more tries: --tries N)",
            attempts(totals.faults)
        ));
    }
    let again = totals.faults > 0 || totals.remedies.iter().any(|remedy| remedy.is_in_run());
    let then = if again { format!("; then run: voe bench run {run}") } else { String::new() };
    format!("incomplete: {}{then}", parts.join(", "))
}

fn attempts(n: usize) -> String {
    if n == 1 { "1 attempt".to_owned() } else { format!("{n} attempts") }
}

/// The suite: for an existing run as stored in it, wherever its file is now; else the named one.
async fn suite(args: &args::Run, experiment: &Experiment) -> anyhow::Result<Suite> {
    let run = args.experiment.as_deref().filter(|path| path.is_dir());
    if let Some(run) = run {
        let own = RunDir::look(run)?.suite()?;
        let same_filter = args.filter.filter().is_ok_and(|filter| filter == Filter::default());
        return match &args.suite {
            None if same_filter => Ok(own),
            None => filtered(&experiment.suite, &experiment.filter).await,
            // The new path of its file, if it has the tasks of the run.
            Some(file) => {
                let mut suite = filtered(file, &args.filter.filter()?).await?;
                suite.tasks.retain(|task| own.task(&task.instance_id).is_some());
                Ok(suite)
            }
        };
    }
    let part_of = match (&args.experiment, &args.suite) {
        // A file instead of the suite that the experiment names.
        (Some(file), Some(_)) => Experiment::read(file).map_err(|e| UsageError(e.to_string()))?.suite,
        _ => String::new(),
    };
    part(&experiment.suite, &experiment.filter, &part_of).await
}

/// The arms: for a resumed run as stored in it, even if the files have changed; else from the files.
fn arms(args: &args::Run, experiment: &Experiment, here: &Path) -> anyhow::Result<Vec<Arm>> {
    let run = args.experiment.as_deref().filter(|path| path.is_dir());
    if let Some(run) = run.filter(|_| args.strategy.is_empty() && args.model.is_empty()) {
        let arms = RunDir::look(run)?.file.arms;
        return Ok(arms.into_iter().map(ArmFile::resolved).collect::<Result<_, _>>()?);
    }
    // Strategies of an experiment file are relative to it.
    let folder = args.experiment.as_deref().filter(|path| path.is_file()).and_then(Path::parent);
    Ok(experiment.arms(&here.join(folder.unwrap_or(Path::new("."))))?)
}

/// A run from somebody else could replay the user's own records, which would then be copied into its own.
fn refuse_records_of_a_run(args: &args::Run, arms: &[Arm]) -> anyhow::Result<()> {
    let of_run = args.experiment.as_deref().is_some_and(Path::is_dir) && args.model.is_empty();
    match arms.iter().find(|arm| of_run && arm.model.starts_with("replay:")) {
        Some(Arm { model, .. }) => {
            let model = one_line(model);
            Err(UsageError(format!("the run replays a record; to allow it, give --model {model}")).into())
        }
        None => Ok(()),
    }
}

/// What to run, and where.
fn experiment(args: &args::Run) -> anyhow::Result<(Experiment, PathBuf)> {
    let mut experiment = match &args.experiment {
        Some(path) if path.is_dir() => {
            let file = RunDir::look(path)?.file;
            // The filter may match more tasks than when the run was started.
            Experiment { trials: Some(file.trials), ..file.experiment }
        }
        Some(path) => Experiment::read(path).map_err(|e| UsageError(e.to_string()))?,
        None => Experiment::default(),
    };
    if let Some(suite) = &args.suite {
        experiment.suite.clone_from(suite);
    }
    if !args.strategy.is_empty() {
        // Files named by flags are relative to the current directory, not to the experiment file.
        let here = |name: &String| match std::path::absolute(name) {
            Ok(path) if path.is_file() => path.display().to_string(),
            _ => name.clone(),
        };
        experiment.strategies = args.strategy.iter().map(here).collect();
    }
    if !args.model.is_empty() {
        experiment.models.clone_from(&args.model);
    }
    let filter = args.filter.filter()?;
    if filter != voe_bench::Filter::default() {
        experiment.filter = filter;
    }
    experiment.trials = args.trials.or(experiment.trials);
    experiment.parallel = args.parallel.or(experiment.parallel);
    experiment.seed = args.filter.seed.unwrap_or(experiment.seed);
    experiment.hints |= args.hints;
    if experiment.strategies.is_empty() && experiment.arms.is_empty() {
        experiment.strategies.push(table::DEFAULT_STRATEGY.to_owned());
    }
    let out = match (&args.out, &args.experiment) {
        (Some(out), _) => out.clone(),
        (None, Some(path)) if path.is_dir() => path.clone(),
        _ => Path::new("runs").join(default_name(&experiment)),
    };
    Ok((experiment, out))
}

/// The same for the same flags, so that the same command resumes the run.
fn default_name(experiment: &Experiment) -> String {
    if name::is_valid(&experiment.name) {
        return experiment.name.clone();
    }
    let suite = Path::new(&experiment.suite).file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let of = |name: &String| name.rsplit(['/', ':']).next().unwrap_or(name).trim_end_matches(".toml").to_owned();
    let mut parts = vec![suite];
    parts.extend(experiment.strategies.iter().map(of));
    parts.extend(experiment.models.iter().map(of));
    name::of_experiment(&parts.join("-"))
}

fn describe(
    place: PlaceRecord,
    experiment: Experiment,
    suite: &Suite,
    arms: &[Arm],
    servers: &BTreeMap<String, (String, Option<Server>)>,
) -> RunFile {
    let arm = |arm: &Arm| {
        let (server, answers) = servers.get(&arm.model).cloned().unwrap_or_default();
        let strategy = voe_agent::load::show(&arm.strategy);
        ArmFile { name: arm.name.clone(), model: arm.model.clone(), server, strategy, answers }
    };
    RunFile {
        format: voe_bench::run::dir::FORMAT,
        voe: VERSION.to_owned(),
        later: Vec::new(),
        began: jiff::Timestamp::now().to_string(),
        trials: experiment.trials.unwrap_or(1).max(1),
        sandbox: None,
        readable_solutions: !voe_sandbox::capabilities(place.sandbox).hides,
        suite: suite.name.clone(),
        tasks: suite.tasks.iter().map(|task| task.instance_id.clone()).collect(),
        rows_sha256: None,
        source: here(&suite.source),
        place: Some(place),
        machine: RunMachine::this(),
        experiment,
        experiment_file: None,
        stream: None,
        arms: arms.iter().map(arm).collect(),
    }
}

/// The experiment's file, so that it is also hidden from commands when the run is resumed by its directory alone.
fn experiment_file(args: &args::Run) -> Option<PathBuf> {
    let file = args.experiment.as_deref().filter(|path| path.is_file())?;
    file.canonicalize().ok().filter(|path| path.to_str().is_some())
}

/// The source of a suite with its file's absolute path: the run may be resumed from elsewhere, and the file is hidden from
/// commands then too.
fn here(source: &SuiteSource) -> SuiteSource {
    let path = Path::new(&source.file);
    match std::path::absolute(path) {
        Ok(absolute) if path.is_file() => SuiteSource { file: absolute.display().to_string(), ..source.clone() },
        _ => source.clone(),
    }
}
