//! Files of a patch that tools run automatically: listed before the patch is applied, never refused.

use std::fmt;

use serde_json::Value;
use voe_protocol::{Export, ExportedFile, FileState};

use crate::objects::printable;

/// The kind of tool that runs a file, or a command named in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trigger {
    /// A tool that acts when its user enters the directory.
    EnterDirectory,
    /// A test runner that loads it.
    Tests,
    /// A package manager or a build.
    Build,
    /// Each start of the interpreter.
    Interpreter,
    /// The service that the repository is pushed to.
    Ci,
    /// An editor that opens the directory.
    Editor,
    /// git, at a commit or another of its commands.
    Git,
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EnterDirectory => "when you enter the directory",
            Self::Tests => "with the tests",
            Self::Build => "with installs and builds",
            Self::Interpreter => "when the interpreter starts",
            Self::Ci => "in CI",
            Self::Editor => "in editors that open the directory",
            Self::Git => "with git commands",
        })
    }
}

/// A new or changed file that tools run automatically.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Automatic {
    /// The path, made printable.
    pub path: String,
    /// The kind of tool that runs it.
    pub trigger: Trigger,
}

impl fmt::Display for Automatic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.path, self.trigger)
    }
}

/// By file name, in any directory. In lower case: some file systems and tools ignore letter case.
const NAMES: [(&str, Trigger); 28] = [
    (".envrc", Trigger::EnterDirectory),
    (".tool-versions", Trigger::EnterDirectory),
    (".mise.toml", Trigger::EnterDirectory),
    ("mise.toml", Trigger::EnterDirectory),
    (".autoenv", Trigger::EnterDirectory),
    ("conftest.py", Trigger::Tests),
    ("build.rs", Trigger::Build),
    ("setup.py", Trigger::Build),
    (".npmrc", Trigger::Build),
    (".yarnrc", Trigger::Build),
    (".yarnrc.yml", Trigger::Build),
    (".pnpmfile.cjs", Trigger::Build),
    ("binding.gyp", Trigger::Build),
    (".bazelrc", Trigger::Build),
    ("rust-toolchain", Trigger::Build),
    ("rust-toolchain.toml", Trigger::Build),
    ("sitecustomize.py", Trigger::Interpreter),
    ("usercustomize.py", Trigger::Interpreter),
    (".gitlab-ci.yml", Trigger::Ci),
    (".travis.yml", Trigger::Ci),
    ("jenkinsfile", Trigger::Ci),
    ("azure-pipelines.yml", Trigger::Ci),
    (".devcontainer.json", Trigger::Editor),
    (".gitattributes", Trigger::Git),
    (".gitmodules", Trigger::Git),
    (".pre-commit-config.yaml", Trigger::Git),
    (".pre-commit-config.yml", Trigger::Git),
    ("lefthook.yml", Trigger::Git),
];

/// By a directory that contains the file, at any depth.
const DIRECTORIES: [(&str, Trigger); 9] = [
    (".github/workflows", Trigger::Ci),
    (".github/actions", Trigger::Ci),
    (".circleci", Trigger::Ci),
    (".gitea/workflows", Trigger::Ci),
    (".forgejo/workflows", Trigger::Ci),
    (".devcontainer", Trigger::Editor),
    (".idea", Trigger::Editor),
    (".husky", Trigger::Git),
    (".githooks", Trigger::Git),
];

/// By the end of the path.
const ENDS: [(&str, Trigger); 7] = [
    (".vscode/tasks.json", Trigger::Editor),
    (".vscode/settings.json", Trigger::Editor),
    (".vscode/launch.json", Trigger::Editor),
    (".cargo/config.toml", Trigger::Build),
    (".cargo/config", Trigger::Build),
    (".config/mise.toml", Trigger::EnterDirectory),
    (".mvn/extensions.xml", Trigger::Build),
];

/// The new or changed files of an export that tools run automatically.
pub fn automatic(export: &Export) -> Vec<Automatic> {
    let changed = export.files.iter().filter(|file| file.now.is_some() && file.base != file.now);
    changed
        .filter_map(|file| trigger(file).map(|trigger| Automatic { path: printable(&file.path.0), trigger }))
        .collect()
}

fn trigger(file: &ExportedFile) -> Option<Trigger> {
    let path = format!("/{}", String::from_utf8_lossy(&file.path.0).to_lowercase());
    let name = path.rsplit('/').next().unwrap_or_default();
    if name == "package.json" {
        return (scripts(file.base.as_ref()) != scripts(file.now.as_ref())).then_some(Trigger::Build);
    }
    if name.ends_with(".pth") {
        return Some(Trigger::Interpreter);
    }
    if name == "config" && file.now.as_ref().is_some_and(|now| configures_git(&now.content.0)) {
        return Some(Trigger::Git);
    }
    let by_name = NAMES.iter().find(|(own, _)| *own == name);
    let by_directory = || DIRECTORIES.iter().find(|(directory, _)| path.contains(&format!("/{directory}/")));
    let by_end = || ENDS.iter().find(|(end, _)| path.ends_with(&format!("/{end}")));
    by_name.or_else(by_directory).or_else(by_end).map(|(_, trigger)| *trigger)
}

