//! Which files a command runs, and which it names to what it runs.
//!
//! Directories are followed: after `cd dir &&`, `cd -`, in subshells and substitutions. A path that is only known at run time
//! (a variable, a pattern, a directory that is not known) is left out. `programs_run` has what each program makes of its
//! arguments.

mod programs_run;

use std::collections::HashMap;

use super::kind;
use super::words::{self, Simple, Word};

/// A file that a command runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecutedFile {
    /// Relative to the directory in which the command starts, without `.` and `..`, or absolute.
    pub path: String,
    /// It is a directory: the files directly in it are run.
    pub directory: bool,
}

impl ExecutedFile {
    /// Whether this is, or contains, the file at `path`.
    pub fn covers(&self, path: &str) -> bool {
        if !self.directory {
            return self.path == path;
        }
        let (above, _) = path.rsplit_once('/').unwrap_or(("", path));
        self.path == above
    }
}

/// The files in a command's text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandFiles {
    /// Those that it runs.
    pub runs: Vec<ExecutedFile>,
    /// Paths that it gives to what it runs, as [`ExecutedFile::path`].
    pub named: Vec<String>,
    /// Code that is part of the command and that it runs.
    pub scripts: Vec<String>,
}

/// The files that a command runs: directly, by an interpreter, as a module, through a test runner or another program that runs
/// programs. Of a file that can be in several places, all are listed.
///
/// ```
/// use voe_evidence::command::runs_files;
///
/// let paths = |command| runs_files(command).into_iter().map(|file| file.path).collect::<Vec<_>>();
/// assert!(paths("cd sub && timeout 9 python3 -u repro.py | tail -3").contains(&"sub/repro.py".to_owned()));
/// assert!(paths("python -m tools.check").contains(&"tools/check.py".to_owned()));
/// assert!(paths("cat repro.py").is_empty());
/// ```
pub fn runs_files(command: &str) -> Vec<ExecutedFile> {
    CommandFiles::of(command).runs
}

impl CommandFiles {
    /// The files in `command`.
    pub fn of(command: &str) -> Self {
        let mut collector = RunCollector::default();
        collector.line(command, Some(String::new()), 0);
        let mut files = collector.files;
        files.runs.sort();
        files.runs.dedup();
        files.named.sort();
        files.named.dedup();
        files
    }

    /// Whether the command gives the file at `path` to what it runs: by its path, or by its name in code that is part of the command.
    pub fn names(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.named.iter().any(|named| named == path)
            || self.scripts.iter().any(|code| crate::whole_word::has_word(code, name))
    }
}

/// The directory of one shell; `None`: not known.
#[derive(Debug, Clone, Default)]
struct ShellDirectory {
    now: Option<String>,
    before: Option<String>,
    stack: Vec<Option<String>>,
}

/// Collects what is run.
#[derive(Debug, Default)]
pub(super) struct RunCollector {
    pub(super) files: CommandFiles,
}

/// What one simple command runs, and where.
pub(super) struct ExecutionPlace<'a> {
    pub(super) directory: Option<&'a str>,
    pub(super) input: Option<&'a str>,
    pub(super) from: Option<&'a Word>,
    /// The command whose output is its input.
    pub(super) fed_by: Option<&'a Simple>,
    /// Something else is run after it.
    pub(super) runs_more: bool,
    pub(super) depth: usize,
}

/// Commands in commands deeper than this are not followed.
const DEEPEST: usize = 6;

impl RunCollector {
    /// Collects from a line that starts in `directory`.
    pub(super) fn line(&mut self, command: &str, directory: Option<String>, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        let line = words::parse(command);
        let mut shells: HashMap<&[u32], ShellDirectory> = HashMap::new();
        shells.insert(&[], ShellDirectory { now: directory, ..ShellDirectory::default() });
        for (at, simple) in line.commands.iter().enumerate() {
            let shell = shell_of(&mut shells, &simple.subshells);
            if let Some(name @ ("cd" | "pushd" | "popd")) = simple.name() {
                if !simple.apart {
                    shell.change(name, &simple.words[1..]);
                }
                continue;
            }
            let now = shell.now.clone();
            let before = at.checked_sub(1).map(|at| &line.commands[at]);
            let rest = &line.commands[at + 1..];
            let place = ExecutionPlace {
                directory: now.as_deref(),
                input: simple.input.as_deref(),
                from: simple.from.as_ref(),
                fed_by: before.filter(|before| before.feeds && before.subshells == simple.subshells),
                runs_more: rest.iter().any(|next| kind::of(next).runs()),
                depth,
            };
            if kind::of(simple).runs() {
                self.name(&simple.words, &place);
            }
            programs_run::collect(self, &simple.words, &place, 0);
        }
    }

