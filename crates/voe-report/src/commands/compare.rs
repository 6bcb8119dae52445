//! `voe compare`: two arms on the same tasks.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;
use voe_untrusted::text::one_line;

use super::denominator::denominator;
use super::power::{PUBLISHED_DISCORDANCE, pairs_in_words};
use crate::ReportError;
use crate::data::arm::ArmResults;
use crate::data::suite::{TaskFacts, TaskSet, difficulty_rank};
use crate::data::{load, parts};
use crate::format::{mean_count, p_value, percent, points};
use crate::stats::bootstrap::{self, FEW_CLUSTERS};
use crate::stats::{ALPHA, CONFIDENCE, Interval, multiple::holm, paired, power::PowerPlan};

/// Settings of a comparison.
#[derive(Debug, Clone, Default)]
pub struct CompareOptions {
    /// The first arm: a run's arm or a report.
    pub a: String,
    /// The second arm.
    pub b: String,
    /// The tasks that count; without it, the union of the tasks that both submitted.
    pub suite: Option<TaskSet>,
    /// Whether to compare by group, too.
    pub by: Option<GroupBy>,
}

/// How tasks are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// By repository.
    Repo,
    /// By difficulty.
    Difficulty,
}

impl GroupBy {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Repo, Self::Difficulty];

    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Repo => "repo",
            Self::Difficulty => "difficulty",
        }
    }

    /// The group of a task.
    pub(crate) fn group(self, task: &TaskFacts) -> String {
        let (name, unknown) = match self {
            Self::Repo => (&task.repo, "unknown"),
            Self::Difficulty => (&task.difficulty, "not stated"),
        };
        if name.is_empty() { unknown.to_owned() } else { one_line(name) }
    }

    /// Repositories by name, difficulties from the easiest.
    pub(crate) fn sort(self, groups: &mut [String]) {
        match self {
            Self::Repo => groups.sort(),
            Self::Difficulty => groups.sort_by(|a, b| difficulty_rank(a).cmp(&difficulty_rank(b))),
        }
    }
}

/// Two arms, paired.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Comparison {
    /// The first arm's name.
    pub a: String,
    /// The second's.
    pub b: String,
    /// The number of tasks.
    pub tasks: usize,
    /// The source of the tasks.
    pub denominator: String,
    /// Trials of each arm.
    pub trials: [usize; 2],
    /// Tasks that each arm resolved, mean over trials.
    pub resolved: [f64; 2],
    /// Tasks that A resolved and B did not (with several trials: A more often than B).
    pub won: usize,
    /// Tasks that B resolved and A did not.
    pub lost: usize,
    /// Tasks that both resolved (with several trials: equally often, in at least half of them).
    pub both: usize,
    /// Tasks that neither resolved (with several trials: equally often, in less than half of them).
    pub neither: usize,
    /// Exact McNemar, two-sided.
    pub p: f64,
    /// A's rate minus B's.
    pub difference: f64,
    /// The interval of the difference.
    pub interval: Interval,
    /// Method of the interval: "tango" or "bootstrap clustered by repository".
    pub interval_method: &'static str,
    /// The interval from resampling repositories.
    pub interval_clustered: Interval,
    /// The number of repositories resampled.
    pub clusters: usize,
    /// Confidence of both intervals.
    pub confidence: f64,
    /// The share of tasks won or lost.
    pub discordance: f64,
    /// Tasks needed to detect such a difference at this discordance with power 0.8.
    pub tasks_for_80: Option<u64>,
    /// The result in plain words.
    pub sentence: String,
    /// Notes for readers.
    pub notes: Vec<String>,
    /// The tasks won.
    pub won_tasks: Vec<String>,
    /// The tasks lost.
    pub lost_tasks: Vec<String>,
    /// The comparison by group, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Vec<GroupComparison>>,
}

/// One group of tasks.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct GroupComparison {
    /// Name of the group.
    pub group: String,
    /// Number of its tasks.
    pub tasks: usize,
    /// As in [`Comparison`].
    pub won: usize,
    /// As in [`Comparison`].
    pub lost: usize,
    /// As in [`Comparison`].
    pub both: usize,
    /// As in [`Comparison`].
    pub neither: usize,
    /// Exact McNemar within the group.
    pub p: f64,
    /// The p-value after Holm's correction over the groups.
    pub p_holm: f64,
    /// A's rate minus B's.
    pub difference: f64,
    /// The interval of the difference, by the same method as for all tasks; within one repository tasks are drawn.
    pub interval: Interval,
}

