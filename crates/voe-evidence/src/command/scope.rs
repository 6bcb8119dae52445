//! What a check's command runs: which files of the change, and whether it was made for the change.

use super::kind::{self, CommandKind};
use super::words::{self, Simple};
use crate::is_test;

/// Shells in shells deeper than this are not followed.
const DEEPEST: usize = 4;

/// Files that take the tests to run as further arguments.
const STARTERS: [&str; 5] = ["manage.py", "runtests.py", "setup.py", "Makefile", "Cargo.toml"];

/// Whether `command` could run `path`, a test or a check file of the change. In doubt it could.
pub fn could_run(command: &str, path: &str) -> bool {
    any_part(command, 0, &|simple| part_could_run(simple, path))
}

/// Whether a check's command was made for the change, by its text: code in the command, a scratch file, a program that is no test
/// runner, or a comparison of what a program prints. `workspace`: its path, which may itself be below `/tmp`.
pub fn made_for_change(command: &str, workspace: &str) -> bool {
    let outside = if workspace.len() > 1 { command.replace(workspace, "") } else { command.to_owned() };
    if outside.contains("/tmp/") {
        return true;
    }
    let line = words::parse(command);
    let kinds: Vec<CommandKind> = line.commands.iter().map(kind::of).collect();
    let tests = kinds.contains(&CommandKind::Tests);
    let compares = |simple: &Simple| {
        let name = simple.name().unwrap_or_default();
        matches!(name, "grep" | "egrep" | "fgrep" | "rg" | "diff" | "cmp" | "comm" | "test" | "[" | "[[")
    };
    !line.clear
        || line.commands.iter().zip(&kinds).any(|(simple, kind)| match kind {
            CommandKind::Script(code) => !is_shell(simple) || made_for_change(code, workspace),
            // Runners compare by themselves; their output is only filtered.
            CommandKind::Looks => compares(simple) && !tests,
            // It runs the program itself, and not its tests.
            CommandKind::Runs => true,
            _ => false,
        })
}

/// The code that is part of the command: for an interpreter, or for a shell that compares.
pub fn inline_code(command: &str) -> Vec<String> {
    let line = words::parse(command);
    let scripts = line.commands.iter().map(kind::of).filter_map(|kind| match kind {
        CommandKind::Script(code) => Some(code),
        _ => None,
    });
    scripts.collect()
}

/// Whether some part of the command, also of a shell in it, is as asked. A line that is not understood is.
fn any_part(command: &str, depth: usize, asked: &dyn Fn(&Simple) -> bool) -> bool {
    let line = words::parse(command);
    !line.clear
        || depth > DEEPEST
        || line.commands.iter().any(|simple| match kind::of(simple) {
            CommandKind::Script(code) if is_shell(simple) => any_part(&code, depth + 1, asked),
            // Code in the command may load anything that it names, which is looked for in its text.
            CommandKind::Script(code) => names(&code, asked, simple),
            kind => kind.runs() && asked(simple),
        })
}

/// Whether code in a command could load the file: its words stand for arguments.
fn names(code: &str, asked: &dyn Fn(&Simple) -> bool, of: &Simple) -> bool {
    let part = |c: char| c.is_alphanumeric() || "_./-".contains(c);
    code.split(|c: char| !part(c)).filter(|word| !word.is_empty()).any(|word| {
        let word = words::Word { text: format!("./{}", word.replace('.', "/")), open: false };
        let program = of.words.first().cloned().unwrap_or_default();
        asked(&Simple { words: vec![program, word], ..Simple::default() })
    })
}

fn is_shell(simple: &Simple) -> bool {
    matches!(simple.name(), Some("sh" | "bash" | "zsh" | "dash" | "ksh" | "eval"))
}

fn part_could_run(simple: &Simple, path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    // A helper, a fixture or data: a test may need it without a trace in the command.
    let named = is_test(file) && file != "conftest.py";
    let selects = |text: &str| text.contains("findRelatedTests") || text == "related";
    if simple.words.iter().any(|word| word.open || selects(&word.text)) {
        return true;
    }
    let paths: Vec<String> = match runner_arguments(simple) {
        Some(arguments) if arguments.contains(&"discover") => return true,
        Some(arguments) => arguments.into_iter().filter_map(plain_path).collect(),
        None => simple.words.iter().filter_map(|word| path_in(&word.text)).collect(),
    };
    let tests = kind::of(simple) == CommandKind::Tests;
    paths.is_empty() || paths.iter().any(|given| covers(given, path)) || tests && !named
}

