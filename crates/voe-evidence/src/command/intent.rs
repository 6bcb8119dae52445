//! Which new files a command is meant to create.
//!
//! A file that appears while a command runs is either an edit (`cat > new.py <<EOF`, a script that writes a module) or a
//! by-product of a check (`report.xml`, `test.db`, `docs/_build`). The rule, for files that are new, that no tool wrote by name and
//! that the list of by-products does not have:
//!
//! 1. A command that runs nothing (it copies, moves, redirects, unpacks) means every file that it creates.
//! 2. In a command that does run something, files that its writing parts name are meant: `cat > repro.txt <<EOF … && pytest`
//!    means `repro.txt`. So are files named in a script that is part of the command and that writes files
//!    (`python - <<EOF` with `open("new.cfg", "w")`).
//! 3. Other new *source* (a text with the extension of a language, a document or a configuration) is meant if the command has a
//!    part whose purpose it is to write such files: a script that writes files, an unpacking part, a generator of source
//!    (`makemigrations`, `cargo new`, `protoc`), or if the output of what was run goes there (`python gen.py > table.py`).
//! 4. New source that another program wrote while it ran is meant if code refers to it, which the command's text does not show.
//!    In a directory that is new too, only an import or its path counts: what a tool puts there is its own matter.
//! 5. The rest are by-products: files of builds and tests, and files of programs that are not source.
//!
//! A by-product to which code refers later becomes an edit then.

use super::kind::{self, CommandKind};
use super::words::{self, Word};
use crate::whole_word::has_word;

/// What a command is meant to create.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Intent {
    /// It runs something.
    runs: bool,
    /// Something in it is there to make source files without naming them.
    makes_source: bool,
    /// Something in it may make source files that code then refers to.
    may_make_source: bool,
    /// Something in it copies or unpacks: many files may be meant.
    pub bulk: bool,
    /// Names in its writing parts.
    written: Vec<String>,
    /// Where the output of running parts goes.
    outputs: Vec<String>,
    /// Scripts in it that write files.
    scripts: Vec<String>,
}

impl Intent {
    /// What `command` is meant to create.
    pub fn of(command: &str) -> Self {
        let line = words::parse(command);
        let mut intent = Self { runs: !line.clear, may_make_source: !line.clear, ..Self::default() };
        for simple in &line.commands {
            let kind = kind::of(simple);
            let outputs = simple.outputs.iter().filter(|word| !word.text.is_empty());
            // Installed files are by-products, like built ones.
            let runs = kind.runs() || kind == CommandKind::Installs;
            intent.makes_source |= simple.outputs.iter().any(|word| word.open) && runs;
            let outputs = outputs.map(|word| word.text.clone());
            if runs {
                intent.outputs.extend(outputs)
            } else {
                intent.written.extend(outputs)
            }
            intent.runs |= runs;
            intent.makes_source |= runs && generates_source(&simple.words);
            match kind {
                CommandKind::Looks | CommandKind::Tests | CommandKind::Installs => {}
                CommandKind::Writes => {
                    let name = simple.name().unwrap_or_default();
                    intent.bulk |= matches!(name, "cp" | "mv" | "rsync");
                    let named = simple.words.iter().skip(1).filter(|word| !word.text.starts_with('-'));
                    // Creating a directory does not mean the files in it.
                    if !matches!(name, "mkdir" | "rm" | "rmdir" | "chmod" | "chown") {
                        intent.makes_source |= named.clone().any(|word| word.open);
                        intent.written.extend(named.map(|word: &Word| word.text.clone()));
                    }
                }
                CommandKind::Unpacks => {
                    intent.bulk = true;
                    intent.makes_source = true;
                }
                CommandKind::Script(code) => {
                    intent.may_make_source = true;
                    intent.add_script(&code);
                }
                CommandKind::Runs => intent.may_make_source = true,
            }
        }
        intent
    }

    fn add_script(&mut self, code: &str) {
        const SIGNS: [&str; 22] = [
            "'w'",
            "\"w\"",
            "'wb'",
            "\"wb\"",
            "'x'",
            "\"x\"",
            "'a'",
            "\"a\"",
            "write_text",
            "write_bytes",
            "writeFile",
            "appendFile",
            "createWriteStream",
            "copyFile",
            "shutil.",
            "File.write",
            "os.rename",
            "os.replace",
            "mode=",
            "> ",
            ">>",
            "tee ",
        ];
        if SIGNS.iter().any(|sign| code.contains(sign)) {
            self.makes_source = true;
            self.scripts.push(code.to_owned());
        }
    }

