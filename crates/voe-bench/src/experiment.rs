//! What to run: an experiment file, or the same from flags, resolved into arms.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};
use voe_agent::{LoadError, Strategy};

use crate::name::{self, slug};
use crate::suite::filter::Filter;

/// An experiment file: strategies × models × trials, and further arms.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Experiment {
    /// Name of the experiment and its run directory; the file's stem if left out. See [`name::RULE`].
    pub name: String,
    /// Description, a few lines.
    pub about: String,
    /// For an experiment that repeats another: the known differences.
    pub deviations: Vec<String>,
    /// The suite: a name or a file.
    pub suite: String,
    /// Which tasks of the suite.
    pub filter: Filter,
    /// Strategies, by name or file, each an arm with each model.
    pub strategies: Vec<String>,
    /// Models, as `--model` takes them. Empty: the model that voe finds.
    pub models: Vec<String>,
    /// Attempts at each task in each arm.
    pub trials: Option<u32>,
    /// Attempts that run at the same time.
    pub parallel: Option<usize>,
    /// Seed of the order of the attempts.
    pub seed: u64,
    /// Whether the agent sees the row's `hints_text` too.
    pub hints: bool,
    /// Keys to change in every strategy.
    #[schemars(with = "Strategy")]
    pub set: Table,
    /// Further arms.
    #[serde(rename = "arm")]
    pub arms: Vec<ArmSpec>,
}

/// An arm in an experiment file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ArmSpec {
    /// Name of the arm.
    pub name: String,
    /// Strategy of the arm, by name or file.
    pub strategy: String,
    /// Model of the arm; empty: each model of the experiment.
    pub model: String,
    /// Keys to change in this arm's strategy.
    #[schemars(with = "Strategy")]
    pub set: Table,
}

/// One condition, resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    /// Name of the arm, used for attempts and predictions. Letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// The model, as `--model` takes it; empty: the model that voe finds.
    pub model: String,
    /// The strategy with all changes applied.
    pub strategy: Strategy,
}

