//! `voe power`: power analysis for a planned experiment.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use crate::ReportError;
use crate::format::{grouped, percent, points};
use crate::stats::{ALPHA, power::PowerPlan};

/// The discordance between two published arms on the 500 tasks of Verified: (52 + 37) / 500.
pub const PUBLISHED_DISCORDANCE: f64 = 0.18;

/// The number of tasks of SWE-bench Verified.
const VERIFIED: u64 = 500;

/// A planned experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct PowerOptions {
    /// The rate of the first arm.
    pub baseline: f64,
    /// The minimum detectable effect, as a rate (0.04 is four points).
    pub gain: f64,
    /// The share of tasks on which the arms differ; [`PUBLISHED_DISCORDANCE`] if not given (or the gain, if that is larger).
    pub discordance: Option<f64>,
    /// The number of tasks.
    pub tasks: Option<u64>,
    /// Trials of each task; at least 1.
    pub trials: u64,
}

/// The power of a planned experiment.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Power")]
pub struct PowerAnalysis {
    /// The planned baseline: the rate of the first arm.
    pub baseline: f64,
    /// The planned gain: the difference of the rates.
    pub gain: f64,
    /// The given discordance, or the default.
    pub discordance: f64,
    /// Whether the discordance is the default.
    pub discordance_assumed: bool,
    /// Two-sided level of the test.
    pub alpha: f64,
    /// The planned number of tasks.
    pub tasks: Option<u64>,
    /// The planned number of trials of each task.
    pub trials: u64,
    /// The power of the plan, if trials of one task are independent; `None` without a number of tasks.
    pub power: Option<f64>,
    /// The power if further trials add no information; equal to `power` for one trial.
    pub power_if_trials_agree: Option<f64>,
    /// The smallest gain that the plan detects with power 0.8.
    pub gain_at_80: Option<f64>,
    /// Pairs needed for power 0.8; `None` above 100 000.
    pub pairs_for_80: Option<u64>,
    /// Pairs needed for power 0.9.
    pub pairs_for_90: Option<u64>,
    /// Power for common numbers of pairs.
    pub table: Vec<PowerRow>,
    /// The plan in plain words.
    pub sentence: String,
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PowerRow {
    /// Paired outcomes.
    pub pairs: u64,
    /// What they are.
    pub what: &'static str,
    /// The power.
    pub power: f64,
}

/// Calculates the power. Refuses rates that no pair of arms can have.
///
/// # Errors
/// A rate that is not between 0 and 1, no gain, or no tasks or trials.
pub fn power(options: &PowerOptions) -> Result<PowerAnalysis, ReportError> {
    let PowerOptions { baseline, gain, tasks, trials, .. } = *options;
    let usage = |text: String| Err(ReportError::Usage(text));
    if !(0.0..=1.0).contains(&baseline) {
        return usage(format!("invalid --baseline {baseline}: give a rate between 0 and 1, such as 0.33"));
    }
    if !gain.is_finite() || gain == 0.0 || !(0.0..=1.0).contains(&(baseline + gain)) {
        return usage(format!(
            "invalid --gain {gain} on a baseline of {baseline}: give a difference of rates, such as 0.04"
        ));
    }
    if trials == 0 || tasks == Some(0) {
        return usage("--tasks and --trials must be at least 1".to_owned());
    }
    let discordance = options.discordance.unwrap_or(PUBLISHED_DISCORDANCE.max(gain.abs()));
    // Discordant tasks are those that only one arm resolves: at most the first's rate on one side and the rest on the other.
    let most = (baseline + (baseline + gain)).min(2.0 - baseline - (baseline + gain));
    if discordance.is_nan() || discordance < gain.abs() - 1e-12 || discordance > most + 1e-12 {
        let (least, most) = (percent(gain.abs()), percent(most));
        return usage(format!(
            "a discordance of {} is impossible here: rates of {} and {} differ on {least} to {most} of the tasks (give --discordance)",
            percent(discordance),
            percent(baseline),
            percent(baseline + gain)
        ));
    }
    let plan = |pairs: u64| PowerPlan { pairs, discordance, gain, alpha: ALPHA };
    let pairs = tasks.map(|tasks| tasks.saturating_mul(trials).min(100_000));
    let what = |pairs| match pairs {
        45 => "Verified's hard tasks, once",
        135 => "Verified's hard tasks, 3 trials",
        500 => "Verified, once",
        1000 => "Verified, 2 trials",
        1500 => "Verified, 3 trials",
        _ => "",
    };
    let mut power = PowerAnalysis {
        baseline,
        gain,
        discordance,
        discordance_assumed: options.discordance.is_none(),
        alpha: ALPHA,
        tasks,
        trials,
        power: pairs.map(|n| plan(n).power()),
        power_if_trials_agree: tasks.map(|n| plan(n.min(100_000)).power()),
        gain_at_80: pairs.and_then(|n| plan(n).gain_for(0.8)),
        pairs_for_80: plan(1).pairs_for(0.8),
        pairs_for_90: plan(1).pairs_for(0.9),
        table: [45, 135, 300, 500, 1000, 1500]
            .map(|n| PowerRow { pairs: n, what: what(n), power: plan(n).power() })
            .to_vec(),
        sentence: String::new(),
    };
    power.sentence = power.in_words();
    Ok(power)
}

/// "about 920 tasks", and the same in trials of Verified.
pub(crate) fn pairs_in_words(pairs: Option<u64>) -> String {
    match pairs {
        None => "more than 100 000 tasks".to_owned(),
        Some(pairs) => {
            // No more than two digits: the discordance is an assumption.
            let unit = 10_u64.pow(pairs.max(1).ilog10().saturating_sub(1));
            let rounded = pairs.div_ceil(unit) * unit;
            let trials = pairs.div_ceil(VERIFIED);
            let again = match trials {
                0 | 1 => String::new(),
                2 => format!(" ({VERIFIED} tasks twice)"),
                3..=20 => format!(" ({VERIFIED} tasks {trials} times)"),
                _ => String::new(),
            };
            format!("about {} tasks{again}", grouped(rounded))
        }
    }
}

impl PowerAnalysis {
    fn in_words(&self) -> String {
        let gain = format!("{} points", points(self.gain));
        let needed = format!("power 0.8 needs {}", pairs_in_words(self.pairs_for_80));
        let (Some(tasks), Some(power)) = (self.tasks, self.power) else {
            return format!("To detect a gain of {gain} on {}: {needed}.", percent(self.baseline));
        };
        let plan = if self.trials == 1 {
            format!("{tasks} tasks")
        } else {
            format!("{tasks} tasks, {} trials each,", self.trials)
        };
        let least = match self.power_if_trials_agree {
            Some(least) if self.trials > 1 => {
                format!(" if trials are independent, in {:.0} if they always agree", 100.0 * least)
            }
            _ => String::new(),
        };
        let smallest = match self.gain_at_80 {
            Some(gain) => format!("the smallest gain detected with power 0.8 is about {:.1} points", 100.0 * gain),
            None => "at this discordance no gain is detected with power 0.8".to_owned(),
        };
        format!("With {plan} a gain of {gain} is detected in {}{least}; {smallest}; {needed}.", in_hundred(power))
    }

