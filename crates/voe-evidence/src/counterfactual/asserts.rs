//! Whether the text of a check asserts on behavior.

/// Whether `text` can fail by what the product does, not only by what it lacks. `path`: tells the language; empty for code and
/// commands of a shell.
pub fn asserts(text: &str, path: &str) -> bool {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    text.lines().map(str::trim).filter(|line| !is_comment(line, extension)).any(|line| asserting(line, extension))
}

fn is_comment(line: &str, extension: &str) -> bool {
    match extension {
        "js" | "mjs" | "cjs" | "ts" | "tsx" | "jsx" | "rs" | "go" | "java" | "c" | "cc" | "cpp" => {
            line.starts_with("//") || line.starts_with('*')
        }
        _ => line.starts_with('#'),
    }
}

fn asserting(line: &str, extension: &str) -> bool {
    // That a name exists is what the import shows already.
    let only_asks = ["hasattr(", "callable(", "typeof ", "is not None"].iter().any(|words| line.contains(words));
    let has = |words: &[&str]| words.iter().any(|words| line.contains(words));
    let common = ["assert", "expect(", "raise ", "should", "throw ", "sys.exit(", "exit(", "unittest", "doctest"];
    let own: &[&str] = match extension {
        "go" => &["t.Error", "t.Fatal", "t.Fail", "panic(", "log.Fatal"],
        "rs" => &["panic!", "unwrap()", "expect(", "process::exit"],
        "js" | "mjs" | "cjs" | "ts" | "tsx" | "jsx" => &["process.exit", "t.is(", "equal("],
        "sh" | "bash" => SHELL,
        "py" => &[],
        // Code in a command may be of any language, and the command compares by itself.
        _ => {
            &["panic!", "process.exit", "equal(", "grep ", "diff ", "cmp ", "[ ", "[[ ", "test \"", "test $", "|| exit"]
        }
    };
    !only_asks && (has(&common) || has(own))
}

/// How shell scripts compare.
const SHELL: &[&str] = &["[ ", "[[ ", "test ", "grep ", "diff ", "cmp ", "exit 1", "|| exit"];

#[cfg(test)]
mod tests {
    use super::asserts;

    #[test]
    fn a_check_that_compares_asserts_and_one_that_imports_or_prints_does_not() {
        for (text, path) in [
            ("from a import f\nassert f() == 1", "t.py"),
            ("from a import f\nif f() != 1:\n    raise SystemExit(1)", "t.py"),
            ("import sys\nsys.exit(f() != 1)", "t.py"),
            ("self.assertEqual(f(), 1)", "t.py"),
            ("expect(f()).toBe(1)", "a.test.js"),
            ("if (f() !== 1) process.exit(1)", "t.js"),
            ("if f() != 1 { t.Fatal(f()) }", "a_test.go"),
            ("assert_eq!(f(), 1);", "t.rs"),
            ("[ \"$(./f)\" = 1 ] || exit 1", "t.sh"),
            ("python3 f.py | grep -q 1", ""),
        ] {
            assert!(asserts(text, path), "{text}");
        }
        for (text, path) in [
            ("from a import f\nprint(f())", "t.py"),
            ("import a\n# assert a.f() == 1", "t.py"),
            ("import a\nassert hasattr(a, 'f')", "t.py"),
            ("const { f } = require('./a');\nconsole.log(f());", "t.js"),
            ("import a", ""),
        ] {
            assert!(!asserts(text, path), "{text}");
        }
    }
}
