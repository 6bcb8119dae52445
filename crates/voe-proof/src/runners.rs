//! The repository's tests that touch the changed files, and the commands that run them.
//!
//! Python's tests are found by name (`test_NAME.py`) and by mention of the changed module; Jest and Vitest find their own; Cargo and
//! Go run the tests of the changed package; elsewhere `make test` or `make check` is taken, where there is one.

use std::collections::{BTreeMap, BTreeSet};

use voe_evidence::is_test;

/// At most this many test files are run.
const FILES: usize = 6;

/// Facts about the workspace.
#[derive(Debug, Default)]
pub(super) struct RunnerFacts {
    /// Facts by name: "pytest" (configured), "import pytest", "vitest" …
    has: BTreeSet<String>,
    /// For a changed file and a marker (`Cargo.toml` …), the nearest directory above that has it.
    near: BTreeMap<(String, String), String>,
    /// Python test files that name a changed module.
    tests: Vec<String>,
}

/// A shell script that prints what [`RunnerFacts::read`] reads.
pub(super) fn script(changed: &[String]) -> String {
    let python: Vec<&String> = changed.iter().filter(|path| path.ends_with(".py")).collect();
    let modules: Vec<String> = python.iter().filter_map(|path| module(path)).collect();
    let mut script = FACTS.to_owned();
    if !modules.is_empty() {
        let words = modules.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(" -e ");
        script.push_str(&format!(
            "grep -rlwF --include='test_*.py' --include='*_test.py' --include='*_tests.py' --include='tests.py' \
             --exclude-dir=.git --exclude-dir=node_modules -e {words} . 2>/dev/null | head -n 300 | sed 's/^/test /'\n"
        ));
        for name in &modules {
            let (before, after) = (quoted(&format!("test_{name}.py")), quoted(&format!("{name}_test.py")));
            script.push_str(&format!(
                "find . -name .git -prune -o \\( -name {before} -o -name {after} \\) -print 2>/dev/null | head -n 20 | sed 's/^/test /'\n"
            ));
        }
    }
    for path in changed {
        script.push_str(&format!("near {}\n", quoted(path)));
    }
    script
}

/// Facts about the workspace, one a line.
const FACTS: &str = r#"
say() { if eval "$2" >/dev/null 2>&1; then echo "has $1"; fi; }
say runtests.py '[ -e tests/runtests.py ]'
say pytest '[ -e pytest.ini ] || [ -e conftest.py ] || [ -e tests/conftest.py ] || [ -e test/conftest.py ] || grep -q "^\[tool.pytest" pyproject.toml || grep -q "^\[tool:pytest\]" setup.cfg || grep -q "^\[pytest\]" tox.ini'
say 'import pytest' 'python3 -c "import pytest"'
say tox '[ -e tox.ini ] && grep -q posargs tox.ini && command -v tox'
say vitest 'grep -q "\"vitest\"" package.json'
say mocha 'grep -q "\"mocha\"" package.json'
say gradlew '[ -x gradlew ]'
say maven '[ -e pom.xml ] && command -v mvn'
say jest 'grep -q "\"jest\"" package.json'
say 'make test' 'grep -qE "^test:" Makefile || grep -qE "^test:" makefile || grep -qE "^test:" GNUmakefile'
say 'make check' 'grep -qE "^check:" Makefile || grep -qE "^check:" makefile || grep -qE "^check:" GNUmakefile'
near() {
  for marker in Cargo.toml go.mod package.json manage.py; do
    dir=$(dirname -- "$1")
    while :; do
      if [ -e "$dir/$marker" ]; then printf 'near %s\t%s\t%s\n' "$marker" "$1" "$dir"; break; fi
      case $dir in .|/) break;; esac
      dir=$(dirname -- "$dir")
    done
  done
}
"#;

