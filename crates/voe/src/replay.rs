//! `voe replay`: a recorded attempt, shown or run again.

use std::path::Path;
use std::sync::Arc;

use voe_agent::{AttemptPlan, Observer, Strategy};
use voe_model::ReplayModel;
use voe_repo::{Base, Repo};
use voe_search::Work;
use voe_trace::event::{Finish, Start};
use voe_trace::{Event, Trajectory, Writer};
use voe_untrusted::{FileKind, UntrustedDir};

use crate::places::{ABOUT, AttemptPaths, STORE};
use crate::session;
use crate::settings::Settings;
use crate::settings::words::Apply;
use crate::show::{self, Paint};
use crate::trust::record::{RecordOrigin, TrustedRecord};
use crate::{UsageError, cli, exit, state, trust};

pub(crate) async fn run(args: cli::ReplayArgs) -> anyhow::Result<u8> {
    if args.run { again(&args).await } else { shown(&args, &Trajectory::read(&args.trajectory)?) }
}

/// Shows the record, from the file alone.
fn shown(args: &cli::ReplayArgs, trajectory: &Trajectory) -> anyhow::Result<u8> {
    let paint = Paint::stdout(args.output.no_color);
    let mut live = show::Live::new(paint, false);
    let mut json = show::Json;
    let mut step = 0;
    for record in &trajectory.records {
        if args.output.json {
            json.record(record);
            continue;
        }
        if args.output.quiet {
            continue;
        }
        if let Event::Reply(reply) = &record.event {
            step = reply.step;
            show::out::text(&paint.bold(&format!("\n── step {step} · {:.1} s", record.at)));
        }
        live.record(record);
    }
    if trajectory.skipped > 0 {
        errln!("voe: {} damaged lines of the record were passed over", trajectory.skipped);
    }
    match trajectory.finish() {
        Some(finish) if !args.output.json => show::out::text(&show::block::render(finish, None, "", paint)),
        None if !args.output.json => {
            outln!(
                "\nThe record stops after step {step}; to resume the attempt, run `voe fix --resume {}`.",
                trajectory.path.display()
            );
        }
        _ => {}
    }
    Ok(exit::OK)
}

/// Re-runs it on a fresh copy of its base and reports where it diverged.
async fn again(args: &cli::ReplayArgs) -> anyhow::Result<u8> {
    let record = trust::record::open(&args.trajectory, args.trust)?;
    let trajectory = &record.trajectory;
    let start =
        trajectory.start().ok_or_else(|| UsageError(format!("{} has no beginning", trajectory.path.display())))?;
    let strategy = record.strategy(start)?;
    if strategy.search.is_some() {
        let text = "a search is several attempts; run one of them again: voe replay --run";
        let one = trajectory.path.with_file_name("attempts/1/trajectory.jsonl");
        return Err(UsageError(format!("{text} {}", one.display())).into());
    }
    let mut settings = Settings::load(None)?;
    settings.flag_sandbox(args.sandbox);
    record.refuse_no_sandbox(&settings)?;
    let temporary = state::Temporary::new()?;
    let tree = temporary.path().join("tree");
    base_of(&record)?.check_out(&tree)?;
    let repo = Repo::discover(&tree)?;
    let dir = state::new_attempt(&state::dir()?.join("replays"), None)?;
    let base = repo.base(&temporary.path().join("store"))?;
    let places = AttemptPaths { dir, repository: repo.top().to_owned(), undo: None, base, adopted: false };

    let finish = attempt(args, start, strategy, &record, &settings, &places).await?;
    let differences = differences(trajectory, &Trajectory::read(&places.trajectory())?);
    for difference in &differences {
        errln!("voe: {}", show::one_line(difference));
    }
    if differences.is_empty() && !args.output.json {
        outln!("It went the same way as the record.");
    }
    Ok(if differences.is_empty() { exit::OK } else { session::code(finish.reason).max(exit::INTERNAL) })
}

