//! The facts of one attempt, folded from its trajectory.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use voe_trace::event::{Finish, NudgeKind, ResumedFrom, Seconds};
use voe_trace::{Event, Level, Reason, Record, Usage};

use super::paths;

/// Nudges of these kinds don't ask for a check, so no check can heed them.
const NOT_FOR_CHECKS: [NudgeKind; 2] = [NudgeKind::Stuck, NudgeKind::Reminder];

/// Steps after a nudge within which a check heeds it, whatever was edited in between (a test written, then run).
const HEED_WITHIN: u32 = 2;

/// The facts of an attempt that a report needs. A few hundred bytes, whatever the trajectory's size.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AttemptFacts {
    /// The task's id.
    pub task: String,
    /// The strategy's name.
    pub strategy: String,
    /// The model's name.
    pub model: String,
    /// Start time, RFC 3339.
    pub began: String,
    /// Why it ended; `None` if it is running or was cut off.
    pub reason: Option<Reason>,
    /// The error that ended it.
    pub error: Option<String>,
    /// Evidence level of the patch at the end.
    pub level: Option<Level>,
    /// Model replies.
    pub steps: u32,
    /// Tokens and dollars.
    pub usage: Usage,
    /// Durations in seconds.
    pub seconds: SecondsSpent,
    /// Tool calls, by tool.
    pub calls: BTreeMap<String, u32>,
    /// Edits, by the tool that made them.
    pub edits: BTreeMap<String, u32>,
    /// Edits whose exact code has a recorded check.
    pub checked_at_once: u32,
    /// Edits after which any check was recorded.
    pub checked: u32,
    /// Checks, by level.
    pub checks: BTreeMap<&'static str, u32>,
    /// Nudges, by kind.
    pub nudges: BTreeMap<&'static str, Nudges>,
    /// Number of "done" that the gate refused.
    pub refusals: u32,
    /// Number of compactions.
    pub compactions: u32,
    /// Number of retried requests.
    pub retries: u32,
    /// Replies that had to be repaired before parsing.
    pub repaired: u32,
    /// Replies with a call that could not be parsed.
    pub malformed: u32,
    /// Number of times that it was resumed.
    pub resumes: u32,
    /// Files of the patch.
    pub files: Vec<String>,
    /// Size of the patch in bytes.
    pub patch_bytes: usize,
    /// The verdict of the task's tests, if voe had them.
    pub resolved: Option<bool>,
}

/// Durations in seconds, by activity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, JsonSchema)]
pub struct SecondsSpent {
    /// Waiting for the model.
    pub model: f64,
    /// Running tools.
    pub tools: f64,
    /// From start to end.
    pub total: f64,
}

impl From<Seconds> for SecondsSpent {
    fn from(s: Seconds) -> Self {
        Self { model: s.model, tools: s.tools, total: s.total }
    }
}

/// Nudges of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Nudges {
    /// Number of nudges.
    pub given: u32,
    /// Number followed by a check; `None` for kinds that do not ask for one.
    pub heeded: Option<u32>,
}

impl AttemptFacts {
    /// Number of edits by all tools.
    pub fn edit_count(&self) -> u32 {
        self.edits.values().sum()
    }

    /// Adds the counts of an attempt within a search; steps, tokens and time of all of them are in the search's own finish event.
    pub(crate) fn add_part(&mut self, part: &Fold) {
        let own = part.own();
        if self.reason.is_none() {
            self.steps = self.steps.saturating_add(own.steps);
            self.usage += own.usage;
            self.seconds.model += own.seconds.model;
            self.seconds.tools += own.seconds.tools;
        }
        self.count(&own, u32::saturating_add);
    }

    /// Applies `with` to each pair of counts.
    fn count(&mut self, other: &Self, with: fn(u32, u32) -> u32) {
        fn maps<K: Clone + Ord>(own: &mut BTreeMap<K, u32>, other: &BTreeMap<K, u32>, with: fn(u32, u32) -> u32) {
            for (key, n) in other {
                let count = own.entry(key.clone()).or_default();
                *count = with(*count, *n);
            }
            own.retain(|_, n| *n > 0);
        }
        maps(&mut self.calls, &other.calls, with);
        maps(&mut self.edits, &other.edits, with);
        maps(&mut self.checks, &other.checks, with);
        for (kind, nudges) in &other.nudges {
            let own = self.nudges.entry(kind).or_default();
            own.given = with(own.given, nudges.given);
            own.heeded = nudges.heeded.map(|n| with(own.heeded.unwrap_or(0), n)).or(own.heeded);
        }
        self.nudges.retain(|_, nudges| nudges.given > 0);
        for (own, other) in [
            (&mut self.checked_at_once, other.checked_at_once),
            (&mut self.checked, other.checked),
            (&mut self.refusals, other.refusals),
            (&mut self.compactions, other.compactions),
            (&mut self.retries, other.retries),
            (&mut self.repaired, other.repaired),
            (&mut self.malformed, other.malformed),
        ] {
            *own = with(*own, other);
        }
    }

