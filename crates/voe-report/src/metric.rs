//! The table of metrics: each reported number of an attempt, its meaning and its format.
//!
//! The report's tables of work, the cumulative figures, the columns of `attempts.csv`, the numbers of the
//! viewer and the list in `docs/statistics.md` are made from [`METRICS`]. A number that [`AttemptFacts`] already has becomes a metric by one
//! entry here; one that has to be read from trajectories is first counted in [`Fold`](crate::data::attempt::Fold).

mod combine;

pub(crate) use combine::summaries;
pub use combine::{MetricCombination, MetricSummary};

use MetricCombination::{Mean, Median, PartOf, PerResolved, ShareOf, Sum};
use MetricTable::{ArmWork, Edits};
use MetricUnit::{Bytes, Count, Dollars, Seconds, Tokens};

use crate::data::attempt::AttemptFacts;
use crate::format::{duration, grouped, short};

/// A number of an attempt.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Column of `attempts.csv`, and key in `voe report --format json`.
    pub name: &'static str,
    /// Label of the number of one attempt.
    pub label: &'static str,
    /// Unit of the number.
    pub unit: MetricUnit,
    /// Meaning, for the documentation.
    pub about: &'static str,
    /// The number of an attempt; `None` if unknown.
    pub of: fn(&AttemptFacts) -> Option<f64>,
    /// The rows of the report's tables that show it for a whole arm.
    pub rows: &'static [MetricRow],
    /// The cumulative figure, if there is one.
    pub curve: Option<MetricCurve>,
}

/// The unit of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricUnit {
    /// A count.
    Count,
    /// Tokens of a model.
    Tokens,
    /// US dollars.
    Dollars,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

/// A row of one of the report's tables.
#[derive(Debug, Clone, Copy)]
pub struct MetricRow {
    /// The table.
    pub table: MetricTable,
    /// The text in the row's first column.
    pub label: &'static str,
    /// How the numbers of an arm's attempts are combined.
    pub combine: MetricCombination,
}

/// The tables with a row for each metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricTable {
    /// Steps, tokens, time.
    ArmWork,
    /// Edits, checks and nudges.
    Edits,
}

/// A cumulative figure: the share resolved within an amount of a metric.
#[derive(Debug, Clone, Copy)]
pub struct MetricCurve {
    /// For file names and anchors.
    pub id: &'static str,
    /// Title of the figure.
    pub title: &'static str,
    /// Label of the horizontal axis.
    pub axis: &'static str,
}

impl MetricUnit {
    /// Name of the unit.
    pub fn word(self) -> &'static str {
        match self {
            Count => "count",
            Tokens => "tokens",
            Dollars => "US dollars",
            Seconds => "seconds",
            Bytes => "bytes",
        }
    }

    /// Formats a number of one attempt for people.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Count => grouped(value.max(0.0) as u64),
            Bytes => format!("{} bytes", grouped(value.max(0.0) as u64)),
            Tokens => short(value),
            Dollars => format!("$ {value:.4}"),
            Seconds => duration(value),
        }
    }
}

impl Metric {
    const fn new(
        name: &'static str,
        label: &'static str,
        unit: MetricUnit,
        about: &'static str,
        of: fn(&AttemptFacts) -> Option<f64>,
    ) -> Self {
        Self { name, label, unit, about, of, rows: &[], curve: None }
    }

    const fn rows(self, rows: &'static [MetricRow]) -> Self {
        Self { rows, ..self }
    }

    const fn curve(self, id: &'static str, title: &'static str, axis: &'static str) -> Self {
        Self { curve: Some(MetricCurve { id, title, axis }), ..self }
    }
}

const fn row(table: MetricTable, label: &'static str, combine: MetricCombination) -> MetricRow {
    MetricRow { table, label, combine }
}

/// A count that is always known.
fn n(count: u32) -> Option<f64> {
    Some(count.into())
}

/// Tokens, if known.
fn tokens(count: impl Into<Option<u64>>) -> Option<f64> {
    count.into().map(|count| count as f64)
}

