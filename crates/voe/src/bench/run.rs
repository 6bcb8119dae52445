//! `voe bench run` and `voe bench status`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use voe_bench::models::{Answers, Models};
use voe_bench::run::progress::Progress;
use voe_bench::run::status;
use voe_bench::run::{ArmFile, Machine, Outcome, RunDir, RunFile, Settings as RunSettings};
use voe_bench::script::Scripts;
use voe_bench::workspace::Workspaces;
use voe_bench::{Arm, Experiment, Suite, name};
use voe_sandbox::Choice;

use super::{args, filtered, hide, live};
use crate::settings::Settings;
use crate::show::one_line;
use crate::{Usage, exit, model};

/// Attempts at a time, unless told otherwise.
const PARALLEL: usize = 4;

pub(super) async fn run(args: args::Run) -> anyhow::Result<u8> {
    let (experiment, out) = experiment(&args)?;
    if experiment.suite.is_empty() {
        return Err(Usage("the experiment names no suite; give --suite SUITE".into()).into());
    }
    let here = std::env::current_dir()?;
    let arms = arms(&args, &experiment, &here)?;
    let suite = filtered(&experiment.suite, &experiment.filter).await?;
    if args.place.backend == "official" {
        return Err(Usage("--backend official only grades; use auto, native or docker".into()).into());
    }
    let mut workspaces = args.place.workspaces(&suite).await?;
    if workspaces.choice == Choice::None && !args.allow_readable_solutions {
        let text = "--sandbox none lets the model's commands read the tasks' solutions; use another sandbox, or give \
                    --allow-readable-solutions to run all the same";
        return Err(Usage(text.into()).into());
    }
    let files = args.experiment.iter().map(PathBuf::as_path).chain([out.as_path()]);
    workspaces.hidden.extend(hide::of([], files));
    let mut models = Models::new();
    let mut servers = std::collections::BTreeMap::new();
    for arm in &arms {
        if !models.contains_key(&arm.model) {
            let (answers, facts) = answers(&args, &arm.model).await?;
            models.insert(arm.model.clone(), answers);
            servers.insert(arm.model.clone(), facts);
        }
    }
    let file = describe(&workspaces, experiment, &suite, &arms, &servers);
    let parallel = file.experiment.parallel.unwrap_or(PARALLEL);
    let dir = RunDir::open(&out, file, &suite)?;
    if !args.json {
        outln!("{} tasks, {} arms, {} trials in {}", suite.tasks.len(), arms.len(), dir.file.trials, out.display());
    }
    let (pause, paused) = watch::channel(false);
    pause_on_signals(pause, args.json)?;
    // Off unless asked for: some servers read calls worse when they stream.
    let stream = Settings::load(None)?.switch("stream")?.unwrap_or(false);
    let settings = RunSettings { parallel, tries: args.tries.max(1), stream, models, workspaces, pause: paused };
    let (progress, news) = Progress::new();
    let shown = tokio::spawn(live::show(Arc::downgrade(&progress), news, args.json));
    let outcome = voe_bench::run::run(dir, settings, progress.clone()).await;
    let (_, totals) = progress.now();
    drop(progress);
    shown.await?;
    let told = !args.json;
    if told {
        outln!("{}", live::totals_line(&totals, 0, None));
    }
    match outcome? {
        Outcome::Done => {
            if told {
                outln!("all done; next: voe bench grade {}", out.display());
            }
            Ok(exit::OK)
        }
        Outcome::Paused => {
            if told {
                outln!("stopped; to go on: the same command, or voe bench run {}", out.display());
            }
            Ok(exit::INTERRUPTED)
        }
        Outcome::Stopped(why) => {
            let why = one_line(&why);
            errln!("voe: the run stopped: {why}; to go on: the same command, or voe bench run {}", out.display());
            Ok(exit::MODEL)
        }
    }
}

/// The arms: of a run that is gone on with as it has them, whatever became of the files; else as the files say.
fn arms(args: &args::Run, experiment: &Experiment, here: &Path) -> anyhow::Result<Vec<Arm>> {
    let run = args.experiment.as_deref().filter(|path| path.is_dir());
    if let Some(run) = run.filter(|_| args.strategy.is_empty() && args.model.is_empty()) {
        let arms = RunDir::look(run)?.file.arms;
        return Ok(arms.into_iter().map(ArmFile::resolved).collect::<Result<_, _>>()?);
    }
    // Strategies of an experiment file lie beside it.
    let beside = args.experiment.as_deref().filter(|path| path.is_file()).and_then(Path::parent);
    Ok(experiment.arms(&here.join(beside.unwrap_or(Path::new("."))))?)
}

/// What is to be run, and where.
fn experiment(args: &args::Run) -> anyhow::Result<(Experiment, PathBuf)> {
    let mut experiment = match &args.experiment {
        Some(path) if path.is_dir() => RunDir::look(path)?.file.experiment,
        Some(path) => Experiment::read(path).map_err(|e| Usage(e.to_string()))?,
        None => Experiment::default(),
    };
    if let Some(suite) = &args.suite {
        experiment.suite.clone_from(suite);
    }
    if !args.strategy.is_empty() {
        // Files named here lie here, wherever the experiment's own are.
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
        experiment.strategies.push(crate::settings::DEFAULT_STRATEGY.to_owned());
    }
    let out = match (&args.out, &args.experiment) {
        (Some(out), _) => out.clone(),
        (None, Some(path)) if path.is_dir() => path.clone(),
        _ => Path::new("runs").join(default_name(&experiment)),
    };
    Ok((experiment, out))
}

