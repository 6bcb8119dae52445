//! Decides when the model is asked to verify its edits.

use crate::strategy::{Coalesce, Nudge, NudgeOn};

/// One call, as far as nudges care.
#[derive(Debug, Clone, Copy)]
pub struct CallSeen<'a> {
    /// The tool.
    pub tool: &'a str,
    /// Workspace files that it changed.
    pub files: &'a [String],
    /// Whether it was a check.
    pub check: bool,
    /// Whether it was the last call of its step.
    pub last: bool,
    /// Whether the ledger has an unproven edit after it.
    pub unproven: bool,
}

/// The edits that no check or nudge has followed yet.
#[derive(Debug, Clone, Default)]
pub struct Nudger {
    pending: Vec<String>,
    /// For [`NudgeOn::Unproven`]: a call of this step edited or checked.
    busy: bool,
    asked: bool,
}

impl Nudger {
    /// The files to nudge the model about after this call; empty: no nudge.
    pub fn after(&mut self, keys: &Nudge, call: CallSeen<'_>) -> Vec<String> {
        match keys.on {
            NudgeOn::Off => Vec::new(),
            NudgeOn::Unproven => self.unproven(call),
            NudgeOn::Edit => self.edit(keys, call, !call.files.is_empty()),
            NudgeOn::FileEdit => self.edit(keys, call, call.tool == "file_edit" && !call.files.is_empty()),
        }
    }

    /// A check answers the edits before it, except after `file_edit`: there the published nudge follows whatever comes after.
    fn edit(&mut self, keys: &Nudge, call: CallSeen<'_>, edited: bool) -> Vec<String> {
        if edited {
            for file in call.files {
                if !self.pending.contains(file) {
                    self.pending.push(file.clone());
                }
            }
        } else if call.check && keys.on == NudgeOn::Edit {
            self.pending.clear();
        }
        let due = match keys.coalesce {
            Coalesce::Each => edited,
            Coalesce::Step => call.last,
            Coalesce::Run => !edited && !call.check,
        };
        if due { std::mem::take(&mut self.pending) } else { Vec::new() }
    }

    /// Once for each run of edits: at the end of a step that did other things.
    fn unproven(&mut self, call: CallSeen<'_>) -> Vec<String> {
        if !call.files.is_empty() {
            self.asked = false;
            for file in call.files {
                if !self.pending.contains(file) {
                    self.pending.push(file.clone());
                }
            }
        }
        self.busy |= !call.files.is_empty() || call.check;
        if !call.last {
            return Vec::new();
        }
        let idle = !std::mem::take(&mut self.busy);
        if !call.unproven {
            self.pending.clear();
        }
        if idle && call.unproven && !self.asked && !self.pending.is_empty() {
            self.asked = true;
            return std::mem::take(&mut self.pending);
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn see(files: &[String], check: bool, last: bool) -> CallSeen<'_> {
        CallSeen { tool: "bash", files, check, last, unproven: true }
    }

    fn keys(on: NudgeOn, coalesce: Coalesce) -> Nudge {
        Nudge { on, coalesce, ..Nudge::default() }
    }

    #[test]
    fn an_edit_by_sed_is_nudged_like_any_other() {
        let files = vec!["a.py".to_owned()];
        let mut nudger = Nudger::default();
        assert_eq!(nudger.after(&keys(NudgeOn::Edit, Coalesce::Each), see(&files, false, true)), files);
        assert!(nudger.after(&keys(NudgeOn::FileEdit, Coalesce::Each), see(&files, false, true)).is_empty());
    }

    #[test]
    fn several_edits_in_a_step_share_one_nudge_and_a_check_after_them_answers_it() {
        let (a, b) = (vec!["a.py".to_owned()], vec!["b.py".to_owned()]);
        let keys = keys(NudgeOn::Edit, Coalesce::Step);
        let mut nudger = Nudger::default();
        assert!(nudger.after(&keys, see(&a, false, false)).is_empty());
        assert_eq!(nudger.after(&keys, see(&b, false, true)), ["a.py", "b.py"]);
        assert!(nudger.after(&keys, see(&a, false, false)).is_empty());
        assert!(nudger.after(&keys, see(&[], true, true)).is_empty());
    }

    #[test]
    fn the_nudge_after_file_edit_is_not_answered_by_a_check_of_the_same_step() {
        let files = vec!["a.py".to_owned()];
        let keys = keys(NudgeOn::FileEdit, Coalesce::Step);
        let mut nudger = Nudger::default();
        assert!(nudger.after(&keys, CallSeen { tool: "file_edit", ..see(&files, false, false) }).is_empty());
        assert_eq!(nudger.after(&keys, see(&[], true, true)), files);
    }

    #[test]
    fn a_run_of_edits_over_several_steps_is_nudged_when_it_ends_without_a_check() {
        let a = vec!["a.py".to_owned()];
        let keys = keys(NudgeOn::Edit, Coalesce::Run);
        let mut nudger = Nudger::default();
        assert!(nudger.after(&keys, see(&a, false, true)).is_empty());
        assert!(nudger.after(&keys, see(&a, false, true)).is_empty());
        assert_eq!(nudger.after(&keys, see(&[], false, true)), a);
    }

    #[test]
    fn an_unproven_edit_is_nudged_once_when_the_model_moves_on() {
        let a = vec!["a.py".to_owned()];
        let keys = keys(NudgeOn::Unproven, Coalesce::Step);
        let mut nudger = Nudger::default();
        assert!(nudger.after(&keys, see(&a, false, true)).is_empty());
        assert_eq!(nudger.after(&keys, see(&[], false, true)), a);
        assert!(nudger.after(&keys, see(&[], false, true)).is_empty());
        let proven = CallSeen { unproven: false, ..see(&a, false, true) };
        assert!(nudger.after(&keys, proven).is_empty());
        assert!(nudger.after(&keys, CallSeen { unproven: false, ..see(&[], false, true) }).is_empty());
    }
}