/// Loads both arms and compares them.
///
/// # Errors
/// An arm can't be loaded, the two are shards of one experiment, or there are no tasks to compare.
pub fn compare(options: &CompareOptions) -> Result<Comparison, ReportError> {
    let (mut a, mut b) = (load::arm(&options.a)?, load::arm(&options.b)?);
    parts::check([&a, &b])?;
    if a.name == b.name {
        (a.name, b.name) = (options.a.clone(), options.b.clone());
    }
    let (suite, note) = denominator(options.suite.as_ref(), &[&a, &b]);
    let mut comparison = of_arms(&a, &b, &suite)
        .ok_or_else(|| ReportError::Usage("nothing to compare: the suite has no tasks".to_owned()))?;
    comparison.notes.extend(note);
    if let Some(by) = options.by {
        comparison.by = Some(groups(&a, &b, &suite, by));
    }
    Ok(comparison)
}

/// Counts won, lost, both and neither among some tasks.
struct PairTable<'a> {
    won: Vec<&'a str>,
    lost: Vec<&'a str>,
    both: usize,
    neither: usize,
    differences: Vec<(&'a str, f64)>,
}

fn table<'a>(
    a: &ArmResults,
    b: &ArmResults,
    tasks: impl Iterator<Item = (&'a String, &'a TaskFacts)>,
) -> PairTable<'a> {
    let mut table = PairTable { won: Vec::new(), lost: Vec::new(), both: 0, neither: 0, differences: Vec::new() };
    for (task, facts) in tasks {
        let (rate_a, rate_b) = (a.rate(task), b.rate(task));
        table.differences.push((&facts.repo, rate_a - rate_b));
        if rate_a > rate_b {
            table.won.push(task);
        } else if rate_a < rate_b {
            table.lost.push(task);
        } else if rate_a >= 0.5 {
            table.both += 1;
        } else {
            table.neither += 1;
        }
    }
    table
}

/// Whether the interval comes from resampling: with several trials, unless no task differs between the arms. Resampling then gives an
/// interval of width zero, however few tasks there are.
fn resampled(a: &ArmResults, b: &ArmResults, clustered: &bootstrap::Clustered) -> bool {
    a.trials.len().max(b.trials.len()) > 1 && (clustered.mean != 0.0 || clustered.interval.0 < clustered.interval.1)
}

/// Compares two arms on a suite; `None` if it has no tasks.
pub fn of_arms(a: &ArmResults, b: &ArmResults, suite: &TaskSet) -> Option<Comparison> {
    let n = suite.tasks.len();
    let PairTable { won, lost, both, neither, differences } = table(a, b, suite.tasks.iter());
    let clustered = bootstrap::clustered(&differences)?;
    let resampled = resampled(a, b, &clustered);
    let (interval, interval_method) = if resampled {
        (clustered.interval, "bootstrap clustered by repository")
    } else {
        (paired::tango(won.len(), lost.len(), n)?, "tango")
    };
    let discordance = (won.len() + lost.len()) as f64 / n as f64;
    let gain = if clustered.mean == 0.0 { 0.04 } else { clustered.mean.abs() };
    // Where no task differs, assume the discordance of other arms for more tasks.
    let expected = if discordance > 0.0 { discordance } else { PUBLISHED_DISCORDANCE };
    let plan = PowerPlan { pairs: 1, discordance: expected.max(gain), gain, alpha: ALPHA };
    let mut notes = Vec::new();
    if resampled && clustered.clusters < FEW_CLUSTERS {
        notes.push(format!(
            "the interval is based on {} repositories; with fewer than {FEW_CLUSTERS} it tends to be too narrow",
            clustered.clusters
        ));
    }
    let mut comparison = Comparison {
        a: a.name.clone(),
        b: b.name.clone(),
        tasks: n,
        denominator: suite.name.clone(),
        trials: [a.trials.len(), b.trials.len()],
        resolved: [a.mean_resolved(suite), b.mean_resolved(suite)],
        p: paired::mcnemar(won.len(), lost.len()),
        won: won.len(),
        lost: lost.len(),
        both,
        neither,
        difference: clustered.mean,
        interval,
        interval_method,
        interval_clustered: clustered.interval,
        clusters: clustered.clusters,
        confidence: CONFIDENCE,
        discordance,
        tasks_for_80: plan.pairs_for(0.8),
        sentence: String::new(),
        notes,
        won_tasks: won.into_iter().map(str::to_owned).collect(),
        lost_tasks: lost.into_iter().map(str::to_owned).collect(),
        by: None,
    };
    comparison.sentence = comparison.in_words(comparison.p, 1);
    Some(comparison)
}