/// The base of a record. One from elsewhere may have it next to it; its own account of where the base lies could name any
/// directory.
fn base_of(record: &TrustedRecord) -> anyhow::Result<Base> {
    if let Some(places) = &record.places {
        return Ok(places.base.clone());
    }
    let dir = record.dir.ancestors().take(3).find(|dir| dir.join(ABOUT).is_file()).unwrap_or(&record.dir);
    let base = Base { git_dir: dir.join(STORE), ..AttemptPaths::load(dir)?.base };
    if !base.git_dir.is_dir() {
        let text = format!(
            "{} not found: this record came without its base; run it where it was made",
            base.git_dir.display()
        );
        return Err(UsageError(text).into());
    }
    let objects = UntrustedDir::open(dir)?.dir(Path::new(STORE).join("objects"))?;
    if leads_elsewhere(&objects, 2)? || objects.kind("info/alternates").is_ok_and(|kind| kind.is_some()) {
        let text = format!("{}: objects of other repositories are not used for a record from elsewhere", dir.display());
        return Err(UsageError(text).into());
    }
    Ok(base)
}

/// Whether there is a link among the entries of a directory, so many levels deep.
fn leads_elsewhere(dir: &UntrustedDir, depth: u32) -> Result<bool, voe_untrusted::Error> {
    for entry in dir.entries()? {
        match entry.kind {
            FileKind::Link => return Ok(true),
            FileKind::Dir if depth > 1 && leads_elsewhere(&dir.dir(&entry.name)?, depth - 1)? => return Ok(true),
            _ => {}
        }
    }
    Ok(false)
}

async fn attempt(
    args: &cli::ReplayArgs,
    start: &Start,
    strategy: Strategy,
    record: &TrustedRecord,
    settings: &Settings,
    places: &AttemptPaths,
) -> anyhow::Result<Finish> {
    // The copy stands where the original stood, so that absolute paths in commands are valid; where the sandbox can't do that,
    // the difference shows in the results. A record from elsewhere doesn't choose what it is mounted over.
    let at = (record.origin == RecordOrigin::Own).then_some(start.task.workspace.as_str());
    let sandbox = session::sandbox_at(settings, &places.repository, &places.dir.join("sandbox"), at).await?;
    let mut task = start.task.clone();
    task.workspace = sandbox.workspace().display().to_string();
    let plan = AttemptPlan {
        task,
        notes: String::new(),
        strategy,
        model: Arc::new(ReplayModel::from_records(&record.trajectory.records)),
        sandbox,
        pristine: places.base.pristine(),
        user_tree: None,
        stream: false,
        stop: session::stop_on_signals(args.output.json)?,
        time: jiff::Timestamp::now().to_string(),
    };
    let writer = Writer::create(&places.trajectory())?;
    let attempt = Work::start(plan, writer, session::observer(&args.output, false)).await?;
    session::run(attempt, places, Apply::No, &args.output, async |_| Ok(None)).await
}

/// Where the second run went another way: exit codes, changes and the patch; not times, not wording.
fn differences(old: &Trajectory, new: &Trajectory) -> Vec<String> {
    let results = |trajectory: &Trajectory| -> Vec<_> {
        let result = |event: &Event| match event {
            Event::Result(r) => Some((r.step, r.tool.clone(), r.exit, r.tree.clone())),
            _ => None,
        };
        trajectory.records.iter().filter_map(|r| result(&r.event)).collect()
    };
    let (old_results, new_results) = (results(old), results(new));
    let mut out = Vec::new();
    for (a, b) in old_results.iter().zip(&new_results) {
        if a.2 != b.2 {
            out.push(format!("step {}: {} ended with {:?}, in the record with {:?}", a.0, a.1, b.2, a.2));
        } else if a.3 != b.3 {
            out.push(format!("step {}: {} left other changes than in the record", a.0, a.1));
            break;
        }
    }
    if old_results.len() != new_results.len() {
        out.push(format!("{} calls were run, in the record {}", new_results.len(), old_results.len()));
    }
    if let (Some(a), Some(b)) = (old.finish(), new.finish())
        && a.patch != b.patch
    {
        out.push("the patch is another than in the record".into());
    }
    out
}
