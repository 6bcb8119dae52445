//! Several trials of the same tasks.

use schemars::JsonSchema;
use serde::Serialize;

use super::binomial::ln_choose;

/// The spread of a number between trials.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Spread {
    /// The mean over trials.
    pub mean: f64,
    /// The sample standard deviation; `None` for a single trial.
    pub deviation: Option<f64>,
    /// The lowest.
    pub lowest: f64,
    /// The highest.
    pub highest: f64,
}

/// Mean, sample standard deviation and range; `None` for no trials.
pub fn spread(values: &[f64]) -> Option<Spread> {
    if values.is_empty() {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    Some(Spread {
        mean,
        deviation: (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt()),
        lowest: values.iter().copied().fold(f64::INFINITY, f64::min),
        highest: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    })
}

/// Unbiased estimate of the probability that at least one of `k` trials resolves a task that `resolved` of `trials` did:
/// 1 − C(n − c, k) / C(n, k). `None` where there are fewer than `k` trials.
///
/// Chen et al., "Evaluating large language models trained on code", arXiv:2107.03374 (2021), equation 1.
pub fn pass_at(k: u64, trials: u64, resolved: u64) -> Option<f64> {
    if k == 0 || k > trials || resolved > trials {
        return None;
    }
    if trials - resolved < k {
        return Some(1.0);
    }
    Some(1.0 - (ln_choose(trials - resolved, k) - ln_choose(trials, k)).exp())
}

/// Unbiased estimate of the probability that all of `k` trials resolve it: C(c, k) / C(n, k).
///
/// Yao et al., "τ-bench", arXiv:2406.12045 (2024), section 3.
pub fn pass_hat(k: u64, trials: u64, resolved: u64) -> Option<f64> {
    if k == 0 || k > trials || resolved > trials {
        return None;
    }
    if resolved < k {
        return Some(0.0);
    }
    Some((ln_choose(resolved, k) - ln_choose(trials, k)).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All ways to draw `k` of `n` trials, the first `c` of which resolved the task.
    fn enumerate(n: u32, c: u32, k: u32) -> (f64, f64) {
        let (mut any, mut all, mut draws) = (0, 0, 0);
        for set in 0_u32..1 << n {
            if set.count_ones() == k {
                draws += 1;
                let good = (set & ((1 << c) - 1)).count_ones();
                any += u32::from(good > 0);
                all += u32::from(good == k);
            }
        }
        (f64::from(any) / f64::from(draws), f64::from(all) / f64::from(draws))
    }

    #[test]
    fn estimates_agree_with_counting_every_draw() {
        for n in 1..=7 {
            for c in 0..=n {
                for k in 1..=n {
                    let (any, all) = enumerate(n, c, k);
                    let at = pass_at(k.into(), n.into(), c.into()).unwrap();
                    let hat = pass_hat(k.into(), n.into(), c.into()).unwrap();
                    assert!((at - any).abs() < 1e-9 && (hat - all).abs() < 1e-9, "n {n} c {c} k {k}: {at} {hat}");
                }
            }
        }
        assert_eq!(pass_at(4, 3, 1), None);
    }

    #[test]
    fn spread_is_that_of_a_sample() {
        let found = spread(&[0.30, 0.34, 0.35]).unwrap();
        assert!((found.mean - 0.33).abs() < 1e-12);
        // numpy.std([0.30, 0.34, 0.35], ddof=1)
        assert!((found.deviation.unwrap() - 0.026_457_513).abs() < 1e-8);
        assert_eq!(spread(&[0.5]).unwrap().deviation, None);
        assert_eq!(spread(&[]), None);
    }
}
