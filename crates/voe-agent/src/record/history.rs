//! The states of the workspace and the verdicts on them. A fold of the trajectory.

use std::collections::{BTreeMap, BTreeSet};

use voe_evidence::check::failed_at_base;
use voe_trace::event::NudgeKind;
use voe_trace::{Event, Level};

use voe_evidence::Ledger;

/// The point at which a verification runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VerifyPoint {
    /// After a part of the work.
    Part,
    /// When the model declares that it is done.
    End,
}

/// How one state of the workspace ranks among those of an attempt: see [`StateHistory::best`].
type StateRank = (u8, u8, Level);

/// A state of the workspace.
#[derive(Debug, Clone)]
pub(crate) struct RankedState {
    /// Hash over all files that differ from base.
    pub(crate) tree: String,
    /// The patch from base to this state.
    pub(crate) patch: String,
    /// The step in which it was made.
    pub(crate) step: u32,
}

/// The states of the workspace in an attempt, with the verdicts on them.
#[derive(Debug, Clone, Default)]
pub struct StateHistory {
    /// Oldest first.
    states: Vec<RankedState>,
    verdicts: BTreeMap<String, Option<bool>>,
    failed: bool,
    recoveries: u32,
    review: Option<VerifyPoint>,
    ticked: BTreeSet<String>,
    part_done: bool,
    reds: Vec<String>,
    /// How many, and the step of the last one.
    red_refusals: (u32, u32),
}

impl StateHistory {
    /// Applies an event.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Patch { tree, patch, step } if !patch.is_empty() => {
                self.states.retain(|state| state.tree != *tree);
                self.states.push(RankedState { tree: tree.clone(), patch: patch.clone(), step: *step });
            }
            Event::Verify { tree, passed, .. } => {
                self.review = None;
                self.verdicts.insert(tree.clone(), *passed);
                self.failed |= *passed == Some(false);
                if *passed == Some(true) {
                    self.recoveries = 0;
                }
            }
            Event::Nudge { kind, step, .. } => match kind {
                NudgeKind::Review => self.review = Some(VerifyPoint::Part),
                NudgeKind::LastReview => self.review = Some(VerifyPoint::End),
                NudgeKind::Recovery => self.recoveries += 1,
                NudgeKind::RedFirst => self.red_refusals = (self.red_refusals.0 + 1, *step),
                _ => {}
            },
            Event::Reply(reply) => {
                let before = self.ticked.len();
                self.ticked.extend(ticked(&reply.message.content));
                self.part_done = self.ticked.len() > before;
            }
            Event::Check(check) if failed_at_base(check) && !self.reds.contains(&check.command) => {
                self.reds.push(check.command.clone());
            }
            _ => {}
        }
    }

    /// The verdict on this state, if it was verified.
    pub(crate) fn verdict(&self, tree: &str) -> Option<Option<bool>> {
        self.verdicts.get(tree).copied()
    }

    /// Recoveries since the last verification that passed.
    pub(crate) fn recoveries(&self) -> u32 {
        self.recoveries
    }

    /// The review that the model still owes.
    pub(crate) fn review(&self) -> Option<VerifyPoint> {
        self.review
    }

    /// Whether the last reply ticked an item of the model's plan that was not ticked before.
    pub(crate) fn part_done(&self) -> bool {
        self.part_done
    }

    /// Commands that failed on the unchanged code, oldest first.
    pub(crate) fn reds(&self) -> &[String] {
        &self.reds
    }

    /// The number of steps with edits refused for lack of such a command, and the last of them (0: none).
    pub(crate) fn red_refusals(&self) -> (u32, u32) {
        self.red_refusals
    }

    /// The best-evidenced state, if it is better than the current one and a verification failed
    /// (otherwise the last state is what the model wants).
    ///
    /// A proof ranks highest and a refutation lowest; in between the verdict counts before the level, because a command that
    /// merely ran shows less than a verification. On a tie the newest.
    pub(crate) fn best(&self, ledger: &Ledger) -> Option<&RankedState> {
        if !self.failed {
            return None;
        }
        let rank = |tree: &str| self.rank(tree, ledger);
        let best = self.states.iter().max_by_key(|state| rank(&state.tree))?;
        (rank(&best.tree) > rank(ledger.tree())).then_some(best)
    }

    fn rank(&self, tree: &str, ledger: &Ledger) -> StateRank {
        let level = ledger.level_of(tree);
        let class = match level {
            Level::Refuted => 0,
            // An empty patch is better than one that breaks something.
            _ if tree.is_empty() => 1,
            Level::Proven => 3,
            _ => 2,
        };
        let verdict = match self.verdict(tree).flatten() {
            Some(false) => 0,
            None => 1,
            Some(true) => 2,
        };
        (class, verdict, level)
    }
}

