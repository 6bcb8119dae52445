//! The interval of one rate.

use super::{Interval, Z};

/// The 95 % Wilson score interval of `successes` of `total`; `None` without any tasks.
///
/// Wilson, J. Am. Stat. Assoc. 22 (1927) 209–212; recommended by Brown, Cai and DasGupta, Stat. Sci. 16 (2001) 101–133.
pub fn wilson(successes: usize, total: usize) -> Option<Interval> {
    wilson_of(successes as f64, total as f64)
}

/// The same for a rate over trials: `successes` may be a mean over trials, `total` is the number of tasks.
pub fn wilson_of(successes: f64, total: f64) -> Option<Interval> {
    if total <= 0.0 {
        return None;
    }
    let (p, z2) = (successes / total, Z * Z);
    let centre = p + z2 / (2.0 * total);
    let reach = Z * (p * (1.0 - p) / total + z2 / (4.0 * total * total)).max(0.0).sqrt();
    let scale = 1.0 + z2 / total;
    Some(Interval(((centre - reach) / scale).max(0.0), ((centre + reach) / scale).min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_newcombe_1998() {
        // Newcombe, Stat. Med. 17 (1998) 857–872, table I, method 3.
        for (r, n, low, high) in
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
        {
            let Interval(l, h) = wilson(r, n).unwrap();
            assert!((l - low).abs() < 5e-5 && (h - high).abs() < 5e-5, "{r} of {n}: {l:.5} to {h:.5}");
        }
    }

    #[test]
    fn no_tasks_have_no_interval() {
        assert_eq!(wilson(0, 0), None);
    }
}