impl RunnerFacts {
    /// Parses the output of [`script`]; other lines are ignored.
    pub(super) fn read(output: &str) -> Self {
        let mut found = Self::default();
        for line in output.lines() {
            if let Some(fact) = line.strip_prefix("has ") {
                found.has.insert(fact.to_owned());
            } else if let Some(path) = line.strip_prefix("test ") {
                let path = path.strip_prefix("./").unwrap_or(path).to_owned();
                if !found.tests.contains(&path) {
                    found.tests.push(path);
                }
            } else if let Some((marker, path, dir)) = line
                .strip_prefix("near ")
                .and_then(|rest| rest.split_once('\t'))
                .and_then(|(marker, rest)| rest.split_once('\t').map(|(path, dir)| (marker, path, dir)))
            {
                found.near.insert((marker.to_owned(), path.to_owned()), dir.to_owned());
            }
        }
        found
    }

    fn has(&self, fact: &str) -> bool {
        self.has.contains(fact)
    }

    fn near(&self, marker: &str, path: &str) -> Option<&String> {
        self.near.get(&(marker.to_owned(), path.to_owned()))
    }
}

/// A command that runs tests of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnCommand {
    pub(super) command: String,
    /// The test file, where it runs one.
    pub(super) file: Option<String>,
}

/// A shell script that prints the size in bytes of each test file, for [`smallest_first`].
pub(super) fn size_script(commands: &[OwnCommand]) -> String {
    let files: Vec<String> = commands.iter().filter_map(|own| own.file.as_deref()).map(quoted).collect();
    if files.is_empty() { String::new() } else { format!("stat -c '%s %n' -- {} 2>/dev/null", files.join(" ")) }
}

/// Sorts commands by the size of their test files, which `output` of [`size_script`] has; those without one come last.
pub(super) fn smallest_first(commands: &mut [OwnCommand], output: &str) {
    let size = |file: &str| {
        let sizes = output.lines().filter_map(|line| line.split_once(' '));
        sizes.filter(|(_, path)| *path == file).find_map(|(size, _)| size.parse::<u64>().ok())
    };
    commands.sort_by_key(|own| own.file.as_deref().and_then(size).unwrap_or(u64::MAX));
}

/// The commands that run the tests which touch `changed`. Tests that the patch `added` are not the repository's own.
pub(super) fn commands(found: &RunnerFacts, changed: &[String], added: &BTreeSet<&str>) -> Vec<OwnCommand> {
    let mut commands: Vec<OwnCommand> = Vec::new();
    let mut add = |own: OwnCommand| {
        if !commands.contains(&own) {
            commands.push(own);
        }
    };
    let mut push = |command: String| add(OwnCommand { command, file: None });
    let mut other = false;
    let mut scripts = Vec::new();
    for path in changed {
        match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "py" => {}
            "js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "cts" | "tsx" | "vue" | "svelte" => {
                scripts.push(quoted(path))
            }
            "rs" if found.near("Cargo.toml", path).is_some() => {
                let dir = found.near("Cargo.toml", path).map_or(".", |dir| dir);
                push(format!("cargo test --offline --quiet --manifest-path {}", quoted(&format!("{dir}/Cargo.toml"))));
            }
            "go" if found.near("go.mod", path).is_some() => {
                let root = found.near("go.mod", path).map_or(".", |dir| dir);
                let package = path.rsplit_once('/').map_or(".", |(dir, _)| dir);
                let package = package.strip_prefix(root).unwrap_or(package).trim_start_matches('/');
                push(format!("go -C {} test {}", quoted(root), quoted(&format!("./{package}"))));
            }
            _ => other = true,
        }
    }
    if !scripts.is_empty() && found.has("vitest") {
        push(format!("npx --no-install vitest related --run {}", scripts.join(" ")));
    } else if !scripts.is_empty() && found.has("jest") {
        push(format!("npx --no-install jest --findRelatedTests {}", scripts.join(" ")));
    } else {
        other |= !scripts.is_empty();
    }
    let python = python(found, changed, added);
    other |= python.is_empty() && changed.iter().any(|path| path.ends_with(".py"));
    let make = ["make test", "make check"].into_iter().find(|make| other && found.has(make));
    python.into_iter().for_each(&mut add);
    make.into_iter().for_each(|make| add(OwnCommand { command: make.into(), file: None }));
    commands
}

