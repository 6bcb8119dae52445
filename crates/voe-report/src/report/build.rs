//! The report as data.

use schemars::JsonSchema;
use serde::Serialize;

use super::arm_facts::ArmFacts;
use crate::commands::compare::{self, Comparison, GroupBy};
use crate::commands::denominator::denominator;
use crate::data::arm::ArmResults;
use crate::data::suite::TaskSet;
use crate::stats::multiple::holm;

/// Most arms that are compared pairwise by default: with more, the table would be too long to read.
const MOST_ARMS_IN_PAIRS: usize = 12;

/// The data of a report.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Report")]
pub struct ArmsReport {
    /// The source of the tasks.
    pub denominator: String,
    /// Number of tasks.
    pub tasks: usize,
    /// Notes for readers.
    pub notes: Vec<String>,
    /// The arms, in the order given.
    pub arms: Vec<ArmFacts>,
    /// Every pair of arms.
    pub pairs: Vec<Pair>,
    /// By difficulty; empty if the suite has none.
    pub by_difficulty: Vec<GroupRow>,
    /// By repository.
    pub by_repo: Vec<GroupRow>,
    /// Overlap of the tasks that the arms resolve.
    pub overlap: Overlap,
    /// The results of each task.
    pub matrix: Vec<TaskRow>,
}

/// Two arms.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Pair {
    /// The p-value after Holm's correction over all pairs.
    pub p_holm: f64,
    /// The comparison.
    #[serde(flatten)]
    pub comparison: Comparison,
}

/// A repository or a difficulty.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct GroupRow {
    /// Name of the group.
    pub group: String,
    /// Number of its tasks.
    pub tasks: usize,
    /// Tasks resolved by each arm, mean over trials.
    pub resolved: Vec<f64>,
    /// Tasks resolved by at least one arm.
    pub by_any: usize,
}

/// Overlap of the arms. With several trials "resolved" means in at least half of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Overlap {
    /// Tasks that both arms resolve, by pair; the diagonal is each arm's own number.
    pub both: Vec<Vec<usize>>,
    /// Tasks that at least one of the two arms resolves.
    pub union: Vec<Vec<usize>>,
    /// Tasks that at least one arm resolves.
    pub union_of_all: usize,
    /// Tasks that every arm resolves.
    pub all: usize,
    /// For each arm, the number of tasks that only it resolves.
    pub exclusive: Vec<Vec<String>>,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TaskRow {
    /// Its id.
    pub task: String,
    /// Its repository.
    pub repo: String,
    /// Its difficulty, or empty.
    pub difficulty: String,
    /// By arm: number of trials that resolved it, and that submitted it.
    pub outcomes: Vec<[usize; 2]>,
}

impl ArmsReport {
    /// Builds the report. Without a suite the tasks are the union of those submitted, and a note says so.
    pub fn of(arms: &[ArmResults], suite: Option<&TaskSet>) -> (Self, TaskSet) {
        let (suite, notes) = denominator(suite, &arms.iter().collect::<Vec<_>>());
        let mut pairs = Vec::new();
        if arms.len() <= MOST_ARMS_IN_PAIRS {
            for (i, a) in arms.iter().enumerate() {
                for b in &arms[i + 1..] {
                    pairs.extend(compare::of_arms(a, b, &suite).map(|comparison| Pair { p_holm: 1.0, comparison }));
                }
            }
        }
        let adjusted = holm(&pairs.iter().map(|pair| pair.comparison.p).collect::<Vec<_>>());
        let tested = pairs.len();
        for (pair, p) in pairs.iter_mut().zip(adjusted) {
            pair.p_holm = p;
            pair.comparison.sentence = pair.comparison.in_words(p, tested);
        }
        let stated = suite.tasks.values().any(|task| !task.difficulty.is_empty());
        let report = Self {
            denominator: suite.name.clone(),
            tasks: suite.tasks.len(),
            notes,
            arms: arms.iter().map(|arm| ArmFacts::of(arm, &suite)).collect(),
            pairs,
            by_difficulty: if stated { groups(arms, &suite, GroupBy::Difficulty) } else { Vec::new() },
            by_repo: groups(arms, &suite, GroupBy::Repo),
            overlap: overlap(arms, &suite),
            matrix: matrix(arms, &suite),
        };
        (report, suite)
    }
}

fn groups(arms: &[ArmResults], suite: &TaskSet, by: GroupBy) -> Vec<GroupRow> {
    let mut names: Vec<String> = suite.tasks.values().map(|task| by.group(task)).collect();
    by.sort(&mut names);
    names.dedup();
    let group = |group: String| {
        let tasks: Vec<&String> =
            suite.tasks.iter().filter(|(_, task)| by.group(task) == group).map(|(id, _)| id).collect();
        GroupRow {
            tasks: tasks.len(),
            resolved: arms.iter().map(|arm| tasks.iter().map(|id| arm.rate(id)).sum()).collect(),
            by_any: tasks.iter().filter(|id| arms.iter().any(|arm| arm.resolves(id))).count(),
            group,
        }
    };
    names.into_iter().map(group).collect()
}

fn overlap(arms: &[ArmResults], suite: &TaskSet) -> Overlap {
    let solved: Vec<Vec<bool>> =
        arms.iter().map(|arm| suite.tasks.keys().map(|id| arm.resolves(id)).collect()).collect();
    let count = |test: &dyn Fn(usize) -> bool| (0..suite.tasks.len()).filter(|&i| test(i)).count();
    let grid = |test: &dyn Fn(bool, bool) -> bool| -> Vec<Vec<usize>> {
        solved.iter().map(|a| solved.iter().map(|b| count(&|i| test(a[i], b[i]))).collect()).collect()
    };
    let alone = |arm: usize| -> Vec<String> {
        let only = |i: usize| solved.iter().enumerate().all(|(other, s)| s[i] == (other == arm));
        suite.tasks.keys().enumerate().filter(|&(i, _)| only(i)).map(|(_, id)| id.clone()).collect()
    };
    Overlap {
        both: grid(&|a, b| a && b),
        union: grid(&|a, b| a || b),
        union_of_all: count(&|i| solved.iter().any(|s| s[i])),
        all: count(&|i| !solved.is_empty() && solved.iter().all(|s| s[i])),
        exclusive: (0..arms.len()).map(alone).collect(),
    }
}

fn matrix(arms: &[ArmResults], suite: &TaskSet) -> Vec<TaskRow> {
    let outcome = |arm: &ArmResults, id: &String| {
        [arm.resolved_trials(id), arm.trials.iter().filter(|trial| trial.cells.contains_key(id)).count()]
    };
    let row = |(id, task): (&String, &crate::data::suite::TaskFacts)| TaskRow {
        task: id.clone(),
        repo: task.repo.clone(),
        difficulty: task.difficulty.clone(),
        outcomes: arms.iter().map(|arm| outcome(arm, id)).collect(),
    };
    suite.tasks.iter().map(row).collect()
}