/// Whether a file called `config` is a git configuration: there may be a repository among the files, which git obeys.
fn configures_git(content: &[u8]) -> bool {
    let text = String::from_utf8_lossy(content).to_lowercase();
    text.lines().any(|line| line.trim_start().starts_with("[core") || line.trim_start().starts_with("[include"))
}

/// The scripts of a `package.json`. One that can't be parsed differs from one that can.
fn scripts(state: Option<&FileState>) -> Result<Option<Value>, Vec<u8>> {
    let Some(state) = state else { return Ok(None) };
    let package: Value = serde_json::from_slice(&state.content.0).map_err(|_| state.content.0.clone())?;
    Ok(package.get("scripts").cloned())
}

#[cfg(test)]
mod tests {
    use voe_protocol::RawBytes;
    use voe_trace::FileRole;

    use super::*;

    fn said(files: &[(&str, Option<&str>, Option<&str>)]) -> Vec<String> {
        let state = |text: &str| FileState { mode: 0o100644, content: RawBytes(text.as_bytes().to_vec()) };
        let files = files.iter().map(|(path, base, now)| ExportedFile {
            path: RawBytes(path.as_bytes().to_vec()),
            base: base.map(state),
            now: now.map(state),
            role: FileRole::Code,
        });
        automatic(&Export { files: files.collect(), skipped: Vec::new() }).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_new_or_changed_file_that_tools_run_automatically_is_listed_with_its_trigger() {
        for (path, trigger) in [
            (".envrc", "when you enter the directory"),
            ("deep/er/.ENVRC", "when you enter the directory"),
            ("tests/conftest.py", "with the tests"),
            (".github/workflows/ci.yml", "in CI"),
            ("sub/.gitlab-ci.yml", "in CI"),
            (".vscode/tasks.json", "in editors that open the directory"),
            ("x/.vscode/settings.json", "in editors that open the directory"),
            (".devcontainer/a/Dockerfile", "in editors that open the directory"),
            ("crates/x/build.rs", "with installs and builds"),
            ("setup.py", "with installs and builds"),
            (".cargo/config.toml", "with installs and builds"),
            ("lib/sitecustomize.py", "when the interpreter starts"),
            ("lib/x.pth", "when the interpreter starts"),
            (".pre-commit-config.yaml", "with git commands"),
            (".husky/pre-commit", "with git commands"),
            (".gitattributes", "with git commands"),
        ] {
            assert_eq!(said(&[(path, None, Some("x"))]).len(), 1, "{path}");
            assert_eq!(said(&[(path, Some("x"), Some("y"))]), [format!("{path} ({trigger})")]);
            assert_eq!(said(&[(path, Some("x"), None)]), [""; 0], "once deleted, it no longer runs");
            assert_eq!(said(&[(path, Some("x"), Some("x"))]), [""; 0]);
        }
        for path in ["Makefile", "tox.ini", "src/build.rs.txt", "envrc", "vscode/tasks.json", "a.github/workflows/x"] {
            assert_eq!(said(&[(path, None, Some("x"))]), [""; 0], "{path}");
        }
    }

    #[test]
    fn a_git_configuration_is_listed_in_any_directory() {
        let git = "[core]\n\tfsmonitor = ./x\n";
        assert_eq!(said(&[("docs/config", None, Some(git))]), ["docs/config (with git commands)"]);
        assert_eq!(said(&[("docs/config", None, Some("port = 1\n"))]), [""; 0]);
    }

    #[test]
    fn a_package_json_is_listed_only_when_its_scripts_change() {
        let package = |scripts: &str, version: &str| format!("{{\"version\": \"{version}\"{scripts}}}");
        let (none, some) = (package("", "1"), package(", \"scripts\": {\"postinstall\": \"x\"}", "1"));
        let newer = package(", \"scripts\": {\"postinstall\": \"x\"}", "2");
        let named = |base: Option<&str>, now: &str| !said(&[("web/package.json", base, Some(now))]).is_empty();
        assert!(named(Some(&none), &some) && named(None, &some) && named(Some(&some), &none));
        assert!(named(Some(&some), "{broken"), "unreadable scripts count as changed");
        assert!(!named(Some(&some), &newer) && !named(None, &none));
    }
}
