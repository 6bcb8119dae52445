//! Parts of a strategy that react to what happens in an attempt, one file each. A policy sees the record and answers with
//! actions, which the driver carries out in order; whatever it remembers is a fold of the record.
//!
//! The order in which policies are asked is that of [`all`]; it is also the order of what they add to a tool's result.
//!
//! - `refusals`: commands that the strategy forbids
//! - `red_first`: a failing check before the first edit, and that check again after each edit
//! - `evidence`: what checks showed
//! - `loop_detector`: the same calls again and again
//! - `nudge`: edits that are to be verified
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
use crate::record::trail::Moment;
use crate::strategy::{Placement, Strategy};

/// What a policy sees.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) task: &'a Task,
    pub(crate) strategy: &'a Strategy,
    pub(crate) log: &'a Log,
}

impl View<'_> {
    /// The step under way.
    fn step(&self) -> u32 {
        self.log.conversation.step
    }
}

/// A call that has run and is not in the record yet.
pub(crate) struct Ran<'a> {
    pub(crate) result: &'a ToolResult,
    /// How its command ended.
    pub(crate) outcome: &'a Outcome,
}

/// What a policy wants done.
#[derive(Debug)]
pub(crate) enum Action {
    /// Before a call: it is not run, and this is its answer. Where the model is done: it may not end yet, for this reason.
    Refuse(String),
    /// After a call: what it changed in the source is put back, and the model gets this to know.
    PutBack(String),
    /// After a call: goes with its result.
    Note(Note),
    /// After a call: facts about checks that the model does not have yet go with its result.
    Facts,
    /// After a call: a message to the model.
    Nudge(NudgeKind, String, Placement),
    /// After a call: a check, to be recorded behind its result.
    Record(Box<Check>),
    /// After a call: these commands are run as checks, and what they show goes with its result.
    RunAgain(Vec<String>),
    /// An event.
    Write(Event),
    /// After a step: the work is verified.
    Verify(Moment),
    /// The attempt ends.
    End(Reason),
}

/// Reacts to what happens in an attempt.
pub(crate) trait Policy: Send + Sync {
    /// Before the model's call is run.
    fn before_call(&self, _view: View<'_>, _call: &ToolCall, _arguments: &Value) -> Vec<Action> {
        Vec::new()
    }

    /// When it has run, before its result is in the record.
    fn after_call(&self, _view: View<'_>, _ran: &Ran<'_>) -> Vec<Action> {
        Vec::new()
    }

    /// When all calls of a step have their results.
    fn after_step(&self, _view: View<'_>) -> Vec<Action> {
        Vec::new()
    }

    /// When the model declares that it is done.
    fn on_done(&self, _view: View<'_>) -> Vec<Action> {
        Vec::new()
    }
}

/// All policies, in the order in which they are asked. Each finds its keys in the strategy, and does nothing without them.
pub(crate) fn all() -> Vec<Arc<dyn Policy>> {
    vec![
        Arc::new(refusals::Refusals),
        Arc::new(red_first::Guard),
        Arc::new(evidence::Evidence),
        Arc::new(loop_detector::LoopDetector),
        Arc::new(nudge::NudgeAfterEdits),
        Arc::new(red_first::Report),
        Arc::new(gate::Gate),
        Arc::new(verify::Parts),
    ]
}
