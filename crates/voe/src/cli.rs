//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use voe_report::commands::compare::GroupBy;
use voe_report::commands::report::ReportFormat;
use voe_sandbox::BackendChoice;

use crate::flags::{ModelFlags, OutputFlags};
use crate::settings::table::{APPLY, BACKEND, CHECK, IMAGE, MAX_STEPS, MAX_TOKENS, MAX_WALL, NETWORK, STRATEGY};
use crate::settings::words::{self, Apply, OnOff, one_of};

/// A coding agent for small, self-hosted models that proves its edits.
#[derive(Debug, Parser)]
#[command(name = "voe", version, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// Log to standard error (-vv for more; VOE_LOG=voe_model=debug selects a part)
    #[arg(long, short, global = true, action = clap::ArgAction::Count, display_order = 900)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a bundled task without a model, to see how voe works
    Demo(Demo),
    /// Fix a problem in this git repository with a model
    Fix(Box<Fix>),
    /// Check your setup and suggest fixes
    Doctor(Doctor),
    /// Show a recorded attempt step by step, or re-run it
    Replay(ReplayArgs),
    /// Run, resume, and grade benchmark suites
    Bench(crate::bench::Args),
    /// Prove a change: run its tests with and without it
    Prove(Box<crate::prove::Prove>),
    /// Print an attempt's evidence as Markdown for a pull request
    Proof(ProofArgs),
    /// Undo the changes of the last `voe fix`
    Undo(Undo),
    /// Summarize runs: tables, figures, statistics
    Report(ReportArgs),
    /// Compare two arms task by task, with a significance test
    Compare(Compare),
    /// Power analysis for a planned experiment
    Power(Power),
    /// View attempts in a browser, or export them as static files
    View(ViewArgs),
    /// List the bundled strategies, or show one
    Strategies(Strategies),
    /// Print the effective settings and where each comes from
    Config(Config),
    /// Print the JSON Schema of a file format
    Schema(Schema),
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[arg(long = BACKEND.flag, value_name = "BACKEND", value_parser = words::sandbox(), help = BACKEND.about)]
    pub(crate) sandbox: Option<BackendChoice>,
    /// Directory for the record
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

#[derive(Debug, Args)]
pub(crate) struct Fix {
    /// The problem to fix; `-` reads it from standard input
    #[arg(value_name = "PROBLEM", required_unless_present_any = ["issue", "resume"], conflicts_with = "issue")]
    pub(crate) problem: Option<String>,
    /// Read the problem from a file
    #[arg(long, value_name = "FILE")]
    pub(crate) issue: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) model: ModelFlags,
    #[arg(long = STRATEGY.flag, value_name = "NAME|FILE", help = STRATEGY.about)]
    pub(crate) strategy: Option<String>,
    #[arg(long = MAX_STEPS.flag, value_name = "N", help = MAX_STEPS.about)]
    pub(crate) max_steps: Option<u32>,
    #[arg(long = MAX_TOKENS.flag, value_name = "N", help = MAX_TOKENS.about)]
    pub(crate) max_tokens: Option<u64>,
    #[arg(long = MAX_WALL.flag, value_name = "DURATION", value_parser = words::duration, help = MAX_WALL.about)]
    pub(crate) max_wall: Option<String>,
    #[arg(long = CHECK.flag, value_name = "CMD", help = CHECK.about)]
    pub(crate) check: Option<String>,
    #[arg(long = BACKEND.flag, value_name = "BACKEND", value_parser = words::sandbox(), help = BACKEND.about)]
    pub(crate) sandbox: Option<BackendChoice>,
    #[arg(long = NETWORK.flag, value_enum, help = NETWORK.about)]
    pub(crate) network: Option<OnOff>,
    #[arg(long = IMAGE.flag, value_name = "IMAGE", help = IMAGE.about)]
    pub(crate) image: Option<String>,
    /// Allow a home directory as the workspace; files with credentials in it are hidden
    #[arg(long)]
    pub(crate) allow_home: bool,
    #[arg(long = APPLY.flag, value_enum, help = APPLY.about_with_default())]
    pub(crate) apply: Option<Apply>,
    /// Directory for the record [default: one in voe's state directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Resume an interrupted attempt
    #[arg(long, value_name = "TRAJECTORY", conflicts_with_all = ["problem", "issue", "strategy", "out"])]
    pub(crate) resume: Option<PathBuf>,
    /// With --resume: trust a record that was not made by your voe
    #[arg(long, requires = "resume")]
    pub(crate) trust: bool,
    /// Accept the server, model and `apply` settings of this repository's voe.toml for this command
    #[arg(long)]
    pub(crate) trust_config: bool,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) model: ModelFlags,
    /// Output JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Disable colored output
    #[arg(long)]
    pub(crate) no_color: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The record
    pub(crate) trajectory: PathBuf,
    /// Re-run it on a fresh copy of its base, with the recorded replies
    #[arg(long)]
    pub(crate) run: bool,
    /// Trust a record that was not made by your voe, and run its commands in a sandbox
    #[arg(long, requires = "run")]
    pub(crate) trust: bool,
    #[arg(long = BACKEND.flag, value_name = "BACKEND", value_parser = words::sandbox(), requires = "run", help = BACKEND.about)]
    pub(crate) sandbox: Option<BackendChoice>,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

