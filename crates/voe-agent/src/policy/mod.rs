//! Parts of a strategy that react to what happens in an attempt, one file each. A policy sees the record and returns
//! actions, which the driver carries out in order; all its state is a fold of the record.
//!
//! Policies run in the order of [`all`], which is also the order of their notes on a tool's result.
//!
//! - `refusals`: commands that the strategy forbids
//! - `red_first`: a failing check before the first edit, and that check again after each edit
//! - `evidence`: what checks showed
//! - `loop_detector`: repeated calls
//! - `nudge`: edits that the model is asked to verify
//! - `gate`: whether "done" is accepted
//! - `verify`: when a part of the work is verified

mod evidence;
mod gate;
mod loop_detector;
mod nudge;
mod red_first;
mod refusals;
mod verify;

pub(crate) use red_first::fact as failing_check;
use std::sync::Arc;

use serde_json::Value;
use voe_trace::event::{NudgeKind, Task, ToolResult};
use voe_trace::{Check, Event, Note, Outcome, Reason, ToolCall};

use crate::record::Log;
use crate::record::history::VerifyPoint;
use crate::strategy::{Placement, Strategy};

/// What a policy sees.
#[derive(Clone, Copy)]
pub(crate) struct PolicyView<'a> {
    pub(crate) task: &'a Task,
    pub(crate) strategy: &'a Strategy,
    pub(crate) log: &'a Log,
}

impl PolicyView<'_> {
    /// The step under way.
    fn step(&self) -> u32 {
        self.log.conversation.step
    }
}

/// A call that has run and is not in the record yet.
pub(crate) struct RanCall<'a> {
    pub(crate) result: &'a ToolResult,
    /// How its command ended.
    pub(crate) outcome: &'a Outcome,
}

/// An action that a policy requests.
#[derive(Debug)]
pub(crate) enum PolicyAction {
    /// Before a call: it is not run, and this is its answer. When the model is done: it may not end yet, for this reason.
    Refuse(String),
    /// After a call: its changes to the source are reverted, and the model gets this text.
    PutBack(String),
    /// After a call: a note that goes with its result.
    Note(Note),
    /// After a call: facts about checks that the model does not have yet go with its result.
    Facts,
    /// After a call: a message to the model.
    Nudge(NudgeKind, String, Placement),
    /// After a call: a check to record after its result.
    Record(Box<Check>),
    /// After a call: these commands are run as checks, and what they show goes with its result.
    RunAgain(Vec<String>),
    /// Writes an event.
    Write(Event),
    /// After a step: verify the work.
    Verify(VerifyPoint),
    /// Ends the attempt.
    End(Reason),
}

/// Reacts to what happens in an attempt.
pub(crate) trait Policy: Send + Sync {
    /// Before the model's call is run.
    fn before_call(&self, _view: PolicyView<'_>, _call: &ToolCall, _arguments: &Value) -> Vec<PolicyAction> {
        Vec::new()
    }

    /// When it has run, before its result is in the record.
    fn after_call(&self, _view: PolicyView<'_>, _ran: &RanCall<'_>) -> Vec<PolicyAction> {
        Vec::new()
    }

    /// When all calls of a step have their results.
    fn after_step(&self, _view: PolicyView<'_>) -> Vec<PolicyAction> {
        Vec::new()
    }

    /// When the model declares that it is done.
    fn on_done(&self, _view: PolicyView<'_>) -> Vec<PolicyAction> {
        Vec::new()
    }
}

/// All policies, in the order in which they run. Each reads its keys from the strategy, and does nothing without them.
pub(crate) fn all() -> Vec<Arc<dyn Policy>> {
    vec![
        Arc::new(refusals::Refusals),
        Arc::new(red_first::Guard),
        Arc::new(evidence::EvidencePolicy),
        Arc::new(loop_detector::LoopDetector),
        Arc::new(nudge::NudgeAfterEdits),
        Arc::new(red_first::RedFirstGuard),
        Arc::new(gate::GatePolicy),
        Arc::new(verify::Parts),
    ]
}