/// Items of a Markdown list that are ticked: `- [x] item`.
fn ticked(text: &str) -> impl Iterator<Item = String> {
    text.lines().filter_map(|line| {
        let item = line.trim_start_matches(|c: char| c.is_whitespace() || c.is_ascii_digit() || "-*+.".contains(c));
        let item = item.strip_prefix("[x]").or_else(|| item.strip_prefix("[X]"))?.trim();
        (!item.is_empty()).then(|| item.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use voe_trace::event::{ToolResult, VerifyMethod};
    use voe_trace::{Check, Outcome};

    use super::*;

    /// A history and a ledger after states A, B … each with a level and a verdict.
    fn after(states: &[(&str, Level, Option<bool>)]) -> (StateHistory, Ledger) {
        let (mut history, mut ledger) = (StateHistory::default(), Ledger::default());
        let mut both = |event: Event| {
            history.apply(&event);
            ledger.apply(&event);
        };
        for (tree, level, passed) in states {
            let result = serde_json::json!({"step": 1, "call_id": "", "tool": "bash", "arguments": {}, "output": "", "ok": true,
                "seconds": 0.0, "tree": tree, "code_tree": tree});
            both(Event::Result(Box::new(serde_json::from_value::<ToolResult>(result).unwrap())));
            let patch = if tree.is_empty() { String::new() } else { format!("patch {tree}") };
            both(Event::Patch { step: 1, tree: (*tree).into(), patch });
            let outcome = Outcome { exit: Some(i32::from(*level == Level::Refuted)), ..Outcome::default() };
            both(Event::Check(Box::new(Check {
                command: "t".into(),
                step: 1,
                code_tree: (*tree).into(),
                level: *level,
                with: outcome,
                ..Check::default()
            })));
            both(Event::Verify {
                step: 1,
                method: VerifyMethod::Spec,
                passed: *passed,
                text: String::new(),
                tree: (*tree).into(),
                usage: Default::default(),
                seconds: 0.0,
            });
        }
        (history, ledger)
    }

    fn best(states: &[(&str, Level, Option<bool>)]) -> Option<String> {
        let (history, ledger) = after(states);
        history.best(&ledger).map(|state| state.tree.clone())
    }

    #[test]
    fn a_proof_is_kept_whatever_a_reviewers_verdict_is() {
        let (a, b) = (("a", Level::Proven, Some(false)), ("b", Level::Ran, Some(true)));
        assert_eq!(best(&[a, b]).as_deref(), Some("a"));
        assert_eq!(best(&[b, a]), None);
    }

    #[test]
    fn without_a_proof_the_verdict_decides_and_then_the_newest() {
        let failed = |tree| (tree, Level::Ran, Some(false));
        assert_eq!(best(&[("a", Level::None, Some(true)), failed("b")]).as_deref(), Some("a"));
        assert_eq!(best(&[("a", Level::Ran, None), failed("b")]).as_deref(), Some("a"));
        assert_eq!(best(&[failed("a"), failed("b")]), None);
        assert_eq!(best(&[failed("a"), ("b", Level::Refuted, Some(false))]).as_deref(), Some("a"));
    }

    #[test]
    fn work_that_was_thrown_away_comes_back_unless_it_broke_something() {
        assert_eq!(best(&[("a", Level::Ran, Some(false)), ("", Level::None, None)]).as_deref(), Some("a"));
        assert_eq!(best(&[("a", Level::Refuted, Some(false)), ("", Level::None, None)]), None);
    }

    #[test]
    fn where_nothing_failed_the_last_state_is_what_the_model_means() {
        assert_eq!(best(&[("a", Level::Proven, Some(true)), ("b", Level::None, None)]), None);
    }

    #[test]
    fn items_of_a_plan_are_ticked_in_any_kind_of_list() {
        let text = "Plan:\n- [x] one\n* [X] two\n 3. [x] three\n- [ ] four\n- [x]\nan [x] elsewhere";
        assert_eq!(ticked(text).collect::<Vec<_>>(), ["one", "two", "three"]);
    }
}
