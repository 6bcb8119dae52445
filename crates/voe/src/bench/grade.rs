//! `voe bench grade`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use schemars::JsonSchema;
use serde::Serialize;
use voe_bench::Suite;
use voe_bench::grade::{
    Batch, GradeRow, GradeSetting, Grading, PatchToGrade, RunGrades, gold, known as of_known, logs, official,
};
use voe_bench::run::RunDir;
use voe_bench::workspace::Origins;
use voe_grade::{GradedLog, Predictions, RunReport};
use voe_trace::layout::{GRADES, PREDICTIONS};
use voe_untrusted::{UntrustedDir, private};

use super::args::Grade;
use super::building::ShownBuilds;
use super::place::GradedBy;
use super::place::{RequestedPlace, ResolvedPlace};
use super::remembered::{self, PlaceUse};
use super::tally::{self, Causes, UngradedTasks};
use super::{cache_dir, hide, known, self_tests, settings, suite};
use crate::show::one_line;
use crate::{UsageError, exit};

/// Default time limit of a task's tests, in seconds: the official one.
const TIMEOUT: u64 = voe_bench::grade::cell::TIME_LIMIT.as_secs();

/// Most bytes read of a file of predictions.
const MOST_PREDICTIONS: u64 = 1 << 30;

/// A line of `voe bench grade --json`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "GradeLine")]
#[serde(untagged)]
pub(crate) enum GradeLine<'a> {
    /// A patch.
    Row(&'a GradeRow),
    /// A log, with `--logs`.
    Log(&'a GradedLog<'a>),
    /// The last line, after grading patches.
    Report(&'a RunReport),
}

pub(super) async fn run(args: Grade) -> anyhow::Result<u8> {
    if let Some(dir) = &args.run {
        return of_run(&args, dir).await;
    }
    let name = args.suite.clone().ok_or_else(|| UsageError("no suite; give --suite SUITE".into()))?;
    let suite = suite(&name, &args.filter).await?;
    if let Some(dir) = &args.logs {
        return of_logs(dir, &suite, args.json);
    }
    let usual = Grading { timeout_s: args.timeout.unwrap_or(TIMEOUT), network: args.network };
    if let Some(file) = &args.predictions {
        // The documented path of the official files.
        let out = args.out.clone().unwrap_or_else(|| PathBuf::from("."));
        if args.is_official() {
            return officially(&args, &suite, file, &results(&out)?).await;
        }
        let text = voe_untrusted::read_named(file, MOST_PREDICTIONS)
            .map_err(|e| UsageError(format!("{e}; give a file of predictions")))?;
        let text = String::from_utf8(text).map_err(|_| UsageError(format!("{} is not UTF-8 text", file.display())))?;
        let predictions = Predictions::read(&text).map_err(|e| UsageError(format!("{}: {e}", file.display())))?;
        let model = predictions.all.first().map(|prediction| prediction.model_name_or_path.as_str());
        // It is used as the name of a directory.
        let model = model.filter(|name| !name.starts_with('.') && !name.contains('\0')).unwrap_or("voe").to_owned();
        let (entries, others) = entries(&predictions, &suite);
        if !others.is_empty() {
            errln!("voe: {}", missing(&file.display().to_string(), &others));
        }
        let found = said(&args)?.place(&suite).await?;
        let batch = batch(&args, &found, usual, &suite, &model, results(&out)?).await?;
        let (_, left, _) = finish(&args, &found, &batch, entries, &others).await?;
        return Ok(left.code(false));
    }
    let found = said(&args)?.place(&suite).await?;
    self_test(&args, &found, usual, &suite).await
}

/// The user's flags and settings for where tests run.
fn said(args: &Grade) -> anyhow::Result<RequestedPlace> {
    args.place.said(&settings::load(settings::SettingsUse::Place)?, args.backend.and_then(GradedBy::place))
}

/// How many predictions `what` lacks, and the first of them.
fn missing(what: &str, ids: &[String]) -> String {
    const MOST: usize = 5;
    let shown = ids.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if ids.len() > MOST { format!(" and {} more", ids.len() - MOST) } else { String::new() };
    let tasks = match ids.len() {
        1 => "1 task has no prediction and counts".to_owned(),
        n => format!("{n} tasks have no prediction and count"),
    };
    one_line(&format!("{what}: {tasks} as unresolved: {shown}{more}")).to_string()
}

/// The user's directory for results: created for this user alone if missing, since patches and logs may contain private code. Others
/// must not be able to write to it, since it also contains the sandboxes of the gradings.
fn results(out: &Path) -> anyhow::Result<UntrustedDir> {
    let refused = |e: voe_untrusted::Error| match e {
        // The remedy is not to change its mode: it may be `/tmp`.
        voe_untrusted::Error::Writable { path, .. } => {
            let path = path.display();
            UsageError(format!("{path} can be written by others; give a directory of your own with --out")).into()
        }
        e if e.is_refusal() => UsageError(e.to_string()).into(),
        e => anyhow!(e),
    };
    if !out.exists() {
        private::named(out).map_err(refused)?;
    }
    let path = std::fs::canonicalize(out).map_err(|e| anyhow!("cannot open {}: {e}", out.display()))?;
    private::check_way(&path).map_err(refused)?;
    let dir = UntrustedDir::open(&path).map_err(refused)?;
    private::check_dir(&dir).map_err(refused)?;
    Ok(dir)
}

async fn batch(
    args: &Grade,
    found: &ResolvedPlace,
    grading: Grading,
    suite: &Suite,
    model: &str,
    out: UntrustedDir,
) -> anyhow::Result<Batch> {
    let parallel = args.parallel.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()));
    let mut workspaces = found.workspaces(suite, args.place.keep_images).await?;
    workspaces.network = grading.network;
    if !args.json {
        workspaces.native.watch = Arc::<ShownBuilds>::default().watch(workspaces.plan(&suite.tasks).await);
    }
    let files = [Some(out.path()), args.run.as_deref(), args.predictions.as_deref()].into_iter().flatten();
    workspaces.hidden.extend(hide::of([], files));
    hide::refuse_to_show(&workspaces.read, &workspaces.hidden)?;
    Ok(Batch {
        workspaces,
        parallel,
        limit: Duration::from_secs(grading.timeout_s.max(1)),
        run_id: args.run_id.clone(),
        model: model.to_owned(),
        out,
        run_empty: args.empty,
        setting: GradeSetting::new(&found.place, grading.network),
        expected: (args.gold || args.empty || args.wrong).then_some(args.gold),
    })
}

