//! Commands that end with another exit code than that of what they run.
//!
//! The last statement that runs something decides. Its exit code is hidden if what follows only reads, prints or tidies up
//! (`pytest; echo done`), if it is in a pipeline that ends with such a command (`pytest | tail`), or if such a command follows `||`.
//! Not hidden is the code of what asserts: a last `grep -q`, `diff`, `test`, `exit 1`, or another command that runs something.
//! What is inside subshells, functions and compound commands is not looked at.

use super::joints::{ShellJoint, ShellOperator};
use super::kind;
use super::words::{self, ShellLine, Simple};

/// Whether `command` hides the exit code of what it runs: then the command that ends with it. That one has `set -o pipefail` where a pipe
/// hides it, and lacks a last `|| true` or `echo`; other commands that follow are run, and the code is kept.
pub fn hides_exit(command: &str) -> Option<String> {
    let line = words::parse(command);
    if !line.clear {
        return None;
    }
    let parts = parts(&line, command);
    let last = parts.iter().rposition(CommandPart::runs)?;
    let mut settings = ShellSettings::default();
    for part in &parts[..=last] {
        settings.note(part);
    }

    // The statement of the last part that runs something.
    let first = parts[..last].iter().rposition(CommandPart::ends_statement).map_or(0, |at| at + 1);
    let end = parts.iter().skip(last).position(CommandPart::ends_statement).map_or(parts.len() - 1, |at| last + at);
    let (statement, rest) = (&parts[first..=end], &parts[end + 1..]);
    if statement.iter().any(|part| part.negated) || parts[end].joint.operator == ShellOperator::Background {
        return None;
    }
    let pipefail = !settings.pipefail && (0..statement.len()).any(|at| pipe_hides(&statement[at..]));
    let mut edits = CommandEdits { pipefail, ..CommandEdits::default() };
    for pair in statement.windows(2) {
        let [before, part] = pair else { continue };
        if before.joint.operator == ShellOperator::Or && !part.decides() {
            // `|| cat log | tail` is left out up to the end of its pipeline.
            let from = before.joint.from;
            let at = statement.iter().position(|other| std::ptr::eq(other, part)).unwrap_or(0);
            let pipeline = statement[at..].iter().find(|other| other.joint.operator != ShellOperator::Pipe);
            edits.left_out.push((from, pipeline.map_or(part.joint.from, |last| last.joint.from)));
        }
    }
    let rest: Vec<&CommandPart<'_>> = rest.iter().filter(|part| !part.commands.is_empty()).collect();
    if !rest.is_empty() && !settings.errexit {
        if rest.last().is_some_and(|part| part.decides() || part.text.contains("PIPESTATUS")) {
            return None;
        }
        let from = parts[end].joint;
        if rest.iter().all(|part| part.only_prints()) {
            // Operators of their own would be left: `;;` is an error.
            let semicolon = |at: &usize| command.chars().nth(*at) == Some(';');
            let operators = parts[end..].iter().map(|part| part.joint.from).filter(semicolon);
            edits.left_out.extend(operators.map(|at| (at, at + 1)));
            edits.left_out.extend(rest.iter().map(|part| (part.from, part.joint.from)));
        } else {
            edits.keep_after = Some(from.from);
        }
    }
    edits.apply(command)
}

/// A command with its arguments, between two operators.
struct CommandPart<'a> {
    commands: &'a [Simple],
    text: String,
    /// The first character of it.
    from: usize,
    joint: ShellJoint,
    negated: bool,
}

fn parts<'a>(line: &'a ShellLine, command: &str) -> Vec<CommandPart<'a>> {
    let text: Vec<char> = command.chars().collect();
    let (mut from, mut commands) = (0, 0);
    let mut parts = Vec::new();
    for joint in &line.joints {
        let own: String = text.get(from..joint.from).unwrap_or_default().iter().collect();
        let negated = own.trim_start().starts_with("! ");
        let part = line.commands.get(commands..joint.commands).unwrap_or_default();
        parts.push(CommandPart { commands: part, text: own, from, joint: *joint, negated });
        (from, commands) = (joint.to, joint.commands);
    }
    parts
}

