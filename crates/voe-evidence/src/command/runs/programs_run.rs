//! What programs make of their arguments: which of them are files that they run.

use super::super::kind::unwrapped;
use super::super::programs;
use super::super::words::Word;
use super::{ExecutionPlace, RunCollector};

/// Programs in programs deeper than this are not followed.
const DEEPEST: usize = 8;

/// Test runners: their plain arguments are files.
const RUNNERS: &str = "
    pytest py.test jest vitest mocha ava tap tape jasmine rspec phpunit pest nose2 nosetests trial bats prove busted cypress
    playwright testcafe behave cucumber stestr minitest
";

/// Interpreters whose first plain argument is the script.
const INTERPRETERS: &str = "
    node nodejs ruby perl php lua luajit Rscript julia elixir groovy raku tclsh wish dart crystal runghc runhaskell scala
    swift java tsx ts-node ts-node-esm esno jiti babel-node coffee guile racket sbcl octave clojure bb nim
";

/// Clients of databases: their input is a script.
const DATABASES: &str = "sqlite3 psql mysql mariadb duckdb bc";

/// Compilers: what they build can be run next.
const COMPILERS: &str = "gcc g++ cc c++ clang clang++ rustc javac tsc ghc gfortran nvcc kotlinc scalac ldc2 dmd fpc";

/// Modules of Python that run the script they are given.
const RUN_SCRIPTS: &str =
    "pdb cProfile profile trace runpy memory_profiler kernprof viztracer scalene debugpy pyinstrument ipdb pudb";

/// Modules of Python that read or change the files they are given.
const READ_FILES: &str = "py_compile compileall";

fn has(list: &str, name: &str) -> bool {
    programs::has(list, name)
}

/// Collects what a simple command runs.
pub(super) fn collect(to: &mut RunCollector, words: &[Word], place: &ExecutionPlace<'_>, depth: usize) {
    let Some((first, args)) = words.split_first() else { return };
    if first.open || depth > DEEPEST {
        return;
    }
    let name = first.text.rsplit('/').next().unwrap_or_default();
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let verb = plain(args).map(|at| args[at].text.as_str()).unwrap_or_default();
    match name {
        "env" | "time" | "nice" | "nohup" | "command" | "exec" | "sudo" | "timeout" | "stdbuf" | "setsid"
        | "ionice" | "builtin" | "chronic" => collect(to, unwrapped(name, args), place, depth + 1),
        "xvfb-run" | "strace" | "ltrace" | "valgrind" | "unbuffer" | "catchsegv" | "kernprof" => {
            collect_inner(to, args, &["-s", "-n", "-e", "-o", "-f", "-l"], place, depth)
        }
        "uv" | "poetry" | "pipenv" | "pdm" | "hatch" | "rye" | "conda" | "mamba" | "micromamba" if verb == "run" => {
            let values = ["--with", "--python", "-p", "--extra", "--group", "-n", "--name", "--env", "-e"];
            collect_inner(to, &args[plain(args).unwrap_or(0) + 1..], &values, place, depth)
        }
        "npx" | "bunx" => collect_inner(to, args, &["-p", "--package"], place, depth),
        "npm" | "yarn" | "pnpm" | "bundle" => {
            let skip = usize::from(matches!(verb, "exec" | "dlx" | "run" | "x"));
            collect_inner(to, &args[(plain(args).unwrap_or(0) + skip).min(args.len())..], &[], place, depth);
        }
        "coverage" => coverage(to, args, place, depth),
        "sh" | "bash" | "zsh" | "dash" | "ksh" => shell(to, args, place),
        "source" | "." => args.first().into_iter().for_each(|file| to.run(file, place)),
        "eval" => {
            let text: Vec<&str> = args.iter().map(|arg| arg.text.as_str()).collect();
            to.line(&text.join(" "), place.directory.map(str::to_owned), place.depth + 1);
        }
        "cargo" => cargo(to, args, place),
        "go" if verb == "run" => go(to, &args[plain(args).unwrap_or(0) + 1..], place),
        "deno" | "bun" => {
            let skip = usize::from(matches!(verb, "run" | "test"));
            let rest = &args[(plain(args).unwrap_or(0) + skip).min(args.len())..];
            rest.iter().filter(|arg| !arg.text.starts_with('-')).take(1).for_each(|file| to.run(file, place));
        }
        "make" | "gmake" | "just" | "ninja" => {
            valued(args, &["-f", "--file", "--makefile", "--justfile"]).for_each(|file| to.run_path(&file, place));
        }
        _ if matches!(stem, "python" | "pypy" | "ipython") => python(to, args, place, depth),
        _ if has(DATABASES, name) => {
            valued(args, &["-f", "--file", "-init"]).for_each(|file| to.run_path(&file, place));
            for read in args.iter().filter_map(|arg| arg.text.strip_prefix(".read ")) {
                to.run_path(read.trim(), place);
            }
            standard_input(to, place);
        }
        _ if has(COMPILERS, name) => {
            let only_compiles = args.iter().any(|arg| matches!(&*arg.text, "-c" | "-S" | "-E" | "--noEmit"));
            if place.runs_more && !only_compiles {
                plain_args(args).for_each(|file| to.run(file, place));
            }
        }
        _ if has(RUNNERS, name) => tests(to, args, place),
        _ if has(INTERPRETERS, name) || has(INTERPRETERS, stem) => interpreter(to, args, place),
        _ if first.text.contains('/') => to.run(first, place),
        _ => {}
    }
}

