//! The flags of `voe bench`.

use std::path::PathBuf;

use clap::Subcommand;
use voe_bench::Filter;
use voe_bench::suite::{KNOWN, filter};

use super::place::{GradedBy, PlaceFlag, PlaceFlags};
use crate::UsageError;
use crate::flags::ModelFlags;
use crate::settings::table::{API_KEY_ENV, BASE_URL, PROVIDER};
use crate::settings::words::Provider;

/// Run, resume, and grade benchmark suites
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(super) action: BenchCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum BenchCommand {
    /// Run a suite, or resume a stopped run
    Run(Box<Run>),
    /// Build a suite's environments and checkouts in advance, and report what is not available
    Prepare(Box<Prepare>),
    /// Show the progress of a run
    Status(StatusArgs),
    /// Grade a run, predictions or logs, or validate the setup with gold patches
    Grade(Box<Grade>),
    /// List the tasks of a suite
    Tasks(Tasks),
    /// Print a task
    Show(Show),
    /// Show the disk usage of the cache, and free parts of it
    Prune(Prune),
}

/// The help of an argument that names a suite.
fn suites() -> String {
    format!("Suite: {}, or a file", KNOWN.map(|known| known.name).join(", "))
}

/// Which tasks of a suite.
#[derive(Debug, clap::Args, Default, Clone)]
pub(super) struct FilterFlags {
    /// Only tasks of this repository (owner/name, or either part); can be repeated
    #[arg(long, value_name = "REPO")]
    repo: Vec<String>,
    /// Only tasks of this difficulty; can be repeated
    #[arg(long, value_name = "WORDS")]
    difficulty: Vec<String>,
    /// Only these tasks, separated by commas; can be repeated
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    ids: Vec<String>,
    /// Only the tasks listed in this file, one id per line
    #[arg(long, value_name = "FILE")]
    ids_file: Option<PathBuf>,
    /// Random sample of N tasks, drawn with --seed
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Random seed for sampling, and for the order of a run [default: 0]
    #[arg(long, value_name = "S")]
    pub(super) seed: Option<u64>,
    /// Only shard K of N, e.g. 1/4
    #[arg(long, value_name = "K/N", value_parser = filter::shard)]
    shard: Option<(usize, usize)>,
}