    /// Whether it hit a limit or was stuck in a loop.
    pub fn hit_limit(&self) -> bool {
        use Reason::{Context, MaxSteps, MaxTokens, MaxWall, Stuck};
        matches!(self.reason, Some(MaxSteps | MaxTokens | MaxWall | Context | Stuck))
    }
}

/// An edit, during the fold.
#[derive(Debug, Clone)]
struct FoldedEdit {
    step: u32,
    tree: String,
    at_once: bool,
    later: bool,
}

/// A nudge, during the fold.
#[derive(Debug, Clone)]
struct FoldedNudge {
    step: u32,
    kind: NudgeKind,
    tree: String,
    heeded: bool,
}

/// Folds an attempt's records as they come; [`Fold::facts`] can be called at any time, also for a running attempt.
#[derive(Debug, Clone, Default)]
pub struct Fold {
    facts: AttemptFacts,
    edits: Vec<FoldedEdit>,
    nudges: Vec<FoldedNudge>,
    /// Hash of the current code.
    tree: String,
    /// Counts that a fork inherited from its parent.
    taken: Option<Box<AttemptFacts>>,
}

impl Fold {
    /// Adds a record.
    pub fn apply(&mut self, record: &Record) {
        self.facts.seconds.total = self.facts.seconds.total.max(record.at);
        let facts = &mut self.facts;
        match &record.event {
            Event::Start(start) => {
                facts.task.clone_from(&start.task.id);
                facts.strategy.clone_from(&start.strategy);
                facts.model.clone_from(&start.model.name);
                facts.began.clone_from(&start.time);
            }
            Event::Resume { from: ResumedFrom::Fork { .. }, .. } => self.taken = Some(Box::new(self.facts())),
            Event::Resume { step, .. } => {
                facts.resumes += 1;
                self.edits.retain(|edit| edit.step <= *step);
                self.nudges.retain(|nudge| nudge.step <= *step);
            }
            Event::Retry { .. } => facts.retries += 1,
            Event::Reply(reply) => {
                facts.steps = reply.step;
                facts.usage += reply.usage;
                facts.seconds.model += reply.seconds;
                facts.repaired += u32::from(!reply.repairs.is_empty());
                facts.malformed += u32::from(reply.malformed.is_some());
            }
            Event::Result(result) => {
                facts.seconds.tools += result.seconds;
                *facts.calls.entry(result.tool.clone()).or_default() += 1;
                if !result.code_tree.is_empty() {
                    self.tree.clone_from(&result.code_tree);
                }
                if !result.changes.is_empty() {
                    *facts.edits.entry(result.tool.clone()).or_default() += 1;
                    let tree = self.tree.clone();
                    self.edits.push(FoldedEdit { step: result.step, tree, at_once: false, later: false });
                }
            }
            Event::Nudge { step, kind, .. } => {
                let tree = self.tree.clone();
                self.nudges.push(FoldedNudge { step: *step, kind: *kind, tree, heeded: false });
            }
            Event::Check(check) => {
                *facts.checks.entry(check.level.word()).or_default() += 1;
                for edit in self.edits.iter_mut().filter(|edit| edit.step <= check.step) {
                    edit.later = true;
                    edit.at_once |= edit.tree == check.code_tree;
                }
                for nudge in self.nudges.iter_mut().filter(|nudge| check.step > nudge.step) {
                    nudge.heeded |=
                        check.step <= nudge.step.saturating_add(HEED_WITHIN) || nudge.tree == check.code_tree;
                }
            }
            Event::Gate { accepted, .. } => facts.refusals += u32::from(!accepted),
            Event::ConversationRewritten(rewritten) => {
                facts.compactions += u32::from(rewritten.kind.is_compaction());
                facts.usage += rewritten.usage;
                facts.seconds.model += rewritten.seconds;
            }
            Event::Finish(finish) => self.finish(finish),
            _ => {}
        }
    }

    fn finish(&mut self, finish: &Finish) {
        let facts = &mut self.facts;
        facts.reason = Some(finish.reason);
        facts.error.clone_from(&finish.error);
        facts.level = Some(finish.evidence.level);
        facts.steps = finish.steps;
        facts.usage = finish.usage;
        facts.seconds = finish.seconds.into();
        facts.files = paths::of_patch(&finish.patch);
        facts.patch_bytes = finish.patch.trim().len();
        facts.resolved = finish.resolved;
    }

    /// Facts that need no counting: names, reason, verdict, steps, tokens and seconds.
    pub(crate) fn known(&self) -> &AttemptFacts {
        &self.facts
    }

    /// The attempt without what it inherited as a fork.
    fn own(&self) -> AttemptFacts {
        let mut facts = self.facts();
        if let Some(taken) = &self.taken {
            facts.count(taken, u32::saturating_sub);
            facts.steps = facts.steps.saturating_sub(taken.steps);
        }
        facts
    }