/// A program within the arguments of another. `values`: options of the outer one that take a value.
fn collect_inner(to: &mut RunCollector, args: &[Word], values: &[&str], place: &ExecutionPlace<'_>, depth: usize) {
    let mut rest = args;
    while let Some((first, after)) = rest.split_first().filter(|(first, _)| first.text.starts_with('-')) {
        rest = if values.contains(&&*first.text) { after.get(1..).unwrap_or_default() } else { after };
    }
    // `uv run x.py`
    if let Some(first) = rest.first()
        && [".py", ".js", ".ts"].iter().any(|end| first.text.ends_with(end))
    {
        return to.run(first, place);
    }
    collect(to, rest, place, depth + 1);
}

/// Where the first plain argument is.
fn plain(args: &[Word]) -> Option<usize> {
    args.iter().position(|arg| !arg.text.starts_with('-'))
}

fn plain_args(args: &[Word]) -> impl Iterator<Item = &Word> {
    args.iter().filter(|arg| !arg.text.starts_with('-'))
}

/// The values of options: `-f x`, `-fx`, `--file=x`.
fn valued(args: &[Word], options: &'static [&'static str]) -> impl Iterator<Item = String> {
    let found: Vec<String> = args
        .iter()
        .enumerate()
        .filter(|(_, arg)| !arg.open)
        .filter_map(|(at, arg)| {
            let option = options.iter().find(|option| arg.text.starts_with(**option))?;
            let rest = &arg.text[option.len()..];
            match rest.strip_prefix('=') {
                Some(value) => Some(value.to_owned()),
                None if rest.is_empty() => args.get(at + 1).filter(|next| !next.open).map(|next| next.text.clone()),
                None => (!option.starts_with("--")).then(|| rest.to_owned()),
            }
        })
        .collect();
    found.into_iter()
}

/// What comes by standard input: `< x`, `cat x |`.
fn standard_input(to: &mut RunCollector, place: &ExecutionPlace<'_>) {
    if let Some(from) = place.from {
        to.run(from, place);
    }
    if let Some(feeder) = place.fed_by.filter(|feeder| feeder.name() == Some("cat")) {
        feeder.words.iter().skip(1).for_each(|file| to.run(file, place));
    }
    to.files.scripts.extend(place.input.map(str::to_owned));
}

/// Test runners: plain arguments, without the name of a test in the file.
fn tests(to: &mut RunCollector, args: &[Word], place: &ExecutionPlace<'_>) {
    for arg in plain_args(args).filter(|arg| !arg.text.contains(' ')) {
        let path = arg.text.split("::").next().unwrap_or_default();
        // A test's parameters are in brackets, which the shell takes for a pattern.
        if !arg.open || path.len() < arg.text.len() {
            to.run_path(path, place);
        }
    }
}

fn interpreter(to: &mut RunCollector, args: &[Word], place: &ExecutionPlace<'_>) {
    const CODE: [&str; 6] = ["-e", "-E", "-p", "--eval", "--print", "-r"];
    const VALUES: [&str; 8] = ["-r", "--require", "--import", "--loader", "-d", "-cp", "-classpath", "-P"];
    let mut rest = args;
    while let Some((first, after)) = rest.split_first() {
        // `node -r FILE` loads a file; `php -r CODE` is code: neither is the script.
        if CODE[..5].contains(&&*first.text) {
            to.files.scripts.extend(after.first().map(|code| code.text.clone()));
            return;
        }
        if VALUES.contains(&&*first.text) {
            after.first().into_iter().for_each(|file| to.run(file, place));
            rest = after.get(1..).unwrap_or_default();
        } else if first.text == "-" {
            break;
        } else if first.text.starts_with('-') || first.text == "run" {
            rest = after;
        } else {
            return to.run(first, place);
        }
    }
    standard_input(to, place);
}

fn shell(to: &mut RunCollector, args: &[Word], place: &ExecutionPlace<'_>) {
    let mut rest = args;
    while let Some((first, after)) = rest.split_first() {
        let option = first.text.starts_with('-') && !first.text.starts_with("--");
        if option && first.text.ends_with('c') {
            let code = after.first().map(|code| code.text.clone()).unwrap_or_default();
            to.line(&code, place.directory.map(str::to_owned), place.depth + 1);
            return;
        }
        if option && first.text.ends_with('o') {
            rest = after.get(1..).unwrap_or_default();
        } else if first.text.starts_with('-') || first.text.starts_with('+') {
            rest = after;
        } else {
            return to.run(first, place);
        }
    }
    standard_input(to, place);
    if let Some(code) = place.input {
        to.line(code, place.directory.map(str::to_owned), place.depth + 1);
    }
}

