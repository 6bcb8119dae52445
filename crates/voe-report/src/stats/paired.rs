//! Two arms on the same tasks.

use super::{Interval, Z, binomial};

/// The exact two-sided p-value of McNemar's test: `won` tasks that only the first arm resolved against `lost` that only the
/// second did, under the hypothesis that both are equally likely. 1 without any such task.
///
/// McNemar, Psychometrika 12 (1947) 153–157; the exact form is the sign test, twice the smaller binomial tail.
pub fn mcnemar(won: usize, lost: usize) -> f64 {
    let (discordant, fewer) = ((won + lost) as u64, won.min(lost) as u64);
    (2.0 * binomial::cdf(discordant, fewer, 0.5)).min(1.0)
}

/// The 95 % score interval of the difference of two paired rates, (`won` − `lost`) / `tasks`; `None` without tasks.
///
/// Tango, Stat. Med. 17 (1998) 891–908. It keeps its coverage at small numbers and at the edges, where the Wald interval
/// does not (Fagerland, Lydersen and Laake, Stat. Med. 33 (2014) 2850–2875).
pub fn tango(won: usize, lost: usize, tasks: usize) -> Option<Interval> {
    if tasks == 0 {
        return None;
    }
    let (b, c, n) = (won as f64, lost as f64, tasks as f64);
    let estimate = (b - c) / n;
    // The statistic falls as the assumed difference grows; at the estimate it is 0.
    let end = |target: f64, mut low: f64, mut high: f64| {
        for _ in 0..80 {
            let middle = f64::midpoint(low, high);
            if tango_statistic(b, c, n, middle) > target {
                low = middle;
            } else {
                high = middle;
            }
        }
        f64::midpoint(low, high)
    };
    Some(Interval(end(Z, -1.0, estimate), end(-Z, estimate, 1.0)))
}

/// Tango's statistic for an assumed difference: (b − c − nδ) / √(n (2q + δ(1 − δ))), with q the restricted maximum-likelihood
/// estimate of the probability of a loss.
fn tango_statistic(b: f64, c: f64, n: f64, difference: f64) -> f64 {
    let (qa, qb) = (2.0 * n, -b - c + (2.0 * n - b + c) * difference);
    let qc = -c * difference * (1.0 - difference);
    let lost = ((qb * qb - 4.0 * qa * qc).max(0.0).sqrt() - qb) / (2.0 * qa);
    let variance = n * (2.0 * lost + difference * (1.0 - difference));
    let distance = b - c - n * difference;
    if variance > 0.0 { distance / variance.sqrt() } else { distance.signum() * f64::INFINITY }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_p_values_agree_with_the_binomial_test_of_scipy() {
        // scipy.stats.binomtest(k, n, 0.5).pvalue
        for (won, lost, p) in [
            (7, 5, 0.774_414_062_5),
            (52, 37, 0.137_367_971_356),
            (10, 0, 0.001_953_125),
            (1, 7, 0.070_312_5),
            (6, 16, 0.052_478_790_283),
        ] {
            assert!((mcnemar(won, lost) - p).abs() < 1e-9, "{won} won, {lost} lost: {}", mcnemar(won, lost));
            assert_eq!(mcnemar(won, lost), mcnemar(lost, won));
        }
        assert_eq!(mcnemar(0, 0), 1.0);
        assert_eq!(mcnemar(3, 3), 1.0);
    }

    #[test]
    fn intervals_agree_with_fagerland_2014() {
        // Fagerland, Lydersen and Laake, Stat. Med. 33 (2014) 2850–2875: airway hyper-responsiveness, 1 and 7 of 21.
        let Interval(low, high) = tango(1, 7, 21).unwrap();
        assert!((low + 0.517).abs() < 5e-4 && (high + 0.026).abs() < 5e-4, "{low:.4} to {high:.4}");
    }

    #[test]
    fn intervals_agree_with_a_direct_maximisation_of_the_likelihood() {
        // Reference values: the restricted likelihood maximised numerically (scipy.optimize), the score set to ±z.
        for (won, lost, n, low, high) in REFERENCE {
            let Interval(l, h) = tango(won, lost, n).unwrap();
            assert!((l - low).abs() < 2e-5 && (h - high).abs() < 2e-5, "{won}/{lost} of {n}: {l:.6} to {h:.6}");
        }
    }

    const REFERENCE: [(usize, usize, usize, f64, f64); 6] = [
        (1, 7, 21, -0.517232, -0.026003),
        (6, 16, 161, -0.124023, -0.005433),
        (40, 20, 160, 0.030865, 0.218064),
        (7, 5, 45, -0.114525, 0.203762),
        (52, 37, 500, -0.007100, 0.067661),
        (8, 3, 45, -0.037579, 0.263537),
    ];

    #[test]
    fn an_interval_holds_its_estimate_and_turns_with_the_arms() {
        for (won, lost, n) in [(7, 5, 45), (52, 37, 500), (0, 0, 10), (10, 0, 10), (0, 3, 3), (1, 0, 1)] {
            let (Interval(l, h), Interval(l2, h2)) = (tango(won, lost, n).unwrap(), tango(lost, won, n).unwrap());
            let estimate = (won as f64 - lost as f64) / n as f64;
            assert!(l <= estimate + 1e-12 && estimate <= h + 1e-12, "{l} {estimate} {h}");
            assert!((l + h2).abs() < 1e-9 && (h + l2).abs() < 1e-9);
            assert!(l >= -1.0 && h <= 1.0);
        }
    }
}
