//! `voe bench prepare`: prepares environments, checkouts and images of tasks before runs and gradings.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use voe_bench::workspace::reason::few;
use voe_bench::workspace::{PrepareError, PreparedTask, Remedy, Workspaces};
use voe_grade::Instance;

use super::args::Prepare;
use super::building::ShownBuilds;
use super::place::ResolvedPlace;
use super::settings::{self, SettingsUse};
use super::{cache_dir, hide, known, live, suite};
use crate::show::{one_line, out};
use crate::{exit, signals};

/// A line of `voe bench prepare --json`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PrepareLine")]
#[serde(untagged)]
pub(crate) enum PrepareLine<'a> {
    /// A task.
    Task(PrepareEvent<'a>),
    /// The last line.
    Summary(Summary<'a>),
}

/// The result for a task.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Prepared")]
#[serde(tag = "news", rename_all = "snake_case")]
pub(crate) enum PrepareEvent<'a> {
    /// The task is ready.
    Ready {
        /// The task.
        task: &'a str,
        /// Its environment, by content.
        environment: &'a str,
        /// Missing packages of its environment.
        lacks: &'a [String],
        /// Seconds that it took.
        seconds: f64,
    },
    /// The task can't be prepared here.
    Skipped {
        /// The task.
        task: &'a str,
        /// The reason, in one line.
        why: &'a str,
        /// What removes the reason.
        remedy: Remedy,
    },
}

/// All tasks.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PrepareSummary")]
pub(crate) struct Summary<'a> {
    /// Tasks that are ready.
    ready: usize,
    /// Those that can't be prepared here, by reason.
    skipped: Vec<SkippedTasks<'a>>,
    /// Those whose gold patch is known not to pass here, by reason.
    gold_fails: Vec<GoldFails<'a>>,
    /// How many fewer bytes the cache's disk has free than before; null if unknown.
    bytes: Option<u64>,
}

/// Tasks that can't be prepared here for the same reason.
#[derive(Serialize, JsonSchema)]
struct SkippedTasks<'a> {
    /// The reason.
    why: &'a str,
    /// What removes it.
    remedy: Remedy,
    /// The tasks.
    tasks: &'a [String],
}

/// Tasks whose gold patch is known not to pass here for the same reason.
#[derive(Serialize, JsonSchema)]
struct GoldFails<'a> {
    /// The reason.
    why: &'a str,
    /// The tasks.
    tasks: &'a [&'a str],
}

pub(super) async fn run(args: Prepare) -> anyhow::Result<u8> {
    let said = args.place.said(&settings::load(SettingsUse::Place)?, args.backend)?;
    let suite = suite(&args.suite, &args.filter).await?;
    let found = said.place(&suite).await?;
    let mut workspaces = found.workspaces(&suite, args.place.keep_images).await?;
    hide::refuse_to_show(&workspaces.read, &workspaces.hidden)?;
    args.place.remember()?;
    workspaces.native.again = Some(Default::default());
    voe_sandbox::sweep(&crate::state::dir()?);
    let cache = cache_dir()?;
    let before = left(&cache);
    let mut skipped = Skipped::default();
    let mut tasks = Vec::new();
    for task in &suite.tasks {
        match workspaces.ahead(task).await {
            Ok(_) => tasks.push(task.clone()),
            Err(refusal) => skipped.add(&task.instance_id, refusal.why, refusal.remedy),
        }
    }
    let plan = workspaces.plan(&tasks).await;
    let shown = Arc::<ShownBuilds>::default();
    if !args.json {
        skipped.print("will be skipped");
        let builds = match (plan.builds, plan.open) {
            (1, false) => "1 environment to build".to_owned(),
            (n, false) => format!("{n} environments to build"),
            (_, true) => "the lists of their environments will be fetched first".to_owned(),
        };
        outln!("{} to prepare; {builds}", count(tasks.len()));
        workspaces.native.watch = shown.watch(plan);
    } else {
        skipped.print_json()?;
    }
    let parallel = args.parallel.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()));
    let shows = (!args.json).then_some(&*shown);
    let work = all(&workspaces, &tasks, parallel, shows, &mut skipped);
    let ready = signals::unless_stopped(work).await?;
    shown.end();
    let Some(ready) = ready else {
        if !args.json {
            errln!("voe: stopped; to resume: run the same command");
        }
        // Otherwise running checkouts would be waited for; unfinished ones are made again.
        std::process::exit(exit::INTERRUPTED.into());
    };
    let taken = before.zip(left(&cache)).map(|(before, after)| before.saturating_sub(after));
    summary(&ready, &skipped, &found, taken, args.json)?;
    Ok(if skipped.reasons.is_empty() { exit::OK } else { exit::PARTLY })
}