fn python(to: &mut RunCollector, args: &[Word], place: &ExecutionPlace<'_>, depth: usize) {
    let mut rest = args;
    while let Some((first, after)) = rest.split_first() {
        let Some(letters) = first.text.strip_prefix('-').filter(|letters| !letters.is_empty()) else { break };
        if letters.starts_with(['W', 'X']) {
            rest = if letters.len() == 1 { after.get(1..).unwrap_or_default() } else { after };
        } else if !letters.starts_with('-') && letters.ends_with('c') {
            to.files.scripts.extend(after.first().map(|code| code.text.clone()));
            return;
        } else if !letters.starts_with('-') && letters.ends_with('m') {
            return module(to, after, place, depth);
        } else {
            rest = after;
        }
    }
    match rest.first() {
        Some(script) if script.text != "-" => {
            to.run(script, place);
            if !script.open {
                to.run_path(&format!("{}/__main__.py", script.text), place);
            }
            // `manage.py shell` runs its input.
            if rest.iter().any(|arg| matches!(&*arg.text, "shell" | "dbshell" | "shell_plus")) {
                standard_input(to, place);
            }
        }
        _ => standard_input(to, place),
    }
}

/// `python -m MODULE ARGUMENTS`
fn module(to: &mut RunCollector, words: &[Word], place: &ExecutionPlace<'_>, depth: usize) {
    let Some((module, args)) = words.split_first().filter(|(module, _)| !module.open) else { return };
    let name = module.text.as_str();
    match name {
        "unittest" => {
            for arg in plain_args(args).filter(|arg| !arg.open) {
                to.run(arg, place);
                dotted(to, &arg.text, place);
            }
        }
        "coverage" => coverage(to, args, place, depth),
        _ if has(RUNNERS, name) || name == "nose" => tests(to, args, place),
        _ if has(RUN_SCRIPTS, name) => {
            if let Some(at) = args.iter().position(|arg| arg.text == "-m") {
                return self::module(to, &args[at + 1..], place, depth);
            }
            // Values of options are no files that exist.
            plain_args(args).for_each(|file| to.run(file, place));
        }
        _ if has(READ_FILES, name) => {}
        _ => {
            let path = name.replace('.', "/");
            for path in [format!("{path}.py"), format!("{path}/__main__.py"), format!("{path}/__init__.py")] {
                to.run_path(&path, place);
            }
        }
    }
}

/// `pkg.mod.Class.test`: each beginning can be the module.
fn dotted(to: &mut RunCollector, name: &str, place: &ExecutionPlace<'_>) {
    let parts: Vec<&str> = name.split('.').collect();
    if name.contains('/') || parts.iter().any(|part| part.is_empty()) {
        return;
    }
    for length in 1..=parts.len().min(12) {
        to.run_path(&format!("{}.py", parts[..length].join("/")), place);
    }
}

/// `coverage run OPTIONS SCRIPT`
fn coverage(to: &mut RunCollector, args: &[Word], place: &ExecutionPlace<'_>, depth: usize) {
    let Some((_, rest)) = args.split_first().filter(|(verb, _)| verb.text == "run") else { return };
    if let Some(at) = rest.iter().position(|arg| arg.text == "-m") {
        return module(to, &rest[at + 1..], place, depth);
    }
    plain_args(rest).take(1).for_each(|file| to.run(file, place));
}

fn cargo(to: &mut RunCollector, args: &[Word], place: &ExecutionPlace<'_>) {
    let ours = args.iter().position(|arg| arg.text == "--").map_or(args, |at| &args[..at]);
    let package = valued(ours, &["-p", "--package"]).next();
    let mut target = |name: &str, folder: &str| {
        for path in [format!("{folder}/{name}.rs"), format!("{folder}/{name}/main.rs")] {
            to.run_path(&path, place);
            if let Some(package) = &package {
                to.run_path(&format!("{package}/{path}"), place);
                to.run_path(&format!("crates/{package}/{path}"), place);
            }
        }
    };
    valued(ours, &["--example"]).for_each(|name| target(&name, "examples"));
    valued(ours, &["--bin"]).for_each(|name| target(&name, "src/bin"));
    valued(ours, &["--test"]).for_each(|name| target(&name, "tests"));
    valued(ours, &["--bench"]).for_each(|name| target(&name, "benches"));
}

/// `go run x.go`, `go run ./dir`
fn go(to: &mut RunCollector, args: &[Word], place: &ExecutionPlace<'_>) {
    let start = plain(args).unwrap_or(args.len());
    for (at, arg) in args[start..].iter().enumerate() {
        if arg.text.ends_with(".go") {
            to.run(arg, place);
        } else {
            if at == 0 && !arg.open {
                to.run_directory(&arg.text, place);
            }
            return;
        }
    }
}
