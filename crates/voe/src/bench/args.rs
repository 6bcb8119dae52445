//! The flags of `voe bench`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use voe_bench::Filter;
use voe_bench::run::place::Backend;
use voe_bench::suite::filter;

use super::place::PlaceFlags;
use super::prune::Part;
use crate::Usage;
use crate::cli::ModelFlags;
use crate::settings::table::{API_KEY_ENV, BASE_URL, PROVIDER};
use crate::settings::words::Provider;

/// Run suites, go on with them, grade patches
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Run a suite, or go on where it was stopped
    Run(Box<Run>),
    /// Build environments and checkouts of a suite's tasks ahead, and say which can't be had here
    Prepare(Box<Prepare>),
    /// What a run has done so far
    Status(Status),
    /// Grade a run, predictions, logs, or the machine itself
    Grade(Box<Grade>),
    /// List the tasks of a suite
    Tasks(Tasks),
    /// Print a task, without its solution unless asked for
    Show(Show),
    /// See what checkouts, environments and downloads take on disk, and free it
    Prune(Prune),
}

/// Which tasks of a suite.
#[derive(Debug, clap::Args, Default, Clone)]
pub(super) struct FilterFlags {
    /// Tasks of this repository only (owner/name, or one of the two); may be given again
    #[arg(long, value_name = "REPO")]
    repo: Vec<String>,
    /// Tasks of this difficulty only; may be given again
    #[arg(long, value_name = "WORDS")]
    difficulty: Vec<String>,
    /// These tasks only, separated by commas; may be given again
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    ids: Vec<String>,
    /// The tasks in this file only, an id a line
    #[arg(long, value_name = "FILE")]
    ids_file: Option<PathBuf>,
    /// This many tasks, drawn by --seed
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Draws the sample, and in `run` the order [default: 0]
    #[arg(long, value_name = "S")]
    pub(super) seed: Option<u64>,
    /// The K-th of N parts of the tasks, e.g. 1/4
    #[arg(long, value_name = "K/N", value_parser = filter::shard)]
    shard: Option<(usize, usize)>,
}

impl FilterFlags {
    pub(super) fn filter(&self) -> anyhow::Result<Filter> {
        let mut ids = self.ids.clone();
        if let Some(file) = &self.ids_file {
            let text = std::fs::read_to_string(file)
                .map_err(|e| Usage(format!("cannot read the ids from {}: {e}", file.display())))?;
            ids.extend(text.split_whitespace().map(str::to_owned));
        }
        Ok(Filter {
            repos: self.repo.clone(),
            difficulty: self.difficulty.clone(),
            ids,
            sample: self.sample,
            seed: self.seed.unwrap_or(0),
            shard: self.shard,
        })
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Run {
    /// An experiment file, or a run directory to go on with
    #[arg(value_name = "EXPERIMENT.toml|RUN", required_unless_present = "suite")]
    pub(super) experiment: Option<PathBuf>,
    /// The suite: mini, verified, verified-hard, lite, lite-dev, multilingual, or a file
    #[arg(long, value_name = "SUITE")]
    pub(super) suite: Option<String>,
    /// A strategy, by name or file; each is an arm
    #[arg(long, value_name = "NAME|FILE")]
    pub(super) strategy: Vec<String>,
    /// A model; with several, each with each strategy is an arm; `scripted:FILE` answers from a file
    #[arg(long, value_name = "NAME")]
    pub(super) model: Vec<String>,
    #[arg(long = BASE_URL.flag, value_name = "URL", help = BASE_URL.about_with_default())]
    pub(super) base_url: Option<String>,
    #[arg(long = API_KEY_ENV.flag, value_name = "VAR", help = API_KEY_ENV.about)]
    pub(super) api_key_env: Option<String>,
    #[arg(long = PROVIDER.flag, value_enum, help = PROVIDER.about)]
    pub(super) provider: Option<Provider>,
    /// Attempts at each task in each arm [default: 1]
    #[arg(long, value_name = "N")]
    pub(super) trials: Option<u32>,
    /// Attempts at a time, at most [default: 4]
    #[arg(long, value_name = "N")]
    pub(super) parallel: Option<usize>,
    /// Show the agent the row's hints_text too
    #[arg(long)]
    pub(super) hints: bool,
    /// Tries of an attempt that ends by no fault of the model's
    #[arg(long, value_name = "N", default_value_t = voe_bench::run::policy::TRIES)]
    pub(super) tries: u32,
    /// Run with --sandbox none, although commands can then read the tasks' solutions; the run and its reports are marked so
    #[arg(long)]
    pub(super) allow_readable_solutions: bool,
    /// The run directory [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) filter: FilterFlags,
    /// Where tasks run [default: auto, or as the run was begun]
    #[arg(long, value_enum)]
    pub(super) backend: Option<Where>,
    #[command(flatten)]
    pub(super) place: PlaceFlags,
    /// News as JSON lines
    #[arg(long)]
    pub(super) json: bool,
}

impl Grade {
    /// Whether the official package is to grade.
    pub(super) fn is_official(&self) -> bool {
        self.backend == Some(GradedBy::Official)
    }
}

impl Run {
    /// The flags of a model that the run has under the name `model`; empty: none was named.
    pub(super) fn model_flags(&self, model: &str) -> ModelFlags {
        ModelFlags {
            base_url: self.base_url.clone(),
            model: (!model.is_empty()).then(|| model.to_owned()),
            api_key_env: self.api_key_env.clone(),
            provider: self.provider,
        }
    }
}

/// Where tasks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Where {
    Auto,
    Native,
    Docker,
}

impl Where {
    /// What it names; `None`: it is to be found out.
    pub(super) fn backend(self) -> Option<Backend> {
        match self {
            Self::Auto => None,
            Self::Native => Some(Backend::Native),
            Self::Docker => Some(Backend::Docker),
        }
    }
}

/// Where a grading's tests run, or who runs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum GradedBy {
    Auto,
    Native,
    Docker,
    Official,
}

