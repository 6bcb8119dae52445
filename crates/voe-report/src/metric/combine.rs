//! How the numbers of an arm's attempts become one.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{METRICS, Metric, MetricUnit};
use crate::data::attempt::AttemptFacts;
use crate::format::{duration, mean_count, percent, short};
use crate::report::table::Value;
use crate::stats::bootstrap::quantile;

/// How the numbers of an arm's attempts become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricCombination {
    /// All together.
    Sum,
    /// The mean.
    Mean,
    /// The number that half of the attempts stay below.
    Median,
    /// All together, as a share of another metric's sum.
    ShareOf(&'static str),
    /// The same with the number before the share.
    PartOf(&'static str),
    /// All together, divided by the tasks resolved in all trials.
    PerResolved,
}

/// One metric over the attempts of an arm that know it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, JsonSchema)]
pub struct MetricSummary {
    /// Attempts that know it.
    pub attempts: u32,
    /// All together.
    pub sum: f64,
    /// The mean.
    pub mean: f64,
    /// A quarter lies below.
    pub lower: f64,
    /// Half lies below.
    pub median: f64,
    /// Three quarters lie below.
    pub upper: f64,
    /// The largest.
    pub most: f64,
}

/// What an arm's attempts have of each metric; one that none of them knows is left out.
pub(crate) fn summaries(attempts: &[&AttemptFacts]) -> BTreeMap<&'static str, MetricSummary> {
    let known = |metric: &Metric| {
        let values = attempts.iter().filter_map(|attempt| (metric.of)(attempt)).collect();
        Some((metric.name, MetricSummary::of(values)?))
    };
    METRICS.iter().filter_map(known).collect()
}

impl MetricSummary {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let (attempts, sum) = (values.len(), values.iter().sum::<f64>());
        values.sort_by(f64::total_cmp);
        let at = |share| quantile(&values, share);
        Some(Self {
            attempts: attempts as u32,
            sum,
            mean: sum / attempts as f64,
            lower: at(0.25),
            median: at(0.5),
            upper: at(0.75),
            most: at(1.0),
        })
    }
}

impl MetricCombination {
    /// The cell of an arm. `all`: its metrics. `resolved`: tasks resolved in all trials. `None` where it is not known.
    pub(crate) fn cell(
        self,
        metric: &Metric,
        all: &BTreeMap<&'static str, MetricSummary>,
        resolved: f64,
    ) -> Option<Value> {
        let own = all.get(metric.name)?;
        let whole = |name| all.get(name).map_or(0.0, |whole: &MetricSummary| whole.sum);
        let (number, text) = match self {
            Self::Sum => (own.sum, self.text(metric.unit, own.sum)),
            Self::Mean => (own.mean, self.text(metric.unit, own.mean)),
            Self::Median => (own.median, self.text(metric.unit, own.median)),
            Self::PerResolved if resolved > 0.0 => (own.sum / resolved, self.text(metric.unit, own.sum / resolved)),
            Self::PerResolved => return None,
            Self::ShareOf(name) => {
                let share = own.sum / whole(name).max(1.0);
                (share, percent(share))
            }
            Self::PartOf(name) if whole(name) > 0.0 => {
                let share = own.sum / whole(name);
                (share, format!("{} ({:.0} %)", own.sum, 100.0 * share))
            }
            // Nothing of nothing.
            Self::PartOf(_) => return None,
        };
        Some(Value::number(number, text))
    }

    fn text(self, unit: MetricUnit, value: f64) -> String {
        match (unit, self) {
            (MetricUnit::Tokens | MetricUnit::Bytes, _) => short(value),
            (MetricUnit::Seconds, _) => duration(value),
            (MetricUnit::Dollars, Self::PerResolved) => format!("$ {value:.3}"),
            (MetricUnit::Dollars, _) => format!("$ {value:.2}"),
            (MetricUnit::Count, Self::Mean) => format!("{value:.1}"),
            (MetricUnit::Count, _) => mean_count(value),
        }
    }
}