impl CommandPart<'_> {
    fn runs(&self) -> bool {
        self.commands.iter().any(|command| kind::of(command).runs())
    }

    fn ends_statement(&self) -> bool {
        matches!(self.joint.operator, ShellOperator::Then | ShellOperator::Background)
    }

    /// Whether its exit code means something: it runs something, compares, or sets the code.
    fn decides(&self) -> bool {
        self.runs()
            || self.commands.iter().any(|command| {
                let has = |letter: char| {
                    command.words.iter().any(|word| {
                        word.text.starts_with('-') && !word.text.starts_with("--") && word.text.contains(letter)
                    })
                };
                match command.name() {
                    Some("test" | "[" | "[[" | "false" | "diff" | "cmp") => true,
                    Some("grep" | "egrep" | "fgrep" | "rg") => {
                        has('q') || command.words.iter().any(|word| word.text == "--quiet")
                    }
                    Some("exit" | "return") => command.words.get(1).is_some_and(|word| word.text != "0"),
                    _ => false,
                }
            })
    }

    /// Whether it does nothing but print a text of its own: leaving it out loses nothing.
    fn only_prints(&self) -> bool {
        let text = self.text.replace("$?", "");
        !text.contains(['$', '`', '<', '>'])
            && self
                .commands
                .iter()
                .all(|command| matches!(command.name(), Some("echo" | "printf" | "true" | ":" | "exit" | "date")))
    }
}

