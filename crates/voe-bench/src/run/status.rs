//! The status of a run, from its files alone: also while another voe is working on it.

use std::time::SystemTime;

use schemars::JsonSchema;
use serde::Serialize;
use voe_trace::event::Finish;
use voe_trace::{Event, Level, Trajectory, Usage};
use voe_untrusted::UntrustedDir;

use super::dir::{DirError, RunDir};
use super::progress::AttemptKey;
use super::{faults, policy, record};

/// The status of a run, as `voe bench status --json` prints it.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct RunStatus {
    /// Whether some attempts could read the suite's solutions.
    pub readable_solutions: bool,
    /// Number of attempts in the run.
    pub planned: usize,
    /// Attempts that have ended and count, by the reason that they ended.
    pub ended: std::collections::BTreeMap<String, usize>,
    /// Of these, those with an empty patch.
    pub empty: usize,
    /// Attempts that have begun and not ended.
    pub open: Vec<Open>,
    /// Attempts that have not begun.
    pub left: usize,
    /// Attempts whose tries failed through no fault of the model, with the last fault.
    pub faults: Vec<(AttemptKey, String)>,
    /// Steps of the attempts that have ended.
    pub steps: u64,
    /// Tokens and dollars of these.
    pub usage: Usage,
    /// Seconds that these took together.
    pub seconds: f64,
    /// Attempts that ended per hour, by the latest ones; `None` while too few have.
    pub an_hour: Option<f64>,
    /// Estimated seconds until the run is done at that rate.
    pub seconds_left: Option<f64>,
    /// Their patches, by level of evidence.
    pub levels: std::collections::BTreeMap<&'static str, usize>,
}

/// An attempt that has begun and not ended.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Open {
    /// The attempt.
    #[serde(flatten)]
    pub key: AttemptKey,
    /// Its last step.
    pub step: u32,
    /// Its edits.
    pub edits: u32,
    /// The best level that a check has shown since the last edit.
    pub level: Level,
    /// Seconds since it began, at its last event.
    pub seconds: f64,
}

impl RunStatus {
    /// Attempts that have ended and count.
    pub fn done(&self) -> usize {
        self.ended.values().sum()
    }

    fn take(&mut self, finish: &Finish) {
        *self.ended.entry(finish.reason.to_string()).or_default() += 1;
        *self.levels.entry(finish.evidence.level.word()).or_default() += 1;
        self.empty += usize::from(finish.patch.is_empty());
        self.steps += u64::from(finish.steps);
        self.usage += finish.usage;
        self.seconds += finish.seconds.total;
    }
}

/// Reads the status of the run in `dir`.
///
/// # Errors
/// The run's description can't be read.
pub fn read(dir: &RunDir) -> Result<RunStatus, DirError> {
    let mut status = RunStatus { readable_solutions: dir.file.readable_solutions, ..RunStatus::default() };
    let mut ends = Vec::new();
    for task in &dir.file.tasks {
        for arm in &dir.file.arms {
            for trial in 1..=dir.file.trials {
                status.planned += 1;
                let key = AttemptKey { task: task.clone(), arm: arm.name.clone(), trial };
                let Some(at) = dir.begun(task, &arm.name, trial)? else {
                    status.left += 1;
                    continue;
                };
                let finish = record::finish(&at);
                match finish.filter(|f| policy::disposition(f.reason, None) == policy::Disposition::Counts) {
                    Some(finish) => {
                        status.take(&finish);
                        let file = at.open_file(voe_trace::layout::TRAJECTORY)?;
                        ends.extend(file.and_then(|file| file.metadata().ok()?.modified().ok()));
                    }
                    None if at.kind(voe_trace::layout::TRAJECTORY)?.is_some() => status.open.push(open(key, &at)),
                    None => match faults(&at).pop() {
                        Some(fault) => status.faults.push((key, fault.why)),
                        None => status.left += 1,
                    },
                }
            }
        }
    }
    let to_come = status.left + status.open.len();
    status.an_hour = rate(ends);
    status.seconds_left = status.an_hour.filter(|_| to_come > 0).map(|rate| to_come as f64 / rate * 3600.0);
    Ok(status)
}

/// Ended attempts per hour, over the latest ones, so that a pause long ago doesn't count.
fn rate(mut ends: Vec<SystemTime>) -> Option<f64> {
    const LAST: usize = 20;
    ends.sort();
    let last = ends.split_off(ends.len().saturating_sub(LAST));
    let (first, latest) = (last.first()?, last.last()?);
    let hours = latest.duration_since(*first).ok()?.as_secs_f64() / 3600.0;
    (hours > 0.0).then(|| (last.len() - 1) as f64 / hours)
}

fn open(key: AttemptKey, attempt: &UntrustedDir) -> Open {
    let mut open = Open { key, step: 0, edits: 0, level: Level::None, seconds: 0.0 };
    // An unreadable record is shown as one that has just begun; resuming the run reports what is wrong with it.
    let Ok(Some(file)) = attempt.open_file(voe_trace::layout::TRAJECTORY) else { return open };
    let _ = Trajectory::stream_from(file, &attempt.path().join(voe_trace::layout::TRAJECTORY), |record| {
        open.seconds = record.at;
        match &record.event {
            Event::Reply(reply) => open.step = reply.step,
            Event::Result(result) if !result.changes.is_empty() => {
                open.edits += 1;
                open.level = Level::None;
            }
            Event::Check(check) => open.level = open.level.max(check.level),
            _ => {}
        }
    });
    open
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_rate_is_that_of_the_latest_ends() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(rate(Vec::new()), None);
        assert_eq!(rate(vec![at(5)]), None);
        // One a minute, after a night in which nothing was done.
        let ends = (0..30).map(|n| at(n * 60 + if n > 5 { 40_000 } else { 0 })).collect();
        assert_eq!(rate(ends).map(f64::round), Some(60.0));
    }
}