impl FilterFlags {
    pub(super) fn filter(&self) -> anyhow::Result<Filter> {
        let mut ids = self.ids.clone();
        if let Some(file) = &self.ids_file {
            let text = std::fs::read_to_string(file).map_err(|e| {
                let file = file.display();
                UsageError(format!(
                    "cannot read the ids from {file}: {e}; give a file of task ids, or the ids with --ids"
                ))
            })?;
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
    /// Experiment file, or run directory to resume
    #[arg(value_name = "EXPERIMENT.toml|RUN", required_unless_present = "suite")]
    pub(super) experiment: Option<PathBuf>,
    #[arg(long, value_name = "SUITE", help = suites())]
    pub(super) suite: Option<String>,
    /// Strategy, by name or file; each is an arm; can be repeated
    #[arg(long, value_name = "NAME|FILE")]
    pub(super) strategy: Vec<String>,
    /// Model; each combination with a strategy is an arm; can be repeated; `scripted:FILE` reads replies from a file
    #[arg(long, value_name = "NAME")]
    pub(super) model: Vec<String>,
    #[arg(long = BASE_URL.flag, value_name = "URL", help = BASE_URL.about_with_default())]
    pub(super) base_url: Option<String>,
    #[arg(long = API_KEY_ENV.flag, value_name = "VAR", help = API_KEY_ENV.about)]
    pub(super) api_key_env: Option<String>,
    #[arg(long = PROVIDER.flag, value_enum, help = PROVIDER.about)]
    pub(super) provider: Option<Provider>,
    /// Attempts per task and arm [default: 1]
    #[arg(long, value_name = "N")]
    pub(super) trials: Option<u32>,
    /// Max concurrent attempts [default: 4]
    #[arg(long, value_name = "N")]
    pub(super) parallel: Option<usize>,
    /// Include the task's hints_text in the prompt
    #[arg(long)]
    pub(super) hints: bool,
    /// Max tries on infrastructure errors
    #[arg(long, value_name = "N", default_value_t = voe_bench::run::policy::TRIES)]
    pub(super) tries: u32,
    /// Allow --sandbox none, in which commands can read the tasks' solutions; the run and its reports are marked
    #[arg(long)]
    pub(super) allow_readable_solutions: bool,
    /// The run directory [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) filter: FilterFlags,
    /// Where tasks run [default: auto, or that of the run]
    #[arg(long, value_enum)]
    pub(super) backend: Option<PlaceFlag>,
    #[command(flatten)]
    pub(super) place: PlaceFlags,
    /// Output progress events as JSON Lines
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

#[derive(Debug, clap::Args)]
pub(super) struct Prepare {
    #[arg(help = suites())]
    pub(super) suite: String,
    #[command(flatten)]
    pub(super) filter: FilterFlags,
    /// Where tasks run [default: auto]
    #[arg(long, value_enum)]
    pub(super) backend: Option<PlaceFlag>,
    #[command(flatten)]
    pub(super) place: PlaceFlags,
    /// Max concurrent tasks; environments are built one at a time [default: number of processors]
    #[arg(long, value_name = "N")]
    pub(super) parallel: Option<usize>,
    /// Output JSON Lines: one per task, then a summary
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct StatusArgs {
    /// Run directory
    pub(super) run: PathBuf,
    /// Output JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
#[group(id = "what", required = true, multiple = false, args = ["run", "predictions", "gold", "empty", "wrong", "logs"])]
pub(super) struct Grade {
    /// Run directory
    pub(super) run: Option<PathBuf>,
    /// Grade predictions from a file (JSON Lines, a list or an object)
    #[arg(long, value_name = "FILE")]
    pub(super) predictions: Option<PathBuf>,
    /// Grade the suite's own solutions (must resolve): validates this machine
    #[arg(long)]
    pub(super) gold: bool,
    /// Grade an empty patch (must not resolve)
    #[arg(long)]
    pub(super) empty: bool,
    /// Grade the wrong solutions bundled with `mini` (must not resolve)
    #[arg(long)]
    pub(super) wrong: bool,
    /// Grade existing logs
    #[arg(long, value_name = "DIR")]
    pub(super) logs: Option<PathBuf>,
    /// Suite [default: that of the run]
    #[arg(long, value_name = "SUITE")]
    pub(super) suite: Option<String>,
    /// Max concurrent patches [default: number of processors]
    #[arg(long, value_name = "N")]
    pub(super) parallel: Option<usize>,
    /// Timeout of a task's tests in seconds [default: 1800, or as in earlier grades of the run]
    #[arg(long, value_name = "S")]
    pub(super) timeout: Option<u64>,
    /// Allow network access for tests, as the official harness does
    #[arg(long)]
    pub(super) network: bool,
    /// Name of the grading, used in the names of the official files
    #[arg(long, value_name = "ID", default_value = "voe")]
    pub(super) run_id: String,
    /// Directory for the official files [default: RUN/grades; for predictions, the current
    /// directory; for self tests, voe's state directory]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) filter: FilterFlags,
    /// Where tests run; `official` uses the installed swebench package [default: auto, or that of the run]
    #[arg(long, value_enum)]
    pub(super) backend: Option<GradedBy>,
    #[command(flatten)]
    pub(super) place: PlaceFlags,
    /// Output JSON Lines: one per patch or log, then the report
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Tasks {
    /// Suite
    pub(super) suite: String,
    #[command(flatten)]
    pub(super) filter: FilterFlags,
    /// Output a JSON list of ids
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Show {
    /// Suite
    pub(super) suite: String,
    /// Task id
    pub(super) id: String,
    /// Include its solution and tests
    #[arg(long)]
    pub(super) gold: bool,
    /// Output JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// A part of what voe keeps, as `--free` takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Part {
    // Its files have names in checkouts too, so that it is freed with them.
    History,
    Environments,
    Checkouts,
    Repos,
    Suites,
    // At the engine, not in the cache.
    Images,
    All,
}

#[derive(Debug, clap::Args)]
pub(super) struct Prune {
    /// Remove this part (`history` only together with `checkouts`); can be repeated
    #[arg(long, value_name = "WHAT", value_enum)]
    pub(super) free: Vec<Part>,
    /// Output JSON
    #[arg(long)]
    pub(super) json: bool,
}