/// One command for each Python test file, so that a file which failed before does not hide another.
fn python(found: &RunnerFacts, changed: &[String], added: &BTreeSet<&str>) -> Vec<OwnCommand> {
    let own = changed.iter().filter(|path| path.ends_with(".py") && is_test(path));
    let mut files: Vec<&String> =
        found.tests.iter().chain(own).filter(|path| is_test(path) && !added.contains(path.as_str())).collect();
    files.sort_by_key(|path| (distance(path, changed), path.as_str()));
    files.dedup();
    files.truncate(FILES);
    let manage = changed.iter().find_map(|path| found.near("manage.py", path));
    let own = |file: &String| OwnCommand { command: python_command(found, file, manage), file: Some(file.clone()) };
    files.into_iter().map(own).collect()
}

/// The command that runs one Python test file. `manage`: the directory of Django's `manage.py`, where there is one.
fn python_command(found: &RunnerFacts, file: &str, manage: Option<&String>) -> String {
    let in_tests = file.strip_prefix("tests/");
    match (in_tests, manage) {
        (Some(label), _) if found.has("runtests.py") => {
            format!("python3 tests/runtests.py --verbosity 1 {}", quoted(&dotted(label)))
        }
        _ if found.has("pytest") && found.has("import pytest") => {
            format!("python3 -m pytest -q --tb=short -rfE -p no:cacheprovider {}", quoted(file))
        }
        (_, Some(dir)) => {
            let label = file.strip_prefix(&format!("{dir}/")).unwrap_or(file);
            let enter = if dir == "." { String::new() } else { format!("cd {} && ", quoted(dir)) };
            format!("{enter}python3 manage.py test --noinput {}", quoted(&dotted(label)))
        }
        _ if found.has("import pytest") => {
            format!("python3 -m pytest -q --tb=short -rfE -p no:cacheprovider {}", quoted(file))
        }
        _ if found.has("tox") => format!("tox -q -- {}", quoted(file)),
        _ => format!("python3 -m unittest -q {}", quoted(file)),
    }
}

/// The commands that run the tests in `files`, by the runner that the repository uses; files that are no tests of their own
/// (fixtures, helpers, data) are left out.
pub(super) fn commands_for_tests(found: &RunnerFacts, files: &[String]) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut scripts: Vec<&String> = Vec::new();
    let mut push = |command: String| {
        if !commands.contains(&command) {
            commands.push(command);
        }
    };
    for file in files.iter().filter(|file| is_test(file)) {
        let name = file.rsplit('/').next().unwrap_or(file);
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        match extension {
            "py" if stem.starts_with("test") || stem.ends_with("_test") || stem.ends_with("_tests") => {
                push(python_command(found, file, found.near("manage.py", file)));
            }
            "js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "cts" | "tsx" => scripts.push(file),
            "rs" => push(cargo_test(found, file, stem)),
            "go" if stem.ends_with("_test") => {
                let root = found.near("go.mod", file).map_or(".", |dir| dir);
                let package = file.rsplit_once('/').map_or(".", |(dir, _)| dir);
                let package = package.strip_prefix(root).unwrap_or(package).trim_start_matches('/');
                push(format!("go -C {} test {}", quoted(root), quoted(&format!("./{package}"))));
            }
            "java" | "kt" | "groovy" if found.has("gradlew") => {
                push(format!("./gradlew --offline test --tests {}", quoted(stem)));
            }
            "java" | "kt" if found.has("maven") => push(format!("mvn -o -q test -Dtest={}", quoted(stem))),
            "c" | "cc" | "cpp" | "h" | "hpp" | "sh" | "bats" | "t" => {
                if found.has("make check") {
                    push("make check".into());
                } else if found.has("make test") {
                    push("make test".into());
                }
            }
            _ => {}
        }
    }
    if !scripts.is_empty() {
        push(script_tests(found, &scripts));
    }
    commands
}

