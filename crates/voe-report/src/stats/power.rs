//! Power of a planned paired experiment.

use super::Z;
use super::binomial::{bulk, cdf, pmf};

/// A planned comparison of two arms on the same tasks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PowerPlan {
    /// Paired outcomes: tasks, or tasks times trials.
    pub pairs: u64,
    /// The share of pairs on which the arms differ, in either direction.
    pub discordance: f64,
    /// The minimum detectable difference of the arms' rates.
    pub gain: f64,
    /// The two-sided significance level of the test.
    pub alpha: f64,
}

impl PowerPlan {
    /// The probability that the exact two-sided McNemar test rejects at `alpha`.
    ///
    /// Summed exactly over the number of discordant pairs D ~ Bin(n, ψ) and, given D, of wins ~ Bin(D, (ψ + δ) / 2ψ)
    /// (Duffy, Stat. Med. 3 (1984) 161–166); not the normal approximation of Connor (1987), which is wrong for 45 tasks.
    pub fn power(&self) -> f64 {
        let gain = self.gain.abs();
        if self.discordance <= 0.0 || gain > self.discordance {
            return 0.0;
        }
        let wins = f64::midpoint(1.0, gain / self.discordance);
        let mut critical = None;
        let mut power = 0.0;
        for discordant in bulk(self.pairs, self.discordance) {
            // The largest number of losses that still rejects grows by at most one with each pair.
            critical = next_critical(discordant, critical, self.alpha);
            let Some(most) = critical else { continue };
            let weight = pmf(self.pairs, discordant, self.discordance);
            if weight > 1e-18 {
                power += weight * rejected(discordant, most, wins);
            }
        }
        power.min(1.0)
    }

    /// The smallest number of pairs with at least this power, searched to 1 in 500; `None` above 100 000.
    pub fn pairs_for(&self, power: f64) -> Option<u64> {
        const MOST: u64 = 100_000;
        if self.gain == 0.0 || self.gain.abs() > self.discordance {
            return None;
        }
        let reaches = |pairs: u64| Self { pairs, ..*self }.power() >= power;
        let mut high = 8;
        while !reaches(high) {
            high *= 2;
            if high > MOST {
                return None;
            }
        }
        let mut low = high / 2;
        while high - low > (high / 500).max(1) {
            let middle = u64::midpoint(low, high);
            if reaches(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        Some(high)
    }

    /// The smallest gain that this many pairs detect with at least this power, to 0.0005; `None` if there is none.
    pub fn gain_for(&self, power: f64) -> Option<f64> {
        let reaches = |gain: f64| Self { gain, ..*self }.power() >= power;
        if !reaches(self.discordance) {
            return None;
        }
        let (mut low, mut high) = (0.0, self.discordance);
        while high - low > 5e-4 {
            let middle = f64::midpoint(low, high);
            if reaches(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        Some(high)
    }
}

/// The largest number of losses among `discordant` pairs at which the test rejects, given that of fewer pairs.
fn next_critical(discordant: u64, before: Option<u64>, alpha: f64) -> Option<u64> {
    let rejects = |losses: u64| 2.0 * cdf(discordant, losses, 0.5) <= alpha;
    let mut critical = match before {
        Some(c) if rejects(c) => c,
        Some(c) => return c.checked_sub(1).filter(|&c| rejects(c)),
        None if rejects(0) => {
            // Starts a little below the normal approximation.
            let guess = (discordant as f64 - Z * (discordant as f64).sqrt()) / 2.0 - 3.0;
            Some(guess.max(0.0) as u64).filter(|&c| rejects(c)).unwrap_or(0)
        }
        None => return None,
    };
    while 2 * (critical + 1) < discordant && rejects(critical + 1) {
        critical += 1;
    }
    Some(critical)
}

/// The probability of at most `most` losses or at most `most` wins.
fn rejected(discordant: u64, most: u64, wins: f64) -> f64 {
    cdf(discordant, most, 1.0 - wins) + cdf(discordant, most, wins)
}

#[cfg(test)]
mod tests {
    use super::super::{paired::mcnemar, random::Random};
    use super::*;

    fn plan(pairs: u64, discordance: f64, gain: f64) -> PowerPlan {
        PowerPlan { pairs, discordance, gain, alpha: 0.05 }
    }

    #[test]
    fn power_is_that_of_the_planned_experiments() {
        for (pairs, discordance, gain, power) in
            [(500, 0.18, 0.04, 0.5204), (1000, 0.18, 0.04, 0.8329), (45, 0.30, 0.15, 0.3574), (45, 0.18, 0.04, 0.0431)]
        {
            let found = plan(pairs, discordance, gain).power();
            // scipy.stats.binom, summed over every pair of counts.
            assert!((found - power).abs() < 6e-5, "{pairs} pairs: {found:.4}");
        }
    }

    #[test]
    fn power_agrees_with_simulated_experiments() {
        let mut random = Random::seeded(7);
        for (pairs, discordance, gain) in
            [(500, 0.18, 0.04), (45, 0.30, 0.15), (45, 0.30, 0.0), (30, 0.9, 0.5), (12, 0.5, 0.5)]
        {
            let (runs, win) = (20_000, f64::midpoint(discordance, gain));
            let rejected = (0..runs)
                .filter(|_| {
                    let (mut won, mut lost) = (0, 0);
                    for _ in 0..pairs {
                        let u = random.unit();
                        won += usize::from(u < win);
                        lost += usize::from(u >= win && u < discordance);
                    }
                    mcnemar(won, lost) <= 0.05
                })
                .count();
            let (simulated, exact) = (rejected as f64 / f64::from(runs), plan(pairs, discordance, gain).power());
            // Four standard errors of a simulation of 20 000 experiments.
            let slack = 4.0 * (exact * (1.0 - exact) / f64::from(runs)).sqrt() + 1e-4;
            assert!(
                (simulated - exact).abs() < slack,
                "{pairs}/{discordance}/{gain}: {simulated:.4} against {exact:.4}"
            );
        }
    }

    #[test]
    fn the_number_of_pairs_and_the_gain_are_inverses_of_power() {
        let needed = plan(1, 0.18, 0.04).pairs_for(0.8).unwrap();
        assert!((880..960).contains(&needed), "{needed}");
        assert!(plan(needed, 0.18, 0.04).power() >= 0.8);
        let gain = plan(45, 0.30, 0.0).gain_for(0.8).unwrap();
        assert!(plan(45, 0.30, gain).power() >= 0.8 && plan(45, 0.30, gain - 0.002).power() < 0.8, "{gain}");
    }

    #[test]
    fn what_cannot_be_seen_has_no_power() {
        assert_eq!(plan(500, 0.02, 0.04).power(), 0.0);
        assert_eq!(plan(500, 0.0, 0.0).power(), 0.0);
        assert_eq!(plan(5, 1.0, 1.0).power(), 0.0, "five wins of five have p = 0.0625");
        assert!((plan(6, 1.0, 1.0).power() - 1.0).abs() < 1e-12);
        assert_eq!(plan(500, 0.18, 0.0).pairs_for(0.8), None);
    }
}
