//! The role of each file of a change.

use std::collections::{BTreeMap, BTreeSet};

use voe_trace::FileRole;

use super::refers::refers;
use crate::command::{CommandFiles, ExecutedFile};
use crate::is_test;

/// A file of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangedFile<'a> {
    /// Relative to the workspace.
    pub path: &'a str,
    /// The base does not have it.
    pub new: bool,
    /// The base has no file in its directory or below.
    pub in_new_directory: bool,
    /// Its content, if it is there and text.
    pub text: Option<&'a str>,
}

/// The role of each file of a change, by path. The rule is in [`super`].
///
/// `commands`: what the attempt has run so far. `scratch`: paths and texts of scripts outside of the workspace that it has run.
/// `base_refers`: whether code of the base that the change leaves alone refers to a file; asked for few files.
pub fn roles<'a>(
    files: &[ChangedFile<'a>],
    commands: &[CommandFiles],
    scratch: &[(&str, &str)],
    base_refers: &mut dyn FnMut(&str) -> bool,
) -> BTreeMap<&'a str, FileRole> {
    let split =
        Split { files, runs: commands.iter().flat_map(|command| &command.runs).collect(), named: commands, scratch };
    let mut checks = split.check_files(&BTreeSet::new(), base_refers);
    let proven = |checks: &BTreeSet<usize>| {
        let code = |at: usize| is_source(files[at].path) && !is_test(files[at].path) && !checks.contains(&at);
        (0..files.len()).any(code)
    };
    if !proven(&checks) {
        let helpers: BTreeSet<usize> =
            checks.iter().copied().filter(|at| is_source(files[*at].path) && !split.is_run(*at)).collect();
        if !helpers.is_empty() {
            checks = split.check_files(&helpers, base_refers);
        }
    }
    let role = |(at, file): (usize, &ChangedFile<'a>)| {
        let role = if is_test(file.path) {
            FileRole::Test
        } else if !checks.contains(&at) {
            FileRole::Code
        } else if split.is_run(at) {
            FileRole::RunByCheck
        } else {
            FileRole::NeededByCheck
        };
        (file.path, role)
    };
    files.iter().enumerate().map(role).collect()
}

/// A change while it is split.
struct Split<'f, 'a> {
    files: &'f [ChangedFile<'a>],
    runs: BTreeSet<&'f ExecutedFile>,
    named: &'f [CommandFiles],
    scratch: &'f [(&'f str, &'f str)],
}

impl Split<'_, '_> {
    /// The check files. `code`: files that are code in any case.
    fn check_files(&self, code: &BTreeSet<usize>, base_refers: &mut dyn FnMut(&str) -> bool) -> BTreeSet<usize> {
        let mut possible: BTreeSet<usize> =
            (0..self.files.len()).filter(|at| self.candidate(*at) && !code.contains(at)).collect();
        // Each round takes out what turned out to be code; what it refers to is code too.
        loop {
            let checks = self.needed(&possible);
            let is_code = |at: &usize| !is_test(self.files[*at].path) && !checks.contains(at);
            let code: Vec<usize> = (0..self.files.len()).filter(is_code).collect();
            let referred: Vec<usize> = checks
                .iter()
                .copied()
                .filter(|at| code.iter().any(|from| self.refers(*from, *at)) || base_refers(self.files[*at].path))
                .collect();
            if referred.is_empty() {
                return checks;
            }
            possible = checks;
            possible.retain(|at| !referred.contains(at));
        }
    }

    /// Whether a file can be a check file.
    fn candidate(&self, at: usize) -> bool {
        let file = &self.files[at];
        file.new && file.path.chars().all(|c| c != '\u{fffd}') && !is_test(file.path)
    }

    fn is_run(&self, at: usize) -> bool {
        let path = self.files[at].path;
        self.runs.iter().any(|run| run.covers(path))
    }

    fn refers(&self, from: usize, to: usize) -> bool {
        let from = &self.files[from];
        from.text.is_some_and(|text| refers(text, from.path, self.files[to].path))
    }

