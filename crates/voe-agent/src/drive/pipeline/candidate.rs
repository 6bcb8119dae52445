//! A change: written by the model, put into the workspace, tried with the checks.

use serde_json::{Value, json};
use voe_proof::Called;
use voe_protocol::{CallResult, FileState, RawBytes};
use voe_trace::{Event, Level, ToolCall};

use super::Led;
use super::place::{self, Place};
use super::{EDIT, Red, Shown, reply, source, writes};
use crate::attempt::{AttemptError, End};
use crate::prompt::last_lines;
use crate::strategy::Pipeline;

/// What the repository's own tests say of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Base {
    /// Something that passed before fails now.
    Breaks,
    /// They were not run.
    Unknown,
    /// Nothing that passed before fails now.
    Holds,
}

/// A change that could be made.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) files: Vec<(RawBytes, Option<FileState>)>,
    pub(super) tree: String,
    pub(super) diff: String,
    pub(super) level: Level,
    /// Whether there was a check to try it with.
    pub(super) checked: bool,
    /// All checks fail without it and pass with it.
    pub(super) proven: bool,
    pub(super) base: Base,
    /// What is wrong with it, for the next question.
    pub(super) failure: String,
}

impl Candidate {
    /// Whether no other is looked for.
    pub(super) fn enough(&self) -> bool {
        self.base == Base::Holds && (self.proven || !self.checked)
    }

    /// What comes first is better.
    pub(super) fn rank(&self) -> (Base, bool, Level, std::cmp::Reverse<usize>) {
        (self.base, self.proven, self.level, std::cmp::Reverse(self.diff.len()))
    }
}

impl Led {
    /// Puts what `reply` says into the workspace, which is at the base, and tries it. The inner error is why that can't be done.
    pub(super) async fn candidate(
        &mut self,
        keys: &Pipeline,
        place: &Place,
        shown: &Shown,
        lines: &[String],
        reply: &str,
        reds: &[Red],
    ) -> Result<Result<Candidate, String>, End> {
        let edits = match edits(keys, place, shown, lines, reply) {
            Ok(edits) => edits,
            Err(why) => return Ok(Err(why)),
        };
        for (tool, arguments) in edits {
            let result = self.edit(tool, arguments).await?;
            if !result.ok {
                return Ok(Err(result.text()));
            }
        }
        let state = self.session.workspace.state().await?;
        if state.code_tree.is_empty() {
            return Ok(Err("That changes nothing: it is the same code as before.".into()));
        }
        let (patch, export) = self.session.workspace.patch().await?;
        if self.past.is_empty() {
            let (step, text) = (self.session.log.conversation.step, patch.text.clone());
            self.session.log.write(Event::Patch { step, tree: state.tree.clone(), patch: text })?;
        }
        let mut candidate = Candidate {
            files: export.files.into_iter().map(|file| (file.path, file.now)).collect(),
            tree: state.tree,
            diff: patch.text,
            level: Level::None,
            checked: !reds.is_empty(),
            proven: !reds.is_empty(),
            base: Base::Unknown,
            failure: String::new(),
        };
        for red in reds {
            let Some(check) = self.with_change(red, &state.code_tree).await? else { continue };
            candidate.level = candidate.level.max(check.level);
            if check.level != Level::Proven {
                candidate.proven = false;
                candidate.failure = format!(
                    "With this change the check still fails. Its output ends with:\n{}",
                    last_lines(&check.with.tail, 12)
                );
            }
        }
        if candidate.proven || reds.is_empty() {
            self.ask_own_tests(&mut candidate).await?;
        }
        Ok(Ok(candidate))
    }

    /// What the repository's own tests say of a candidate, which is in the workspace.
    async fn ask_own_tests(&mut self, candidate: &mut Candidate) -> Result<(), End> {
        let verdict = crate::drive::verify::own_tests(&mut self.session).await?;
        candidate.base = if verdict.passed == Some(false) { Base::Breaks } else { Base::Holds };
        if candidate.base == Base::Breaks {
            candidate.failure = format!("This change breaks tests of the repository.\n{}", verdict.text);
        }
        Ok(())
    }

    /// Asks the repository's own tests where nothing is proven and one of several is to be chosen.
    pub(super) async fn tell_apart(&mut self, tried: &mut [Candidate]) -> Result<(), End> {
        if tried.len() < 2 || tried.iter().any(Candidate::enough) {
            return Ok(());
        }
        for candidate in tried.iter_mut().filter(|candidate| candidate.base == Base::Unknown) {
            self.put(candidate).await?;
            self.ask_own_tests(candidate).await?;
        }
        Ok(())
    }

    /// Runs an editing tool. It is recorded unless the record has it already.
    async fn edit(&mut self, tool: &str, arguments: Value) -> Result<CallResult, End> {
        let result = match self.session.workspace.call(tool, &arguments, EDIT).await? {
            Called::Result(result) => *result,
            Called::Died(why) => CallResult { output: why, ..CallResult::default() },
        };
        if self.past.results > 0 {
            self.past.results -= 1;
            return Ok(result);
        }
        let step = self.session.log.conversation.step;
        let call = ToolCall { id: format!("voe-{step}"), name: tool.to_owned(), arguments: arguments.to_string() };
        self.session.result(&call, result.clone())?;
        Ok(result)
    }