/// The suite's predictions, and the ids of tasks without one. Problems with the predictions are reported.
fn entries(predictions: &Predictions, suite: &Suite) -> (Vec<PatchToGrade>, Vec<String>) {
    for problem in predictions.problems(|id| suite.task(id).is_some()) {
        errln!("voe: {}", one_line(&problem.to_string()));
    }
    voe_bench::grade::run::entries(predictions, suite)
}

async fn finish(
    args: &Grade,
    found: &ResolvedPlace,
    batch: &Batch,
    entries: Vec<PatchToGrade>,
    others: &[String],
) -> anyhow::Result<(RunReport, UngradedTasks, BTreeMap<String, String>)> {
    let (mut left, mut causes, mut origins) = (UngradedTasks::default(), Causes::default(), BTreeMap::new());
    let report = batch.grade(entries, others, |row| {
        left.see(row);
        origins.extend(row.origin.clone().map(|origin| (row.instance_id.clone(), origin)));
        causes.see(row);
        show(row, args.json);
    });
    let report = report.await?;
    if args.json {
        crate::show::out::json(&GradeLine::Report(&report))?;
        return Ok((report, left, origins));
    }
    outln!("{}", causes.summary(&batch.model, &report));
    if !args.gold
        && !args.empty
        && !args.wrong
        && let Some((resolved, of)) = gold::Gold::read(&cache_dir()?).against(&report)
    {
        outln!("of the tasks whose gold patch passes on this machine: {resolved} of {of} resolved");
    }
    if !args.gold && !args.empty && !args.wrong {
        known::say(&report, &found.place, batch.workspaces.network);
    }
    let (report_file, logs) = batch.files();
    outln!("wrote {} and the logs in {}", report_file.display(), logs.display());
    Ok((report, left, origins))
}

fn show(row: &GradeRow, json: bool) {
    if json {
        crate::show::out::json_text(&serde_json::to_string(&GradeLine::Row(row)).unwrap_or_default());
        return;
    }
    let name = row.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    let why = row.why.as_ref().map(|why| format!("  {why}")).unwrap_or_default();
    let cause = row.cause.and_then(tally::said).map(|cause| format!("  {cause}")).unwrap_or_default();
    let line = format!("{:<12} {}{name}  {:.1} s{cause}{why}", row.verdict, row.instance_id, row.seconds);
    outln!("{}", one_line(&line));
}