    /// Adds a file that is run.
    pub(super) fn run(&mut self, word: &Word, place: &ExecutionPlace<'_>) {
        if !word.open {
            self.run_path(&word.text, place);
        }
    }

    /// The same, by its path.
    pub(super) fn run_path(&mut self, path: &str, place: &ExecutionPlace<'_>) {
        if let Some(path) =
            place.directory.and_then(|directory| joined(directory, path)).filter(|path| !path.is_empty())
        {
            self.files.runs.push(ExecutedFile { path, directory: false });
        }
    }

    /// Adds a directory whose files are run.
    pub(super) fn run_directory(&mut self, path: &str, place: &ExecutionPlace<'_>) {
        if let Some(path) = place.directory.and_then(|directory| joined(directory, path)) {
            self.files.runs.push(ExecutedFile { path, directory: true });
        }
    }

    /// Collects the paths that a command is given.
    fn name(&mut self, words: &[Word], place: &ExecutionPlace<'_>) {
        let Some(directory) = place.directory else { return };
        for word in words.iter().skip(1).chain(place.from).filter(|word| !word.open) {
            for part in std::iter::once(&*word.text).chain(word.text.split_once('=').map(|(_, value)| value)) {
                let part = part.split("::").next().unwrap_or(part);
                let plain = !part.is_empty() && part.len() < 500 && !part.contains(['\n', ' ']);
                self.files
                    .named
                    .extend(plain.then(|| joined(directory, part)).flatten().filter(|path| !path.is_empty()));
            }
        }
    }
}

/// The shell with these subshells around it; a new one starts where the one around it is.
fn shell_of<'s, 'a>(
    shells: &'s mut HashMap<&'a [u32], ShellDirectory>,
    subshells: &'a [u32],
) -> &'s mut ShellDirectory {
    let around = (0..subshells.len()).rev().find_map(|length| shells.get(&subshells[..length]));
    let start = around.map(|shell| ShellDirectory { now: shell.now.clone(), ..ShellDirectory::default() });
    shells.entry(subshells).or_insert_with(|| start.unwrap_or_default())
}

impl ShellDirectory {
    /// `cd`, `pushd` or `popd`.
    fn change(&mut self, name: &str, args: &[Word]) {
        let target = args.iter().find(|arg| !arg.text.starts_with('-') || arg.text == "-");
        let next = match (name, target) {
            ("popd", _) => self.stack.pop().flatten(),
            (_, Some(word)) if word.text == "-" => self.before.clone(),
            (_, Some(word)) if !word.open => self
                .now
                .as_deref()
                .map_or_else(|| word.text.starts_with('/').then(|| word.text.clone()), |now| joined(now, &word.text)),
            _ => None,
        };
        if name == "pushd" {
            self.stack.push(self.now.clone());
        }
        self.before = std::mem::replace(&mut self.now, next);
    }
}

