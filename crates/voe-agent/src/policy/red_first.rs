//! Red before green: edits of the source are refused until a check has failed on the unchanged code, and that check runs
//! again after each edit. If nothing can be made to fail, edits are allowed after some refusals.

use serde_json::Value;
use voe_evidence::check::of_failure_at_base;
use voe_evidence::{is_test, reproduction};
use voe_trace::event::NudgeKind;
use voe_trace::{Check, Event, Note, ToolCall};

use super::{Policy, PolicyAction, PolicyView, RanCall};
use crate::facts::short;
use crate::prompt::{HARNESS, last_lines};
use crate::record::habits::command;

/// The newest failing checks, which run again after each edit.
const AGAIN: usize = 2;
/// Lines of their output for the model.
const OUTPUT_LINES: usize = 15;

/// Refuses early edits, and reverts those that commands make.
pub(super) struct Guard;

/// Collects failing checks, and runs them again after each edit.
pub(super) struct RedFirstGuard;

impl Policy for Guard {
    fn before_call(&self, view: PolicyView<'_>, call: &ToolCall, arguments: &Value) -> Vec<PolicyAction> {
        let edits = matches!(call.name.as_str(), "file_edit" | "file_write");
        let Some(path) = arguments["path"].as_str().filter(|_| edits && is_wanted(view)) else { return Vec::new() };
        let inside = match path.strip_prefix(&view.task.workspace) {
            Some(relative) => relative.trim_start_matches('/'),
            None if path.starts_with('/') => return Vec::new(),
            None => path.trim_start_matches("./"),
        };
        if is_test(inside) {
            return Vec::new();
        }
        let (text, mut actions) = refusal(view, "The file was not changed");
        actions.push(PolicyAction::Refuse(text));
        actions
    }

    fn after_call(&self, view: PolicyView<'_>, ran: &RanCall<'_>) -> Vec<PolicyAction> {
        if !is_wanted(view) || ran.result.changes.iter().all(|change| !change.role.is_code()) {
            return Vec::new();
        }
        let (text, mut actions) = refusal(view, "What this call changed in the source was put back");
        actions.push(PolicyAction::PutBack(text));
        actions
    }
}

impl Policy for RedFirstGuard {
    fn after_call(&self, view: PolicyView<'_>, ran: &RanCall<'_>) -> Vec<PolicyAction> {
        let Some(keys) = &view.strategy.red_first else { return Vec::new() };
        let note = |text: String| PolicyAction::Note(Note::Nudge { kind: NudgeKind::Red, text });
        let mut actions = Vec::new();
        if let Some(check) = failed_at_base(view, ran) {
            match reproduction::fault(&check.command, &check.with, &view.task.statement) {
                Some(why) => {
                    actions.push(note(format!("{HARNESS} This failure does not count as showing the problem: {why}.")));
                }
                None => {
                    let missing = (keys.checks as usize).saturating_sub(view.log.history.reds().len() + 1);
                    let text = match missing {
                        0 => "Noted: this fails on the unchanged code. Change the source now; it is run again after each edit."
                            .to_owned(),
                        n => format!(
                            "Noted: this fails on the unchanged code. {n} more are needed before the source may be changed."
                        ),
                    };
                    actions.push(note(format!("{HARNESS} {text}")));
                    actions.push(PolicyAction::Record(Box::new(check)));
                }
            }
        }
        if !ran.result.changes.is_empty() && !ran.result.code_tree.is_empty() {
            let reds = view.log.history.reds();
            actions.push(PolicyAction::RunAgain(reds[reds.len().saturating_sub(AGAIN)..].to_vec()));
        }
        actions
    }
}

/// Whether edits of the source are still refused. All edits of a step share one refusal.
fn is_wanted(view: PolicyView<'_>) -> bool {
    let Some(keys) = &view.strategy.red_first else { return false };
    let (refusals, last) = view.log.history.red_refusals();
    view.log.history.reds().len() < keys.checks as usize && (refusals < keys.refusals || last == view.step())
}

/// The refusal for the model, and the events that record it.
fn refusal(view: PolicyView<'_>, what: &str) -> (String, Vec<PolicyAction>) {
    let step = view.step();
    let keys = view.strategy.red_first.clone().unwrap_or_default();
    let (so_far, last) = view.log.history.red_refusals();
    let left = keys.refusals.saturating_sub(if last == step { so_far } else { so_far + 1 });
    let missing = (keys.checks as usize).saturating_sub(view.log.history.reds().len());
    let wanted = if missing > 1 { format!("{missing} different scripts") } else { "a script".to_owned() };
    let exit = match left {
        0 => "If nothing can be made to fail, say so: edits are let through from the next step on.".to_owned(),
        n => format!("If nothing can be made to fail, say so; after {n} more such edits they are let through."),
    };
    let text = format!(
        "{HARNESS} {what}: no check has failed on the unchanged code yet. First write {wanted} in /tmp that exits non-zero \
         because of the problem in the statement, and run it. {exit}"
    );
    let mut actions = Vec::new();
    if last != step {
        actions.push(PolicyAction::Write(Event::Nudge { step, kind: NudgeKind::RedFirst, text: text.clone() }));
        if left == 0 {
            let text = "edits are let through without a failing check from here on".into();
            actions.push(PolicyAction::Write(Event::Note { text }));
        }
    }
    (text, actions)
}

/// The call as a check that fails on the unchanged code, if it is a new one.
fn failed_at_base(view: PolicyView<'_>, ran: &RanCall<'_>) -> Option<Check> {
    let command = command(&ran.result.tool, &ran.result.arguments)?;
    let (before, after) = (view.log.ledger.code_before(ran.result), &ran.result.code_tree);
    let check = of_failure_at_base(command, view.step(), before, after, ran.outcome.clone())?;
    (!view.log.history.reds().iter().any(|red| red == command)).then_some(check)
}

/// The note for the model on a failing check that was run again.
pub(crate) fn fact(check: &Check) -> String {
    let name = short(&check.command);
    let how = &check.with;
    match check.with.exit_code() {
        Some(0) => format!("{HARNESS} `{name}` failed before; with this change: {how}."),
        _ => format!(
            "{HARNESS} `{name}` failed before; with this change it still does: {how}. It ends with:\n{}",
            last_lines(&check.with.tail, OUTPUT_LINES)
        ),
    }
}
