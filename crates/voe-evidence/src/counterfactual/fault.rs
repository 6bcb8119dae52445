//! Failures that are no reason of the check's own: a file or its runner is missing, it found nothing to test, or it is broken itself. The texts are those
//! of shells, interpreters and runners.

use voe_trace::{Outcome, Why};

use super::change::ChangeFacts;
use super::text::{has_word, quoted_after, word_after};

/// Python modules that run tests.
const RUNNERS: [&str; 9] =
    ["pytest", "unittest", "nose", "nose2", "tox", "nox", "coverage", "hypothesis", "twisted.trial"];

/// Why the command could not run: a file of its own, or its runner, is missing.
pub(crate) fn cannot_run(command: &str, outcome: &Outcome) -> Option<Why> {
    outcome.tail.lines().map(str::trim).find_map(|line| missing(command, line, outcome.exit))
}

fn missing(command: &str, line: &str, exit: Option<i32>) -> Option<Why> {
    let file = |path: &str| Some(Why::CheckFileMissing { path: as_named(command, path) });
    let runner = |name: &str| Some(Why::NoRunner { name: name.to_owned() });
    // Shells: `bash: line 1: foo: command not found`, `sh: 1: foo: not found`, `bash: ./run.sh: No such file or directory`.
    let subject = |line: &str| line.rsplit(": ").nth(1).map(|name| name.trim_matches(['\'', '‘', '’', '`']).to_owned());
    if exit == Some(127) && (line.ends_with(": command not found") || line.ends_with(": not found")) {
        return runner(&subject(line)?);
    }
    if matches!(exit, Some(126 | 127)) && line.ends_with(": No such file or directory") {
        let subject = subject(line)?;
        return if has_word(command, base_name(&subject)) { file(&subject) } else { runner(&subject) };
    }
    // Python and Node, when asked to run a file.
    if let Some(path) = quoted_after(line, "can't open file ") {
        return file(path);
    }
    if let Some(path) = quoted_after(line, "Cannot find module ") {
        return if has_word(command, base_name(path)) && !path.starts_with("./") { file(path) } else { None };
    }
    // pytest, when a path of its command line is missing.
    if let Some(path) =
        ["ERROR: file or directory not found: ", "ERROR: not found: "].iter().find_map(|words| line.strip_prefix(words))
    {
        return file(path.split(" (").next().unwrap_or(path));
    }
    if let Some(module) = quoted_after(line, "ModuleNotFoundError: No module named ") {
        let dotted = |text: &str| text.replace(".py", "").replace('/', ".");
        if RUNNERS.contains(&module) {
            return runner(module);
        }
        return if has_word(&dotted(command), &dotted(module)) && !command.contains("import ") {
            file(module)
        } else {
            None
        };
    }
    // `python3 -m pytest`: "/usr/bin/python3: No module named pytest"
    if let Some((_, module)) = line.split_once(": No module named ")
        && !line.contains("Error")
    {
        let module = module.split([';', ' ']).next().unwrap_or(module).trim_matches('\'');
        return if RUNNERS.contains(&module) { runner(module) } else { file(module) };
    }
    let lower = line.to_lowercase();
    if let Some(at) = lower.find("missing script: ") {
        let name = line.get(at + "missing script: ".len()..).unwrap_or_default();
        return runner(&format!("the npm script {}", name.trim_matches('"')));
    }
    if line.contains("npx canceled due to missing packages") || line.contains("could not determine executable to run") {
        let name = command.split_whitespace().skip_while(|word| *word != "npx").skip(1).find(|w| !w.starts_with('-'));
        return runner(name.unwrap_or("npx"));
    }
    if let Some(name) = quoted_after(line, "no such command: ") {
        return runner(&format!("cargo {name}"));
    }
    ["no test target named ", "no example target named ", "no bin target named "]
        .iter()
        .find_map(|words| quoted_after(line, words))
        .and_then(file)
}

/// The reason, if the runner reports that it found nothing to test.
pub(crate) fn nothing_tested(command: &str, outcome: &Outcome) -> Option<Why> {
    // pytest: 4 is a usage error (a path that is not there), 5 is "no tests were collected".
    // https://docs.pytest.org/en/stable/reference/exit-codes.html
    if let Some(exit @ (4 | 5)) = outcome.exit_code()
        && command.contains("pytest")
    {
        return Some(Why::NothingCollected { exit });
    }
    let nothing = [
        "no tests ran",
        "collected 0 items",
        "Ran 0 tests",
        "NO TESTS RAN",
        "No tests found",
        "no tests to run",
        "No rule to make target",
        "make: *** No targets",
    ];
    let said = nothing.iter().find(|said| outcome.tail.contains(**said))?;
    Some(Why::NothingTested { words: (*said).to_owned() })
}

/// The reason, if the runner ended well although it ran no test.
pub(super) fn found_nothing(command: &str, outcome: &Outcome) -> Option<Why> {
    const NONE: &str = "running 0 tests";
    let ran = |line: &str| line.starts_with("running ") && !line.starts_with(NONE);
    let cargo = || {
        let none = outcome.tail.contains(NONE) && !outcome.tail.lines().any(ran);
        none.then(|| Why::NothingTested { words: NONE.to_owned() })
    };
    nothing_tested(command, outcome).or_else(cargo)
}

