//! Resamples tasks by repository, which preserves the correlation of tasks within a repository.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Interval, random::Random};

/// Number of resamples. The Monte Carlo error of an end of the interval is then a few percent of a standard error.
const RESAMPLES: usize = 10_000;

/// Below this many clusters an interval from resampling them tends to be too narrow (Cameron, Gelbach and Miller,
/// Rev. Econ. Stat. 90 (2008) 414–427).
pub const FEW_CLUSTERS: usize = 30;

/// A mean over tasks, with its interval from resampling.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Clustered {
    /// The mean over all tasks.
    pub mean: f64,
    /// The 95 % percentile interval.
    pub interval: Interval,
    /// The cluster-robust standard error in closed form.
    pub error: f64,
    /// The number of clusters.
    pub clusters: usize,
}

/// The mean of `values`, each with the name of its cluster, and its interval: whole clusters are drawn with replacement, as
/// many as there are, and the mean is taken over the tasks drawn. With one cluster only, or clusters whose means are all the same,
/// tasks are drawn instead.
/// `None` for no values.
///
/// Davison and Hinkley, "Bootstrap Methods and their Application" (1997), section 3.8; the closed form is that of Miller,
/// "Adding error bars to evals", arXiv:2411.00640 (2024), section 2.2.
pub fn clustered(values: &[(&str, f64)]) -> Option<Clustered> {
    if values.is_empty() {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().map(|(_, v)| v).sum::<f64>() / n;
    let mut sums: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (cluster, value) in values {
        let sum = sums.entry(cluster).or_default();
        sum.0 += value;
        sum.1 += 1.0;
    }
    let clusters = sums.len();
    let spread =
        |units: &[(f64, f64)]| units.iter().map(|(sum, size)| (sum - size * mean).powi(2)).sum::<f64>().sqrt() / n;
    let mut units: Vec<(f64, f64)> = sums.into_values().collect();
    if spread(&units) < 1e-12 {
        units = values.iter().map(|(_, v)| (*v, 1.0)).collect();
    }
    let error = spread(&units);

    // A fixed seed: the same data always gives the same interval.
    let mut random = Random::seeded(0x766f_6521);
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let (mut sum, mut size) = (0.0, 0.0);
            for _ in 0..units.len() {
                let unit = units[random.below(units.len())];
                sum += unit.0;
                size += unit.1;
            }
            sum / size
        })
        .collect();
    means.sort_by(f64::total_cmp);
    Some(Clustered { mean, interval: Interval(quantile(&means, 0.025), quantile(&means, 0.975)), error, clusters })
}

/// The quantile of sorted values, linear between neighbours (Hyndman and Fan's type 7, as in R and NumPy).
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = share * last as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resampling_agrees_with_the_closed_form_when_there_are_many_clusters() {
        let names: Vec<String> = (0..60).map(|i| format!("repo{i}")).collect();
        let values: Vec<(&str, f64)> = (0..600)
            .map(|i| {
                (
                    names[(i * 7) % 60].as_str(),
                    f64::from(((i * 37) % 11) as i32 - 5) / 5.0 + ((i * 7) % 60) as f64 / 60.0,
                )
            })
            .collect();
        let found = clustered(&values).unwrap();
        let width = (found.interval.1 - found.interval.0) / (2.0 * super::super::Z);
        assert!((width / found.error - 1.0).abs() < 0.06, "{width} against {}", found.error);
        assert!(found.interval.0 < found.mean && found.mean < found.interval.1);
    }

    #[test]
    fn error_and_interval_agree_with_statsmodels_and_numpy_at_verifieds_twelve_sizes() {
        const SIZES: [usize; 12] = [231, 75, 44, 34, 32, 22, 22, 19, 10, 8, 2, 1];
        let names: Vec<String> = (0..12).map(|c| format!("repo{c}")).collect();
        let clusters = SIZES.iter().enumerate().flat_map(|(c, &size)| std::iter::repeat_n(c, size));
        let value =
            |(i, c): (usize, usize)| (names[c].as_str(), f64::from(((i * 37) % 11) as i32 - 5) / 5.0 + c as f64 / 20.0);
        let values: Vec<(&str, f64)> = clusters.enumerate().map(value).collect();
        let found = clustered(&values).unwrap();
        assert!((found.mean - 0.0923).abs() < 1e-12, "{}", found.mean);
        // statsmodels: OLS(v, 1).fit(cov_type="cluster", cov_kwds={"groups": g, "use_correction": False}).bse
        assert!((found.error - 0.046_841_522_776).abs() < 1e-11, "{}", found.error);
        // numpy: the same quantiles of 4 000 000 resamples; the slack is that of 10 000.
        let Interval(low, high) = found.interval;
        assert!((low - 0.036_27).abs() < 0.003 && (high - 0.248_26).abs() < 0.006, "{low} to {high}");
    }

    #[test]
    fn tasks_that_agree_within_a_repository_widen_the_interval() {
        let alone: Vec<String> = (0..100).map(|i| format!("r{i}")).collect();
        let together: Vec<String> = (0..100).map(|i| format!("r{}", i / 10)).collect();
        let value = |i: usize| f64::from(u8::from((i / 10).is_multiple_of(2)));
        let width = |names: &[String]| {
            let values: Vec<(&str, f64)> = names.iter().enumerate().map(|(i, n)| (n.as_str(), value(i))).collect();
            let Interval(low, high) = clustered(&values).unwrap().interval;
            high - low
        };
        assert!(width(&together) > 2.0 * width(&alone));
    }

    #[test]
    fn the_same_data_give_the_same_interval() {
        let values = [("a", 1.0), ("a", 0.0), ("b", 1.0), ("c", -1.0)];
        assert_eq!(clustered(&values), clustered(&values));
        assert_eq!(clustered(&[]), None);
    }

    #[test]
    fn quantiles_are_those_of_numpy() {
        // numpy.quantile([1, 2, 4, 8], [0.025, 0.5, 0.975])
        let sorted = [1.0, 2.0, 4.0, 8.0];
        for (share, expected) in [(0.025, 1.075), (0.5, 3.0), (0.975, 7.7)] {
            assert!((quantile(&sorted, share) - expected).abs() < 1e-12);
        }
    }
}