/// The same for the same flags, so that the same command goes on.
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
    workspaces: &Workspaces,
    experiment: Experiment,
    suite: &Suite,
    arms: &[Arm],
    servers: &std::collections::BTreeMap<String, String>,
) -> RunFile {
    let arm = |arm: &Arm| ArmFile {
        name: arm.name.clone(),
        model: arm.model.clone(),
        server: servers.get(&arm.model).cloned().unwrap_or_default(),
        strategy: voe_agent::load::show(&arm.strategy),
    };
    RunFile {
        format: voe_bench::run::dir::FORMAT,
        voe: env!("CARGO_PKG_VERSION").to_owned(),
        began: jiff::Timestamp::now().to_string(),
        trials: experiment.trials.unwrap_or(1).max(1),
        sandbox: workspaces.choice.to_string(),
        readable_solutions: workspaces.choice == Choice::None,
        suite: suite.name.clone(),
        tasks: suite.tasks.iter().map(|task| task.instance_id.clone()).collect(),
        source: suite.source.clone(),
        machine: Machine::this(),
        experiment,
        arms: arms.iter().map(arm).collect(),
    }
}

/// Who answers by the name `name`, and what is known of it, in one line.
async fn answers(args: &args::Run, name: &str) -> anyhow::Result<(Answers, String)> {
    if let Some(file) = name.strip_prefix("scripted:") {
        let scripts = Scripts::read(Path::new(file)).map_err(|e| Usage(e.to_string()))?;
        return Ok((Answers::Scripted(scripts), "scripted".to_owned()));
    }
    let mut settings = Settings::load(None)?;
    let flags = args.model_flags(name);
    settings.flag("base_url", flags.base_url);
    settings.flag("model", flags.model);
    settings.flag("api_key_env", flags.api_key_env);
    let found = model::find(&settings).await?;
    for note in found.notes {
        errln!("voe: {}", one_line(&note));
    }
    let facts = found.model.facts();
    let window = facts.window.map(|window| format!(", window {window}")).unwrap_or_default();
    let server = facts.server.as_deref().unwrap_or(&facts.provider);
    let told = format!("{} at {} ({server}{window})", facts.name, facts.base_url);
    Ok((Answers::Shared(found.model), told))
}

/// The first Ctrl-C lets the steps under way end; the second ends voe at once, which loses no more than they.
fn pause_on_signals(pause: watch::Sender<bool>, quiet: bool) -> anyhow::Result<()> {
    let mut signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal).into_iter();
    let (Some(interrupt), Some(terminate), Some(hang_up)) = (signals.next(), signals.next(), signals.next()) else {
        return Ok(());
    };
    let (mut interrupt, mut terminate, mut hang_up) = (interrupt?, terminate?, hang_up?);
    tokio::spawn(async move {
        for second in [false, true] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
            if second {
                std::process::exit(i32::from(exit::INTERRUPTED));
            }
            if !quiet {
                errln!("\nvoe: the steps under way come to their end (Ctrl-C again ends at once)");
            }
            let _ = pause.send(true);
        }
    });
    Ok(())
}

pub(super) fn status(args: &args::Status) -> anyhow::Result<u8> {
    let dir = RunDir::look(&args.run)?;
    let status = status::read(&dir)?;
    if args.json {
        crate::show::out::json_pretty(&status)?;
        return Ok(exit::OK);
    }
    let arms: Vec<&str> = dir.file.arms.iter().map(|arm| arm.name.as_str()).collect();
    let (suite, arms) = (one_line(&dir.file.suite), one_line(&arms.join(", ")));
    outln!("{suite}: {} tasks × {arms} × {} trials", dir.file.tasks.len(), dir.file.trials);
    outln!(
        "{} of {} done, {} begun, {} left, {} given up or to be tried again",
        status.done(),
        status.planned,
        status.open.len(),
        status.left,
        status.faults.len()
    );
    for (reason, count) in &status.ended {
        outln!("  {reason:<12} {count}");
    }
    if status.readable_solutions {
        outln!("solutions were readable in this run (sandbox none)");
    }
    if status.done() > 0 {
        let levels: Vec<String> = status.levels.iter().map(|(level, count)| format!("{count} {level}")).collect();
        outln!("evidence: {}; {} empty patches", levels.join(", "), status.empty);
        let cost = status.usage.cost.map(|cost| format!(", ${cost:.2}")).unwrap_or_default();
        outln!(
            "{} steps, {} tokens in, {} out{cost}, {} of work",
            status.steps,
            status.usage.prompt,
            status.usage.output,
            live::time(status.seconds)
        );
    }
    if let Some(rate) = status.an_hour {
        let left = status.seconds_left.map(|left| format!("; about {} left", live::time(left))).unwrap_or_default();
        outln!("{rate:.1} attempts an hour lately{left}");
    }
    for open in &status.open {
        let since = live::time(open.seconds);
        let line = format!("open   {}  step {}, {} edits, {}, {since}", open.key, open.step, open.edits, open.level);
        outln!("{}", one_line(&line));
    }
    for (key, why) in &status.faults {
        outln!("{}", one_line(&format!("fault  {key}  {why}")));
    }
    Ok(exit::OK)
}
