//! Facts about checks that the model does not have yet.

use std::collections::HashSet;

use voe_trace::event::NudgeKind;
use voe_trace::{Check, Event, Note};

use super::habits::command;

/// What runs without the edits showed of the model's own checks, since it last got such facts. A resumed attempt sends them: they
/// are in the record, but the message that was to carry them is not.
#[derive(Debug, Default)]
pub(crate) struct UnsentFacts {
    /// Commands that the model ran; other checks are reported where voe runs them.
    own: HashSet<String>,
    checks: Vec<Check>,
}

impl UnsentFacts {
    /// Adds one event.
    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::Result(result) => {
                self.own.extend(command(&result.tool, &result.arguments).map(str::to_owned));
                if result.notes.iter().any(|note| matches!(note, Note::Evidence { .. })) {
                    self.checks.clear();
                }
            }
            Event::Check(check) if check.without.is_some() && self.own.contains(&check.command) => {
                self.checks.push((**check).clone());
            }
            // Both carry all facts that are there.
            Event::Gate { accepted: false, .. } | Event::Nudge { kind: NudgeKind::Recovery, .. } => self.checks.clear(),
            _ => {}
        }
    }

    /// The checks, the oldest first.
    pub(crate) fn checks(&self) -> &[Check] {
        &self.checks
    }
}