/// What pytest and unittest are given to run: their arguments without options. `None`: another program.
fn runner_arguments(simple: &Simple) -> Option<Vec<&str>> {
    let takes_value = |option: &str| {
        matches!(
            option,
            "-k" | "-m"
                | "-p"
                | "-n"
                | "-c"
                | "-o"
                | "-W"
                | "-r"
                | "--maxfail"
                | "--tb"
                | "--timeout"
                | "--rootdir"
                | "--deselect"
        )
    };
    let words: Vec<&str> = simple.words.iter().map(|word| word.text.as_str()).collect();
    let at =
        words.iter().position(|word| matches!(word.rsplit('/').next(), Some("pytest" | "py.test" | "unittest")))?;
    let mut arguments = Vec::new();
    let mut rest = words[at + 1..].iter();
    while let Some(word) = rest.next() {
        if takes_value(word) {
            rest.next();
        } else if !word.starts_with('-') {
            arguments.push(*word);
        }
    }
    Some(arguments)
}

/// A path or a dotted name that stands alone, without the name of a test in it.
fn plain_path(argument: &str) -> Option<String> {
    let path = argument.split("::").next().unwrap_or(argument).trim_end_matches('/');
    let path = path.strip_prefix("./").unwrap_or(path);
    // The top folder is everything.
    (!path.is_empty() && path != ".").then(|| path.to_owned())
}

/// The path that an argument of any program stands for.
fn path_in(argument: &str) -> Option<String> {
    if argument.starts_with('-') {
        return None;
    }
    let path = argument.split("::").next().unwrap_or(argument);
    let path = path.trim_end_matches("...").trim_end_matches('/');
    let path = path.strip_prefix("./").unwrap_or(path);
    let file = path.rsplit('/').next().unwrap_or(path);
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
    let settings =
        matches!(extension, "cfg" | "ini" | "toml" | "json" | "xml" | "txt" | "html" | "lock" | "yml" | "yaml");
    let number = path.chars().all(|c| c.is_ascii_digit() || c == '.');
    let program = path.starts_with("/usr/") || path.starts_with("/bin/");
    let is_path = path.contains('/') || path.contains('.');
    (is_path && !settings && !number && !program && !STARTERS.contains(&file)).then(|| path.to_owned())
}

/// Whether `given`, a file, a directory or a dotted name of a module, a class or a test, stands for `path` or a directory above.
fn covers(given: &str, path: &str) -> bool {
    let below = |short: &str, long: &str| {
        long == short
            || long.strip_prefix(short).is_some_and(|rest| rest.starts_with('/'))
            || long.ends_with(&format!("/{short}"))
            || long.contains(&format!("/{short}/"))
    };
    let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
    let dotted = given.replace('.', "/");
    below(given, path)
        || below(path, given)
        || below(&dotted, stem)
        // `tests.test_a.Case.test_x`, and a module named from a directory below the top.
        || below(stem, &dotted)
        || stem.rsplit('/').next().is_some_and(|file| dotted.starts_with(&format!("{file}/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_runs_the_tests_that_it_names_and_a_whole_suite_runs_all() {
        for command in [
            "pytest",
            "python3 -m pytest -q tests/test_new.py::test_x",
            "cd pkg && python3 -m unittest tests.test_new",
            "python3 -m unittest tests.test_new.Case.test_x",
            "python3 -m unittest discover -s tests",
            "pytest -q tests/",
            "pytest -q tests",
            "pytest -q .",
            "pytest -k test_old",
            "pytest -c setup.cfg --durations=5 | tail -3",
            "python manage.py test",
            "make test",
            "npx jest --findRelatedTests src/a.js",
            "bash -c 'pytest tests/test_new.py'",
            "python3 -c 'import tests.test_new'",
            "pytest $FILES",
            "echo 'unterminated",
        ] {
            assert!(could_run(command, "tests/test_new.py"), "{command}");
        }
        for command in ["pytest -q tests/test_old.py", "python3 -m unittest -q test_old", "python3 app.py", "cat a"] {
            assert!(!could_run(command, "tests/test_new.py"), "{command}");
        }
        // What a test needs is not named.
        assert!(could_run("pytest tests/test_old.py", "tests/conftest.py"));
    }

    #[test]
    fn code_in_a_command_scratch_files_programs_and_comparisons_are_made_for_the_change() {
        for command in [
            "python3 -c 'import a'",
            "python3 - <<'EOF'\nimport a\nEOF",
            "python3 /tmp/t.py",
            "python3 app.py",
            "python3 app.py | grep -q 5",
            "[ \"$(python3 app.py)\" = 5 ]",
            "bash -c \"python3 -c 'import a'\"",
            "echo 'unterminated",
        ] {
            assert!(made_for_change(command, "/w"), "{command}");
        }
        for command in [
            "pytest -q",
            "pytest 2>&1 | grep -E 'passed|failed'",
            "cd /tmp/w/src && make test | tail",
            "bash -c 'pytest -q'",
        ] {
            assert!(!made_for_change(command, "/tmp/w"), "{command}");
        }
    }
}
