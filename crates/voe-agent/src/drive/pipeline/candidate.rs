//! A change: written by the model, applied to the workspace, tested with the checks.

use serde_json::{Value, json};
use voe_proof::CallEnd;
use voe_protocol::{CallResult, FileState, RawBytes};
use voe_trace::{Event, Level, ToolCall};

use super::PipelineDriver;
use super::place::{self, SuspectFunction};
use super::{EDIT, Excerpt, Red, reply, source, writes};
use crate::end::{AttemptError, LoopEnd};
use crate::prompt::last_lines;
use crate::strategy::Pipeline;

/// What the repository's own tests say of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum BaseTests {
    /// Something that passed before fails now.
    Breaks,
    /// Not run.
    Unknown,
    /// Nothing that passed before fails now.
    Holds,
}

/// A change that could be made.
#[derive(Debug, Clone)]
pub(super) struct RepairCandidate {
    pub(super) files: Vec<(RawBytes, Option<FileState>)>,
    pub(super) tree: String,
    pub(super) diff: String,
    pub(super) level: Level,
    /// Whether there was a check to test it with.
    pub(super) checked: bool,
    /// All checks fail without it and pass with it.
    pub(super) proven: bool,
    pub(super) base: BaseTests,
    /// What is wrong with it, for the next question.
    pub(super) failure: String,
}

impl RepairCandidate {
    /// Whether the search for candidates stops here.
    pub(super) fn enough(&self) -> bool {
        self.base == BaseTests::Holds && (self.proven || !self.checked)
    }

    /// Sort key: smaller is better.
    pub(super) fn rank(&self) -> (BaseTests, bool, Level, std::cmp::Reverse<usize>) {
        (self.base, self.proven, self.level, std::cmp::Reverse(self.diff.len()))
    }
}

