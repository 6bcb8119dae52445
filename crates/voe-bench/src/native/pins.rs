//! Pinned environments of tasks, from a file that the user gives.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};

use super::conda;
use crate::suite::read::hex;

/// Pinned environments, and which task has which.
#[derive(Debug, Clone, Deserialize)]
pub struct Pins {
    environments: HashMap<String, Environment>,
    instances: HashMap<String, String>,
    #[serde(skip)]
    specs: HashMap<String, EnvironmentSpec>,
    #[serde(skip)]
    content: PinnedContent,
    /// The file, as the user named it.
    #[serde(skip)]
    file: PathBuf,
    /// Whether it is used only for tasks without a list in the official repository.
    #[serde(skip)]
    rest: bool,
}

/// Hashes of the files: SHA-256, hexadecimal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PinnedContent {
    /// Hash of the environments file.
    pub sha256: String,
    /// Hash of the file `specs*.json` next to it, if there is one.
    pub specs_sha256: Option<String>,
}

/// One environment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Environment {
    /// Its name in the file.
    #[serde(skip)]
    pub name: String,
    /// The version of Python.
    pub python: String,
    /// Conda's pins: `name=version=build`.
    #[serde(default, deserialize_with = "or_none")]
    pub conda: Vec<String>,
    /// pip's pins: `name==version`.
    #[serde(default, deserialize_with = "or_none")]
    pub pip: Vec<String>,
}

/// How the older official package builds an environment of a repository at a version.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct EnvironmentSpec {
    /// Commands before the installation.
    #[serde(deserialize_with = "or_none")]
    pub pre_install: Vec<String>,
}

/// A list, or `null` for an empty one.
fn or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl Pins {
    /// Reads the file `{"environments": {name: {python, conda, pip}}, "instances": {id: name}}`. If a file `specs*.json` is
    /// next to it (`repo@version` → `pre_install`, of the older official package), its commands are used too.
    ///
    /// # Errors
    /// A message: the file can't be read, or is not a list of environments.
    pub fn read(path: &Path) -> Result<Self, String> {
        let fail = |why: String| format!("cannot read the environments {}: {why}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
        let mut pins: Self = serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
        pins.file = path.to_owned();
        pins.content.sha256 = hex(&Sha256::digest(&text));
        for (name, environment) in &mut pins.environments {
            environment.name.clone_from(name);
        }
        if let Some(specs) = specs_next_to(path) {
            let fail = |why: String| format!("cannot read {}: {why}", specs.display());
            let text = std::fs::read_to_string(&specs).map_err(|error| fail(error.to_string()))?;
            pins.specs = serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
            pins.content.specs_sha256 = Some(hex(&Sha256::digest(&text)));
        }
        Ok(pins)
    }

    /// Hashes of the files.
    pub fn content(&self) -> &PinnedContent {
        &self.content
    }

    /// The environment of a task.
    pub fn of(&self, id: &str) -> Option<&Environment> {
        self.environments.get(self.instances.get(id)?)
    }

    /// The same, but official lists take precedence: tasks that have one are prepared as without a file.
    pub fn for_the_rest(mut self) -> Self {
        self.rest = true;
        self.specs.clear();
        self.content.specs_sha256 = None;
        self
    }

    /// Whether official lists take precedence.
    pub fn is_for_the_rest(&self) -> bool {
        self.rest
    }

    /// Hash of the environment of a task, if it has one: the first digits, hexadecimal.
    pub fn digest(&self, id: &str) -> Option<String> {
        let Environment { python, conda, pip, .. } = self.of(id)?;
        Some(format!("{:.16}", blake3::hash(format!("{python}\n{conda:?}\n{pip:?}").as_bytes()).to_hex()))
    }

    /// The error for a task without an environment.
    pub(crate) fn lacks(&self) -> String {
        format!(
            "{} has no environment for it; add its id to \"instances\", with the name of one of \"environments\" ({{\"python\", \
             \"conda\", \"pip\"}}), or leave the task out",
            self.file.display()
        )
    }

    /// What the older package does for a repository at a version.
    pub(crate) fn spec(&self, repo: &str, version: &str) -> Option<&EnvironmentSpec> {
        self.specs.get(&format!("{repo}@{version}"))
    }
}

fn specs_next_to(path: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(path.parent()?).ok()?.flatten();
    entries.map(|entry| entry.path()).find(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.starts_with("specs") && name.ends_with(".json")
    })
}

impl Environment {
    /// Python's version without the patch level.
    pub fn minor(&self) -> String {
        self.python.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
    }

