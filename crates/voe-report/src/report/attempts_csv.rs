//! One CSV line per attempt, for other programs.

use crate::data::arm::ArmResults;
use crate::data::failure::FailureClass;
use crate::data::suite::TaskSet;
use crate::format::csv_line;
use crate::metric::{Metric, columns};

/// The columns before the metrics.
const COLUMNS: [&str; 12] = [
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
];

/// A line for each task of the suite, each trial and each arm; unknown values are empty.
pub fn attempts_csv(arms: &[ArmResults], suite: &TaskSet) -> String {
    let metrics = columns();
    let names: Vec<&str> = COLUMNS.into_iter().chain(metrics.iter().map(|metric| metric.name)).collect();
    let mut out = csv_line(&names);
    for arm in arms {
        for trial in &arm.trials {
            for (task, facts) in &suite.tasks {
                let cell = trial.cells.get(task);
                let verdict = cell.map_or("not submitted", |c| c.verdict.word());
                let failure = trial.failure(task, facts).map_or("", FailureClass::words);
                let resolved = u8::from(trial.is_resolved(task)).to_string();
                let mut line: Vec<String> = [
                    &arm.name,
                    &trial.number.to_string(),
                    task,
                    &facts.repo,
                    &facts.difficulty,
                    verdict,
                    &resolved,
                    failure,
                ]
                .map(|field: &str| field.to_owned())
                .to_vec();
                if let Some(a) = cell.and_then(|c| c.attempt.as_deref()) {
                    line.extend([
                        a.strategy.clone(),
                        a.model.clone(),
                        a.reason.map(|r| r.word().to_owned()).unwrap_or_default(),
                        a.level.map(|l| l.word().to_owned()).unwrap_or_default(),
                    ]);
                    let number = |metric: &&Metric| (metric.of)(a).map(|n| n.to_string()).unwrap_or_default();
                    line.extend(metrics.iter().map(number));
                }
                line.resize(names.len(), String::new());
                out += &csv_line(line);
            }
        }
    }
    out
}