    /// As one JSON object.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The text for a terminal.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let assumed =
            if self.discordance_assumed { " (assumed: as between two published arms; see --discordance)" } else { "" };
        let _ = writeln!(out, "baseline     {}", percent(self.baseline));
        let _ = writeln!(out, "gain         {} points", points(self.gain));
        let _ = writeln!(out, "discordance  {}{assumed}", percent(self.discordance));
        let _ = writeln!(out, "test         exact McNemar, two-sided, alpha {}\n", self.alpha);
        let _ = writeln!(out, "{:>6}  {:>5}", "pairs", "power");
        let planned = self.tasks.map(|t| t.saturating_mul(self.trials));
        if let (Some(pairs), Some(power)) = (planned, self.power)
            && !self.table.iter().any(|row| row.pairs == pairs)
        {
            let _ = writeln!(out, "{pairs:>6}  {power:>5.2}  this plan");
        }
        for row in &self.table {
            let mark = if planned == Some(row.pairs) { "this plan" } else { row.what };
            let _ = writeln!(out, "{}", format!("{:>6}  {:>5.2}  {mark}", row.pairs, row.power).trim_end());
        }
        let _ = writeln!(out, "\n{}", self.sentence);
        out
    }
}

fn in_hundred(power: f64) -> String {
    format!("{:.0} of 100 such experiments", 100.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(tasks: Option<u64>, trials: u64) -> PowerOptions {
        PowerOptions { baseline: 0.33, gain: 0.04, discordance: Some(0.18), tasks, trials }
    }

    #[test]
    fn a_small_plan_is_told_what_it_cannot_show() {
        insta::assert_snapshot!(power(&planned(Some(45), 1)).unwrap().text(), @r"
        baseline     33.0 %
        gain         +4.0 points
        discordance  18.0 %
        test         exact McNemar, two-sided, alpha 0.05

         pairs  power
            45   0.04  this plan
           135   0.14  Verified's hard tasks, 3 trials
           300   0.33
           500   0.52  Verified, once
          1000   0.83  Verified, 2 trials
          1500   0.95  Verified, 3 trials

        With 45 tasks a gain of +4.0 points is detected in 4 of 100 such experiments; the smallest gain detected with power 0.8 is about 17.5 points; power 0.8 needs about 930 tasks (500 tasks twice).
        ");
    }

    #[test]
    fn trials_give_a_range() {
        let found = power(&planned(Some(500), 2)).unwrap();
        assert!(
            (found.power.unwrap() - 0.83).abs() < 0.01 && (found.power_if_trials_agree.unwrap() - 0.52).abs() < 0.01
        );
        insta::assert_snapshot!(found.sentence, @"With 500 tasks, 2 trials each, a gain of +4.0 points is detected in 83 of 100 such experiments if trials are independent, in 52 if they always agree; the smallest gain detected with power 0.8 is about 3.9 points; power 0.8 needs about 930 tasks (500 tasks twice).");
    }

    #[test]
    fn impossible_plans_are_refused_with_what_would_be_possible() {
        let refused = |options: &PowerOptions| power(options).unwrap_err().to_string();
        insta::assert_snapshot!(refused(&PowerOptions { discordance: Some(0.02), ..planned(None, 1) }), @"a discordance of 2.0 % is impossible here: rates of 33.0 % and 37.0 % differ on 4.0 % to 70.0 % of the tasks (give --discordance)");
        assert!(refused(&PowerOptions { baseline: 33.0, ..planned(None, 1) }).contains("--baseline"));
        assert!(refused(&PowerOptions { gain: 0.9, ..planned(None, 1) }).contains("--gain"));
        assert!(refused(&PowerOptions { gain: f64::NAN, ..planned(None, 1) }).contains("--gain"));
        assert!(refused(&PowerOptions { trials: 0, ..planned(None, 1) }).contains("--trials"));
    }
}
