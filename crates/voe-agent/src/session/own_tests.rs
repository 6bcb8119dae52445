//! The repository's own tests that touch the change, run with and without it before the end.

use std::time::{Duration, Instant};

use voe_evidence::check::regressed;
use voe_proof::own_tests::Commands;
use voe_trace::Event;

use super::Session;
use crate::end::AttemptError;
use crate::facts::fact;
use crate::strategy::Counterfactual;

impl Session {
    /// Whether the strategy asks for these tests, and they could show something.
    pub(crate) fn own_tests_due(&self) -> bool {
        self.strategy.gate.own_tests_s > 0.0
            && self.strategy.evidence.counterfactual != Counterfactual::Off
            && self.log.ledger.edited()
            && self.log.ledger.void().is_none()
    }

    /// Runs them, the smallest test file first, within the strategy's time; what is known about the current code is not run again. The
    /// runs without the edits go on meanwhile. Returns the facts about those that the edits break.
    pub(crate) async fn own_tests_at_gate(&mut self) -> Result<Vec<String>, AttemptError> {
        let budget = Duration::try_from_secs_f64(self.strategy.gate.own_tests_s).unwrap_or_default();
        let begun = Instant::now();
        let Commands::Found(commands) = self.workspace.own_tests_smallest_first().await? else { return Ok(Vec::new()) };
        for command in commands {
            let left = budget.saturating_sub(begun.elapsed());
            if left.is_zero() || *self.stop.borrow() {
                break;
            }
            if self.log.ledger.find(&command).is_some() {
                continue;
            }
            let Some(check) = self.run_within(&command, left).await? else { continue };
            // The time was over: that says nothing about the edits.
            if check.with.ended_by.is_some() {
                continue;
            }
            self.log.write(Event::Check(Box::new(check.clone())))?;
            self.run_without(&check).await?;
        }
        self.due().await?;
        Ok(self.log.ledger.current().filter(|check| regressed(check)).map(fact).collect())
    }
}