/// A path below a directory, without `.` and `..`; `None` if it leads above the one in which the command started.
fn joined(directory: &str, path: &str) -> Option<String> {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{directory}/{path}") };
    let absolute = path.starts_with('/') || directory.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() && !absolute {
                    return None;
                }
            }
            part => parts.push(part),
        }
    }
    Some(if absolute { format!("/{}", parts.join("/")) } else { parts.join("/") })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths that `command` runs; a directory ends with `/`.
    fn run(command: &str) -> Vec<String> {
        let shown = |file: ExecutedFile| format!("{}{}", file.path, if file.directory { "/" } else { "" });
        runs_files(command).into_iter().map(shown).collect()
    }

    #[test]
    fn a_file_that_is_run_is_found_whatever_runs_it() {
        for (command, path) in [
            ("./x.sh", "x.sh"),
            ("sub/x.sh a b", "sub/x.sh"),
            ("python x.py", "x.py"),
            ("python3.11 -u -W ignore ./x.py --flag", "x.py"),
            ("PYTHONPATH=. python -X dev x.py 2>&1 | tail -5", "x.py"),
            ("node --test x.js", "x.js"),
            ("node --experimental-vm-modules -r ./setup.js x.mjs", "x.mjs"),
            ("sh x.sh", "x.sh"),
            ("bash -x x", "x"),
            ("ruby -Ilib -r./a x.rb", "x.rb"),
            ("perl -Ilib x.pl", "x.pl"),
            ("php -d a=1 x.php", "x.php"),
            ("deno run --allow-all x.ts", "x.ts"),
            ("bun x.ts", "x.ts"),
            ("bun run x.ts", "x.ts"),
            ("tsx x.ts", "x.ts"),
            ("npx -y ts-node x.ts", "x.ts"),
            ("python -m tools.check", "tools/check.py"),
            ("python -m tools", "tools/__main__.py"),
            ("pytest -q x.py", "x.py"),
            ("python -m pytest -x x.py::T::t", "x.py"),
            ("python -m unittest pkg.x.T.test_a", "pkg/x.py"),
            ("npx jest x.js", "x.js"),
            ("yarn vitest run x.ts", "x.ts"),
            ("./node_modules/.bin/mocha x.js", "x.js"),
            ("coverage run --branch x.py", "x.py"),
            ("python -m coverage run -m tools.check", "tools/check.py"),
            ("uv run --with numpy x.py", "x.py"),
            ("uv run python x.py", "x.py"),
            ("poetry run pytest x.py", "x.py"),
            ("conda run -n testbed python x.py", "x.py"),
            ("timeout -k 5 10 python x.py", "x.py"),
            ("env A=1 B=2 python x.py", "x.py"),
            ("time python x.py", "x.py"),
            ("xvfb-run -a python x.py", "x.py"),
            ("cargo run --example n", "examples/n.rs"),
            ("cargo run -q --bin=n -- a", "src/bin/n.rs"),
            ("cargo test --test n", "tests/n.rs"),
            ("go run x.go", "x.go"),
            ("go run ./cmd/x", "cmd/x/"),
            ("make -f x.mk check", "x.mk"),
            ("sqlite3 db < x.sql", "x.sql"),
            ("psql -f x.sql db", "x.sql"),
            ("python < x.py", "x.py"),
            ("python manage.py shell < x.py", "x.py"),
            ("cat x.py | python -", "x.py"),
            ("source x.sh", "x.sh"),
            (". ./x.sh", "x.sh"),
            ("bash -c 'cd sub && python x.py'", "sub/x.py"),
            ("eval \"python x.py\"", "x.py"),
            ("echo $(python x.py)", "x.py"),
            ("if python x.py; then echo ok; fi", "x.py"),
            ("for i in 1 2 3; do python x.py; done", "x.py"),
            ("pip install -e . && python x.py || true", "x.py"),
            ("gcc -o x x.c -Iinclude && ./x", "x.c"),
            ("javac X.java && java X", "X.java"),
            ("java X.java", "X.java"),
            ("python -m pdb -c c x.py", "x.py"),
            ("cat > x.py <<'EOF'\nprint(1)\nEOF\npython x.py", "x.py"),
            ("python /tmp/x.py", "/tmp/x.py"),
            ("cd /repo && python x.py", "/repo/x.py"),
        ] {
            assert!(run(command).contains(&path.to_owned()), "{command}: {:?}", run(command));
        }
    }

    #[test]
    fn paths_are_those_of_the_directory_in_which_a_command_runs() {
        for (command, path) in [
            ("cd a && python x.py", "a/x.py"),
            ("cd a; cd b; python x.py", "a/b/x.py"),
            ("cd a && cd .. && python x.py", "x.py"),
            ("cd a && cd - && python x.py", "x.py"),
            ("(cd a && make) && python x.py", "x.py"),
            ("(cd a && python x.py)", "a/x.py"),
            ("cd a && (cd b && python x.py)", "a/b/x.py"),
            ("pushd a && make && popd && python x.py", "x.py"),
            ("cd a | true; python x.py", "x.py"),
            ("cd a && python ../x.py", "x.py"),
            ("cd a && bash -c 'python x.py'", "a/x.py"),
        ] {
            assert_eq!(run(command), [path.to_owned(), format!("{path}/__main__.py")], "{command}");
        }
        for command in ["cd $X && python x.py", "cd && python x.py", "python $F", "python ../x.py", "python *.py"] {
            assert_eq!(run(command), Vec::<String>::new(), "{command}");
        }
    }

    #[test]
    fn a_file_that_is_only_read_built_or_looked_at_is_not_run() {
        for command in [
            "cat x.py",
            "git add x.py",
            "black x.py",
            "mypy x.py",
            "flake8 x.py && ruff check x.py",
            "python -m py_compile x.py",
            "python -m black x.py",
            "gcc -c x.c -o x.o",
            "grep -n a x.py",
            "pytest",
            "npm test",
            "echo python x.py",
            "rm x.py",
        ] {
            let run = run(command);
            assert!(!run.iter().any(|path| path.starts_with("x.")), "{command}: {run:?}");
        }
    }

    #[test]
    fn what_is_given_to_a_program_that_runs_is_named() {
        let names = |command: &str, path: &str| CommandFiles::of(command).names(path);
        assert!(names("python cli.py --input=a/case.json", "a/case.json"));
        assert!(names("cd a && ./tool case.json", "a/case.json"));
        assert!(names("./tool < case.txt", "case.txt"));
        assert!(names("python - <<'EOF'\nopen('a/case.json')\nEOF", "a/case.json"));
        assert!(!names("cat case.json", "case.json"));
        assert!(!names("python cli.py other.json", "case.json"));
        assert!(!names("cat > case.json <<EOF\n{}\nEOF\npytest", "case.json"));
    }
}
