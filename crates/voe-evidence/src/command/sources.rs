//! Checks that only read source text.
//!
//! `grep -q 'return 1' a.py` or `assert 'x' in open('a.py').read()` fail without an edit and pass with it, and show only
//! that the edit was made.

use super::kind::{self, CommandKind};
use super::words;

/// Whether a command only reads texts and compares them: all its parts only read, or are Python or JavaScript snippets
/// that open files and load only what helps in reading them.
pub fn reads_source_only(command: &str) -> bool {
    let line = words::parse(command);
    line.clear
        && !line.commands.is_empty()
        && line.commands.iter().all(|simple| match kind::of(simple) {
            CommandKind::Looks => !simple.writes(),
            CommandKind::Script(code) => reads(simple.name().unwrap_or_default(), &code),
            _ => false,
        })
}

fn reads(interpreter: &str, code: &str) -> bool {
    if interpreter.starts_with("python") || interpreter.starts_with("pypy") {
        return python(code);
    }
    if matches!(interpreter, "node" | "nodejs") {
        return node(code);
    }
    matches!(interpreter, "sh" | "bash" | "zsh" | "dash") && reads_source_only(code)
}

fn python(code: &str) -> bool {
    const HARMLESS: &[&str] =
        &["re", "sys", "os", "os.path", "pathlib", "ast", "io", "json", "glob", "difflib", "textwrap", "tokenize"];
    const RUNS: &[&str] = &[
        "subprocess",
        "os.system",
        "os.popen",
        "os.exec",
        "os.spawn",
        "exec(",
        "eval(",
        "__import__",
        "importlib",
        "runpy",
        "compile(",
    ];
    let opens = ["open(", "read_text(", "read_bytes("].iter().any(|sign| code.contains(sign));
    let harmless = |module: &str| HARMLESS.contains(&module.split_whitespace().next().unwrap_or_default());
    let imports = code.split(['\n', ';']).map(str::trim).all(|line| {
        if let Some(rest) = line.strip_prefix("from ") {
            return harmless(rest);
        }
        line.strip_prefix("import ").is_none_or(|rest| rest.split(',').all(|module| harmless(module.trim())))
    });
    opens && imports && !RUNS.iter().any(|sign| code.contains(sign))
}

fn node(code: &str) -> bool {
    const HARMLESS: &[&str] = &["fs", "node:fs", "path", "node:path", "assert", "node:assert", "node:assert/strict"];
    let opens = code.contains("readFileSync") || code.contains("readFile(");
    let loads = code.match_indices("require(").all(|(at, sign)| {
        let rest = &code[at + sign.len()..];
        let name = rest.split(')').next().unwrap_or_default().trim_matches(|c| matches!(c, '\'' | '"' | '`' | ' '));
        HARMLESS.contains(&name)
    });
    let runs = ["import ", "import(", "eval(", "child_process", "Function("].iter().any(|sign| code.contains(sign));
    opens && loads && !runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snippets_that_only_read_are_distinguished_from_those_that_run_the_code() {
        for command in [
            "grep -q 'return 1' a.py",
            "python -c \"assert 'x' in open('a.py').read()\"",
            "python3 - <<'EOF'\nimport re, sys\nfrom pathlib import Path\nsys.exit(not re.search('x', Path('a').read_text()))\nEOF",
            "cd src && python -c \"import ast; ast.parse(open('a.py').read())\"",
            "node -e \"require('assert')(require('fs').readFileSync('a.js','utf8').includes('x'))\"",
            "test -f a.py && [ -s b ]",
            "bash -c 'grep -q x a.py'",
        ] {
            assert!(reads_source_only(command), "{command}");
        }
        for command in [
            "python -c \"import a; assert a.f()\"",
            "python -c \"print(1)\"",
            "python -c \"import subprocess; open('x')\"",
            "python -c \"exec(open('a.py').read())\"",
            "node -e \"require('./a'); require('fs').readFileSync('x')\"",
            "grep -q x a.py && pytest",
            "python a.py",
            "",
        ] {
            assert!(!reads_source_only(command), "{command}");
        }
    }
}
