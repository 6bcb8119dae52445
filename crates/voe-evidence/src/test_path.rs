//! Which files are tests, by their paths.
//!
//! If code were taken for a test, an edit of it would be hidden from the evidence; if a test were taken for code, a new test
//! would be missing in the run without the edits. The rule, in order:
//!
//! 1. **By name**: `test_*.py`, `*_test.py`, `*_tests.py`, `tests.py`, `conftest.py`, `*_test.go`, `*.test.*` and `*.spec.*` of
//!    JavaScript and TypeScript, `*_test.rs`, `tests.rs`, `*Test.java` and its like, `*_spec.rb`, `test_*.c` …: a test.
//! 2. **By a directory that has no other use**: `tests`, `__tests__`, `__mocks__`, `spec`, `specs`, `testdata`,
//!    `test-data`, `fixtures` below one of these, `e2e`: a test. For `tests` this is so everywhere, also inside a package
//!    (`sympy/core/tests/`).
//! 3. **By a directory that can be part of the product**: `test` and `testing`. Django's `django/test/client.py` and NumPy's
//!    `numpy/testing/utils.py` are imported by users. So they mean tests only at the top (`test/`, `src/test/`,
//!    `packages/x/test/`), not directly inside a directory with the name of a package.

use voe_trace::FileRole;

/// Whether a path, relative to the workspace, is that of a test. See the module for the rule.
pub fn is_test(path: &str) -> bool {
    is_test_bytes(path.as_bytes())
}

/// Like [`is_test`], for a path of any bytes.
pub fn is_test_bytes(path: &[u8]) -> bool {
    let path = String::from_utf8_lossy(path);
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let Some(name) = parts.pop() else { return false };
    by_name(name) || by_directory(&parts)
}

/// The role of a changed file as far as its path shows it: test or code.
pub fn role_by_path(path: &[u8]) -> FileRole {
    if is_test_bytes(path) { FileRole::Test } else { FileRole::Code }
}

fn by_name(name: &str) -> bool {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let either = |prefix: &str, suffix: &str| stem.starts_with(prefix) || stem.ends_with(suffix);
    match extension {
        "py" => either("test_", "_test") || stem.ends_with("_tests") || matches!(stem, "tests" | "test" | "conftest"),
        "js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "cts" | "tsx" | "vue" | "svelte" => {
            stem.ends_with(".test") || stem.ends_with(".spec") || stem.ends_with(".cy")
        }
        "snap" => true,
        "go" | "dart" => stem.ends_with("_test"),
        "rs" => stem.ends_with("_test") || stem.ends_with("_tests") || matches!(stem, "tests" | "test"),
        "rb" => either("test_", "_test") || stem.ends_with("_spec"),
        "c" | "cc" | "cpp" | "cxx" | "sh" | "bats" => {
            either("test_", "_test") || stem.ends_with("_unittest") || extension == "bats"
        }
        "java" | "kt" | "scala" | "groovy" | "cs" | "php" | "swift" => {
            stem.ends_with("Test") || stem.ends_with("Tests") || stem.ends_with("Spec") || stem.ends_with("TestCase")
        }
        "exs" => stem.ends_with("_test"),
        _ => false,
    }
}

fn by_directory(parts: &[&str]) -> bool {
    parts.iter().enumerate().any(|(at, part)| match *part {
        "tests" | "__tests__" | "__mocks__" | "spec" | "specs" | "testdata" | "test-data" | "test_data" | "e2e"
        | "__snapshots__" => true,
        "test" | "testing" => {
            at == 0 || matches!(parts[at - 1], "src" | "source" | "main") || below_packages(parts, at)
        }
        _ => false,
    })
}

/// `packages/NAME/test`: one package of several in a repository.
fn below_packages(parts: &[&str], at: usize) -> bool {
    at >= 2 && matches!(parts[at - 2], "packages" | "crates" | "modules" | "apps" | "libs" | "plugins" | "projects")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_recognized_by_name_and_by_directory() {
        for path in [
            "test_a.py",
            "pkg/test_a.py",
            "pkg/a_test.py",
            "app/tests.py",
            "conftest.py",
            "sympy/core/tests/test_x.py",
            "sympy/core/tests/data/x.json",
            "tests/forms_tests/models.py",
            "lib/x_test.go",
            "src/a.test.ts",
            "src/a.spec.jsx",
            "src/__tests__/a.js",
            "crates/x/tests/it.rs",
            "src/parser/tests.rs",
            "test/run.js",
            "src/test/java/org/AThing.java",
            "packages/core/test/a.ts",
            "spec/models/user.rb",
            "src/main/java/FooTest.java",
            "testing/test_x.py",
            "testing/python/fixtures.py",
        ] {
            assert!(is_test(path), "{path}");
        }
    }

    #[test]
    fn source_that_is_about_testing_is_source() {
        for path in [
            "django/test/client.py",
            "django/test/utils.py",
            "numpy/testing/utils.py",
            "src/_pytest/python.py",
            "src/contest.py",
            "lib/latest.go",
            "src/attest/test/mod.py",
            "sklearn/utils/_testing.py",
            "sympy/testing/runtests.py",
            "src/testing.rs",
            "docs/testing.rst",
            "src/inspect.py",
            "",
        ] {
            assert!(!is_test(path), "{path}");
        }
    }
}