    /// Packages that are installed first: pip, setuptools and wheel as conda pins them; the latest version of those not pinned.
    pub(crate) fn tools(&self) -> Vec<String> {
        let tools = ["pip", "setuptools", "wheel"];
        let pinned = self.of_conda().filter(|pin| tools.contains(&pin.name));
        let mut all: Vec<String> = pinned.map(|pin| pin.as_pip()).collect();
        for tool in tools {
            let start = format!("{tool}==");
            if !all.iter().chain(&self.pip).any(|pin| pin.starts_with(&start)) {
                all.push(tool.to_owned());
            }
        }
        all
    }

    /// Everything else, to be installed without its dependencies: the Python packages among conda's pins that pip's lack, and
    /// pip's.
    pub(crate) fn packages(&self) -> Vec<String> {
        // Lines of another form are the repository itself, or local to the machine where the list was made.
        let of_pip = || self.pip.iter().filter(|pin| pin.contains("==") && !pin.contains([' ', '/', '@']));
        let mut there: BTreeSet<Cow<'_, str>> =
            of_pip().filter_map(|pin| pin.split_once("==")).map(|(name, _)| conda::normal(name)).collect();
        let python_own = self.of_conda().filter(conda::Pin::is_package);
        let lacking = python_own.filter(|pin| there.insert(conda::normal(pin.name_on_pypi())));
        let mut all: Vec<String> = lacking.map(|pin| pin.as_pip()).collect();
        all.extend(of_pip().cloned());
        all
    }

    fn of_conda(&self) -> impl Iterator<Item = conda::Pin<'_>> {
        self.conda.iter().filter_map(|pin| conda::Pin::read(pin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(conda: &[&str], pip: &[&str]) -> Environment {
        let owned = |pins: &[&str]| pins.iter().map(|pin| (*pin).to_owned()).collect();
        Environment { name: "e".into(), python: "3.9.20".into(), conda: owned(conda), pip: owned(pip) }
    }

    #[test]
    fn conda_pins_that_are_python_packages_are_taken_where_pip_lacks_them() {
        let pins = environment(
            &[
                "pip=24.2=py39h06a4308_0",
                "python=3.9.20=he870216_1",
                "pluggy=1.0.0=py39h06a4308_1",
                "numpy=1.19.2=py39h89c1606_0",
                "numpy-base=1.19.2=py39h21a3de8_1",
                "typing_extensions=4.1.1=pyhd3eb1b0_0",
                "zlib=1.2=h5",
            ],
            &["idna==3.10", "typing-extensions==4.12.2", "local @ file:///x"],
        );
        assert_eq!(
            (pins.minor().as_str(), pins.tools()),
            ("3.9", ["pip==24.2", "setuptools", "wheel"].map(str::to_owned).to_vec())
        );
        assert_eq!(pins.packages(), ["pluggy==1.0.0", "numpy==1.19.2", "idna==3.10", "typing-extensions==4.12.2"]);
    }

    #[test]
    fn an_environment_without_conda_pins_has_the_tools_that_pip_pins_or_current_ones() {
        let none: Environment = serde_json::from_str(r#"{"python": "3.9", "conda": []}"#).unwrap();
        assert_eq!(
            (none.tools(), none.packages()),
            (["pip", "setuptools", "wheel"].map(str::to_owned).to_vec(), vec![])
        );
        let pins = environment(&[], &["setuptools==68.0.0", "idna==3.10"]);
        assert_eq!(pins.tools(), ["pip", "wheel"]);
        assert_eq!(pins.packages(), ["setuptools==68.0.0", "idna==3.10"]);
    }

    #[test]
    fn the_official_environments_have_the_python_packages_of_conda() {
        let Some(data) = std::env::var_os("VOE_TEST_DATA") else {
            assert!(std::env::var_os("VOE_REQUIRE_DATA").is_none(), "VOE_REQUIRE_DATA is set and VOE_TEST_DATA is not");
            println!("skipped 1 case: VOE_TEST_DATA is not set");
            return;
        };
        let pins = Pins::read(&Path::new(&data).join("swe-bench/environments.json")).unwrap();
        for environment in pins.environments.values() {
            let (of_conda, packages) = (environment.packages(), environment.packages().len());
            let own = packages - environment.pip.iter().filter(|pin| of_conda.contains(pin)).count();
            let from_conda = ["matplotlib", "requests", "scikit-learn", "sympy", "xarray"];
            if !from_conda.iter().any(|repo| environment.name.starts_with(repo)) {
                // conda's older Pythons include certifi; nothing else is added where pip has all.
                assert!(
                    own <= 1 && (own == 0 || of_conda[0].starts_with("certifi==")),
                    "{}: {of_conda:?}",
                    environment.name
                );
            }
            let mut names: Vec<_> = of_conda
                .iter()
                .filter_map(|pin| pin.split_once("=="))
                .map(|(name, _)| conda::normal(name).into_owned())
                .collect();
            names.sort();
            assert!(names.windows(2).all(|two| two[0] != two[1]), "{}: {names:?}", environment.name);
        }
    }
}