impl GradedBy {
    /// Where it is, unless the official package finds its own place.
    pub(super) fn place(self) -> Option<Where> {
        match self {
            Self::Auto => Some(Where::Auto),
            Self::Native => Some(Where::Native),
            Self::Docker => Some(Where::Docker),
            Self::Official => None,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Prepare {
    /// The suite: mini, verified, verified-hard, lite, lite-dev, multilingual, or a file
    pub(super) suite: String,
    #[command(flatten)]
    pub(super) filter: FilterFlags,
    /// Where tasks run [default: auto]
    #[arg(long, value_enum)]
    pub(super) backend: Option<Where>,
    #[command(flatten)]
    pub(super) place: PlaceFlags,
    /// Tasks at a time; environments are built one at a time [default: the number of processors]
    #[arg(long, value_name = "N")]
    pub(super) parallel: Option<usize>,
    /// A JSON line for each task; last, a summary
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Status {
    /// The run directory
    pub(super) run: PathBuf,
    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
#[group(id = "what", required = true, multiple = false, args = ["run", "predictions", "gold", "empty", "wrong", "logs"])]
pub(super) struct Grade {
    /// A run directory
    pub(super) run: Option<PathBuf>,
    /// Predictions: JSON lines, a list or an object
    #[arg(long, value_name = "FILE")]
    pub(super) predictions: Option<PathBuf>,
    /// The suite's own solutions, which must resolve: a test of this machine
    #[arg(long)]
    pub(super) gold: bool,
    /// The untouched base, which must not resolve: really run
    #[arg(long)]
    pub(super) empty: bool,
    /// The wrong solutions that ship with `mini`, none of which may resolve
    #[arg(long)]
    pub(super) wrong: bool,
    /// Logs that are there already
    #[arg(long, value_name = "DIR")]
    pub(super) logs: Option<PathBuf>,
    /// The suite (a run knows its own)
    #[arg(long, value_name = "SUITE")]
    pub(super) suite: Option<String>,
    /// Patches at a time [default: the number of processors]
    #[arg(long, value_name = "N")]
    pub(super) parallel: Option<usize>,
    /// Seconds for a task's tests [default: 1800, or as the run's grades were begun]
    #[arg(long, value_name = "S")]
    pub(super) timeout: Option<u64>,
    /// Let the tests use the network, as the official harness does: for patches that need a package which the base did not
    #[arg(long)]
    pub(super) network: bool,
    /// The name of the grading, in the names of the official files
    #[arg(long, value_name = "ID", default_value = "voe")]
    pub(super) run_id: String,
    /// Where the official files go [default: RUN/grades; of --predictions, here;
    /// of the self tests, voe's state directory]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) filter: FilterFlags,
    /// Where tests run, or the installed swebench package (official) [default: auto, or as the run was begun]
    #[arg(long, value_enum)]
    pub(super) backend: Option<GradedBy>,
    #[command(flatten)]
    pub(super) place: PlaceFlags,
    /// A JSON line for each patch or log; last, except for logs, the report
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Tasks {
    /// The suite
    pub(super) suite: String,
    #[command(flatten)]
    pub(super) filter: FilterFlags,
    /// Ids as a JSON list
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Show {
    /// The suite
    pub(super) suite: String,
    /// The task
    pub(super) id: String,
    /// Its solution and tests too
    #[arg(long)]
    pub(super) gold: bool,
    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Prune {
    /// Free this; checkouts go with history; can be repeated
    #[arg(long, value_name = "WHAT", value_enum)]
    pub(super) free: Vec<Part>,
    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}