/// Compares by group, with Holm's correction over the groups.
pub(crate) fn groups(a: &ArmResults, b: &ArmResults, suite: &TaskSet, by: GroupBy) -> Vec<GroupComparison> {
    let mut members: BTreeMap<String, Vec<(&String, &TaskFacts)>> = BTreeMap::new();
    for (task, facts) in &suite.tasks {
        members.entry(by.group(facts)).or_default().push((task, facts));
    }
    let mut names: Vec<String> = members.keys().cloned().collect();
    by.sort(&mut names);
    let mut groups: Vec<GroupComparison> = names
        .into_iter()
        .map(|group| {
            let tasks = &members[&group];
            let PairTable { won, lost, both, neither, differences } = table(a, b, tasks.iter().copied());
            let (won, lost, n) = (won.len(), lost.len(), tasks.len());
            let clustered = bootstrap::clustered(&differences).filter(|c| resampled(a, b, c));
            let interval = clustered.map(|c| c.interval).or_else(|| paired::tango(won, lost, n));
            GroupComparison {
                group,
                tasks: n,
                won,
                lost,
                both,
                neither,
                p: paired::mcnemar(won, lost),
                p_holm: 1.0,
                difference: differences.iter().map(|(_, d)| d).sum::<f64>() / n as f64,
                interval: interval.unwrap_or(Interval(-1.0, 1.0)),
            }
        })
        .collect();
    let adjusted = holm(&groups.iter().map(|g| g.p).collect::<Vec<_>>());
    groups.iter_mut().zip(adjusted).for_each(|(group, p)| group.p_holm = p);
    groups
}

impl Comparison {
    /// The result in words, by a p-value that may be corrected for several pairs.
    pub(crate) fn in_words(&self, p: f64, pairs: usize) -> String {
        let Interval(low, high) = self.interval;
        let effect = format!("{} points, 95 % interval {} to {}", points(self.difference), points(low), points(high));
        let corrected = if pairs > 1 { format!(" after Holm's correction over {pairs} pairs") } else { String::new() };
        let chance = format!("p = {}{corrected}", p_value(p));
        let head = format!("{} won, {} lost of {}", self.won, self.lost, self.tasks);
        if p <= ALPHA {
            let (better, worse) = if self.won > self.lost { (&self.a, &self.b) } else { (&self.b, &self.a) };
            return format!(
                "{head}: {better} resolves more than {worse}, beyond what chance explains ({effect}; {chance})."
            );
        }
        let size =
            if self.difference == 0.0 { "4".to_owned() } else { format!("{:.1}", 100.0 * self.difference.abs()) };
        format!(
            "{head}: this data does not show a difference ({effect}; {chance}); to detect a gain of {size} points you need {}.",
            pairs_in_words(self.tasks_for_80)
        )
    }

    /// The text for a terminal.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let width = self.a.chars().count().max(self.b.chars().count());
        let _ = writeln!(out, "{} tasks: {}\n", self.tasks, self.denominator);
        for (letter, name, i) in [('A', &self.a, 0), ('B', &self.b, 1)] {
            let rate = percent(self.resolved[i] / self.tasks as f64);
            let trials =
                if self.trials[i] > 1 { format!("  mean of {} trials", self.trials[i]) } else { String::new() };
            let _ = writeln!(
                out,
                "{letter}  {name:width$}  {:>5} resolved  {rate:>7}{trials}",
                mean_count(self.resolved[i])
            );
        }
        let Interval(low, high) = self.interval;
        let _ =
            writeln!(out, "\nwon {}   lost {}   both {}   neither {}", self.won, self.lost, self.both, self.neither);
        let _ = writeln!(
            out,
            "difference {} points, 95 % interval {} to {} ({})",
            points(self.difference),
            points(low),
            points(high),
            self.interval_method
        );
        let _ = writeln!(out, "exact McNemar, two-sided: p = {}\n\n{}", p_value(self.p), self.sentence);
        if let Some(groups) = &self.by {
            let name = groups.iter().map(|g| g.group.chars().count()).max().unwrap_or(0);
            let _ = writeln!(out, "\n{:name$}  tasks   won  lost  both  neither  difference  p (Holm)", "");
            for g in groups {
                let _ = writeln!(
                    out,
                    "{:name$}  {:>5}  {:>4}  {:>4}  {:>4}  {:>7}  {:>10}  {:>8}",
                    g.group,
                    g.tasks,
                    g.won,
                    g.lost,
                    g.both,
                    g.neither,
                    points(g.difference),
                    p_value(g.p_holm)
                );
            }
        }
        for note in &self.notes {
            let _ = writeln!(out, "\nnote: {note}");
        }
        out
    }

    /// As one JSON object.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}
