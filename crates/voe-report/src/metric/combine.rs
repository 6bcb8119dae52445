//! Combines the numbers of an arm's attempts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{METRICS, Metric, MetricUnit};
use crate::data::attempt::AttemptFacts;
use crate::format::{duration, mean_count, percent, short};
use crate::report::table::Value;
use crate::stats::bootstrap::quantile;

/// Combines the numbers of an arm's attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricCombination {
    /// The sum.
    Sum,
    /// The mean.
    Mean,
    /// The median.
    Median,
    /// The sum, as a share of another metric's sum.
    ShareOf(&'static str),
    /// The same, with the sum before the share.
    PartOf(&'static str),
    /// The sum, divided by the tasks resolved in all trials.
    PerResolved,
}

/// One metric over the attempts of an arm for which it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, JsonSchema)]
pub struct MetricSummary {
    /// Attempts for which it is known.
    pub attempts: u32,
    /// The sum.
    pub sum: f64,
    /// The mean.
    pub mean: f64,
    /// The first quartile.
    pub lower: f64,
    /// The median.
    pub median: f64,
    /// The third quartile.
    pub upper: f64,
    /// The maximum.
    pub most: f64,
}

/// Each metric over an arm's attempts; metrics unknown for all of them are left out.
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
    /// The cell of an arm. `all`: its metrics. `resolved`: tasks resolved in all trials. `None` if unknown.
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
            // A share of zero is undefined.
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
