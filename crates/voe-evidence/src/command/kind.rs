//! What a simple command does.

use super::programs::{self, LOOKERS, TESTERS, UNPACKERS, WRITERS};
use super::words::{Simple, Word};

/// What a simple command does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CommandKind {
    /// It reads and prints.
    Looks,
    /// It writes the files that it names (`cp`, `sed -i`, `touch` …), and runs nothing of the project's.
    Writes,
    /// The same, but the files it creates are not named (`git apply`, `tar`, `cargo new` …).
    Unpacks,
    /// It installs packages: new files are by-products, and its success shows nothing about the code.
    Installs,
    /// It builds or tests: new files are by-products.
    Tests,
    /// It runs a script that is part of the command (`python -c`, `node - <<EOF`).
    Script(String),
    /// It runs something else.
    Runs,
}

impl CommandKind {
    /// Whether something is run whose outcome shows something about the code.
    pub(crate) fn runs(&self) -> bool {
        matches!(self, Self::Tests | Self::Script(_) | Self::Runs)
    }
}

/// What a command does. Redirections of its output are not considered here.
pub(crate) fn of(command: &Simple) -> CommandKind {
    kind(&command.words, command.input.as_deref(), 0)
}

fn kind(words: &[Word], input: Option<&str>, depth: usize) -> CommandKind {
    let Some(first) = words.first() else { return CommandKind::Looks };
    if first.text.is_empty() && first.open || depth > 4 {
        return CommandKind::Runs;
    }
    let name = first.text.rsplit('/').next().unwrap_or_default();
    let local = first.text.contains('/') && !first.text.starts_with("/bin/") && !first.text.starts_with("/usr/bin/");
    let args = &words[1..];
    let has = |flags: &[&str]| args.iter().any(|arg| flags.contains(&&*arg.text));
    if !local {
        // `python --version`, `gcc -v`
        if args.len() == 1 && has(&["--version", "-V", "-v", "--help", "-version"]) {
            return CommandKind::Looks;
        }
        match name {
            "env" | "time" | "nice" | "nohup" | "command" | "exec" | "sudo" | "timeout" | "stdbuf" | "setsid"
            | "ionice" | "builtin" | "chronic" => return wrapped(name, args, input, depth),
            "xargs" => return wrapped(name, args, None, depth),
            "find" => return find(args, depth),
            "sed" | "gsed" => return sed(args),
            "perl" | "ruby" if edits_in_place(args) => return CommandKind::Writes,
            "awk" | "gawk" | "mawk" => return awk(args),
            "sort" if args.iter().any(|arg| arg.text.starts_with("-o") || arg.text.starts_with("--output")) => {
                return CommandKind::Writes;
            }
            "sort" => return CommandKind::Looks,
            "git" => return git(args),
            "pip" | "pip3" | "uv" | "conda" | "poetry" | "npm" | "yarn" | "pnpm" | "cargo" | "go" | "gh"
                if lists(args) =>
            {
                return CommandKind::Looks;
            }
            "pip" | "pip3" | "conda" | "mamba" | "apt" | "apt-get" | "apk" | "dnf" | "yum" | "brew" | "gem"
            | "pipenv" => {
                return CommandKind::Installs;
            }
            "npm" | "yarn" | "pnpm" | "bun" | "uv" | "poetry" | "bundle" | "composer" if installs(args) => {
                return CommandKind::Installs;
            }
            "cargo" => {
                return if has(&["new", "init", "fmt", "add", "fix", "generate-lockfile"]) {
                    CommandKind::Unpacks
                } else {
                    CommandKind::Tests
                };
            }
            "go" if args.first().is_some_and(|arg| matches!(&*arg.text, "run")) => return CommandKind::Runs,
            "go" => {
                return if has(&["mod", "get", "fmt", "generate"]) { CommandKind::Unpacks } else { CommandKind::Tests };
            }
            "npm" | "yarn" | "pnpm" | "npx" | "bun" | "bunx" | "deno" | "corepack" => {
                return if has(&["init", "create"]) { CommandKind::Unpacks } else { CommandKind::Tests };
            }
            "rustfmt" | "gofmt" | "prettier" | "clang-format" | "autopep8" | "yapf" | "2to3" | "django-admin"
            | "cookiecutter" => return CommandKind::Unpacks,
            _ if programs::has(LOOKERS, name) => return CommandKind::Looks,
            _ if programs::has(WRITERS, name) => return CommandKind::Writes,
            _ if programs::has(UNPACKERS, name) => return CommandKind::Unpacks,
            _ => {}
        }
    }
    if let Some(kind) = interpreter(name, args, input) {
        return kind;
    }
    if programs::has(TESTERS, name) || crate::is_test(&first.text) || testing_script(name) {
        return CommandKind::Tests;
    }
    CommandKind::Runs
}

/// `./runtests.sh`, `bin/test`, `run-tests`
fn testing_script(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().to_lowercase();
    matches!(
        &*stem,
        "test" | "tests" | "check" | "build" | "configure" | "runtests" | "run_tests" | "run-tests" | "bootstrap"
    )
}