#[derive(Debug, Args)]
pub(crate) struct Undo {
    /// Undo even if files changed since (overwrites them, and keeps a copy)
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Strategies {
    #[command(subcommand)]
    pub(crate) action: Option<StrategiesAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StrategiesAction {
    /// Print a strategy with all keys resolved
    Show {
        /// A name from `voe strategies`, or a file
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Config {
    /// Output JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// Format
    #[arg(value_enum, value_name = "FORMAT")]
    pub(crate) what: crate::formats::Format,
}

#[derive(Debug, Args)]
pub(crate) struct ProofArgs {
    /// The record
    pub(crate) trajectory: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Run directories, arms of them (`runs/x:arm`), or official run reports
    #[arg(required = true, value_name = "RUN|REPORT.json")]
    pub(crate) inputs: Vec<String>,
    /// Suite that defines the tasks: a name, or a file with its rows
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) suite: Option<String>,
    /// Output format
    #[arg(long, value_parser = one_of(ReportFormat::ALL, ReportFormat::word), default_value = ReportFormat::default().word())]
    pub(crate) format: ReportFormat,
    /// Output file (for csv, also a directory)
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// Baseline arm
    pub(crate) a: String,
    /// Arm to compare with it
    pub(crate) b: String,
    /// Suite that defines the tasks: a name, or a file with its rows
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) suite: Option<String>,
    /// Also compare within each group
    #[arg(long, value_parser = one_of(GroupBy::ALL, GroupBy::word))]
    pub(crate) by: Option<GroupBy>,
    /// Output JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Power {
    /// Baseline resolve rate, e.g. 0.33
    #[arg(long)]
    pub(crate) baseline: f64,
    /// Minimum detectable effect, e.g. 0.04
    #[arg(long)]
    pub(crate) gain: f64,
    /// Discordance rate: share of tasks on which the arms differ
    #[arg(long)]
    pub(crate) discordance: Option<f64>,
    /// Number of tasks
    #[arg(long)]
    pub(crate) tasks: Option<u64>,
    /// Trials of each task
    #[arg(long, default_value_t = 1)]
    pub(crate) trials: u64,
    /// Output JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ViewArgs {
    /// Run directories, arms of them (`runs/x:arm`), or trajectories
    #[arg(required = true, value_name = "RUN|TRAJECTORY")]
    pub(crate) inputs: Vec<String>,
    /// Suite that defines the tasks: a name, or a file with its rows
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) suite: Option<String>,
    /// Port to listen on (0: any free port)
    #[arg(long, default_value_t = 8400)]
    pub(crate) port: u16,
    /// Write static files to this directory instead of serving
    #[arg(long, value_name = "DIR")]
    pub(crate) export: Option<PathBuf>,
}