    /// Which of the `possible` files are run, and which are needed for that.
    fn needed(&self, possible: &BTreeSet<usize>) -> BTreeSet<usize> {
        let mut checks: BTreeSet<usize> = possible.iter().copied().filter(|at| self.is_run(*at)).collect();
        let mut fresh: Vec<usize> = checks.iter().copied().collect();
        for at in possible.difference(&checks.clone()) {
            let path = self.files[*at].path;
            let named = self.scratch.iter().any(|(from, text)| refers(text, from, path))
                || (0..self.files.len()).any(|from| is_test(self.files[from].path) && self.refers(from, *at))
                || !is_source(path) && self.named.iter().any(|command| command.names(path));
            if named && checks.insert(*at) {
                fresh.push(*at);
            }
        }
        while let Some(from) = fresh.pop() {
            let run_in = (self.is_run(from) && self.files[from].in_new_directory)
                .then(|| directory(self.files[from].path))
                .filter(|above| !above.is_empty());
            for at in possible {
                let path = self.files[*at].path;
                let below =
                    run_in.is_some_and(|above| path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/')));
                if !checks.contains(at) && (below || self.refers(from, *at)) {
                    checks.insert(*at);
                    fresh.push(*at);
                }
            }
        }
        checks
    }
}

fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// Whether a file is in a programming language, and not data.
pub fn is_source(path: &str) -> bool {
    const EXTENSIONS: &[&str] = &[
        "py", "pyi", "pyx", "pxd", "js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "vue", "svelte", "rs", "go",
        "c", "h", "cc", "cpp", "cxx", "hpp", "hh", "hxx", "cu", "java", "kt", "kts", "scala", "groovy", "rb", "php",
        "pl", "pm", "swift", "m", "mm", "cs", "fs", "vb", "hs", "ml", "mli", "ex", "exs", "erl", "hrl", "clj", "cljs",
        "lua", "r", "jl", "dart", "zig", "v", "sv", "vhd", "f90", "f",
    ];
    path.rsplit('/').next().unwrap_or_default().rsplit_once('.').is_some_and(|(_, end)| EXTENSIONS.contains(&end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file<'a>(path: &'a str, new: bool, text: &'a str) -> ChangedFile<'a> {
        ChangedFile { path, new, in_new_directory: new && path.contains('/'), text: Some(text) }
    }

    /// The roles as `path: role`, for what differs from code.
    fn split(files: &[ChangedFile<'_>], commands: &[&str], base: &[&str]) -> Vec<String> {
        let commands: Vec<CommandFiles> = commands.iter().map(|command| CommandFiles::of(command)).collect();
        let roles = roles(files, &commands, &[], &mut |path| base.contains(&path));
        let word = |role: FileRole| match role {
            FileRole::Code => None,
            FileRole::Test => Some("test"),
            FileRole::RunByCheck => Some("run"),
            FileRole::NeededByCheck => Some("needed"),
        };
        roles.into_iter().filter_map(|(path, role)| Some(format!("{path}: {}", word(role)?))).collect()
    }

    const FIX: ChangedFile<'static> =
        ChangedFile { path: "calc.py", new: false, in_new_directory: false, text: Some("def add(): pass") };

    #[test]
    fn a_new_script_that_a_command_runs_is_a_check_file_with_what_it_needs() {
        let repro = file("repro.py", true, "import helper\nfrom calc import add\nopen('case.json')\n");
        let helper = file("helper.py", true, "import deep");
        let deep = file("deep.py", true, "");
        let case = file("case.json", true, "{}");
        let other = file("other.py", true, "");
        let files = [FIX, repro, helper, deep, case, other];
        assert_eq!(
            split(&files, &["python repro.py"], &[]),
            ["case.json: needed", "deep.py: needed", "helper.py: needed", "repro.py: run"]
        );
        assert!(split(&files, &["cat repro.py"], &[]).is_empty());
    }

    #[test]
    fn what_code_refers_to_is_code_and_so_is_what_only_that_needs() {
        let repro = file("repro.py", true, "import helper");
        let helper = file("helper.py", true, "");
        let importing = ChangedFile { text: Some("import repro"), ..FIX };
        assert!(split(&[importing, repro, helper], &["python repro.py"], &[]).is_empty());
        assert!(split(&[FIX, repro, helper], &["python repro.py"], &["repro.py"]).is_empty());
        assert_eq!(split(&[FIX, repro, helper], &["python repro.py"], &["helper.py"]), ["repro.py: run"]);
        let new_code = file("feature.py", true, "import helper");
        assert_eq!(split(&[FIX, repro, helper, new_code], &["python repro.py"], &[]), ["repro.py: run"]);
    }

    #[test]
    fn tests_and_documentation_that_refer_to_a_file_do_not_make_it_code() {
        let repro = file("repro.py", true, "");
        let test = file("tests/test_a.py", true, "import repro\nopen('data.csv')\nimport feature");
        let readme = file("README.md", false, "repro.py");
        let (data, feature) = (file("data.csv", true, "1"), file("feature.py", true, ""));
        assert_eq!(
            split(&[FIX, repro, test, readme, data, feature], &["python repro.py"], &[]),
            ["data.csv: needed", "feature.py: needed", "repro.py: run", "tests/test_a.py: test"]
        );
    }

    #[test]
    fn a_new_directory_of_check_files_goes_along() {
        let files = [FIX, file("repro/run.py", true, ""), file("repro/a/x.bin", true, ""), file("new/y.py", true, "")];
        assert_eq!(split(&files, &["python repro/run.py"], &[]), ["repro/a/x.bin: needed", "repro/run.py: run"]);
        let old = ChangedFile { in_new_directory: false, ..files[1] };
        assert_eq!(split(&[FIX, old, files[2]], &["python repro/run.py"], &[]), ["repro/run.py: run"]);
    }

    #[test]
    fn a_new_module_with_a_script_that_shows_it_is_what_is_proven() {
        let demo = file("demo.py", true, "from feature import f");
        let feature = file("feature.py", true, "");
        assert_eq!(split(&[demo, feature], &["python demo.py"], &[]), ["demo.py: run"]);
        let test = file("tests/test_feature.py", true, "import feature");
        let version = ChangedFile { path: "pyproject.toml", text: Some("version = '2'"), ..FIX };
        assert_eq!(split(&[version, feature, test], &["pytest"], &[]), ["tests/test_feature.py: test"]);
    }

    #[test]
    fn data_that_a_command_gives_to_what_it_runs_is_needed_and_source_is_not() {
        let files = [FIX, file("case.json", true, ""), file("tool.py", true, "")];
        assert_eq!(split(&files, &["python cli.py case.json tool.py"], &[]), ["case.json: needed"]);
    }

    #[test]
    fn scripts_outside_of_the_workspace_need_files_too() {
        let files = [FIX, file("helper.py", true, "")];
        let roles = roles(&files, &[], &[("/tmp/repro.py", "import helper")], &mut |_| false);
        assert_eq!(roles["helper.py"], FileRole::NeededByCheck);
    }

    fn some_files() -> impl Strategy<Value = Vec<(usize, bool, Vec<usize>)>> {
        proptest::collection::vec((0..6_usize, any::<bool>(), proptest::collection::vec(0..6_usize, 0..3)), 1..6)
    }

    const NAMES: [&str; 6] = ["a.py", "b.py", "lib/c.js", "d.json", "tests/test_e.py", "f.sh"];

    fn texts(files: &[(usize, bool, Vec<usize>)]) -> Vec<(usize, bool, String)> {
        let mut seen = BTreeSet::new();
        let text = |refs: &[usize]| refs.iter().map(|at| format!("open('{}')\n", NAMES[*at])).collect::<String>();
        files.iter().filter(|file| seen.insert(file.0)).map(|(at, new, refs)| (*at, *new, text(refs))).collect()
    }

    fn changed(texts: &[(usize, bool, String)]) -> Vec<ChangedFile<'_>> {
        texts.iter().map(|(at, new, text)| file(NAMES[*at], *new, text)).collect()
    }

    proptest! {
        #[test]
        fn a_file_of_the_base_never_becomes_a_check_file(files in some_files(), run in 0..6_usize, base in 0..7_usize) {
            let texts = texts(&files);
            let changed = changed(&texts);
            let command = CommandFiles::of(&format!("sh {0}; python {0}; ./x {0}", NAMES[run]));
            let refers = NAMES.get(base).copied();
            let roles = roles(&changed, &[command], &[], &mut |path| Some(path) == refers);
            prop_assert_eq!(roles.len(), changed.len());
            for file in &changed {
                prop_assert!(!roles[file.path].is_check_file() || file.new && refers != Some(file.path));
            }
        }

        #[test]
        fn a_reference_from_code_makes_a_file_code(files in some_files(), run in 0..6_usize, to in 0..6_usize) {
            let mut texts = texts(&files);
            texts.push((0, false, String::new()));
            texts.retain({ let mut seen = BTreeSet::new(); move |file| seen.insert(file.0) });
            let command = CommandFiles::of(&format!("sh {0}; python {0}", NAMES[run]));
            let before: Vec<(String, FileRole)> = {
                let changed = changed(&texts);
                roles(&changed, std::slice::from_ref(&command), &[], &mut |_| false).into_iter().map(|(p, r)| (p.to_owned(), r)).collect()
            };
            // A new file that is code can become a check file itself, if a check file needs it.
            let old: Vec<&str> = texts.iter().filter(|text| !text.1).map(|text| NAMES[text.0]).collect();
            let code = |(path, role): &&(String, FileRole)| role.is_code() && path != NAMES[to] && old.contains(&&**path);
            let Some(from) = before.iter().find(code) else { return Ok(()) };
            for text in &mut texts {
                if NAMES[text.0] == from.0 {
                    text.2.push_str(&format!("open('{}')\n", NAMES[to]));
                }
            }
            let changed = changed(&texts);
            let after = roles(&changed, &[command], &[], &mut |_| false);
            prop_assert!(after.get(NAMES[to]).is_none_or(|role| !role.is_check_file()));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[ -~\n/*#'\"é]{0,120}", name in prop_oneof![Just("a.py"), Just("b.js"), Just("é.sh"), Just("Makefile"), Just(".x"), Just("a/__init__.py"), Just("c.html")]) {
            for other in NAMES {
                let _ = (refers(&text, name, other), refers(&text, other, name));
            }
        }
    }
}