    /// The attempt so far.
    pub fn facts(&self) -> AttemptFacts {
        let mut facts = self.facts.clone();
        // Of several edits in one step, only the last one leaves code that a check can run on; it counts for the step.
        let at_once = |edit: &FoldedEdit| self.edits.iter().any(|other| other.step == edit.step && other.at_once);
        facts.checked_at_once = self.edits.iter().filter(|edit| at_once(edit)).count() as u32;
        facts.checked = self.edits.iter().filter(|edit| edit.later).count() as u32;
        for nudge in &self.nudges {
            let counts = facts.nudges.entry(nudge.kind.word()).or_default();
            counts.given += 1;
            if !NOT_FOR_CHECKS.contains(&nudge.kind) {
                *counts.heeded.get_or_insert(0) += u32::from(nudge.heeded);
            }
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn fold(events: &[Value]) -> AttemptFacts {
        folded(events).facts()
    }

    fn folded(events: &[Value]) -> Fold {
        let mut fold = Fold::default();
        for (i, event) in events.iter().enumerate() {
            let mut event = event.clone();
            event["at"] = json!(i);
            fold.apply(&serde_json::from_value(event).unwrap());
        }
        fold
    }

    fn result(step: u32, tool: &str, tree: &str, edits: bool) -> Value {
        let changes =
            if edits { json!([{"path": "a.py", "kind": "modified", "added": 1, "removed": 1}]) } else { json!([]) };
        json!({"event": "result", "step": step, "call_id": "c", "tool": tool, "arguments": {}, "output": "", "ok": true,
               "seconds": 0.5, "changes": changes, "code_tree": tree})
    }

    fn check(step: u32, tree: &str) -> Value {
        json!({"event": "check", "command": "pytest", "step": step, "code_tree": tree, "level": "proven",
               "with": {"exit": 0, "seconds": 1.0}})
    }

    #[test]
    fn an_edit_by_the_shell_counts_and_is_checked_at_once_only_on_its_own_code() {
        let facts = fold(&[
            result(1, "bash", "t1", true),
            check(2, "t1"),
            result(3, "file_edit", "t2", true),
            result(4, "bash", "t3", true),
            check(5, "t3"),
        ]);
        assert_eq!(facts.edits, BTreeMap::from([("bash".into(), 2), ("file_edit".into(), 1)]));
        assert_eq!((facts.edit_count(), facts.checked_at_once, facts.checked), (3, 2, 3));
    }

    #[test]
    fn a_search_counts_what_its_attempts_did_and_a_forks_beginning_once() {
        let nudge = json!({"event": "nudge", "step": 1, "kind": "verify", "text": "test it"});
        let first = vec![result(1, "bash", "t1", true), nudge, check(2, "t1")];
        let mut second = first.clone();
        second.push(json!({"event": "resume", "step": 2, "from": {"source": "fork", "attempt": 1, "step": 2}}));
        second.push(result(3, "file_edit", "t2", true));
        let mut whole = fold(&[]);
        for part in [&first, &second] {
            whole.add_part(&folded(part));
        }
        assert_eq!(whole.edits, BTreeMap::from([("bash".into(), 1), ("file_edit".into(), 1)]));
        assert_eq!((whole.checked, whole.checks["proven"]), (1, 1));
        assert_eq!(whole.nudges["verify"], Nudges { given: 1, heeded: Some(1) });
    }

    #[test]
    fn edits_of_one_step_share_the_check_that_follows() {
        let facts = fold(&[result(1, "file_edit", "t1", true), result(1, "file_edit", "t2", true), check(2, "t2")]);
        assert_eq!((facts.checked_at_once, facts.checked), (2, 2));
    }

    #[test]
    fn a_nudge_is_heeded_by_a_check_soon_after_or_on_the_same_code() {
        let nudge = |step: u32, kind: &str| json!({"event": "nudge", "step": step, "kind": kind, "text": "test it"});
        let facts = fold(&[
            result(1, "bash", "t1", true),
            nudge(1, "verify"),
            check(2, "t1"),
            result(3, "bash", "t2", true),
            nudge(3, "verify"),
            result(7, "bash", "t3", true),
            check(8, "t3"),
            result(9, "bash", "t4", true),
            nudge(9, "verify"),
            result(14, "bash", "", false),
            check(14, "t4"),
            nudge(14, "stuck"),
        ]);
        assert_eq!(facts.nudges["verify"], Nudges { given: 3, heeded: Some(2) });
        assert_eq!(facts.nudges["stuck"], Nudges { given: 1, heeded: None });
    }

    #[test]
    fn a_running_attempt_has_facts_and_no_reason() {
        let facts =
            fold(&[json!({"event": "reply", "step": 4, "message": {"role": "assistant"}, "finish_reason": "stop",
                                  "usage": {"prompt": 100, "output": 7}, "seconds": 2.5})]);
        assert_eq!((facts.steps, facts.usage.prompt, facts.reason), (4, 100, None));
        assert!((facts.seconds.model - 2.5).abs() < 1e-9);
    }
}