/// Whether `tail` reports that `path`, or the module at that path, is missing.
pub(super) fn misses(tail: &str, path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    let stem = file.split('.').next().unwrap_or(file);
    // No error names a directory that exists without the patch, so its name is harmless here.
    let directories = path.split('/').rev().skip(1);
    let names: Vec<&str> = [path, file, stem].into_iter().chain(directories).filter(|n| !n.is_empty()).collect();
    tail.lines().any(|line| {
        let complains = [
            "No module named",
            "ModuleNotFoundError",
            "No such file or directory",
            "can't open file",
            "Cannot find module",
            "ERR_MODULE_NOT_FOUND",
            "file not found for module",
            "unresolved import",
            "could not find",
            "cannot find",
            "cannot load such file",
            "Can't locate",
            "no required module provides",
            "not found",
            "does not exist",
            "No rule to make target",
        ]
        .iter()
        .any(|said| line.contains(said));
        complains && names.iter().any(|name| has_word(line, name))
    })
}

/// Whether a runner that lacks a module or a name is at fault with the check itself: it does not parse, or it uses a name that
/// neither it nor the change has. `imports`: whether modules and imported names count too, as they do where the change is in place.
pub(crate) fn broken(command: &str, outcome: &Outcome, change: &ChangeFacts, imports: bool) -> Option<Why> {
    let lines: Vec<&str> = outcome.tail.lines().collect();
    let (mut frame, mut found) = (None, None);
    for (at, line) in lines.iter().enumerate() {
        if let Some(file) = frame_before(line) {
            frame = Some(file);
        }
        // pytest marks lines of an exception with E.
        let line = line.trim().strip_prefix("E ").unwrap_or(line).trim();
        let kind = line.split(':').next().unwrap_or_default();
        let own_kind = match kind {
            "SyntaxError" | "IndentationError" | "TabError" => true,
            "NameError" | "ReferenceError" => {
                let name = quoted_after(line, "name ").or_else(|| word_after(line, "ReferenceError: "));
                name.is_some_and(|name| !change.defines(name))
            }
            "ModuleNotFoundError" | "ImportError" => imports,
            _ => false,
        };
        let place = || frame_after(&lines[at + 1..]).or(frame);
        let shell = || line.contains(": syntax error") && is_own(command, kind, change);
        if own_kind && place().is_some_and(|file| is_own(command, file, change)) || shell() {
            found = Some(line);
        }
    }
    found.map(|line| Why::CheckFileBroken { line: line.chars().take(300).collect() })
}

/// The file in a line of a trace that comes before its error.
fn frame_before(line: &str) -> Option<&str> {
    let line = line.trim();
    if let Some(rest) = line.strip_prefix("File \"") {
        return rest.split('"').next();
    }
    // Node shows the place first: `/w/x.js:3`.
    let (file, number) = line.rsplit_once(':')?;
    let number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (number && !file.contains(' ') && (file.starts_with('/') || file.starts_with('['))).then_some(file)
}

/// The file in the lines of a trace that come after its error, until the next one: `at f (/w/x.js:3:1)`, `tests/t.py:3: NameError`.
fn frame_after<'a>(lines: &[&'a str]) -> Option<&'a str> {
    for line in lines.iter().take(12).map(|line| line.trim()) {
        if let Some(rest) = line.strip_prefix("at ") {
            let place = rest.rsplit('(').next().unwrap_or(rest).trim_end_matches(')');
            let file = place.split(':').next().unwrap_or_default();
            if !place.starts_with("node:") {
                return Some(file.trim_start_matches("file://"));
            }
        } else if let Some((place, kind)) = line.split_once(": ")
            && matches!(kind, "NameError" | "ModuleNotFoundError" | "ImportError" | "SyntaxError")
        {
            return place.split(':').next();
        }
    }
    None
}

/// Whether `file` is the check's own, and not code of the change.
fn is_own(command: &str, file: &str, change: &ChangeFacts) -> bool {
    if matches!(file, "<string>" | "<stdin>" | "bash" | "sh") || file.starts_with("[eval") || file.starts_with("[stdin")
    {
        return true;
    }
    let is =
        |path: &String| file == path || file.strip_suffix(path.as_str()).is_some_and(|before| before.ends_with('/'));
    !change.code.iter().any(is) && (change.own.iter().any(|own| is(&own.path)) || has_word(command, base_name(file)))
}

/// A path as the command names it, where it does.
fn as_named(command: &str, path: &str) -> String {
    let ends = |word: &&str| !word.is_empty() && (path == *word || path.ends_with(&format!("/{word}")));
    let words = command.split(|c: char| c.is_whitespace() || "'\";&|()".contains(c));
    words.map(|word| word.trim_start_matches("./")).find(ends).unwrap_or(path).to_owned()
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