/// `cargo test` for one file: an integration test by its name, else the package's tests.
fn cargo_test(found: &RunnerFacts, file: &str, stem: &str) -> String {
    let dir = found.near("Cargo.toml", file).map_or(".", |dir| dir);
    let cargo = format!("cargo test --offline --manifest-path {}", quoted(&format!("{dir}/Cargo.toml")));
    let inside = if dir == "." { file } else { file.strip_prefix(&format!("{dir}/")).unwrap_or(file) };
    match inside.strip_prefix("tests/") {
        Some(rest) if !rest.contains('/') => format!("{cargo} --test {}", quoted(stem)),
        Some(rest) if rest.ends_with("/main.rs") => {
            format!("{cargo} --test {}", quoted(rest.split('/').next().unwrap_or(rest)))
        }
        _ => cargo,
    }
}

/// The tests of JavaScript and TypeScript: by the runner that `package.json` names, else Node's own.
fn script_tests(found: &RunnerFacts, files: &[&String]) -> String {
    let names = files.iter().map(|file| quoted(file)).collect::<Vec<_>>().join(" ");
    if found.has("vitest") {
        format!("npx --no-install vitest run {names}")
    } else if found.has("jest") {
        format!("npx --no-install jest {names}")
    } else if found.has("mocha") {
        format!("npx --no-install mocha {names}")
    } else {
        format!("node --test {names}")
    }
}

/// How far a test is from the changes: those named after a changed file first, then by shared folders.
fn distance(test: &str, changed: &[String]) -> (bool, i64) {
    let name = test.rsplit('/').next().unwrap_or(test);
    let named = changed.iter().filter_map(|path| module(path)).any(|module| {
        name == format!("test_{module}.py")
            || name == format!("{module}_test.py")
            || changed.iter().any(|path| path == test)
    });
    let shared = |path: &String| path.split('/').zip(test.split('/')).take_while(|(a, b)| a == b).count() as i64;
    (!named, -changed.iter().map(shared).max().unwrap_or(0))
}

/// The module's own name: of a package's `__init__.py`, the folder's.
fn module(path: &str) -> Option<String> {
    let path = path.strip_suffix("/__init__.py").unwrap_or(path);
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = name.strip_suffix(".py").unwrap_or(name);
    let word = !name.is_empty() && name != "__init__" && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    word.then(|| name.to_owned())
}

fn dotted(path: &str) -> String {
    path.strip_suffix(".py").unwrap_or(path).replace('/', ".")
}