/// `pip list`, `npm ls`: questions to a package manager.
fn lists(args: &[Word]) -> bool {
    let question = |text: &str| {
        matches!(
            text,
            "list"
                | "ls"
                | "show"
                | "freeze"
                | "view"
                | "info"
                | "tree"
                | "metadata"
                | "outdated"
                | "env"
                | "version"
                | "search"
        )
    };
    args.iter().find(|arg| !arg.text.starts_with('-')).is_some_and(|arg| question(&arg.text))
}

/// `npm ci`, `uv sync`, `yarn` alone.
fn installs(args: &[Word]) -> bool {
    let verb = args.iter().find(|arg| !arg.text.starts_with('-')).map(|arg| arg.text.as_str());
    matches!(
        verb,
        None | Some(
            "install"
                | "i"
                | "ci"
                | "add"
                | "remove"
                | "uninstall"
                | "update"
                | "upgrade"
                | "sync"
                | "lock"
                | "pip"
                | "venv"
                | "config"
        )
    )
}

/// A command that runs another one.
fn wrapped(name: &str, args: &[Word], input: Option<&str>, depth: usize) -> CommandKind {
    if name == "command" && args.iter().any(|arg| matches!(&*arg.text, "-v" | "-V")) {
        return CommandKind::Looks;
    }
    kind(unwrapped(name, args), input, depth + 1)
}

/// The command that another one runs, from its arguments.
pub(super) fn unwrapped<'a>(name: &str, args: &'a [Word]) -> &'a [Word] {
    let mut rest = args;
    // `timeout 10 x`
    let mut numbers = usize::from(name == "timeout");
    while let Some((first, after)) = rest.split_first() {
        let takes_value = match name {
            "xargs" => matches!(&*first.text, "-n" | "-I" | "-P" | "-L" | "-d" | "-s" | "-a" | "-E"),
            "timeout" => matches!(&*first.text, "-s" | "-k" | "--signal" | "--kill-after"),
            "nice" | "ionice" => matches!(&*first.text, "-n" | "-c"),
            "env" => matches!(&*first.text, "-u" | "-C"),
            "sudo" => matches!(&*first.text, "-u" | "-g"),
            "stdbuf" => matches!(&*first.text, "-o" | "-i" | "-e"),
            _ => false,
        };
        if takes_value {
            rest = after.get(1..).unwrap_or_default();
        } else if first.text.starts_with('-') || name == "env" && first.text.contains('=') {
            rest = after;
        } else if numbers > 0 {
            numbers -= 1;
            rest = after;
        } else {
            break;
        }
    }
    rest
}

fn find(args: &[Word], depth: usize) -> CommandKind {
    let mut found = CommandKind::Looks;
    for (at, arg) in args.iter().enumerate() {
        match &*arg.text {
            "-exec" | "-execdir" | "-ok" | "-okdir" => {
                let end = args[at + 1..].iter().position(|arg| matches!(&*arg.text, ";" | "+"));
                let inner = &args[at + 1..end.map_or(args.len(), |end| at + 1 + end)];
                match kind(inner, None, depth + 1) {
                    CommandKind::Looks => {}
                    other => found = other,
                }
            }
            "-delete" | "-fprint" | "-fprintf" | "-fls" if found == CommandKind::Looks => found = CommandKind::Writes,
            _ => {}
        }
    }
    found
}

fn sed(args: &[Word]) -> CommandKind {
    let short = |text: &str| text.starts_with('-') && !text.starts_with("--");
    if args.iter().any(|arg| arg.text.starts_with("--in-place") || short(&arg.text) && arg.text.contains('i')) {
        return CommandKind::Writes;
    }
    // The commands `e` (run) and `w` (write), and the flags of `s` by that name.
    let script = args.iter().find(|arg| !arg.text.starts_with('-')).map(|arg| arg.text.as_str()).unwrap_or_default();
    let commands = |letter: char| {
        script.split([';', '\n', '{', '}']).any(|part| {
            let part =
                part.trim().trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, ',' | '$' | '!' | ' '));
            part.starts_with(letter) && (part.len() == 1 || part[1..].starts_with(' '))
        })
    };
    if commands('e') {
        return CommandKind::Runs;
    }
    let flags = script.rsplit(['/', '|', '#']).next().unwrap_or_default();
    if script.starts_with('s') && flags.chars().all(|c| "gpIiMme0123456789".contains(c)) && flags.contains('e') {
        return CommandKind::Runs;
    }
    if commands('w') || script.starts_with('s') && flags.starts_with('w') {
        CommandKind::Writes
    } else {
        CommandKind::Looks
    }
}

/// `perl -pi -e`, `ruby -i`
fn edits_in_place(args: &[Word]) -> bool {
    args.iter().take_while(|arg| arg.text.starts_with('-')).any(|arg| {
        let letters = arg.text.trim_start_matches('-');
        !arg.text.starts_with("--")
            && letters.chars().take_while(|c| c.is_ascii_alphanumeric()).take(4).any(|c| c == 'i')
            && !letters.starts_with('I')
            && !letters.starts_with('e')
    })
}

