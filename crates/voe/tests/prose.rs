//! No decision is made by reading text that voe, or a layer below, wrote for people: facts are typed. Where text is read after all,
//! it is foreign, and the file stands in the list below with the reason.
//!
//! The syntax trees of all crates are walked for calls such as `contains`, `starts_with`, `split` or `find` with a string literal
//! that has a letter in it, or with a constant of this kind. Tests are left out, and so are the ends of
//! file names (`.py`), which only paths have.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ExprMethodCall, File, ImplItemFn, Item, ItemConst, ItemFn, ItemMod, Lit, Macro, Token};

/// A file or a folder (with `/` at its end) in which text is read, and whose text that is.
const READERS: &[(&str, &str)] = &[
    // What models write.
    ("voe-agent/src/drive/pipeline/", "code in a model's reply, and source files"),
    ("voe-agent/src/drive/verify/verdict.rs", "a model's verdict"),
    ("voe-agent/src/record/history.rs", "a model's to-do list"),
    ("voe-model/src/salvage/", "calls that a model wrote as text"),
    ("voe-model/src/normalize.rs", "a model's thinking in its text"),
    ("voe-search/src/value.rs", "a model's score"),
    // What model servers answer.
    ("voe-model/src/address.rs", "a server's address, as a person gives it"),
    ("voe-model/src/exchange.rs", "the content type of an answer"),
    ("voe-model/src/fail.rs", "error bodies of model servers"),
    ("voe-model/src/prices.rs", "names of models in a price list"),
    ("voe-model/src/probe.rs", "error bodies of model servers"),
    ("voe-model/src/probe/kinds.rs", "what model servers say of themselves"),
    // Commands, what they print, and paths.
    ("voe-evidence/src/", "shell commands, their output, and paths"),
    ("voe-grade/src/", "test logs, patches and evaluation scripts"),
    ("voe-proof/src/own_tests.rs", "output of test runners"),
    ("voe-proof/src/runners.rs", "output of the script that looks for test runners, and paths"),
    ("voe-proof/src/scratch.rs", "paths in shell commands"),
    ("voe-search/src/cross.rs", "paths in shell commands"),
    ("voe-toolbox/src/changes/copies.rs", "paths in shell commands"),
    ("voe-toolbox/src/pack.rs", "paths"),
    ("voe-toolbox/src/tools/grep.rs", "whether a regular expression spans lines"),
    // Git.
    ("voe-repo/src/automatic.rs", "git's configuration"),
    ("voe-repo/src/git.rs", "git's errors"),
    ("voe-repo/src/hazard.rs", "file names that git would take for its own"),
    ("voe-repo/src/repo.rs", "git's errors and its version"),
    ("voe-report/src/data/paths.rs", "patches"),
    ("voe-toolbox/src/changes/base.rs", "output of git cat-file"),
    // The system and container engines.
    ("voe-bench/src/docker/", "names of images and engines' errors"),
    ("voe-bench/src/grade/", "output of evaluation scripts"),
    ("voe-bench/src/native/", "pins, install scripts and variables of published suites"),
    ("voe-sandbox/src/backends/container/", "addresses of engines, names of containers and images"),
    ("voe-sandbox/src/environment.rs", "names of variables"),
    ("voe-sandbox/src/groups.rs", "names of control groups"),
    ("voe-sandbox/src/home/gitdirs.rs", "git's .git files"),
    ("voe-sandbox/src/init/modes.rs", "paths"),
    ("voe-sandbox/src/init/usage.rs", "files in /proc"),
    // Names that people write.
    ("voe-agent/src/strategy/validate.rs", "variables in a strategy's template"),
    ("voe-bench/src/shipped/", "ids and paths of the suites that ship"),
    ("voe-bench/src/suite/hub.rs", "paths on a hub"),
    ("voe-model/src/recorded/script.rs", "a model's name: scripted:FILE"),
    ("voe/src/bench/", "a model's name: scripted:FILE, replay:FILE"),
    ("voe/src/demo.rs", "an id of the built-in suite"),
    ("voe/src/log.rs", "parts of voe in VOE_LOG"),
    ("voe/src/model.rs", "a model's name: scripted:FILE, replay:FILE"),
    // Names of voe's own files.
    ("voe-report/src/data/", "names of files in a run"),
    ("voe-search/src/steps.rs", "names of files of a search"),
    ("voe/src/state.rs", "names of files in the state directory"),
    // Texts on their way to a page, from which nothing follows.
    ("voe-report/src/figure/style.rs", "a drawing's own path"),
    ("voe-report/src/viewer/assets.rs", "the viewer's page"),
];