    /// Puts the workspace back to the base.
    pub(super) async fn restore_base(&mut self) -> Result<(), AttemptError> {
        let export = self.session.workspace.export().await?;
        let changed: Vec<_> = export.files.into_iter().map(|file| (file.path, file.base)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        self.session.workspace.import(changed).await?;
        self.state_is("", "")
    }

    /// Puts a candidate into the workspace.
    pub(super) async fn put(&mut self, candidate: &Candidate) -> Result<(), AttemptError> {
        if self.session.workspace.state().await?.tree == candidate.tree {
            return Ok(());
        }
        self.restore_base().await?;
        self.session.workspace.import(candidate.files.clone()).await?;
        self.state_is(&candidate.tree, &candidate.diff)
    }

    fn state_is(&mut self, tree: &str, patch: &str) -> Result<(), AttemptError> {
        if !self.past.is_empty() {
            return Ok(());
        }
        let step = self.session.log.conversation.step;
        Ok(self.session.log.write(Event::Patch { step, tree: tree.to_owned(), patch: patch.to_owned() })?)
    }
}

/// The calls that make the change in `reply`.
fn edits(
    keys: &Pipeline,
    place: &Place,
    shown: &Shown,
    lines: &[String],
    reply: &str,
) -> Result<Vec<(&'static str, Value)>, String> {
    let path = &place.path;
    let edit = |old: &str, new: &str, line: Option<usize>| {
        let mut arguments = json!({"path": path, "old_string": old, "new_string": new});
        if let Some(line) = line {
            arguments["line"] = line.into();
        }
        ("file_edit", arguments)
    };
    match writes(keys, shown) {
        "replace" => {
            let blocks = reply::replacements(reply);
            if blocks.is_empty() {
                return Err("The answer held no block of search and replace.".into());
            }
            Ok(blocks.iter().map(|(old, new)| edit(old, new, None)).collect())
        }
        "file" => {
            let code = reply::code(reply, |_| false).ok_or("The answer held no block of code.")?;
            // A file cut short is the commonest mistake of small models.
            if code.lines().count() * 2 < lines.len() {
                return Err("The answer holds only a part of the file; the whole file is needed.".into());
            }
            let content = if code.ends_with('\n') { code } else { code + "\n" };
            Ok(vec![("file_write", json!({"path": path, "content": content}))])
        }
        _ => {
            let defines = |text: &str| text.lines().any(|line| place::defined(line) == Some(&place.name));
            let code = reply::code(reply, defines).ok_or("The answer held no block of code.")?;
            let (function, imports) = source::function_in(path, &code, &place.name)
                .ok_or_else(|| format!("The answer does not define {}.", place.name))?;
            let like = lines.get(shown.range.0).map_or("", String::as_str);
            let new = source::indented_like(&function, like);
            let mut edits = vec![edit(&shown.text, &new, Some(shown.range.0 + 1))];
            let missing: Vec<String> = imports.into_iter().filter(|import| !lines.contains(import)).collect();
            if !missing.is_empty() {
                let last = |line: &String| {
                    line.starts_with("import ") || line.starts_with("from ") || line.starts_with("use ")
                };
                let at = lines.iter().rposition(last).map_or(1, |at| at + 2);
                edits.push(edit("", &format!("{}\n", missing.join("\n")), Some(at)));
            }
            Ok(edits)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::Writes;

    fn try_edits(write: Writes, reply: &str) -> Result<Vec<(&'static str, Value)>, String> {
        let text = "import os\n\nclass A:\n    def mean(self, xs):\n        return sum(xs) / len(xs)\n";
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let keys = Pipeline { write, ..Pipeline::default() };
        let place = Place { path: "a.py".into(), name: "mean".into(), line: 4 };
        let shown = super::super::show(&place, &lines, &keys);
        edits(&keys, &place, &shown, &lines, reply)
    }

    #[test]
    fn a_function_written_anew_replaces_the_old_one_where_it_stood_and_brings_its_imports() {
        let reply = "```python\nimport math\ndef mean(self, xs):\n    return math.fsum(xs)\n```";
        let edits = try_edits(Writes::Function, reply).unwrap();
        assert_eq!(edits[0].1["old_string"], "    def mean(self, xs):\n        return sum(xs) / len(xs)");
        assert_eq!(edits[0].1["new_string"], "    def mean(self, xs):\n        return math.fsum(xs)");
        assert_eq!((edits[1].1["line"].as_u64(), edits[1].1["new_string"].as_str()), (Some(2), Some("import math\n")));
    }

    #[test]
    fn an_answer_of_another_form_says_what_is_missing() {
        for (write, reply, why) in [
            (Writes::Function, "I would add a test.", "no block of code"),
            (Writes::Function, "```\ndef median(xs): pass\n```", "does not define mean"),
            (Writes::File, "```\ndef mean(xs): pass\n```", "only a part"),
            (Writes::Replace, "```\nx\n```", "no block of search and replace"),
        ] {
            let said = try_edits(write, reply).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