fn awk(args: &[Word]) -> CommandKind {
    let text: String = args.iter().map(|arg| arg.text.as_str()).collect::<Vec<_>>().join(" ");
    if text.contains("system(") || text.contains("| getline") || text.contains("|getline") || text.contains("|&") {
        return CommandKind::Runs;
    }
    if text.contains("inplace") || text.contains("print >") || text.contains("> \"") {
        CommandKind::Writes
    } else {
        CommandKind::Looks
    }
}

fn git(args: &[Word]) -> CommandKind {
    let mut at = 0;
    while let Some(arg) = args.get(at).filter(|arg| arg.text.starts_with('-')) {
        at += if matches!(&*arg.text, "-C" | "-c" | "--git-dir" | "--work-tree") { 2 } else { 1 };
    }
    let Some(subcommand) = args.get(at) else { return CommandKind::Looks };
    let rest = args.get(at + 1..).unwrap_or_default();
    let plain = || {
        rest.iter()
            .all(|arg| matches!(&*arg.text, "-a" | "-v" | "-vv" | "-r" | "-l" | "--list" | "--all" | "--show-current"))
    };
    match &*subcommand.text {
        "diff" | "log" | "show" | "status" | "blame" | "annotate" | "grep" | "ls-files" | "ls-tree" | "rev-parse"
        | "rev-list" | "cat-file" | "describe" | "shortlog" | "whatchanged" | "reflog" | "merge-base" | "name-rev"
        | "show-ref" | "help" | "version" | "check-ignore" | "check-attr" | "diff-tree" | "diff-files"
        | "diff-index" | "for-each-ref" | "var" | "count-objects" => {
            if rest.iter().any(|arg| arg.text.starts_with("--output")) {
                CommandKind::Writes
            } else {
                CommandKind::Looks
            }
        }
        "branch" | "tag" | "remote" if plain() => CommandKind::Looks,
        "stash" if rest.first().is_some_and(|arg| matches!(&*arg.text, "list" | "show")) => CommandKind::Looks,
        "config" if rest.iter().any(|arg| arg.text.starts_with("--get") || matches!(&*arg.text, "-l" | "--list")) => {
            CommandKind::Looks
        }
        "bisect" if rest.first().is_some_and(|arg| arg.text == "run") => CommandKind::Runs,
        "rebase" if rest.iter().any(|arg| matches!(&*arg.text, "-x" | "--exec")) => CommandKind::Runs,
        "submodule" if rest.iter().any(|arg| arg.text == "foreach") => CommandKind::Runs,
        _ => CommandKind::Unpacks,
    }
}

/// Interpreters: the script may be in the command, in a here-document, or in a file.
fn interpreter(name: &str, args: &[Word], input: Option<&str>) -> Option<CommandKind> {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let code_flag: &[&str] = match stem {
        "python" | "pypy" | "ipython" => &["-c"],
        "node" | "nodejs" | "ruby" | "perl" | "lua" | "Rscript" | "elixir" => &["-e", "-E", "-p", "--eval", "--print"],
        "php" => &["-r"],
        "sh" | "bash" | "zsh" | "dash" | "ksh" => &["-c", "-lc", "-ec", "-xc", "-euc"],
        "source" | "." | "eval" => &[],
        _ => return None,
    };
    if let Some(at) = args.iter().position(|arg| code_flag.contains(&&*arg.text)) {
        let code = args.get(at + 1).map(|arg| arg.text.clone()).unwrap_or_default();
        return Some(CommandKind::Script(code));
    }
    let plain = args.iter().position(|arg| !arg.text.starts_with('-') || arg.text == "-");
    if let Some(input) = input
        && plain.is_none_or(|at| args[at].text == "-")
    {
        return Some(CommandKind::Script(input.to_owned()));
    }
    if let Some(at) = args.iter().position(|arg| arg.text == "-m") {
        let module = args.get(at + 1).map(|arg| arg.text.as_str()).unwrap_or_default();
        return Some(match module {
            "json.tool" | "tokenize" | "site" | "sysconfig" => CommandKind::Looks,
            "venv" | "virtualenv" | "zipfile" | "tarfile" | "lib2to3" => CommandKind::Unpacks,
            "pip" | "ensurepip" => CommandKind::Installs,
            "pytest" | "unittest" | "tox" | "nox" | "nose" | "coverage" | "mypy" | "flake8" | "pylint" | "build"
            | "py_compile" | "compileall" | "doctest" | "timeit" | "cProfile" | "twisted.trial" => CommandKind::Tests,
            _ => CommandKind::Runs,
        });
    }
    let script = plain.map(|at| args[at].text.as_str()).unwrap_or_default();
    let file = script.rsplit('/').next().unwrap_or_default();
    let tests = crate::is_test(script)
        || testing_script(file)
        || file == "setup.py"
        || file == "manage.py" && args.iter().any(|arg| arg.text == "test" || arg.text == "check");
    Some(if tests { CommandKind::Tests } else { CommandKind::Runs })
}