/// Methods by which text is read.
const METHODS: &[&str] = &[
    "contains",
    "starts_with",
    "ends_with",
    "split",
    "rsplit",
    "splitn",
    "rsplitn",
    "split_once",
    "rsplit_once",
    "split_terminator",
    "split_inclusive",
    "find",
    "rfind",
    "matches",
    "match_indices",
    "strip_prefix",
    "strip_suffix",
    "trim_start_matches",
    "trim_end_matches",
];

type Arguments = Punctuated<Expr, Token![,]>;

/// The calls in one file, whatever they are given, and the file's constants.
#[derive(Default)]
struct Calls {
    found: Vec<(String, Pattern)>,
    /// Names of constants that are texts with a letter in them.
    texts: BTreeSet<String>,
}

/// What a call looks for.
#[derive(Clone)]
enum Pattern {
    Text(String),
    Constant(String),
}

impl Calls {
    fn in_file(file: &File) -> Self {
        let mut calls = Self::default();
        calls.visit_file(file);
        calls
    }

    /// The calls that look for a text. `texts`: constants that are texts.
    fn shown(&self, texts: &BTreeSet<String>) -> Vec<String> {
        let shown = |(method, pattern): &(String, Pattern)| match pattern {
            Pattern::Text(text) => Some(format!(".{method}({text:?})")),
            Pattern::Constant(name) => texts.contains(name).then(|| format!(".{method}({name})")),
        };
        self.found.iter().filter_map(shown).collect()
    }

    /// What a macro is given need not be Rust: its tokens are searched for `.method(literal`.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            let TokenTree::Group(group) = token else { continue };
            let method = match &tokens[..at] {
                [.., TokenTree::Punct(dot), TokenTree::Ident(name)] if dot.as_char() == '.' => Some(name.to_string()),
                _ => None,
            };
            if let Some(method) = method.filter(|name| METHODS.contains(&name.as_str()))
                && group.delimiter() == Delimiter::Parenthesis
                && let Ok(arguments) = Arguments::parse_terminated.parse2(group.stream())
                && let Some(pattern) = arguments.last().and_then(|pattern| read(&method, pattern))
            {
                self.found.push((method, pattern));
            }
            self.tokens(group.stream());
        }
    }
}

impl<'a> Visit<'a> for Calls {
    fn visit_expr_method_call(&mut self, call: &'a ExprMethodCall) {
        let method = call.method.to_string();
        if METHODS.contains(&method.as_str())
            && let Some(pattern) = call.args.last().and_then(|pattern| read(&method, pattern))
        {
            self.found.push((method, pattern));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_item_const(&mut self, constant: &'a ItemConst) {
        if let Expr::Lit(literal) = &*constant.expr
            && let Lit::Str(text) = &literal.lit
            && is_prose("contains", &text.value())
        {
            self.texts.insert(constant.ident.to_string());
        }
        visit::visit_item_const(self, constant);
    }

    fn visit_macro(&mut self, called: &'a Macro) {
        self.tokens(called.tokens.clone());
    }

    fn visit_item_mod(&mut self, module: &'a ItemMod) {
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'a ItemFn) {
        if !is_test(&function.attrs) {
            visit::visit_item_fn(self, function);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'a ImplItemFn) {
        if !is_test(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }
}

/// The words that a call with `pattern` looks for, if they may be words.
fn read(method: &str, pattern: &Expr) -> Option<Pattern> {
    match pattern {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) if is_prose(method, &text.value()) => Some(Pattern::Text(text.value())),
            _ => None,
        },
        Expr::Path(path) => {
            let name = path.path.segments.last()?.ident.to_string();
            let constant = name.len() > 1 && !name.contains(char::is_lowercase);
            constant.then_some(Pattern::Constant(name))
        }
        Expr::Paren(inner) => read(method, &inner.expr),
        Expr::Array(list) => list.elems.iter().find_map(|pattern| read(method, pattern)),
        // `contains(&"x")` asks a list, not a text.
        Expr::Reference(inner) if method != "contains" => read(method, &inner.expr),
        _ => None,
    }
}

fn is_prose(method: &str, text: &str) -> bool {
    let at_end = matches!(method, "ends_with" | "strip_suffix" | "trim_end_matches");
    let extension = text.strip_prefix('.').is_some_and(|rest| rest.chars().all(char::is_alphanumeric));
    text.contains(char::is_alphabetic) && !(at_end && extension)
}

/// Whether something is there for tests only.
fn is_test(attributes: &[Attribute]) -> bool {
    let cfg = |attribute: &Attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|name| name == "test")
    };
    attributes.iter().any(|attribute| attribute.path().is_ident("test") || cfg(attribute))
}

