//! Whether a file refers to another one, by its import or its name.

use super::source_text::{comments, lines};
use crate::whole_word::{has_word, word_places};

/// How closely a file must refer to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// By its name, or by its stem where files are imported by their stems.
    Name,
    /// By its directory and its name (`_build/conf.py`), or by an import with both.
    Path,
}

/// Whether the text of the file at `referrer` refers to the file at `candidate`: an import in its language, or the name as a word
/// in code, configuration or build files. Documentation refers to nothing.
///
/// The stem alone (`repro` for `repro.py`) is a common word. In Python, JavaScript and TypeScript it counts in imports and in
/// strings without white space; in other languages anywhere outside of comments, if files of theirs can use the candidate, else in
/// such strings. The whole name counts anywhere outside of comments.
///
/// ```
/// use voe_evidence::change::refers;
///
/// assert!(refers("from check import run\n", "pkg/app.py", "check.py"));
/// assert!(refers("check:\n\tpython check.py\n", "Makefile", "check.py"));
/// assert!(!refers("check = 1  # see check.py\n", "pkg/app.py", "check.py"));
/// assert!(!refers("Run check.py to see it.\n", "README.md", "check.py"));
/// ```
pub fn refers(text: &str, referrer: &str, candidate: &str) -> bool {
    refers_by(text, referrer, candidate, Reference::Name)
}

/// Like [`refers`], with another measure of closeness.
pub fn refers_by(text: &str, referrer: &str, candidate: &str, reference: Reference) -> bool {
    if referrer == candidate || is_documentation(referrer) || is_no_code(referrer) {
        return false;
    }
    let Some(target) = ReferenceTarget::of(candidate) else { return true };
    // Files of one Go package use each other without naming each other.
    if candidate.ends_with(".go") && referrer.ends_with(".go") && directory(referrer) == directory(candidate) {
        return true;
    }
    // Most texts have nothing of it.
    if !text.contains(target.rarest(reference)) {
        return false;
    }
    let (from, to) = (NamingStyle::of(referrer), NamingStyle::of(candidate));
    let mut found = false;
    let mut imports = false;
    lines(text, comments(referrer), |line| {
        found |= match reference {
            Reference::Path => target.path_in(line, from == NamingStyle::Python),
            Reference::Name => {
                has_word(line, target.name)
                    || target.in_literal(line)
                    || match from {
                        NamingStyle::Python => target.imported(line, &mut imports),
                        // Imports are strings.
                        NamingStyle::Script => false,
                        NamingStyle::Configuration => has_word(line, target.stem),
                        // `mod x;`, `require x`, a class in the same package.
                        NamingStyle::Other => from == to && has_word(line, target.stem),
                    }
            }
        };
    });
    found
}

/// A text that every file has that refers to `candidate`, other than files of the same Go package; `None`: the file has no name of its
/// own, and counts as referred to.
pub fn needle(candidate: &str, reference: Reference) -> Option<&str> {
    let target = ReferenceTarget::of(candidate)?;
    let needle = target.rarest(reference);
    (!needle.is_empty()).then_some(needle)
}

/// What is looked for.
struct ReferenceTarget<'a> {
    name: &'a str,
    /// The name without its extensions; of a file such as `__init__.py` the directory's.
    stem: &'a str,
    /// The directory that contains it; empty for the top.
    above: &'a str,
}

/// What a file's language makes of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NamingStyle {
    Python,
    /// JavaScript and TypeScript.
    Script,
    /// Configuration, build files, shell scripts.
    Configuration,
    Other,
}

impl NamingStyle {
    fn of(path: &str) -> Self {
        match extension(path) {
            "py" | "pyi" | "pyx" | "pxd" | "ipynb" => Self::Python,
            "js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "cts" | "tsx" | "vue" | "svelte" => Self::Script,
            "rs" | "go" | "c" | "h" | "cc" | "cpp" | "cxx" | "hpp" | "hh" | "hxx" | "cu" | "java" | "kt" | "scala"
            | "groovy" | "rb" | "erb" | "php" | "pl" | "pm" | "t" | "swift" | "m" | "mm" | "cs" | "fs" | "vb"
            | "hs" | "ml" | "mli" | "ex" | "exs" | "erl" | "clj" | "cljs" | "lua" | "r" | "R" | "jl" | "dart"
            | "zig" | "f90" | "f" | "sql" | "html" | "htm" | "css" | "scss" | "less" => Self::Other,
            _ => Self::Configuration,
        }
    }
}

