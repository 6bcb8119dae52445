//! The same questions in several languages: a check that proves, one that shows nothing, one that fails either way, a
//! regression, and red for a wrong reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/levels.rs"]
mod levels;
mod support;

use levels::{Case, level, levels, sandboxes, there};
use serde_json::json;
use support::{bash, call};

fn write(path: &str, content: &str) -> serde_json::Value {
    call("file_write", json!({"path": path, "content": content}))
}

#[test]
fn python() {
    let files = &[("calc.py", "def add(a, b):\n    return a - b\n")];
    let edits = [
        bash("sed -i 's/a - b/a + b/' calc.py"),
        write("mul.py", "def mul(a, b):\n    return a * b\n"),
        write(
            "checks/alpha.py",
            "import unittest\n\nclass T(unittest.TestCase):\n    def test_a(self):\n        pass\n",
        ),
    ];
    levels(
        sandboxes(),
        files,
        &edits,
        &[
            Case("python3 -c 'import calc; assert calc.add(2, 3) == 5'", "proven", Some(1)),
            Case("python3 -c 'import calc; assert calc.add(2, 0) == 2'", "vacuous", Some(0)),
            Case("python3 -c 'import calc; assert calc.add(2, 3) == 6'", "refuted", Some(1)),
            Case("python3 -c 'import calc; assert calc.add(0, 1) == -1'", "refuted", Some(0)),
            Case("python3 -c 'import mul; assert mul.mul(2, 3) == 6'", "inconclusive", Some(1)),
            Case("python3 -m unittest checks.alpha", "vacuous", Some(0)),
            Case("python3 -c \"assert 'a + b' in open('calc.py').read()\"", "inconclusive", None),
        ],
    );
}

#[test]
fn javascript() {
    if !there("node") {
        return;
    }
    let files = &[("calc.js", "exports.add = (a, b) => a - b;\n")];
    let edits = [
        bash("sed -i 's/a - b/a + b/' calc.js"),
        write("mul.js", "exports.mul = (a, b) => a * b;\n"),
        write("checks/alpha.js", "require('assert')(true);\n"),
    ];
    levels(
        sandboxes(),
        files,
        &edits,
        &[
            Case("node -e 'require(\"assert\").equal(require(\"./calc.js\").add(2, 3), 5)'", "proven", Some(1)),
            Case("node -e 'require(\"assert\").equal(require(\"./calc.js\").add(2, 0), 2)'", "vacuous", Some(0)),
            Case("node -e 'require(\"assert\").equal(require(\"./calc.js\").add(2, 3), 6)'", "refuted", Some(1)),
            Case("node -e 'require(\"assert\").equal(require(\"./calc.js\").add(0, 1), -1)'", "refuted", Some(0)),
            Case("node -e 'require(\"assert\").equal(require(\"./mul.js\").mul(2, 3), 6)'", "inconclusive", Some(1)),
            Case("node checks/alpha.js", "vacuous", Some(0)),
            Case(
                "node -e 'require(\"assert\")(require(\"fs\").readFileSync(\"calc.js\", \"utf8\").includes(\"a + b\"))'",
                "inconclusive",
                None,
            ),
        ],
    );
}

#[test]
fn shell() {
    let files = &[("greet.sh", "echo helo \"$1\"\n")];
    let edits = [bash("sed -i s/helo/hello/ greet.sh"), write("lib.sh", "echo lib\n")];
    levels(
        sandboxes(),
        files,
        &edits,
        &[
            Case("[ \"$(bash greet.sh x)\" = 'hello x' ]", "proven", Some(1)),
            Case("bash greet.sh x", "vacuous", Some(0)),
            Case("[ \"$(bash greet.sh x)\" = 'bye x' ]", "refuted", Some(1)),
            Case("[ \"$(bash greet.sh x)\" = 'helo x' ]", "refuted", Some(0)),
            Case("bash lib.sh", "inconclusive", Some(127)),
            Case("bash -c 'grep -q hello greet.sh'", "inconclusive", None),
        ],
    );
}