/// An experiment can't be resolved.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// The file can't be read.
    #[error("cannot read the experiment {path}: {why}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason, in one line.
        why: String,
    },
    /// Its name is invalid.
    #[error("the experiment {path} has the invalid name {name:?}: a name has {}", name::RULE)]
    Name {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// A required part is missing.
    #[error("the experiment has no {what}; give {how}")]
    Missing {
        /// What is missing.
        what: &'static str,
        /// How to give it.
        how: &'static str,
    },
    /// Two arms have the same name.
    #[error("two arms have the name {name:?}; give each [[arm]] its own name")]
    SameName {
        /// The name.
        name: String,
    },
    /// A key under `set` is not valid in the strategy.
    #[error("invalid keys under `set` for {strategy}: {why}")]
    Set {
        /// The strategy.
        strategy: String,
        /// What is wrong.
        why: String,
    },
    /// The strategy can't be read.
    #[error(transparent)]
    Strategy(#[from] LoadError),
}

impl Experiment {
    /// Reads an experiment file.
    ///
    /// # Errors
    /// The file can't be read, or is not an experiment; the error names the key.
    pub fn read(path: &Path) -> Result<Self, ExperimentError> {
        let fail = |why: String| ExperimentError::Read { path: path.to_owned(), why };
        let text = std::fs::read_to_string(path).map_err(|error| {
            fail(format!("{error}; give an experiment file (.toml), a run directory to resume, or --suite and --model"))
        })?;
        let mut read: Self = toml::from_str(&text).map_err(|error: toml::de::Error| {
            let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let line = line.map(|line| format!(" (line {line})")).unwrap_or_default();
            fail(match unknown_key(&text) {
                Some(unknown) => format!("{unknown}{line}"),
                None => format!("{}{line}; correct it there", error.message()),
            })
        })?;
        // Keys under `set` are validated with the strategy, which is not in this file.
        if let Some(why) = unknown_key(&text) {
            return Err(fail(why));
        }
        if read.name.is_empty() {
            read.name = name::of_experiment(&path.file_stem().unwrap_or_default().to_string_lossy());
        }
        if !name::is_valid(&read.name) {
            return Err(ExperimentError::Name { path: path.to_owned(), name: read.name });
        }
        Ok(read)
    }

    /// Resolves the arms. `dir`: the directory that relative paths of strategies start from.
    ///
    /// # Errors
    /// A strategy can't be read, there is nothing to run, or two arms have the same name.
    pub fn arms(&self, dir: &Path) -> Result<Vec<Arm>, ExperimentError> {
        let models: Vec<String> = if self.models.is_empty() { vec![String::new()] } else { self.models.clone() };
        let mut specs: Vec<(String, &str, &str, &Table)> = Vec::new();
        let none = Table::new();
        let strategies = self.strategies.iter().map(|strategy| (strategy.as_str(), "", "", &none));
        let own = self.arms.iter().map(|arm| (arm.strategy.as_str(), arm.name.as_str(), arm.model.as_str(), &arm.set));
        for (strategy, name, model, set) in strategies.chain(own) {
            let of = if model.is_empty() { models.iter().map(String::as_str).collect() } else { vec![model] };
            let name = if name.is_empty() { stem(strategy) } else { name.to_owned() };
            for model in &of {
                let name = if of.len() > 1 { format!("{name}@{}", stem(model)) } else { name.clone() };
                specs.push((slug(&name, "arm"), strategy, model, set));
            }
        }
        if specs.is_empty() {
            return Err(ExperimentError::Missing {
                what: "strategy",
                how: "--strategy NAME (`voe strategies` lists them)",
            });
        }
        let mut arms: Vec<Arm> = Vec::new();
        for (name, strategy, model, set) in specs {
            if arms.iter().any(|arm| arm.name == name) {
                return Err(ExperimentError::SameName { name });
            }
            let mut loaded = voe_agent::load(strategy, dir)?;
            for set in [&self.set, set] {
                loaded =
                    with(&loaded, set).map_err(|why| ExperimentError::Set { strategy: strategy.to_owned(), why })?;
            }
            arms.push(Arm { name, model: model.to_owned(), strategy: loaded });
        }
        Ok(arms)
    }
}

/// An unknown key of an experiment file, and the most similar valid one.
fn unknown_key(text: &str) -> Option<String> {
    static SCHEMA: LazyLock<serde_json::Value> = LazyLock::new(|| schemars::schema_for!(Experiment).to_value());
    Some(voe_agent::keys::unknown(&text.parse().ok()?, &SCHEMA)?.to_string())
}

/// The strategy with some keys changed.
fn with(strategy: &Strategy, set: &Table) -> Result<Strategy, String> {
    if set.is_empty() {
        return Ok(strategy.clone());
    }
    let mut table = Table::try_from(strategy).map_err(|error| error.to_string())?;
    voe_agent::load::merge(&mut table, set.clone());
    let changed: Strategy =
        Value::Table(table).try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
    voe_agent::strategy::validate(&changed)?;
    Ok(changed)
}

/// The last part of a path or of a model's name, without `.toml`.
fn stem(name: &str) -> String {
    let last = name.rsplit(['/', ':']).next().unwrap_or(name);
    last.strip_suffix(".toml").unwrap_or(last).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Result<Vec<String>, ExperimentError> {
        let experiment: Experiment = toml::from_str(text).unwrap();
        Ok(experiment.arms(Path::new("."))?.into_iter().map(|arm| format!("{} <- {}", arm.name, arm.model)).collect())
    }

    #[test]
    fn a_grid_has_an_arm_for_each_strategy_and_model() {
        let text =
            "strategies = [\"baseline\", \"verify-on-edit\"]\nmodels = [\"Qwen/Q-35B\", \"scripted:a/b.toml\"]\n";
        assert_eq!(
            names(text).unwrap(),
            [
                "baseline@Q-35B <- Qwen/Q-35B",
                "baseline@b <- scripted:a/b.toml",
                "verify-on-edit@Q-35B <- Qwen/Q-35B",
                "verify-on-edit@b <- scripted:a/b.toml",
            ]
        );
    }

    #[test]
    fn keys_are_set_for_all_arms_and_for_one() {
        let text = "strategies = [\"baseline\"]\n[set.limits]\nsteps = 7\n[[arm]]\nname = \"long\"\nstrategy = \"baseline\"\n\
                    [arm.set.limits]\nsteps = 9\n";
        let experiment: Experiment = toml::from_str(text).unwrap();
        let steps: Vec<_> =
            experiment.arms(Path::new(".")).unwrap().into_iter().map(|arm| arm.strategy.limits.steps).collect();
        assert_eq!(steps, [7, 9]);
    }

    #[test]
    fn an_experiment_whose_name_is_a_path_or_an_escape_sequence_is_refused_with_what_a_name_may_be() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("e.toml");
        for name in ["../../x", "/tmp/x", "..", ".git", "a\\u001b]52;c;eA==\\u0007", "a\\u202eb", "a b"] {
            std::fs::write(&file, format!("name = \"{name}\"\nstrategies = [\"baseline\"]\n")).unwrap();
            let error = Experiment::read(&file).unwrap_err();
            assert!(matches!(error, ExperimentError::Name { .. }), "{error}");
            let text = error.to_string();
            assert!(text.ends_with(name::RULE) && !text.contains(char::is_control), "{text:?}");
        }
        let spaced = dir.path().join("my experiment.toml");
        std::fs::write(&spaced, "strategies = [\"baseline\"]\n").unwrap();
        assert_eq!(Experiment::read(&spaced).unwrap().name, "my_experiment");
    }

    #[test]
    fn what_cannot_be_run_is_named() {
        insta::assert_snapshot!(names("suite = \"mini\"").unwrap_err(), @"the experiment has no strategy; give --strategy NAME (`voe strategies` lists them)");
        insta::assert_snapshot!(names("strategies = [\"baseline\", \"baseline\"]").unwrap_err(), @r#"two arms have the name "baseline"; give each [[arm]] its own name"#);
        let error = names("strategies = [\"baseline\"]\n[set.limits]\nsetps = 7").unwrap_err().to_string();
        assert!(error.contains("setps"), "{error}");
    }

    #[test]
    fn the_experiments_that_ship_can_be_run() {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
        let mut files = vec![top.join("prove-on-edit.toml"), top.join("small-model.toml")];
        files.extend(std::fs::read_dir(top.join("published")).unwrap().map(|entry| entry.unwrap().path()));
        assert!(files.len() >= 8);
        for file in files {
            let experiment = Experiment::read(&file).unwrap();
            let arms = experiment.arms(&top).unwrap();
            let known = experiment.suite.starts_with("verified") || experiment.suite == "mini";
            assert!(!arms.is_empty() && known, "{}", file.display());
            let published = file.parent().unwrap().ends_with("published");
            assert_eq!(published, !experiment.deviations.is_empty(), "{}", file.display());
        }
    }
}