impl<'a> ReferenceTarget<'a> {
    /// `None`: the file has no name of its own.
    fn of(path: &'a str) -> Option<Self> {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let above = above.rsplit('/').next().unwrap_or_default();
        let hidden = name.strip_prefix('.').unwrap_or(name);
        let stem = hidden.split('.').next().unwrap_or(hidden);
        let general = matches!(stem, "__init__" | "__main__" | "index" | "mod" | "main" | "lib");
        let stem = if general { above } else { stem };
        (!stem.is_empty()).then_some(Self { name, stem, above })
    }

    /// The text that any reference has.
    fn rarest(&self, reference: Reference) -> &'a str {
        if reference == Reference::Path { self.above } else { self.stem }
    }

    /// Whether a string without white space has the stem, such as `"pkg.check"` or `'./check'`.
    fn in_literal(&self, line: &str) -> bool {
        let quote = |c: char| matches!(c, '"' | '\'' | '`');
        let path = |c: char| c.is_alphanumeric() || "_-./@$:{}#~*?+,=&%!".contains(c);
        word_places(line, self.stem).any(|at| {
            let before = line[..at].trim_end_matches(path).chars().next_back();
            let after = line[at + self.stem.len()..].trim_start_matches(path).chars().next();
            before.is_some_and(quote) && after.is_some_and(quote)
        })
    }

    /// Whether a line of Python imports it. `continues`: the line continues an import in brackets.
    fn imported(&self, line: &str, continues: &mut bool) -> bool {
        let trimmed = line.trim_start();
        // `import` can follow on the same line: `try: import x`.
        let starts = trimmed.split([';', ':']).any(|part| {
            let part = part.trim_start();
            part.starts_with("import ") || part.starts_with("from ") || part.starts_with("cimport ")
        });
        let import = starts || *continues;
        *continues =
            import && (if starts { line.contains('(') || line.ends_with('\\') } else { true }) && !line.contains(')');
        import && has_word(line, self.stem)
    }

    /// Whether a line has the directory and the name together.
    fn path_in(&self, line: &str, python: bool) -> bool {
        word_places(line, self.above).any(|at| {
            let rest = &line[at + self.above.len()..];
            let next = rest.trim_start_matches(['/', '\\', '.', '"', '\'', ',', ' ', ')']);
            let joined = rest.len() > next.len()
                && next
                    .strip_prefix(self.stem)
                    .is_some_and(|end| !end.starts_with(|c: char| c.is_alphanumeric() || c == '_'));
            joined || python && line.contains("import") && has_word(rest, self.stem)
        })
    }
}

