//! The pinned environments of tasks, from a file that the user gives.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};

use crate::suite::read::hex;

/// Pinned environments, and which task has which.
#[derive(Debug, Clone, Deserialize)]
pub struct Pins {
    environments: HashMap<String, Environment>,
    instances: HashMap<String, String>,
    #[serde(skip)]
    specs: HashMap<String, Spec>,
    #[serde(skip)]
    content: Content,
}

/// Which content the files have: SHA-256, hexadecimal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// Of the file of environments.
    pub sha256: String,
    /// Of the file `specs*.json` beside it, if there is one.
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
    pub conda: Vec<String>,
    /// pip's pins: `name==version`.
    #[serde(deserialize_with = "or_none")]
    pub pip: Vec<String>,
}

/// What the older official package does to build an environment of a repository at a version.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Spec {
    /// Commands before the installation.
    #[serde(deserialize_with = "or_none")]
    pub pre_install: Vec<String>,
}

/// A list, or `null` for an empty one.
fn or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl Pins {
    /// Reads the file `{"environments": {name: {python, conda, pip}}, "instances": {id: name}}`. If a file `specs*.json` lies
    /// beside it (`repo@version` → `pre_install`, of the older official package), its commands are used too.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(path: &Path) -> Result<Self, String> {
        let fail = |why: String| format!("cannot read the environments {}: {why}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
        let mut pins: Self = serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
        pins.content.sha256 = hex(&Sha256::digest(&text));
        for (name, environment) in &mut pins.environments {
            environment.name.clone_from(name);
        }
        if let Some(beside) = specs_beside(path) {
            let fail = |why: String| format!("cannot read {}: {why}", beside.display());
            let text = std::fs::read_to_string(&beside).map_err(|error| fail(error.to_string()))?;
            pins.specs = serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
            pins.content.specs_sha256 = Some(hex(&Sha256::digest(&text)));
        }
        Ok(pins)
    }

    /// Which content the files have.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The environment of a task.
    pub fn of(&self, id: &str) -> Option<&Environment> {
        self.environments.get(self.instances.get(id)?)
    }

    /// What the older package did for a repository at a version.
    pub(crate) fn spec(&self, repo: &str, version: &str) -> Option<&Spec> {
        self.specs.get(&format!("{repo}@{version}"))
    }
}

fn specs_beside(path: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(path.parent()?).ok()?.flatten();
    entries.map(|entry| entry.path()).find(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.starts_with("specs") && name.ends_with(".json")
    })
}

/// Repositories whose conda pins include Python packages that pip's don't.
const FROM_CONDA: [&str; 5] = ["requests", "sympy", "xarray", "scikit-learn", "matplotlib"];

impl Environment {
    /// Python's version without the patch level.
    pub fn minor(&self) -> String {
        self.python.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
    }

    /// What installers need first: pip, setuptools and wheel as conda pins them.
    pub(crate) fn tools(&self) -> Vec<String> {
        let tools = ["pip", "setuptools", "wheel"];
        self.conda.iter().filter_map(|pin| as_pip(pin)).filter(|(name, ..)| tools.contains(name)).map(joined).collect()
    }

    /// Everything else, to be installed without its dependencies.
    pub(crate) fn packages(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        if FROM_CONDA.iter().any(|repo| self.name.starts_with(repo)) {
            let python_own = |(name, _, build): &(&str, &str, &str)| {
                build.starts_with("py") && !matches!(*name, "python" | "pip" | "setuptools" | "wheel")
            };
            all.extend(self.conda.iter().filter_map(|pin| as_pip(pin)).filter(python_own).map(joined));
        }
        // A line of another form is the repository itself, or something local to the machine it was made on.
        all.extend(self.pip.iter().filter(|pin| pin.contains("==") && !pin.contains([' ', '/', '@'])).cloned());
        all
    }
}

/// `name=version=build`.
fn as_pip(pin: &str) -> Option<(&str, &str, &str)> {
    let mut parts = pin.splitn(3, '=');
    let (name, version, build) = (parts.next()?, parts.next()?, parts.next().unwrap_or_default());
    Some((
        match name {
            "matplotlib-base" => "matplotlib",
            "pytables" => "tables",
            other => other,
        },
        version,
        build,
    ))
}

fn joined((name, version, _): (&str, &str, &str)) -> String {
    format!("{name}=={version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conda_pins_that_are_python_packages_are_taken_where_pip_lacks_them() {
        let pins = |name: &str| Environment {
            name: name.to_owned(),
            python: "3.9.20".to_owned(),
            conda: [
                "pip=24.2=py39h06a4308_0",
                "python=3.9.20=he870216_1",
                "pluggy=1.0.0=py39h06a4308_1",
                "zlib=1.2=h5",
            ]
            .map(str::to_owned)
            .to_vec(),
            pip: ["idna==3.10", "local @ file:///x"].map(str::to_owned).to_vec(),
        };
        let requests = pins("requests-1");
        assert_eq!((requests.minor().as_str(), requests.tools()), ("3.9", vec!["pip==24.2".to_owned()]));
        assert_eq!(requests.packages(), ["pluggy==1.0.0", "idna==3.10"]);
        assert_eq!(pins("flask-1").packages(), ["idna==3.10"]);
    }
}
