//! Classifies a shell command by its text: does it only read, does it write files, does it run something?
//!
//! The answers decide which commands count as checks, and which new files are edits. They are conservative: a command that is
//! not understood counts as running something.
//!
//! - [`words`], [`word`], [`compound`], [`joints`]: the simple commands in a line of shell, and what joins them
//! - [`kind`], [`programs`]: what a simple command does
//! - [`intent`]: which new files a command is meant to create
//! - `hidden`: commands that hide the exit code of what they run
//! - `installs`: commands that install packages
//! - [`sources`]: checks that only read source text
//! - `scope`: which files of the change a check runs, and whether it was made for the change
//! - [`runs`]: which files a command runs

mod compound;
mod hidden;
mod installs;
mod intent;
mod joints;
mod kind;
mod programs;
mod runs;
mod scope;
mod sources;
mod word;
mod words;

pub use hidden::hides_exit;
pub use installs::installs_packages;
pub use intent::{Intent, NewFile};
pub use runs::{CommandFiles, ExecutedFile, runs_files};
pub use scope::{could_run, inline_code, made_for_change};
pub use sources::reads_source_only;

use kind::CommandKind;

/// Whether a command only reads: `cat`, `ls`, `git diff`, `grep`, `find` without actions, `sed -n`, `cd`, `echo` …, alone or
/// combined. Such a command is not a check, whatever its exit code, and it changes nothing.
pub fn looks_only(command: &str) -> bool {
    let line = words::parse(command);
    line.clear && line.commands.iter().all(|command| kind::of(command) == CommandKind::Looks && !command.writes())
}

/// Whether a command runs something that could fail for a reason of the code's: it does more than read and write files.
pub fn is_check(command: &str) -> bool {
    let line = words::parse(command);
    !line.clear || line.commands.iter().any(|command| kind::of(command).runs())
}

/// Whether a command ends with `cd`, so that the next call would not start where this one ended.
pub fn ends_with_cd(command: &str) -> bool {
    // What ends with a body in braces most likely only defines a function; a `}` of its own is not one of `${…}`.
    let body = command.trim_end().strip_suffix('}').is_some_and(|rest| rest.ends_with([' ', '\t', '\n', ';']));
    let line = words::parse(command);
    !body
        && line.clear
        && line.commands.last().is_some_and(|last| !last.nested && matches!(last.name(), Some("cd" | "pushd" | "popd")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn commands_that_only_look() {
        for command in [
            "cat a.py",
            "ls -la && git diff",
            "cd src; git status --short",
            "git log --oneline -5 | head",
            "git -C sub show HEAD:a.py",
            "grep -rn 'a && b; c > d' src | wc -l",
            "find . -name '*.py' -not -path './x/*' | xargs grep -l foo",
            "find . -type f -exec grep -l foo {} +",
            "sed -n '1,20p' a.py",
            "echo \"x $(cat y)\"",
            "for f in a b; do cat $f; done",
            "if [ -f a ]; then cat a; else echo no; fi",
            "cat a 2>/dev/null || true",
            "cat <<EOF\nrm -rf /\nEOF",
            "head -5 a # pytest",
            "[[ -f a && 1 -lt 2 ]] && pwd",
            "python --version; node -v; which gcc",
            "pip list | grep foo",
            "tree -L 2\n\nwc -l a\n",
            "git branch -a; git rev-parse HEAD; git stash list",
            "awk '{print $1}' a | sort | uniq -c",
            "diff a b",
            "(cd x && ls)",
            "X=1",
            "case $x in a) ls;; *) cat b;; esac",
            "f() { cat a; }",
            "((n > 1)) && echo $((n + 1))",
            "for ((i = 0; i < 3; i++)); do cat $i; done",
            "",
        ] {
            assert!(looks_only(command), "{command}");
            assert!(!is_check(command), "{command}");
        }
    }

    #[test]
    fn commands_that_only_write_are_neither_looks_nor_checks() {
        for command in [
            "sed -i 's/a/b/' x.py",
            "cat > a.py <<'EOF'\npytest\nEOF",
            "echo hi >> notes.txt",
            "mkdir -p a/b && touch a/b/c",
            "cp a b && rm a",
            "git apply x.patch",
            "git checkout -- a.py",
            "git stash",
            "tee a < b",
            "find . -name '*.pyc' -delete",
            "chmod +x run.sh",
            "perl -pi -e 's/a/b/' x",
            "awk '{print}' a > b",
            "git branch -D x",
            "pip install -e . && npm ci",
            "python -m pip install x; uv sync; apt-get install -y make",
        ] {
            assert!(!looks_only(command), "{command}");
            assert!(!is_check(command), "{command}");
        }
    }

    #[test]
    fn commands_that_run_something_are_checks() {
        for command in [
            "pytest -q",
            "cat a; python -m pytest",
            "cd x && make test 2>&1 | tail -5",
            "python - <<'EOF'\nimport x\nEOF",
            "FOO=1 ./run.sh",
            "timeout 10 node a.js",
            "echo $(python a.py)",
            "echo `make`",
            "find . -name '*.py' -exec python {} \\;",
            "ls | xargs python",
            "bash -c 'ls'",
            "git bisect run make",
            "cat <(python a.py)",
            "eval ls",
            "if python a.py; then echo ok; fi",
            "echo 'unterminated",
            "sort -o x y; python a.py",
            "f() { rm x; }; f",
            "awk 'BEGIN{system(\"make\")}'",
            "sed -n '1e make' a",
            "git diff --output=x; ./a",
            "env FOO=1 cargo test",
            "case x in x) make;; esac",
            "case x in x) ls;; y) make;; esac",
            "f() { ls; }; f",
            "function f { make; }",
            "echo $((make) ; (ls))",
            "echo $(( $(make) + 1 ))",
            "((x = $(make)))",
        ] {
            assert!(!looks_only(command), "{command}");
            assert!(is_check(command), "{command}");
        }
    }

    #[test]
    fn a_last_cd_is_seen() {
        assert!(ends_with_cd("cd src"));
        assert!(ends_with_cd("mkdir a && cd a"));
        assert!(!ends_with_cd("cd src && ls"));
        assert!(!ends_with_cd("(cd src)"));
        assert!(!ends_with_cd("echo 'cd x'"));
        for defines in ["f() { cd x; }", "f() {\n  cd x\n}\n", "function f { cd x; }", "ls; f() { cd x;}"] {
            assert!(!ends_with_cd(defines), "{defines}");
        }
        for changes in ["f() { cd x; }; cd y", "cd ${DIR}", "cd \"${DIR}\"", "if true; then cd x; fi"] {
            assert!(ends_with_cd(changes), "{changes}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ -~\n]{0,80}", parts in proptest::collection::vec(prop_oneof![
            Just("<<EOF\n"), Just("$("), Just(")"), Just("`"), Just("\""), Just("'"), Just("\\"), Just("&&"), Just("|"),
            Just(";"), Just("\n"), Just("if "), Just("then "), Just("[[ "), Just("case x in "), Just("esac "), Just("f() "), Just("{ "), Just("} "), Just("(("), Just("))"), Just(";;"), Just("> f"), Just("<<<"),
            Just("EOF\n"), Just("ls "), Just("é"), Just("git "), Just("find . "), Just("-exec "), Just("$(("), Just("${")
        ], 0..20)) {
            for command in [text.clone(), parts.concat(), format!("{text}{}", parts.concat())] {
                let looks = looks_only(&command);
                prop_assert!(!(looks && is_check(&command)));
                let _ = (reads_source_only(&command), ends_with_cd(&command), Intent::of(&command), CommandFiles::of(&command));
            }
        }
    }
}