/// All of them, in the order in which tables and the viewer show them.
pub const METRICS: &[Metric] = &[
    Metric::new("steps", "steps", Count, "model replies", |a| n(a.steps))
        .rows(&[row(ArmWork, "steps, mean", Mean), row(ArmWork, "steps, median", Median)])
        .curve("resolved-by-steps", "Resolved by number of steps", "steps"),
    Metric::new("tokens", "tokens", Tokens, "prompt and output tokens", |a| tokens(a.usage.total())).curve(
        "resolved-by-tokens",
        "Resolved by number of tokens",
        "prompt and output tokens of the attempt",
    ),
    Metric::new("prompt_tokens", "prompt tokens", Tokens, "tokens sent to the model, all requests together", |a| {
        tokens(a.usage.prompt)
    })
    .rows(&[row(ArmWork, "prompt tokens per attempt", Mean)]),
    Metric::new("cached_tokens", "of these cached", Tokens, "prompt tokens that the server had in its cache", |a| {
        tokens(a.usage.cached)
    })
    .rows(&[row(ArmWork, "of these cached", ShareOf("prompt_tokens"))]),
    Metric::new("output_tokens", "output tokens", Tokens, "tokens generated by the model, reasoning included", |a| {
        tokens(a.usage.output)
    })
    .rows(&[row(ArmWork, "output tokens per attempt", Mean)]),
    Metric::new("reasoning_tokens", "of these reasoning", Tokens, "output tokens that are reasoning", |a| {
        tokens(a.usage.reasoning)
    })
    .rows(&[row(ArmWork, "of these reasoning", ShareOf("output_tokens"))]),
    Metric::new("cost_usd", "cost", Dollars, "cost of the tokens, if the prices are known", |a| a.usage.cost)
        .rows(&[row(ArmWork, "cost, total", Sum), row(ArmWork, "cost per resolved task", PerResolved)])
        .curve("resolved-by-cost", "Resolved by cost", "US dollars of the attempt"),
    Metric::new("total_seconds", "time", Seconds, "wall time from start to end", |a| Some(a.seconds.total))
        .rows(&[row(ArmWork, "time per attempt", Mean)])
        .curve("resolved-by-time", "Resolved by time", "seconds of the attempt"),
    Metric::new("model_seconds", "model time", Seconds, "waiting for the model", |a| Some(a.seconds.model))
        .rows(&[row(ArmWork, "waiting for the model", Mean)]),
    Metric::new("tool_seconds", "tool time", Seconds, "running tools", |a| Some(a.seconds.tools)).rows(&[row(
        ArmWork,
        "running tools",
        Mean,
    )]),
    Metric::new("compactions", "compactions", Count, "number of times that the conversation was compacted", |a| {
        n(a.compactions)
    })
    .rows(&[row(ArmWork, "compactions", Sum)]),
    Metric::new("retries", "requests retried", Count, "requests to the model that were retried", |a| n(a.retries))
        .rows(&[row(ArmWork, "requests retried", Sum)]),
    Metric::new("replies_repaired", "replies repaired", Count, "replies that were repaired before parsing", |a| {
        n(a.repaired)
    })
    .rows(&[row(ArmWork, "replies repaired", Sum)]),
    Metric::new("replies_malformed", "malformed calls", Count, "replies with a call that could not be parsed", |a| {
        n(a.malformed)
    })
    .rows(&[row(ArmWork, "malformed calls", Sum)]),
    Metric::new("refusals", "refused by the gate", Count, "number of times that the gate refused a \"done\"", |a| {
        n(a.refusals)
    })
    .rows(&[row(ArmWork, "\"done\" refused by the gate", Sum)]),
    Metric::new("resumes", "resumed", Count, "number of times that the attempt was resumed", |a| n(a.resumes)),
    Metric::new("edits", "edits", Count, "tool calls that changed the workspace", |a| n(a.edit_count()))
        .rows(&[row(Edits, "edits", Sum)]),
    Metric::new(
        "edits_checked_at_once",
        "checked at once",
        Count,
        "edits whose exact code has a recorded check",
        |a| n(a.checked_at_once),
    )
    .rows(&[row(Edits, "edits checked at once", PartOf("edits"))]),
    Metric::new("edits_checked", "checked at all", Count, "edits with any recorded check after them", |a| n(a.checked))
        .rows(&[row(Edits, "edits checked at all", PartOf("edits"))]),
    Metric::new("nudges", "nudges", Count, "messages from voe to the model", |a| {
        n(a.nudges.values().map(|kind| kind.given).sum())
    }),
    Metric::new("nudges_heeded", "nudges heeded", Count, "nudges for a check that were followed by one", |a| {
        n(a.nudges.values().filter_map(|kind| kind.heeded).sum())
    }),
    Metric::new("patch_bytes", "patch", Bytes, "size of the patch", |a| Some(a.patch_bytes as f64)),
];

/// The first columns of `attempts.csv`, in the order that programs may rely on.
const FIRST_COLUMNS: [&str; 17] = [
    "steps",
    "prompt_tokens",
    "cached_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_usd",
    "model_seconds",
    "tool_seconds",
    "total_seconds",
    "edits",
    "edits_checked_at_once",
    "edits_checked",
    "nudges",
    "nudges_heeded",
    "refusals",
    "compactions",
    "patch_bytes",
];

/// All metrics in the order of the columns of `attempts.csv`: later additions come last.
pub fn columns() -> Vec<&'static Metric> {
    let mut columns: Vec<&Metric> = METRICS.iter().collect();
    let place = |metric: &&Metric| FIRST_COLUMNS.iter().position(|name| *name == metric.name);
    columns.sort_by_key(|metric| place(metric).unwrap_or(FIRST_COLUMNS.len()));
    columns
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_metric_has_a_name_of_its_own_and_is_a_share_of_one_that_there_is() {
        let names: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
        for row in METRICS.iter().flat_map(|metric| metric.rows) {
            if let ShareOf(whole) | PartOf(whole) = row.combine {
                assert!(names.contains(whole), "{}: {whole}", row.label);
            }
        }
        let curves: BTreeSet<&str> = METRICS.iter().filter_map(|metric| Some(metric.curve?.id)).collect();
        assert_eq!(curves.len(), METRICS.iter().filter(|metric| metric.curve.is_some()).count());
    }

    #[test]
    fn columns_that_programs_know_stay_where_they_were() {
        let columns: Vec<&str> = columns().into_iter().map(|metric| metric.name).collect();
        assert_eq!(columns[..FIRST_COLUMNS.len()], FIRST_COLUMNS);
        assert_eq!(columns.len(), METRICS.len());
    }

    #[test]
    fn the_documentation_lists_what_the_table_has() {
        let mut table = String::from("| metric | unit | meaning |\n|---|---|---|\n");
        for metric in columns() {
            table += &format!("| `{}` | {} | {} |\n", metric.name, metric.unit.word(), metric.about);
        }
        let docs = include_str!("../../../docs/statistics.md");
        assert!(docs.contains(&table), "docs/statistics.md must have:\n{table}");
    }
}
