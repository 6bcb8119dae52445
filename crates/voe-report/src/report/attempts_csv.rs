//! One line an attempt, for other programs.

use crate::data::arm::Arm;
use crate::data::failure::Failure;
use crate::data::suite::Suite;
use crate::format::csv_line;

const COLUMNS: [&str; 29] = [
    "arm",
    "trial",
    "task",
    "repo",
    "difficulty",
    "verdict",
    "resolved",
    "failure",
    "strategy",
    "model",
    "reason",
    "evidence",
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

/// A line for each task of the suite, each trial and each arm; what is not known is empty.
pub fn attempts_csv(arms: &[Arm], suite: &Suite) -> String {
    let mut out = csv_line(COLUMNS);
    for arm in arms {
        for trial in &arm.trials {
            for (task, facts) in &suite.tasks {
                let cell = trial.cells.get(task);
                let verdict = cell.map_or("not submitted", |c| c.verdict.word());
                let failure = trial.failure(task, facts).map_or("", Failure::words);
                let mut line: Vec<String> =
                    [&arm.name, &trial.number.to_string(), task, &facts.repo, &facts.difficulty, verdict]
                        .map(|s: &str| s.to_owned())
                        .to_vec();
                line.push(u8::from(trial.is_resolved(task)).to_string());
                line.push(failure.to_owned());
                if let Some(a) = cell.and_then(|c| c.attempt.as_deref()) {
                    let known = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
                    let heeded: u32 = a.nudges.values().filter_map(|n| n.heeded).sum();
                    line.extend([
                        a.strategy.clone(),
                        a.model.clone(),
                        a.reason.map(|r| r.word().to_owned()).unwrap_or_default(),
                        a.level.map(|l| l.word().to_owned()).unwrap_or_default(),
                        a.steps.to_string(),
                        a.usage.prompt.to_string(),
                        known(a.usage.cached),
                        a.usage.output.to_string(),
                        known(a.usage.reasoning),
                        a.usage.cost.map(|c| c.to_string()).unwrap_or_default(),
                        a.seconds.model.to_string(),
                        a.seconds.tools.to_string(),
                        a.seconds.total.to_string(),
                        a.edit_count().to_string(),
                        a.checked_at_once.to_string(),
                        a.checked.to_string(),
                        a.nudges.values().map(|n| n.given).sum::<u32>().to_string(),
                        heeded.to_string(),
                        a.refusals.to_string(),
                        a.compactions.to_string(),
                        a.patch_bytes.to_string(),
                    ]);
                }
                line.resize(COLUMNS.len(), String::new());
                out += &csv_line(line);
            }
        }
    }
    out
}