impl PipelineDriver {
    /// Applies `reply` to the workspace, which is at the base, and tests it. The inner error is why that can't be done.
    pub(super) async fn candidate(
        &mut self,
        keys: &Pipeline,
        place: &SuspectFunction,
        shown: &Excerpt,
        lines: &[String],
        reply: &str,
        reds: &[Red],
    ) -> Result<Result<RepairCandidate, String>, LoopEnd> {
        let edits = match writes(keys, shown) {
            "replace" => replacements(place, reply),
            "file" => whole_file(place, lines, reply),
            _ => self.function(place, shown, lines, reply).await?,
        };
        let edits = match edits {
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
        if self.replay.is_empty() {
            let (step, text) = (self.session.log.conversation.step, patch.text.clone());
            self.session.log.write(Event::Patch { step, tree: state.tree.clone(), patch: text })?;
        }
        let mut candidate = RepairCandidate {
            files: export.files.into_iter().map(|file| (file.path, file.now)).collect(),
            tree: state.tree,
            diff: patch.text,
            level: Level::None,
            checked: !reds.is_empty(),
            proven: !reds.is_empty(),
            base: BaseTests::Unknown,
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

    /// The calls that put the function in `reply` in place of the one that was shown. The inner error is why that can't be done.
    async fn function(
        &mut self,
        place: &SuspectFunction,
        shown: &Excerpt,
        lines: &[String],
        reply: &str,
    ) -> Result<Result<Vec<EditCall>, String>, LoopEnd> {
        let (code, line) = match written(place, reply) {
            Ok(written) => written,
            Err(why) => return Ok(Err(why)),
        };
        let extent = self.extent(&place.path, &code, line).await?;
        let unknown = || format!("The end of {} was not found in the answer.", place.name);
        Ok(extent.map(|extent| replaced(place, shown, lines, &code, extent)).ok_or_else(unknown))
    }

    /// What the repository's own tests say of a candidate, which is in the workspace.
    async fn ask_own_tests(&mut self, candidate: &mut RepairCandidate) -> Result<(), LoopEnd> {
        let verdict = crate::drive::verify::own_tests(&mut self.session).await?;
        candidate.base = if verdict.passed == Some(false) { BaseTests::Breaks } else { BaseTests::Holds };
        if candidate.base == BaseTests::Breaks {
            candidate.failure = format!("This change breaks tests of the repository.\n{}", verdict.text);
        }
        Ok(())
    }

    /// Runs the repository's own tests if nothing is proven and one of several must be chosen.
    pub(super) async fn tell_apart(&mut self, tried: &mut [RepairCandidate]) -> Result<(), LoopEnd> {
        if tried.len() < 2 || tried.iter().any(RepairCandidate::enough) {
            return Ok(());
        }
        for candidate in tried.iter_mut().filter(|candidate| candidate.base == BaseTests::Unknown) {
            self.put(candidate).await?;
            self.ask_own_tests(candidate).await?;
        }
        Ok(())
    }

    /// Runs an editing tool. It is recorded unless the record has it already.
    async fn edit(&mut self, tool: &str, arguments: Value) -> Result<CallResult, LoopEnd> {
        let result = match self.session.workspace.call(tool, &arguments, EDIT).await? {
            CallEnd::Result(result) => *result,
            CallEnd::Died(why) => CallResult { output: why, ..CallResult::default() },
        };
        if self.replay.results > 0 {
            self.replay.results -= 1;
            return Ok(result);
        }
        let step = self.session.log.conversation.step;
        let call = ToolCall { id: format!("voe-{step}"), name: tool.to_owned(), arguments: arguments.to_string() };
        self.session.result(&call, result.clone())?;
        Ok(result)
    }

    /// Resets the workspace to the base.
    pub(super) async fn restore_base(&mut self) -> Result<(), AttemptError> {
        let export = self.session.workspace.export().await?;
        let changed: Vec<_> = export.files.into_iter().map(|file| (file.path, file.base)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        self.session.workspace.import(changed).await?;
        self.state_is("", "")
    }

    /// Applies a candidate to the workspace.
    pub(super) async fn put(&mut self, candidate: &RepairCandidate) -> Result<(), AttemptError> {
        if self.session.workspace.state().await?.tree == candidate.tree {
            return Ok(());
        }
        self.restore_base().await?;
        self.session.workspace.import(candidate.files.clone()).await?;
        self.state_is(&candidate.tree, &candidate.diff)
    }

    fn state_is(&mut self, tree: &str, patch: &str) -> Result<(), AttemptError> {
        if !self.replay.is_empty() {
            return Ok(());
        }
        let step = self.session.log.conversation.step;
        Ok(self.session.log.write(Event::Patch { step, tree: tree.to_owned(), patch: patch.to_owned() })?)
    }
}

/// A call of an editing tool.
type EditCall = (&'static str, Value);

fn edit(path: &str, old: &str, new: &str, line: Option<usize>) -> EditCall {
    let mut arguments = json!({"path": path, "old_string": old, "new_string": new});
    if let Some(line) = line {
        arguments["line"] = line.into();
    }
    ("file_edit", arguments)
}

/// The calls for a reply of search and replace.
fn replacements(place: &SuspectFunction, reply: &str) -> Result<Vec<EditCall>, String> {
    let blocks = reply::replacements(reply);
    if blocks.is_empty() {
        return Err("The answer contained no block of search and replace.".into());
    }
    Ok(blocks.iter().map(|(old, new)| edit(&place.path, old, new, None)).collect())
}

/// The call for a reply with the whole file.
fn whole_file(place: &SuspectFunction, lines: &[String], reply: &str) -> Result<Vec<EditCall>, String> {
    let code = reply::code(reply, |_| false).ok_or("The answer contained no block of code.")?;
    // A truncated file is the most common mistake of small models.
    if code.lines().count() * 2 < lines.len() {
        return Err("The answer contains only a part of the file; the whole file is needed.".into());
    }
    let content = if code.ends_with('\n') { code } else { code + "\n" };
    Ok(vec![("file_write", json!({"path": place.path, "content": content}))])
}

/// The code of a reply with a function, and the line in it at which the function is defined.
fn written(place: &SuspectFunction, reply: &str) -> Result<(String, usize), String> {
    let defines = |line: &str| place::defined(line) == Some(&place.name);
    let code = reply::code(reply, |text| text.lines().any(defines)).ok_or("The answer contained no block of code.")?;
    let line = code.lines().position(defines).ok_or_else(|| format!("The answer does not define {}.", place.name))?;
    Ok((code, line))
}

/// The calls that put the function at lines `extent` of `code` in place of the one that was shown.
fn replaced(
    place: &SuspectFunction,
    shown: &Excerpt,
    lines: &[String],
    code: &str,
    extent: (usize, usize),
) -> Vec<EditCall> {
    let (function, imports) = source::taken_out(code, extent);
    let like = lines.get(shown.range.0).map_or("", String::as_str);
    let new = source::indented_like(&function, like);
    let mut edits = vec![edit(&place.path, &shown.text, &new, Some(shown.range.0 + 1))];
    let missing: Vec<String> = imports.into_iter().filter(|import| !lines.contains(import)).collect();
    if !missing.is_empty() {
        let last = |line: &String| line.starts_with("import ") || line.starts_with("from ") || line.starts_with("use ");
        let at = lines.iter().rposition(last).map_or(1, |at| at + 2);
        edits.push(edit(&place.path, "", &format!("{}\n", missing.join("\n")), Some(at)));
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "import os\n\nclass A:\n    def mean(self, xs):\n        return sum(xs) / len(xs)\n";

    fn place() -> SuspectFunction {
        SuspectFunction { path: "a.py".into(), name: "mean".into(), line: 4 }
    }

    #[test]
    fn a_rewritten_function_replaces_the_old_one_in_place_and_brings_its_imports() {
        let lines: Vec<String> = FILE.lines().map(str::to_owned).collect();
        let shown = super::super::show(&place(), &lines, &Pipeline::default(), Some((3, 5)));
        let reply = "```python\nimport math\ndef mean(self, xs):\n    return math.fsum(xs)\n```";
        let (code, line) = written(&place(), reply).unwrap();
        assert_eq!(line, 1);
        let edits = replaced(&place(), &shown, &lines, &code, (1, 3));
        assert_eq!(edits[0].1["old_string"], "    def mean(self, xs):\n        return sum(xs) / len(xs)");
        assert_eq!(edits[0].1["new_string"], "    def mean(self, xs):\n        return math.fsum(xs)");
        assert_eq!((edits[1].1["line"].as_u64(), edits[1].1["new_string"].as_str()), (Some(2), Some("import math\n")));
    }

    #[test]
    fn an_answer_in_another_form_reports_what_is_missing() {
        let lines: Vec<String> = FILE.lines().map(str::to_owned).collect();
        for (result, why) in [
            (written(&place(), "I would add a test.").map(|_| ()), "no block of code"),
            (written(&place(), "```\ndef median(xs): pass\n```").map(|_| ()), "does not define mean"),
            (whole_file(&place(), &lines, "```\ndef mean(xs): pass\n```").map(|_| ()), "only a part"),
            (replacements(&place(), "```\nx\n```").map(|_| ()), "no block of search and replace"),
        ] {
            let result = result.unwrap_err();
            assert!(result.contains(why), "{result}");
        }
    }
}
