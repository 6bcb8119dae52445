//! Three small repositories with a problem each. What their commands print does not depend on the machine: no traceback, no time,
//! no output of a compiler or of a test runner that is not their own.

/// A repository, its problem, and what can be done about it.
pub(crate) struct Task {
    pub(crate) name: &'static str,
    pub(crate) statement: &'static str,
    pub(crate) files: &'static [(&'static str, &'static str)],
    /// Tokens of the model's window.
    pub(crate) window: u64,
    /// The file with the problem.
    pub(crate) path: &'static str,
    /// The line that has to be changed.
    pub(crate) old: &'static str,
    /// Does not solve the problem.
    pub(crate) wrong: &'static str,
    /// Solves the statement's own case and breaks others.
    pub(crate) near: &'static str,
    /// Solves it.
    pub(crate) right: &'static str,
    /// Fails before and passes after.
    pub(crate) check: &'static str,
    /// Passes either way.
    pub(crate) vacuous: &'static str,
    /// The repository's own tests.
    pub(crate) tests: &'static str,
    /// A regular expression for `grep`.
    pub(crate) pattern: &'static str,
    /// Which functions to look at, in the pipeline's answer.
    pub(crate) ranking: &'static str,
    /// A check as the pipeline asks for it: the body of a script that fails before and passes after.
    pub(crate) script: &'static str,
    /// The same with a mistake of its own.
    pub(crate) broken: &'static str,
    /// The same, passing either way.
    pub(crate) green: &'static str,
    /// The function before and behind the line.
    pub(crate) function: (&'static str, &'static str),
}

impl Task {
    /// The whole function with this line in it.
    pub(crate) fn whole(&self, line: &str) -> String {
        format!("{}{line}{}", self.function.0, self.function.1)
    }
}

pub(crate) fn all() -> [Task; 3] {
    [pages(), slug(), clamp()]
}

/// Python, with tests that voe finds.
fn pages() -> Task {
    Task {
        name: "pages",
        statement: "The last page is missing\n\n`page_count(range(11), 5)` in pages.py is 2 and should be 3. With 10 entries all is well.",
        files: &[
            (
                "pages.py",
                "def page_count(items, per_page):\n    return len(items) // per_page\n\n\ndef page_of(items, number, per_page):\n    start = (number - 1) * per_page\n    return items[start:start + per_page]\n",
            ),
            (
                "tests/test_pages.py",
                "from pages import page_count, page_of\n\n\ndef test_full_pages():\n    return page_count(range(10), 5) == 2\n\n\ndef test_no_items():\n    return page_count([], 5) == 0\n\n\ndef test_second_page():\n    return list(page_of(range(10), 2, 5)) == [5, 6, 7, 8, 9]\n",
            ),
            (
                "tests/runtests.py",
                "import importlib\nimport sys\n\nsys.path[:0] = ['.', 'tests']\nfailed = False\nfor label in [word for word in sys.argv[1:] if word.startswith('test_')]:\n    module = importlib.import_module(label)\n    for name in sorted(name for name in dir(module) if name.startswith('test_')):\n        passed = getattr(module, name)()\n        failed = failed or not passed\n        print('%s: %s' % ('ok' if passed else 'FAIL', name))\nsys.exit(failed)\n",
            ),
            ("AGENTS.md", "Tests are run with `python3 tests/runtests.py NAME`.\n"),
            ("README.md", "Pages of a list.\n"),
        ],
        window: 262_144,
        path: "pages.py",
        old: "    return len(items) // per_page\n",
        wrong: "    return int(len(items) / per_page)\n",
        near: "    return len(items) // per_page + 1\n",
        right: "    return -(-len(items) // per_page)\n",
        check: "python3 -c 'import sys, pages; n = pages.page_count(range(11), 5); print(n, \"pages\"); sys.exit(n != 3)'",
        vacuous: "python3 -c 'import sys, pages; sys.exit(pages.page_count([], 5) > 1)'",
        tests: "python3 tests/runtests.py test_pages",
        pattern: "page_count",
        ranking: "1, 2",
        script: "import sys\nfrom pages import page_count\nn = page_count(range(11), 5)\nif n != 3:\n    sys.exit('AssertionError: %d pages' % n)\n",
        broken: "import sys\nfrom pages import page_count\nprint(xqzzw)\n",
        green: "from pages import page_count\nassert page_count(range(10), 1) >= 10\n",
        function: ("def page_count(items, per_page):\n", ""),
    }
}