/// Prepares all of them; returns the ids of those that are ready.
async fn all(
    workspaces: &Workspaces,
    tasks: &[Instance],
    parallel: usize,
    shown: Option<&ShownBuilds>,
    skipped: &mut Skipped,
) -> Vec<String> {
    let (mut ready, mut done) = (Vec::new(), 0);
    let mut at = |more: usize| {
        done += more;
        if let Some(shown) = shown {
            shown.at(format!("{done} of {}", count(tasks.len())));
        }
    };
    at(0);
    let each = |task: &Instance, prepared: Result<Arc<PreparedTask>, PrepareError>, took: Duration| {
        let id = &task.instance_id;
        match prepared {
            Ok(prepared) => {
                show_ready(id, &prepared, took.as_secs_f64(), shown.is_none());
                ready.push(id.clone());
            }
            Err(error) => {
                let (why, remedy) = (error.why(), error.remedy().unwrap_or(Remedy::Reason));
                if shown.is_none() {
                    out::news_json(&PrepareLine::Task(PrepareEvent::Skipped { task: id, why: &why, remedy }));
                } else {
                    outln!("{}", one_line(&format!("skipped  {id}  {why}")));
                }
                skipped.add(id, why, remedy);
            }
        }
        at(1);
    };
    workspaces.prepare_all(tasks, parallel, each).await;
    ready.sort();
    ready
}

fn show_ready(id: &str, prepared: &PreparedTask, seconds: f64, json: bool) {
    let (origin, lacks) = (&prepared.origin, &prepared.lacks);
    if json {
        let line = PrepareEvent::Ready { task: id, environment: origin, lacks: &lacks.pins, seconds };
        return out::news_json(&PrepareLine::Task(line));
    }
    let lacks = if lacks.is_empty() { String::new() } else { format!("; lacks {lacks}") };
    outln!("{}", one_line(&format!("ready    {id}  {origin}, {}{lacks}", live::time(seconds))));
}

/// Tasks that can't be prepared here, by reason.
#[derive(Debug, Default)]
struct Skipped {
    reasons: BTreeMap<String, (Remedy, Vec<String>)>,
}

impl Skipped {
    fn add(&mut self, id: &str, why: String, remedy: Remedy) {
        self.reasons.entry(why).or_insert_with(|| (remedy, Vec::new())).1.push(id.to_owned());
    }

    fn count(&self) -> usize {
        self.reasons.values().map(|(_, ids)| ids.len()).sum()
    }

    /// A line for each reason.
    fn print(&self, what: &str) {
        for (why, (_, ids)) in &self.reasons {
            outln!("{}", one_line(&format!("{what}: {}: {why} ({})", count(ids.len()), few(ids))));
        }
    }

    /// A line for each task.
    fn print_json(&self) -> anyhow::Result<()> {
        for (why, (remedy, ids)) in &self.reasons {
            for id in ids {
                out::news_json(&PrepareLine::Task(PrepareEvent::Skipped { task: id, why, remedy: *remedy }));
            }
        }
        Ok(())
    }
}

fn summary(
    ready: &[String],
    skipped: &Skipped,
    found: &ResolvedPlace,
    taken: Option<u64>,
    json: bool,
) -> anyhow::Result<()> {
    let all = ready.iter().chain(skipped.reasons.values().flat_map(|(_, ids)| ids));
    let known = known::by_reason(all, &found.place, found.place.network);
    if json {
        let reasons = skipped.reasons.iter();
        let reasons = reasons.map(|(why, (remedy, tasks))| SkippedTasks { why, remedy: *remedy, tasks });
        let known = known.iter().map(|(why, tasks)| GoldFails { why, tasks });
        out::json(&PrepareLine::Summary(Summary {
            ready: ready.len(),
            skipped: reasons.collect(),
            gold_fails: known.collect(),
            bytes: taken,
        }))?;
        return Ok(());
    }
    let disk = taken.map(|bytes| format!("; about {} MiB more on disk", bytes >> 20)).unwrap_or_default();
    outln!("ready {}, skipped {}{disk}", ready.len(), skipped.count());
    skipped.print("skipped");
    for (why, ids) in known {
        outln!("{}", one_line(&format!("gold is known not to pass: {}: {why} ({})", count(ids.len()), few(&ids))));
    }
    if !skipped.reasons.is_empty() {
        let remedies = super::remedies(
            skipped.reasons.values().map(|(remedy, _)| remedy).collect::<std::collections::BTreeSet<_>>(),
            false,
        );
        errln!("voe: incomplete: {} skipped ({remedies}, then run the same command)", count(skipped.count()));
    }
    Ok(())
}

/// Free bytes on the cache's disk: inexact, since others write to it too, but walking a cache takes minutes.
fn left(cache: &Path) -> Option<u64> {
    let there = cache.ancestors().find(|path| path.exists())?;
    let stat = rustix::fs::statvfs(there).ok()?;
    Some(stat.f_bavail * stat.f_frsize)
}

fn count(n: usize) -> String {
    if n == 1 { "1 task".to_owned() } else { format!("{n} tasks") }
}