#[test]
fn c_with_make() {
    if !there("cc") || !there("make") {
        return;
    }
    let files = &[
        ("add.c", "int add(int a, int b) { return a - b; }\n"),
        (
            "main.c",
            "#include <stdlib.h>\nint add(int, int);\nint main(int n, char **v) { return add(2, 3) == atoi(v[1]) ? 0 : 1; }\n",
        ),
        ("Makefile", "t: add.o main.o\n\tcc -o t add.o main.o\n%.o: %.c\n\tcc -c $<\n"),
        (".gitignore", "*.o\n/t\n"),
    ];
    let edits = [
        bash("sed -i 's/a - b/a + b/' add.c"),
        write("mul.c", "int main(void) { return 2 * 3 - 6; }\n"),
        bash("printf 'extra:\\n\\t./t 5\\n' >> Makefile"),
    ];
    levels(
        sandboxes(),
        files,
        &edits,
        &[
            Case("make -s t && ./t 5", "proven", Some(1)),
            Case("make -s t", "kept", Some(0)),
            Case("make -s t && ./t 6", "refuted", Some(1)),
            Case("make -s t && ./t -1", "refuted", Some(0)),
            Case("make -s extra", "inconclusive", Some(2)),
            Case("cc -o \"${TMPDIR:-/tmp}/mul\" mul.c && \"${TMPDIR:-/tmp}/mul\"", "vacuous", Some(0)),
        ],
    );
}

#[test]
fn rust() {
    if !there("cargo") {
        return;
    }
    let files = &[
        ("Cargo.toml", "[package]\nname = \"t\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n"),
        (
            "src/lib.rs",
            "pub fn add(a: i32, b: i32) -> i32 {\n    a - b\n}\n\n#[cfg(test)]\nmod t {\n    use super::*;\n    #[test]\n    fn right() {\n        assert_eq!(add(2, 3), 5);\n    }\n    #[test]\n    fn wrong() {\n        assert_eq!(add(2, 3), 6);\n    }\n    #[test]\n    fn before() {\n        assert_eq!(add(2, 3), -1);\n    }\n}\n",
        ),
        (".gitignore", "/target\n"),
    ];
    let edits = [
        bash("sed -i 's/a - b/a + b/; 1i pub mod mul;' src/lib.rs"),
        write("src/mul.rs", "pub fn mul(a: i32, b: i32) -> i32 {\n    a * b\n}\n"),
        write("tests/mul.rs", "#[test]\nfn muls() {\n    assert_eq!(t::mul::mul(2, 3), 6);\n}\n"),
    ];
    // Each case is a build: one sandbox is enough here, and the other has the case below.
    levels(
        &sandboxes()[..1],
        files,
        &edits,
        &[
            Case("cargo test -q --offline --lib right", "proven", Some(101)),
            Case("cargo test -q --offline --lib nothing_of_that_name", "inconclusive", Some(0)),
            Case("cargo test -q --offline --lib wrong", "inconclusive", Some(101)),
            Case("cargo test -q --offline --lib before", "refuted", Some(0)),
            Case("cargo test -q --offline --test mul", "inconclusive", Some(101)),
        ],
    );
}

#[test]
fn c_with_make_is_rebuilt_without_the_edit_although_a_build_of_the_edit_lies_there() {
    if !there("cc") || !there("make") {
        return;
    }
    let files = &[
        ("add.c", "int add(int a, int b) { return a - b; }\n"),
        ("main.c", "#include <stdlib.h>\nint add(int, int);\nint main(void) { return add(2, 3) == 5 ? 0 : 1; }\n"),
        ("Makefile", "t: add.o main.o\n\tcc -o t add.o main.o\n%.o: %.c\n\tcc -c $<\n"),
        (".gitignore", "*.o\n/t\n"),
    ];
    // Built at base first, so that stale products of base and fresh products of the edit both lie around.
    let edits = [bash("make -s t"), bash("sed -i 's/a - b/a + b/' add.c")];
    level(files, &edits, "make -s t && ./t", "proven");
}

#[test]
fn rust_with_cargo_is_rebuilt_without_the_edit() {
    if !there("cargo") {
        return;
    }
    let files = &[
        ("Cargo.toml", "[package]\nname = \"t\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n"),
        (
            "src/lib.rs",
            "pub fn add(a: i32, b: i32) -> i32 {\n    a - b\n}\n\n#[test]\nfn adds() {\n    assert_eq!(add(2, 3), 5);\n}\n",
        ),
        (".gitignore", "/target\n"),
    ];
    level(files, &[bash("sed -i 's/a - b/a + b/' src/lib.rs")], "cargo test -q --offline 2>&1", "proven");
}