/// Shell, without tests that voe finds.
fn slug() -> Task {
    Task {
        name: "slug",
        statement: "Two spaces become two dashes\n\n`slug \"Two  Words\"` prints `two--words`; it should print `two-words`.",
        files: &[
            (
                "slug.sh",
                "# Names for files; to be sourced.\n\nslug() {\n    printf '%s\\n' \"$1\" | tr A-Z a-z | tr ' ' '-'\n}\n\nstem() {\n    printf '%s\\n' \"${1%.*}\"\n}\n",
            ),
            (
                "tests/run.sh",
                ". ./slug.sh\nfailed=0\nfor pair in 'A B=a-b' 'x=x' 'A_B=a_b'; do\n    got=$(slug \"${pair%=*}\")\n    if [ \"$got\" = \"${pair#*=}\" ]; then echo \"ok: $pair\"; else echo \"FAIL: $pair, got $got\"; failed=1; fi\ndone\nexit $failed\n",
            ),
        ],
        window: 262_144,
        path: "slug.sh",
        old: "    printf '%s\\n' \"$1\" | tr A-Z a-z | tr ' ' '-'\n",
        wrong: "    printf '%s\\n' \"$1\" | tr ' ' '-' | tr A-Z a-z\n",
        near: "    printf '%s\\n' \"$1\" | tr A-Z a-z | tr -cs a-z '-' | sed 's/-$//'\n",
        right: "    printf '%s\\n' \"$1\" | tr A-Z a-z | tr -s ' ' '-'\n",
        check: "bash -c '. ./slug.sh; got=$(slug \"Two  Words\"); echo \"got $got\"; [ \"$got\" = two-words ]'",
        vacuous: "bash -c '. ./slug.sh; [ \"$(slug Word)\" = word ]'",
        tests: "bash tests/run.sh",
        pattern: "tr ",
        ranking: "2, 1",
        script: ". ./slug.sh\ngot=$(slug 'Two  Words')\nif [ \"$got\" != two-words ]; then\n    echo \"got $got\"\n    exit 1\nfi\n",
        broken: ". ./slug.sh\nexit 127\n",
        green: ". ./slug.sh\n[ \"$(slug Word)\" = word ]\n",
        function: ("slug() {\n", "}\n"),
    }
}

/// C, and a model with a very small window.
fn clamp() -> Task {
    Task {
        name: "clamp",
        statement: "clamp() lets small values through\n\n`clamp(-5, 0, 10)` in src/clamp.c returns -5; it should return 0.",
        files: &[
            (
                "src/clamp.c",
                "#include \"clamp.h\"\n\nint clamp(int value, int low, int high)\n{\n    return value > high ? high : value;\n}\n\nint span(int low, int high)\n{\n    return high - low;\n}\n",
            ),
            ("src/clamp.h", "int clamp(int value, int low, int high);\nint span(int low, int high);\n"),
            (
                "tests/clamp_test.c",
                "#include <stdio.h>\n\n#include \"../src/clamp.h\"\n\nint main(void)\n{\n    int good = clamp(5, 0, 10) == 5 && clamp(11, 0, 10) == 10 && span(2, 5) == 3;\n\n    puts(good ? \"ok\" : \"FAIL\");\n    return !good;\n}\n",
            ),
        ],
        window: 6000,
        path: "src/clamp.c",
        old: "    return value > high ? high : value;\n",
        wrong: "    return value >= high ? high : value;\n",
        near: "    return value < low ? low : value;\n",
        right: "    return value < low ? low : value > high ? high : value;\n",
        check: "d=$(mktemp -d) && printf '#include <stdio.h>\\n#include \"src/clamp.h\"\\nint main(void) { printf(\"%%d\\\\n\", clamp(-5, 0, 10)); return clamp(-5, 0, 10) != 0; }\\n' > $d/t.c && cc -I. -o $d/t $d/t.c src/clamp.c && $d/t",
        vacuous: "d=$(mktemp -d) && cc -o $d/t tests/clamp_test.c src/clamp.c && $d/t",
        tests: "d=$(mktemp -d); cc -o $d/t tests/clamp_test.c src/clamp.c && $d/t",
        pattern: "clamp\\(",
        ranking: "The first one, so: 1",
        script: "d=$(mktemp -d)\ncat > $d/t.c <<'C'\n#include <stdio.h>\n#include \"src/clamp.h\"\nint main(void)\n{\n    printf(\"%d\\n\", clamp(-5, 0, 10));\n    return clamp(-5, 0, 10) != 0;\n}\nC\ncc -I. -o $d/t $d/t.c src/clamp.c\n$d/t\n",
        broken: "exit 126\n",
        green: "grep -q clamp src/clamp.h\n",
        function: ("int clamp(int value, int low, int high)\n{\n", "}\n"),
    }
}