/// The settings of the grades of the run in `path`: the same as for its first grades.
fn as_begun(args: &Grade, path: &Path, grades: &RunGrades) -> anyhow::Result<Grading> {
    let Some(then) = grades.grading().map_err(UsageError)? else {
        return Ok(Grading { timeout_s: args.timeout.unwrap_or(TIMEOUT), network: args.network });
    };
    let run = path.display();
    let refused = |text: String| -> anyhow::Error {
        UsageError(format!("{text}, or write other grades elsewhere with --out DIR")).into()
    };
    if let Some(timeout) = args.timeout.filter(|timeout| *timeout != then.timeout_s) {
        let begun = then.timeout_s;
        let text =
            format!("{run} is graded with --timeout {begun}, which contradicts --timeout {timeout}; leave it out");
        return Err(refused(text));
    }
    match (then.network, args.network) {
        (false, true) => Err(refused(format!("{run} is graded without --network; leave it out"))),
        (true, false) => {
            Err(refused(format!("{run} is graded with --network, which is not taken from a run: add --network")))
        }
        _ => Ok(then),
    }
}

async fn of_run(args: &Grade, path: &Path) -> anyhow::Result<u8> {
    let dir = RunDir::look(path)?;
    let suite = dir.suite()?;
    let grades = match &args.out {
        Some(out) => results(out)?,
        None => {
            let refused = |e| UsageError(format!("{e}; or write the grades elsewhere with --out DIR"));
            dir.check_own().map_err(refused)?;
            let made = dir.files().make_dirs(GRADES)?;
            private::take(&made)?;
            made
        }
    };
    let grades = RunGrades::new(grades);
    let mut left = UngradedTasks::default();
    let (found, grading) = if args.is_official() {
        (None, None)
    } else {
        let grading = as_begun(args, path, &grades)?;
        (Some(remembered::place(&dir, said(args)?, &suite, PlaceUse::Grade).await?), Some(grading))
    };
    for arm in &dir.file.arms {
        for trial in 1..=dir.file.trials {
            let name = format!("{}-{trial}", arm.name);
            let file = dir.path.join(PREDICTIONS).join(format!("{name}.jsonl"));
            let text = dir.predictions(&arm.name, trial)?.ok_or_else(|| {
                UsageError(format!(
                    "cannot read the predictions {}: file not found; start the run first",
                    file.display()
                ))
            })?;
            if text.trim().is_empty() {
                errln!("voe: {name}: no attempt has ended yet");
                continue;
            }
            let (Some(found), Some(grading)) = (&found, grading) else {
                officially(args, &suite, &file, &grades.official()?).await?;
                continue;
            };
            let predictions = Predictions::read(&text).map_err(|e| UsageError(format!("{}: {e}", file.display())))?;
            let (entries, others) = entries(&predictions, &suite);
            if !others.is_empty() {
                errln!("voe: {}; to make the attempts: voe bench run {}", missing(&name, &others), path.display());
            }
            let mut batch = batch(args, found, grading, &suite, &name, grades.official()?).await?;
            grading.write(&batch.out)?;
            batch.workspaces.origins = Some(Origins::new(dir.path.clone(), false));
            let mut causes = Causes::default();
            let report = grades.grade(&name, &batch, entries, &others, |row, lost| {
                left.see(row);
                causes.see(row);
                show(row, args.json);
                if let Some(error) = lost {
                    let (id, error) = (one_line(&row.instance_id), one_line(&error.to_string()));
                    errln!("voe: cannot write the grade of {id}: {error}");
                }
            });
            let report = report.await?;
            if args.json {
                crate::show::out::json(&GradeLine::Report(&report))?;
                continue;
            }
            outln!("{}", causes.summary(&name, &report));
            if let Some((resolved, of)) = gold::Gold::read(&cache_dir()?).against(&report) {
                outln!("{name}: {resolved} of {of} whose gold patch passes on this machine");
            }
            known::say(&report, &found.place, grading.network);
        }
    }
    Ok(left.code(true))
}