fn extension(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// Whether a file is documentation: it explains, and nothing runs it.
pub fn is_documentation(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let upper = name.split('.').next().unwrap_or(name).to_uppercase();
    let named = [
        "LICENSE",
        "LICENCE",
        "COPYING",
        "NOTICE",
        "AUTHORS",
        "CONTRIBUTORS",
        "CHANGELOG",
        "CHANGES",
        "HISTORY",
        "NEWS",
        "README",
    ];
    match extension(path) {
        "md" | "markdown" | "rst" | "adoc" | "mdx" => true,
        "txt" => name != "CMakeLists.txt" && !name.starts_with("requirements") && !name.ends_with("requirements.txt"),
        "" => named.contains(&&*upper),
        _ => false,
    }
}

/// Whether a file is neither code nor documentation: lists for git and editors, and what package managers write.
fn is_no_code(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let lists = [".gitignore", ".gitattributes", ".dockerignore", ".npmignore", ".mailmap", ".editorconfig"];
    let locks = ["package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "go.sum"];
    lists.contains(&name) || locks.contains(&name) || extension(name) == "lock"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_and_names_in_code_and_configuration_refer() {
        for (referrer, text, candidate) in [
            ("a.py", "import repro", "repro.py"),
            ("a.py", "from . import x, repro", "pkg/repro.py"),
            ("a.py", "from pkg.repro import run", "pkg/repro.py"),
            ("a.py", "from pkg import (\n    a,\n    repro,\n)", "pkg/repro.py"),
            ("a.py", "try: import repro\nexcept ImportError: pass", "repro.py"),
            ("a.py", "importlib.import_module('pkg.repro')", "pkg/repro.py"),
            ("a.py", "subprocess.run([\"python\", \"repro.py\"])", "repro.py"),
            ("a.py", "run(f\"python {root}/repro.py --all\")", "repro.py"),
            ("a.py", "from pkg.gen import x", "pkg/gen/__init__.py"),
            ("a.js", "const r = require('./repro')", "repro.js"),
            ("a.ts", "import { x } from \"../lib/repro\"", "lib/repro.ts"),
            ("a.mjs", "await import(`./repro.mjs`)", "repro.mjs"),
            ("a.js", "export * from './widgets'", "widgets/index.js"),
            ("a.rs", "mod repro;", "src/repro.rs"),
            ("a.go", "func f() {}", "b.go"),
            ("A.java", "new Repro().run();", "Repro.java"),
            ("a.c", "#include \"repro.h\"", "repro.h"),
            ("a.rb", "require_relative 'repro'", "repro.rb"),
            ("Makefile", "check:\n\tpython -m repro", "repro.py"),
            ("setup.cfg", "console_scripts =\n  x = repro:main", "repro.py"),
            ("package.json", "{\"scripts\": {\"a\": \"node repro.js\"}}", "repro.js"),
            (".github/workflows/ci.yml", "run: python repro.py", "repro.py"),
            ("CMakeLists.txt", "add_executable(x repro.c)", "repro.c"),
            ("a.rs", "Command::new(\"python\").arg(\"repro.py\")", "repro.py"),
        ] {
            assert!(refers(text, referrer, candidate), "{referrer}: {text}");
        }
    }

    #[test]
    fn common_words_comments_and_documentation_do_not_refer() {
        for (referrer, text, candidate) in [
            ("a.py", "check = 1\nif check: run(check)", "check.py"),
            ("a.py", "# python check.py\nx = 1  # import check", "check.py"),
            ("a.py", "raise E('please check the input')", "check.py"),
            ("a.py", "import checks, recheck\nfrom check_all import x", "check.py"),
            ("a.py", "reproduce_issue_2()", "reproduce_issue.py"),
            ("a.js", "function check(check) { return check }", "check.js"),
            ("a.ts", "/* import './check' */\n// require('./check')", "check.ts"),
            ("a.rs", "fn check() {}", "check.py"),
            ("README.md", "python repro.py", "repro.py"),
            ("docs/x.rst", "import repro", "repro.py"),
            ("notes.txt", "repro.py", "repro.py"),
            ("CHANGELOG", "repro.py", "repro.py"),
            (".gitignore", "repro.py", "repro.py"),
            ("repro.py", "import repro", "repro.py"),
            ("b/a.go", "func f() {}", "a/b.go"),
        ] {
            assert!(!refers(text, referrer, candidate), "{referrer}: {text}");
        }
    }

    #[test]
    fn only_a_path_or_an_import_with_it_counts_for_what_is_in_a_new_directory() {
        let path = |text: &str, referrer: &str, candidate: &str| refers_by(text, referrer, candidate, Reference::Path);
        assert!(path("open('_build/conf.py')", "a.py", "docs/_build/conf.py"));
        assert!(path("from gen.table import x", "a.py", "gen/table.py"));
        assert!(path("from pkg.gen import table", "a.py", "pkg/gen/table.py"));
        assert!(path("require('./gen/table')", "a.js", "gen/table.js"));
        assert!(path("os.path.join('gen', 'table.py')", "a.py", "gen/table.py"));
        assert!(!path("open('conf.py')", "a.py", "docs/_build/conf.py"));
        assert!(!path("import table", "a.py", "gen/table.py"));
        assert!(!path("BUILD = '_build'", "a.py", "docs/_build/index.html"));
    }
}