/// The files of a folder by their paths, without modules for tests.
fn sources(dir: &Path, into: &mut BTreeMap<PathBuf, File>) {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    for path in paths.iter().filter(|path| path.is_dir()) {
        sources(path, into);
    }
    let mut only_tests = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")) {
        let text = fs::read_to_string(path).unwrap();
        let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let stem = path.file_stem().unwrap();
        let inside = if ["mod", "lib", "main"].iter().any(|name| stem == *name) { dir.into() } else { dir.join(stem) };
        only_tests.extend(file.items.iter().filter_map(|item| match item {
            Item::Mod(module) if is_test(&module.attrs) => Some(inside.join(module.ident.to_string())),
            _ => None,
        }));
        into.insert(path.clone(), file);
    }
    into.retain(|path, _| !only_tests.iter().any(|module| path.with_extension("").starts_with(module)));
}

/// Each file that reads text, by its path from `crates/` on, with its calls.
fn readers() -> BTreeMap<String, Vec<String>> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(crates).unwrap() {
        sources(&entry.unwrap().path().join("src"), &mut files);
    }
    assert!(files.len() > 100, "the crates were not found: {}", crates.display());
    let calls: BTreeMap<PathBuf, Calls> = files.into_iter().map(|(path, file)| (path, Calls::in_file(&file))).collect();
    let texts = calls.values().flat_map(|calls| calls.texts.clone()).collect();
    let shown = calls.iter().map(|(path, calls)| {
        let name = path.strip_prefix(crates).unwrap().to_str().unwrap().to_owned();
        (name, calls.shown(&texts))
    });
    shown.filter(|(_, calls)| !calls.is_empty()).collect()
}

fn is_in(file: &str, reader: &str) -> bool {
    if reader.ends_with('/') { file.starts_with(reader) } else { file == reader }
}

#[test]
fn only_listed_files_read_text() {
    let found = readers();
    let listed = |file: &str| READERS.iter().any(|(reader, _)| is_in(file, reader));
    let others = found.iter().filter(|(file, _)| !listed(file));
    let others: String = others.map(|(file, calls)| format!("{file}: {}\n", calls.join(", "))).collect();
    let unused = READERS.iter().filter(|(reader, _)| !found.keys().any(|file| is_in(file, reader)));
    let unused: Vec<&str> = unused.map(|(reader, _)| *reader).collect();
    assert!(others.is_empty(), "decide by a type; or, if the text is foreign, add the file to READERS:\n{others}");
    assert!(unused.is_empty(), "these read no text any more; take them out of READERS: {unused:?}");
}

/// The calls in a file.
fn calls_in(text: &str) -> Vec<String> {
    let calls = Calls::in_file(&syn::parse_file(text).unwrap());
    calls.shown(&calls.texts)
}

#[test]
fn reading_is_seen_wherever_it_stands() {
    let calls = |body: &str| calls_in(&format!("const MARK: &str = \"a mark\"; fn f() {{ {body} }}"));
    assert_eq!(calls(r#"if why.contains("time limit") {}"#), [r#".contains("time limit")"#]);
    assert_eq!(calls("text.find(MARK); text.strip_prefix(crate::a::MARK);"), [".find(MARK)", ".strip_prefix(MARK)"]);
    assert_eq!(calls(r#"matches!(e, E::No { why } if why.contains("overlay on"))"#), [r#".contains("overlay on")"#]);
    assert_eq!(calls(r#"out!("{}", a.splitn(2, "of").count())"#), [r#".splitn("of")"#]);
    assert_eq!(calls(r#"a.splitn(2, "of"); a.split(["; ", "x y"])"#), [r#".splitn("of")"#, r#".split("x y")"#]);
}

#[test]
fn marks_paths_lists_and_tests_are_left_out() {
    let none = r##"
        const MODE: u32 = 1;
        const DASH: &str = " - ";
        fn f() {
            line.split(", ");
            line.starts_with('#');
            line.split(DASH);
            name.ends_with(".py");
            list.contains(&"x");
            modes.contains(MODE);
            text.contains(needle);
        }
        #[cfg(test)]
        mod tests { fn f() { text.contains("error"); } }
        #[test]
        fn g() { text.contains("error"); }
    "##;
    assert_eq!(calls_in(none), [] as [&str; 0]);
}