/// `--gold`, `--empty`, `--wrong`: checks that grading gives the expected verdicts here.
async fn self_test(args: &Grade, found: &ResolvedPlace, grading: Grading, suite: &Suite) -> anyhow::Result<u8> {
    let whole = |patch: &dyn Fn(&voe_grade::Instance) -> Option<String>| -> Vec<PatchToGrade> {
        let entry =
            |task: &voe_grade::Instance| PatchToGrade { task: Arc::new(task.clone()), name: None, patch: patch(task) };
        suite.tasks.iter().map(entry).collect()
    };
    let (model, entries) = if args.gold {
        ("gold", whole(&|task| Some(task.patch.clone())))
    } else if args.empty {
        ("empty", whole(&|_| None))
    } else {
        ("wrong", self_tests::wrong(suite)?)
    };
    // Without --out the user did not ask for files: it uses a new directory and can't be resumed.
    let (out, _lock) = match &args.out {
        Some(out) => (results(out)?, None),
        None => self_tests::new(&crate::state::open()?, model).map(|(out, lock)| (out, Some(lock)))?,
    };
    let batch = batch(args, found, grading, suite, model, out).await?;
    let (report, left, origins) = finish(args, found, &batch, entries, &[]).await?;
    let failed: BTreeSet<&str> = if args.gold {
        gold::Gold::read(&cache_dir()?).note(&report, &origins, &cache_dir()?)?;
        let failed = report.unresolved_ids.iter().chain(&report.error_ids).map(String::as_str);
        known::say(&report, &found.place, grading.network);
        failed.filter(|id| of_known::here(id, &found.place, grading.network).is_none()).collect()
    } else {
        report.resolved_ids.iter().chain(&report.error_ids).map(String::as_str).collect()
    };
    if failed.is_empty() {
        return Ok(left.code(false));
    }
    errln!("voe: unexpected verdicts: {}", failed.into_iter().collect::<Vec<_>>().join(", "));
    Ok(exit::INTERNAL)
}

fn of_logs(dir: &Path, suite: &Suite, json: bool) -> anyhow::Result<u8> {
    if !dir.is_dir() {
        return Err(UsageError(format!("{} is not a directory; give one with logs (--logs DIR)", dir.display())).into());
    }
    let (mut resolved, mut count, mut problems) = (0, 0, 0);
    logs::grade_all(dir, suite, |found| match found {
        logs::LogResult::Graded(log) => {
            count += 1;
            resolved += usize::from(log.graded.report.resolved);
            if json {
                crate::show::out::json_text(&serde_json::to_string(&GradeLine::Log(&log)).unwrap_or_default());
            } else {
                let verdict = if log.graded.report.resolved { "resolved" } else { "unresolved" };
                let why = log.graded.not_found.map(|why| format!("  {why}")).unwrap_or_default();
                outln!("{}", one_line(&format!("{verdict:<12} {}  {}{why}", log.instance_id, log.file)));
            }
        }
        logs::LogResult::Problem(problem) => {
            problems += 1;
            errln!("voe: {}", one_line(&problem.to_string()));
        }
    })
    .map_err(|e| UsageError(e.to_string()))?;
    if !json {
        outln!("{resolved} of {count} logs resolved");
    }
    if problems > 0 {
        let logs = if problems == 1 { "1 log".to_owned() } else { format!("{problems} logs") };
        errln!("voe: incomplete: {logs} could not be graded, for the reasons above");
        return Ok(exit::PARTLY);
    }
    Ok(exit::OK)
}

async fn officially(args: &Grade, suite: &Suite, predictions: &Path, out: &UntrustedDir) -> anyhow::Result<u8> {
    let rows: Vec<String> = suite.tasks.iter().filter_map(|task| serde_json::to_string(task).ok()).collect();
    // Not next to the results: a suite of the user may be there.
    let work = private::dir_in(out, "work")?;
    let name = format!("suite-{}.jsonl", std::process::id());
    work.replace(&name, (rows.join("\n") + "\n").as_bytes())?;
    let file = std::fs::canonicalize(work.path())?.join(&name);
    let parallel = args.parallel.unwrap_or(4);
    let predictions = std::fs::canonicalize(predictions)?;
    let done = official::run(&file, &predictions, &args.run_id, parallel, out, |line| errln!("{line}")).await;
    work.remove_file(&name)?;
    out.remove_empty("work");
    done.map_err(|e| UsageError(e.to_string()))?;
    Ok(exit::OK)
}