    /// Whether the command names a file as one that it writes.
    pub fn names(&self, path: &[u8]) -> bool {
        let path = String::from_utf8_lossy(path);
        let base = path.rsplit('/').next().unwrap_or_default();
        self.written.iter().any(|word| same(word, &path)) || self.scripts.iter().any(|code| has_word(code, base))
    }

    /// What a new file is; `text`: its content, if it is text.
    pub fn of_new(&self, path: &[u8], text: Option<&[u8]>) -> NewFile {
        if !self.runs || self.names(path) {
            return NewFile::Meant;
        }
        let path = String::from_utf8_lossy(path);
        if text.is_none() || !source(&path) {
            return NewFile::Byproduct;
        }
        if self.makes_source || self.outputs.iter().any(|word| same(word, &path)) {
            return NewFile::Meant;
        }
        if self.may_make_source { NewFile::MeantIfReferredTo } else { NewFile::Byproduct }
    }
}

/// What a new file is to the command that created it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewFile {
    /// An edit.
    Meant,
    /// An edit if code refers to it, else a by-product.
    MeantIfReferredTo,
    /// A by-product.
    Byproduct,
}

/// Whether a program is there to write source files.
fn generates_source(words: &[Word]) -> bool {
    const VERBS: &str = "
        makemigrations startapp startproject startplugin inspectdb protoc grpc_tools.protoc codegen generate scaffold
        openapi-generator openapi-generator-cli swagger-codegen graphql-codegen bison yacc flex antlr4 sqlc cookiecutter
        copier yo hygen plop quicktype bindgen cbindgen swig pyuic5 pyuic6 pyrcc5
    ";
    /// A program and its verb.
    const PAIRS: [(&str, &str); 14] = [
        ("alembic", "revision"),
        ("rails", "g"),
        ("db", "migrate"),
        ("db", "revision"),
        ("cargo", "new"),
        ("npm", "init"),
        ("prisma", "migrate"),
        ("ng", "g"),
        ("nest", "g"),
        ("dotnet", "new"),
        ("buf", "generate"),
        ("bundle", "gem"),
        ("sphinx-quickstart", ""),
        ("sphinx-apidoc", ""),
    ];
    let name = |word: &Word| word.text.rsplit('/').next().unwrap_or_default().to_owned();
    let names: Vec<String> = words.iter().take(8).map(name).collect();
    names.iter().any(|name| super::programs::has(VERBS, name))
        || PAIRS.iter().any(|(program, verb)| {
            names.iter().enumerate().any(|(at, name)| {
                name == program && (verb.is_empty() || names.get(at + 1).is_some_and(|next| next == verb))
            })
        })
}

/// Whether a word of a command names a file or a directory above it.
fn same(word: &str, path: &str) -> bool {
    let word = word.trim_end_matches('/').trim_start_matches("./");
    let Some(last) = word.rsplit('/').next().filter(|last| !last.is_empty() && *last != "." && *last != "..") else {
        return false;
    };
    path.split('/').any(|part| part == last)
}