/// Quotes text as one word for the shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=+,@".contains(c);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) {
        return text.to_owned();
    }
    let inside = text.replace('\'', r"'\''");
    if inside.starts_with('-') { format!("'./{inside}'") } else { format!("'{inside}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands_for(output: &str, changed: &[&str]) -> Vec<String> {
        let changed: Vec<String> = changed.iter().map(|path| (*path).to_owned()).collect();
        let own = commands(&RunnerFacts::read(output), &changed, &BTreeSet::new());
        own.into_iter().map(|own| own.command).collect()
    }

    #[test]
    fn the_smallest_test_file_comes_first_and_a_whole_suite_last() {
        let own = |file: &str| OwnCommand { command: format!("t {file}"), file: Some(file.into()) };
        let all = OwnCommand { command: "make test".into(), file: None };
        let mut commands = [all.clone(), own("b c.py"), own("a.py")];
        assert_eq!(size_script(&commands), "stat -c '%s %n' -- 'b c.py' a.py 2>/dev/null");
        smallest_first(&mut commands, "300 b c.py\n12 a.py\n");
        assert_eq!(commands, [own("a.py"), own("b c.py"), all]);
        assert_eq!(size_script(&commands[2..]), "");
    }

    #[test]
    fn each_projects_own_runner_is_found() {
        let pytest = "python3 -m pytest -q --tb=short -rfE -p no:cacheprovider tests/test_a.py";
        for (output, changed, expected) in [
            ("has pytest\nhas import pytest\ntest ./tests/test_a.py", "pkg/a.py", pytest),
            ("has import pytest\ntest ./tests/test_a.py", "pkg/a.py", pytest),
            ("test ./tests/test_a.py", "pkg/a.py", "python3 -m unittest -q tests/test_a.py"),
            ("has pytest\ntest ./tests/test_a.py", "pkg/a.py", "python3 -m unittest -q tests/test_a.py"),
            ("has tox\ntest ./tests/test_a.py", "pkg/a.py", "tox -q -- tests/test_a.py"),
            (
                "has runtests.py\nhas pytest\nhas import pytest\ntest ./tests/queries/test_q.py",
                "django/db/models/query.py",
                "python3 tests/runtests.py --verbosity 1 queries.test_q",
            ),
            (
                "near manage.py\tsite/shop/models.py\tsite\ntest ./site/shop/tests.py",
                "site/shop/models.py",
                "cd site && python3 manage.py test --noinput shop.tests",
            ),
            ("has jest", "src/a b.ts", "npx --no-install jest --findRelatedTests 'src/a b.ts'"),
            ("has vitest\nhas jest", "src/a.ts", "npx --no-install vitest related --run src/a.ts"),
            (
                "near Cargo.toml\tcrates/x/src/lib.rs\tcrates/x",
                "crates/x/src/lib.rs",
                "cargo test --offline --quiet --manifest-path crates/x/Cargo.toml",
            ),
            ("near go.mod\tpkg/a.go\t.", "pkg/a.go", "go -C . test ./pkg"),
            ("near go.mod\tsub/pkg/a.go\tsub", "sub/pkg/a.go", "go -C sub test ./pkg"),
            ("has make test\nhas make check", "src/a.c", "make test"),
            ("has make check", "lib/a.js", "make check"),
        ] {
            assert_eq!(commands_for(output, &[changed]), [expected], "{output}");
        }
        assert!(commands_for("has jest", &["README.md"]).is_empty());
    }

    #[test]
    fn tests_named_after_the_change_come_first_and_those_of_the_patch_are_left_out() {
        let far: String = (0..9).map(|i| format!("test ./other/test_{i}.py\n")).collect();
        let found = RunnerFacts::read(&format!(
            "{far}test ./pkg/tests/test_near.py\ntest ./tests/test_a.py\ntest ./tests/test_new.py\n"
        ));
        let commands = commands(&found, &["pkg/a.py".into()], &BTreeSet::from(["tests/test_new.py"]));
        assert_eq!(commands.len(), FILES);
        assert!(
            commands[0].command.ends_with("tests/test_a.py") && commands[1].command.ends_with("pkg/tests/test_near.py"),
            "{commands:?}"
        );
        assert!(!commands.iter().any(|own| own.command.contains("test_new")));
    }

    #[test]
    fn hostile_names_stay_one_word_of_the_shell() {
        assert_eq!(quoted("a'; rm -rf x"), r"'a'\''; rm -rf x'");
        assert_eq!(quoted("-rf"), "'./-rf'");
        assert_eq!(module("pkg/__init__.py").as_deref(), Some("pkg"));
        assert_eq!(module("pkg/a-b.py"), None);
    }

    #[test]
    fn the_script_runs_in_a_real_workspace() {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("pkg/a.py", ""),
            ("tests/test_uses.py", "from pkg import a\n"),
            ("tests/test_a.py", ""),
            ("tests/test_no.py", "import abc\n"),
            ("Makefile", "all:\ntest: all\n\ttrue\n"),
            ("crates/x/Cargo.toml", ""),
            ("crates/x/src/deep/lib.rs", ""),
            ("setup.cfg", "[tool:pytest]\n"),
        ] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let changed = ["pkg/a.py".to_owned(), "crates/x/src/deep/lib.rs".to_owned()];
        let output =
            std::process::Command::new("bash").arg("-c").arg(script(&changed)).current_dir(dir.path()).output();
        let output = String::from_utf8(output.unwrap().stdout).unwrap();
        let found = RunnerFacts::read(&output);
        assert!(found.has("pytest") && found.has("make test") && !found.has("jest"), "{output}");
        assert_eq!(found.tests, ["tests/test_uses.py", "tests/test_a.py"], "{output}");
        assert_eq!(found.near("Cargo.toml", "crates/x/src/deep/lib.rs").unwrap(), "crates/x");
    }
}