/// Whether the pipeline at the start of these parts ends with a command whose exit code says nothing, and runs something before.
fn pipe_hides(parts: &[CommandPart<'_>]) -> bool {
    let length =
        parts.iter().position(|part| part.joint.operator != ShellOperator::Pipe).map_or(parts.len(), |at| at + 1);
    match parts[..length].split_last() {
        Some((last, before)) => before.iter().any(CommandPart::runs) && !last.decides(),
        None => false,
    }
}

/// What `set` has changed.
#[derive(Default)]
struct ShellSettings {
    errexit: bool,
    pipefail: bool,
}

impl ShellSettings {
    fn note(&mut self, part: &CommandPart<'_>) {
        for command in part.commands.iter().filter(|command| command.name() == Some("set")) {
            for word in command.words.iter().skip(1) {
                let on = word.text.starts_with('-');
                let flags = word.text.trim_start_matches(['-', '+']);
                match flags {
                    "pipefail" => self.pipefail = !command.words.iter().any(|word| word.text.starts_with('+')),
                    "errexit" => self.errexit = !command.words.iter().any(|word| word.text.starts_with('+')),
                    _ if (on || word.text.starts_with('+')) && flags.contains('e') => self.errexit = on,
                    _ => {}
                }
            }
        }
    }
}

/// How a command is changed.
#[derive(Default)]
struct CommandEdits {
    pipefail: bool,
    /// Ranges of characters, in order.
    left_out: Vec<(usize, usize)>,
    /// Where the exit code is kept for the end.
    keep_after: Option<usize>,
}

impl CommandEdits {
    fn apply(&self, command: &str) -> Option<String> {
        if !self.pipefail && self.left_out.is_empty() && self.keep_after.is_none() {
            return None;
        }
        let mut text = String::from(if self.pipefail { "set -o pipefail\n" } else { "" });
        for (at, c) in command.chars().enumerate() {
            if self.keep_after == Some(at) {
                text.push_str("; voe_exit=$? ");
            }
            if !self.left_out.iter().any(|(from, to)| (*from..*to).contains(&at)) {
                text.push(c);
            } else if !text.ends_with([' ', '\n']) {
                // What follows may be a comment, which needs a space.
                text.push(' ');
            }
        }
        let mut text = text.trim_end_matches([' ', ';', '\n']).to_owned();
        if self.keep_after.is_some() {
            text.push_str("\nexit $voe_exit");
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    fn second(command: &str) -> String {
        hides_exit(command).unwrap_or_else(|| "-".into())
    }

    #[test]
    fn a_pipe_that_shows_is_run_with_pipefail() {
        assert_eq!(second("pytest | tail -5"), "set -o pipefail\npytest | tail -5");
        assert_eq!(second("python x.py 2>&1 | tee log"), "set -o pipefail\npython x.py 2>&1 | tee log");
        assert_eq!(
            second("cd a && make test |& grep -v warning | head"),
            "set -o pipefail\ncd a && make test |& grep -v warning | head"
        );
        assert_eq!(
            second("python - <<'EOF' | tail -1\nprint('a; b || c')\nEOF\n"),
            "set -o pipefail\npython - <<'EOF' | tail -1\nprint('a; b || c')\nEOF"
        );
    }

    #[test]
    fn what_follows_is_left_out_if_it_only_prints() {
        assert_eq!(second("pytest || true"), "pytest");
        assert_eq!(second("pytest -q || echo failed; echo done"), "pytest -q");
        assert_eq!(second("pytest; echo \"exit: $?\""), "pytest");
        assert_eq!(second("pytest && echo PASS || echo FAIL"), "pytest && echo PASS");
        assert_eq!(second("set +e\npytest\nexit 0"), "set +e\npytest");
        assert_eq!(second("pytest | tail -3; echo ok"), "set -o pipefail\npytest | tail -3");
        assert_eq!(second("pytest || cat log | tail"), "pytest");
        assert_eq!(second("pytest; echo a; echo b # c"), "pytest # c");
        assert_eq!(second("python - <<EOF\nx\nEOF\necho done"), "python - <<EOF\nx\nEOF");
        assert_eq!(second("python - <<EOF || true\nx\nEOF"), "python - <<EOF \nx\nEOF");
    }

    #[test]
    fn what_follows_and_does_more_is_kept_with_the_exit_code() {
        assert_eq!(
            second("pytest > log 2>&1; tail -20 log"),
            "pytest > log 2>&1; voe_exit=$? ; tail -20 log\nexit $voe_exit"
        );
        assert_eq!(
            second("./server & sleep 1; node client.js; kill %1"),
            "./server & sleep 1; node client.js; voe_exit=$? ; kill %1\nexit $voe_exit"
        );
        assert_eq!(second("pytest # all\nrm -f a.db"), "pytest ; voe_exit=$? # all\nrm -f a.db\nexit $voe_exit");
        assert_eq!(second("x=$(pytest); echo \"$x\""), "x=$(pytest); voe_exit=$? ; echo \"$x\"\nexit $voe_exit");
    }

    #[test]
    fn what_asserts_hides_nothing() {
        for command in [
            "pytest",
            "cd a; pytest -q",
            "! python x.py",
            "python x.py | grep -q OK",
            "python x.py | diff - expected.txt",
            "python x.py | python check.py",
            "echo 1 | python x.py",
            "pytest && echo ok",
            "pytest || exit 1",
            "pytest || { echo failed; exit 1; }",
            "pytest || python -m unittest",
            "pytest; exit $?",
            "pytest; code=$?; echo done; exit $code",
            "pytest | tail; exit ${PIPESTATUS[0]}",
            "set -e; pytest; echo done",
            "set -euo pipefail\npytest | tail\necho done",
            "python x.py > out; grep -q 3 out",
            "python x.py > out; [ -s out ]",
            "ls | head; echo",
            "git diff | head || true",
            "(pytest; echo done)",
            "if pytest; then echo ok; fi",
            "for f in a b; do pytest $f | tail; done",
            "pytest | 'tail",
            "",
        ] {
            assert_eq!(second(command), "-", "{command}");
        }
    }

    #[test]
    fn the_second_form_ends_with_the_exit_code_of_what_runs() {
        let exit = |command: &str| Command::new("bash").arg("-c").arg(command).output().unwrap().status.code();
        for after in [
            "| tail -1",
            "|| true",
            "|| echo failed",
            "; echo done",
            "; echo $?",
            "; ls > /dev/null",
            " # fails\nls -d .",
            "2>&1 | cat; date",
        ] {
            for code in [0, 3] {
                let command = format!("python3 -c 'import sys; print(1); sys.exit({code})' {after}");
                assert_eq!(exit(&command), Some(0), "{command}");
                assert_eq!(exit(&hides_exit(&command).unwrap()), Some(code), "{command}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_a_second_form_hides_nothing(parts in proptest::collection::vec(prop_oneof![
            Just("pytest "), Just("echo a"), Just("| tail"), Just(" || "), Just("true"), Just(" && "), Just("; "), Just("\n"), Just(" & "),
            Just("# c"), Just("<<EOF"), Just("EOF\n"), Just("é"), Just("exit 1"), Just("set -e"), Just("("), Just(")"), Just("{ "), Just("; }"),
            Just("if "), Just("; then "), Just("; fi"), Just("'"), Just("$(make)"), Just("rm a")
        ], 0..14)) {
            if let Some(second) = hides_exit(&parts.concat()) {
                prop_assert!(!second.is_empty());
            }
        }
    }
}
