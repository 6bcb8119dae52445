//! Counts of `voe bench grade` besides the official report.

use std::collections::BTreeSet;

use voe_bench::grade::GradeRow;
use voe_bench::workspace::Remedy;
use voe_grade::{Blame, FailureCause, RunReport};

use super::remedies;
use crate::exit;

/// What was not graded.
#[derive(Debug, Default)]
pub(super) struct UngradedTasks {
    skipped: usize,
    remedies: BTreeSet<Remedy>,
}

impl UngradedTasks {
    pub(super) fn see(&mut self, row: &GradeRow) {
        if let Some(remedy) = row.remedy {
            self.skipped += 1;
            self.remedies.insert(remedy);
        }
    }

    /// The exit code of a grading that skipped these; reports what to do about them. `in_run`: of a run.
    pub(super) fn code(&self, in_run: bool) -> u8 {
        if self.skipped == 0 {
            return exit::OK;
        }
        let tasks = if self.skipped == 1 { "1 patch was".to_owned() } else { format!("{} patches were", self.skipped) };
        let again = !in_run || self.remedies.iter().any(|remedy| remedy.is_in_run());
        let then = if again { ", then run the same command" } else { "" };
        let what = remedies(&self.remedies, in_run);
        errln!("voe: incomplete: {tasks} skipped ({what}{then})");
        exit::PARTLY
    }
}

/// Patches that failed, or may have failed, for a reason other than the patch.
#[derive(Debug, Default)]
pub(super) struct Causes {
    environment: usize,
    unclear: usize,
}

impl Causes {
    pub(super) fn see(&mut self, row: &GradeRow) {
        match row.cause.map(|cause| cause.blame) {
            Some(Blame::Environment) => self.environment += 1,
            Some(Blame::Unclear) => self.unclear += 1,
            Some(Blame::Patch) | None => {}
        }
    }

    /// A grading in one line.
    pub(super) fn summary(&self, name: &str, report: &RunReport) -> String {
        let mut line = format!(
            "{name}: {} of {} resolved ({} unresolved, {} empty, {} errors, {} without a prediction, {} skipped)",
            report.resolved_instances,
            report.total_instances,
            report.unresolved_instances,
            report.empty_patch_instances,
            report.error_instances,
            report.incomplete_ids.len(),
            report.skipped_ids.len()
        );
        if self.environment + self.unclear > 0 {
            let failed =
                format!("; of the unresolved and errors: {} environment, {} unclear", self.environment, self.unclear);
            line.push_str(&failed);
        }
        line
    }
}

/// A cause other than the patch, for a line.
pub(super) fn said(cause: FailureCause) -> Option<String> {
    (cause.blame != Blame::Patch).then(|| cause.to_string())
}