/// Whether a file's name is that of a file that people write.
fn source(path: &str) -> bool {
    const EXTENSIONS: &[&str] = &[
        "py", "pyi", "pyx", "pxd", "js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "vue", "svelte", "rs", "go",
        "c", "h", "cc", "cpp", "cxx", "hpp", "hh", "hxx", "cu", "java", "kt", "kts", "scala", "groovy", "gradle", "rb",
        "erb", "php", "pl", "pm", "t", "swift", "m", "mm", "cs", "fs", "vb", "hs", "ml", "mli", "ex", "exs", "erl",
        "hrl", "clj", "cljs", "lua", "r", "jl", "sh", "bash", "zsh", "fish", "ps1", "bat", "sql", "html", "htm", "css",
        "scss", "sass", "less", "md", "rst", "adoc", "tex", "toml", "cfg", "ini", "yaml", "yml", "proto", "graphql",
        "tf", "cmake", "nix", "dart", "zig", "v", "sv", "vhd", "tcl", "el", "vim", "asm", "s", "f90", "f", "po", "j2",
        "jinja", "jinja2", "tmpl", "mk", "am", "ac",
    ];
    const NAMES: &[&str] =
        &["Makefile", "Dockerfile", "Rakefile", "Gemfile", "Justfile", "CMakeLists.txt", "requirements.txt"];
    let name = path.rsplit('/').next().unwrap_or_default();
    NAMES.contains(&name)
        || name.starts_with(".git")
        || name.rsplit_once('.').is_some_and(|(_, extension)| EXTENSIONS.contains(&&*extension.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(command: &str, path: &str) -> bool {
        new(command, path) == NewFile::Meant
    }

    fn new(command: &str, path: &str) -> NewFile {
        Intent::of(command).of_new(path.as_bytes(), Some(b"text"))
    }

    #[test]
    fn what_a_command_without_a_run_makes_is_meant() {
        for (command, path) in [
            ("cat > notes.txt <<EOF\nx\nEOF", "notes.txt"),
            ("cp a.py b/data.bin", "b/data.bin"),
            ("git apply fix.patch", "src/new.json"),
            ("for i in 1 2; do echo $i > f$i.txt; done", "f1.txt"),
            ("tar xf a.tar", "x/y.dat"),
            ("curl -o a.json http://127.0.0.1/a", "a.json"),
        ] {
            assert!(meant(command, path), "{command}");
        }
    }

    #[test]
    fn what_a_run_names_or_writes_as_source_is_meant() {
        for (command, path) in [
            ("cat > data.txt <<EOF\nx\nEOF\npytest", "data.txt"),
            ("python - <<'EOF'\nopen('a/data.json', 'w').write('{}')\nEOF", "a/data.json"),
            ("python - <<'EOF'\nfor n in ns: open(n + '.py', 'w').write('')\nEOF", "mod.py"),
            ("python gen.py > src/table.py && pytest", "src/table.py"),
            ("python manage.py makemigrations", "app/migrations/0002_x.py"),
            ("git apply x.patch && pytest -q", "pkg/new.py"),
            ("touch a.dat && make test", "a.dat"),
            ("node -e \"fs.writeFileSync('x.csv', '')\"", "x.csv"),
            ("bash -c 'echo a > b.txt'", "b.txt"),
        ] {
            assert!(meant(command, path), "{command}");
        }
    }

    #[test]
    fn generators_of_source_mean_what_they_write() {
        for command in [
            "python manage.py makemigrations app",
            "python manage.py startapp app && ls app",
            "alembic revision --autogenerate -m x",
            "bin/rails generate model user",
            "cargo new x && cd x && cargo build",
            "npm init -y",
            "protoc --python_out=. x.proto",
            "python -m grpc_tools.protoc -I. --python_out=. x.proto",
        ] {
            assert!(meant(command, "src/table.py"), "{command}");
        }
    }

    #[test]
    fn source_that_a_program_writes_while_it_runs_is_meant_if_code_refers_to_it() {
        for (command, path) in [
            ("python gen.py", "src/table.py"),
            ("sphinx-build -b html docs _build", "_build/index.html"),
            ("python -c 'import gen; gen.main()'", "src/table.py"),
            ("./configure.sh; echo 'unterminated", "config.h"),
        ] {
            assert_eq!(new(command, path), NewFile::MeantIfReferredTo, "{command}");
        }
    }

    #[test]
    fn what_checks_leave_behind_is_not_meant() {
        for (command, path) in [
            ("pytest -q", "report.xml"),
            ("pytest -q", "tmp_module.py"),
            ("python -m pytest > out.txt 2>&1; tail out.txt", "out.txt"),
            ("make", "prog"),
            ("mkdir -p build && cd build && cmake .. && make", "build/x.c"),
            ("python repro.py", "test.db"),
            ("python repro.py", "out.json"),
            ("./run.sh", "core.bin"),
            ("python setup.py build_ext --inplace", "pkg/fast.c"),
            ("python tests/runtests.py", "x.py"),
            ("npm test", "junit.js"),
            ("pip install -e . > log.txt", "log.txt"),
            ("npm ci", "generated.js"),
            ("gcc a.c -o a && ./a", "a"),
        ] {
            assert_eq!(new(command, path), NewFile::Byproduct, "{command}");
        }
        let binary = Intent::of("python gen.py").of_new(b"a.py", None);
        assert_eq!(binary, NewFile::Byproduct, "a binary is not source");
    }
}
