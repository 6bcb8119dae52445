//! The binomial distribution, in logarithms so that nothing underflows at thousands of tasks.

/// ln Γ(x) for x > 0: Lanczos' approximation with g = 7 and nine terms, relative error near 1e-15.
fn ln_gamma(x: f64) -> f64 {
    const G: f64 = 7.0;
    const TERMS: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let t = x + G + 0.5;
    let sum = TERMS.iter().enumerate().skip(1).fold(TERMS[0], |sum, (i, term)| sum + term / (x + i as f64));
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// ln of the number of ways to choose `k` of `n`.
pub(super) fn ln_choose(n: u64, k: u64) -> f64 {
    ln_gamma(n as f64 + 1.0) - ln_gamma(k as f64 + 1.0) - ln_gamma((n - k) as f64 + 1.0)
}

/// The probability of exactly `k` successes in `n` trials of probability `p`.
pub(super) fn pmf(n: u64, k: u64, p: f64) -> f64 {
    if k > n {
        return 0.0;
    }
    if p <= 0.0 {
        return if k == 0 { 1.0 } else { 0.0 };
    }
    if p >= 1.0 {
        return if k == n { 1.0 } else { 0.0 };
    }
    (ln_choose(n, k) + k as f64 * p.ln() + (n - k) as f64 * (1.0 - p).ln()).exp()
}

/// The probability of at most `k` successes: summed downwards from `k`, each term from the one above it, until terms are
/// negligible.
pub(super) fn cdf(n: u64, k: u64, p: f64) -> f64 {
    if k >= n || p <= 0.0 {
        return 1.0;
    }
    let odds = (1.0 - p) / p;
    let mean = n as f64 * p;
    let mut term = pmf(n, k, p);
    let mut sum = term;
    for i in (1..=k).rev() {
        term *= i as f64 / (n - i + 1) as f64 * odds;
        sum += term;
        if (i as f64) < mean && term < sum * 1e-17 {
            break;
        }
    }
    sum.min(1.0)
}

/// The range of counts outside which the probability is below 1e-20: ten standard deviations and some more.
pub(super) fn bulk(n: u64, p: f64) -> std::ops::RangeInclusive<u64> {
    let (mean, reach) = (n as f64 * p, 10.0 * (n as f64 * p * (1.0 - p)).sqrt() + 20.0);
    let low = (mean - reach).floor().max(0.0) as u64;
    let high = ((mean + reach).ceil() as u64).min(n);
    low..=high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_agree_with_exact_rational_arithmetic() {
        // Python's fractions: exact rational arithmetic, rounded once.
        for (found, expected) in [
            (pmf(10, 3, 0.25), 0.25028228759765625),
            (pmf(500, 90, 0.18), 0.0463942195362192),
            (pmf(5000, 2500, 0.5), 0.011283227495479843),
            (cdf(12, 5, 0.5), 0.38720703125),
            (cdf(89, 37, 0.5), 0.06868398567782599),
        ] {
            assert!((found - expected).abs() < 1e-11 * expected.max(1e-3), "{found} is not {expected}");
        }
    }

    #[test]
    fn probabilities_sum_to_one_and_the_bulk_holds_them() {
        for (n, p) in [(1, 0.5), (45, 0.3), (1000, 0.18), (20_000, 0.01)] {
            let bulk: f64 = bulk(n, p).map(|k| pmf(n, k, p)).sum();
            assert!((bulk - 1.0).abs() < 1e-9, "n {n}, p {p}: {bulk}");
        }
    }
}
