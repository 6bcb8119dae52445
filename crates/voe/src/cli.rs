//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use voe_report::commands::compare::GroupBy;
use voe_report::commands::report::ReportFormat;
use voe_sandbox::Choice;

use crate::settings::Settings;
use crate::settings::table::{
    API_KEY_ENV, APPLY, BACKEND, BASE_URL, CHECK, IMAGE, MAX_STEPS, MAX_TOKENS, MAX_WALL, MODEL, NETWORK, PROVIDER,
    STRATEGY,
};
use crate::settings::words::{self, Apply, OnOff, Provider, one_of};

/// A coding agent for small, self-hosted models that proves its edits.
#[derive(Debug, Parser)]
#[command(name = "voe", version, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// Log what voe does to standard error; -vv logs more; VOE_LOG=voe_model=debug,… logs a part
    #[arg(long, short, global = true, action = clap::ArgAction::Count, display_order = 900)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See voe at work on a shipped task, without a model
    Demo(Demo),
    /// Let the model solve a problem in this git repository
    Fix(Box<Fix>),
    /// See which servers, sandboxes and programs are there, and what to do about the rest
    Doctor(Doctor),
    /// Show a recorded attempt step by step, or run it again
    Replay(Replay),
    /// Run suites, go on with them, grade patches
    Bench(crate::bench::Args),
    /// Print an attempt's evidence as a note for a pull request
    Proof(Proof),
    /// Take back what the last `voe fix` changed
    Undo(Undo),
    /// Lay arms side by side: tables, figures, statistics
    Report(Report),
    /// Compare two arms in pairs: won, lost, and whether it is more than noise
    Compare(Compare),
    /// Say what a planned experiment can and can't show
    Power(Power),
    /// Look at attempts in a browser, or export them as static files
    View(View),
    /// List the shipped strategies, or show one
    Strategies(Strategies),
    /// Print the settings in force and where each comes from
    Config(Config),
    /// Print the JSON Schema of a file format
    Schema(Schema),
}

/// Which model answers; shared by the commands that ask one.
#[derive(Debug, Args, Default, Clone)]
pub(crate) struct ModelFlags {
    #[arg(long = BASE_URL.flag, value_name = "URL", help = BASE_URL.about_with_default())]
    pub(crate) base_url: Option<String>,
    #[arg(long = MODEL.flag, value_name = "NAME", help = MODEL.about_with_default())]
    pub(crate) model: Option<String>,
    #[arg(long = API_KEY_ENV.flag, value_name = "VAR", help = API_KEY_ENV.about)]
    pub(crate) api_key_env: Option<String>,
    #[arg(long = PROVIDER.flag, value_enum, help = PROVIDER.about)]
    pub(crate) provider: Option<Provider>,
}

impl ModelFlags {
    /// Sets what they say over the other settings.
    pub(crate) fn set(&self, settings: &mut Settings) {
        settings.flag(&BASE_URL, self.base_url.clone());
        settings.flag(&MODEL, self.model.clone());
        settings.flag(&API_KEY_ENV, self.api_key_env.clone());
        settings.flag_word(&PROVIDER, self.provider);
    }
}

/// How things are printed.
#[derive(Debug, Args, Default, Clone)]
pub(crate) struct OutputFlags {
    /// Print the record's events as JSON lines
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the last block only
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// No colours
    #[arg(long)]
    pub(crate) no_color: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[arg(long = BACKEND.flag, value_name = "BACKEND", value_parser = words::sandbox(), help = BACKEND.about)]
    pub(crate) sandbox: Option<Choice>,
    /// Directory for the record
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

#[derive(Debug, Args)]
pub(crate) struct Fix {
    /// The problem, as you would tell a colleague; `-` reads it from standard input
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
    pub(crate) sandbox: Option<Choice>,
    #[arg(long = NETWORK.flag, value_enum, help = NETWORK.about)]
    pub(crate) network: Option<OnOff>,
    #[arg(long = IMAGE.flag, value_name = "IMAGE", help = IMAGE.about)]
    pub(crate) image: Option<String>,
    /// Work in a home directory; files with credentials are hidden in it
    #[arg(long)]
    pub(crate) allow_home: bool,
    #[arg(long = APPLY.flag, value_enum, help = APPLY.about_with_default())]
    pub(crate) apply: Option<Apply>,
    /// Directory for the record [default: one in voe's state directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Go on with an attempt that was cut off
    #[arg(long, value_name = "TRAJECTORY", conflicts_with_all = ["problem", "issue", "strategy", "out"])]
    pub(crate) resume: Option<PathBuf>,
    /// With --resume: trust a record that your voe did not make
    #[arg(long, requires = "resume")]
    pub(crate) trust: bool,
    /// Accept what this repository's voe.toml sets although it is yours to decide (server, model, apply), for this command
    #[arg(long)]
    pub(crate) trust_config: bool,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) model: ModelFlags,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// No colours
    #[arg(long)]
    pub(crate) no_color: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The record
    pub(crate) trajectory: PathBuf,
    /// Execute it again on a fresh copy of its base: tools for real, replies from the record
    #[arg(long)]
    pub(crate) run: bool,
    /// Trust a record that your voe did not make: run its commands, in a sandbox
    #[arg(long, requires = "run")]
    pub(crate) trust: bool,
    #[arg(long = BACKEND.flag, value_name = "BACKEND", value_parser = words::sandbox(), requires = "run", help = BACKEND.about)]
    pub(crate) sandbox: Option<Choice>,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

#[derive(Debug, Args)]
pub(crate) struct Undo {
    /// Also where you changed the same files since; a copy of them is kept
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
    /// Print a strategy with every key resolved
    Show {
        /// A name from `voe strategies`, or a file
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Config {
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// The format
    #[arg(value_enum, value_name = "FORMAT")]
    pub(crate) what: crate::schema::What,
}

#[derive(Debug, Args)]
pub(crate) struct Proof {
    /// The record
    pub(crate) trajectory: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Run directories, arms of them (`runs/x:arm`), or official run reports
    #[arg(required = true, value_name = "RUN|REPORT.json")]
    pub(crate) inputs: Vec<String>,
    /// The tasks that count: a suite's name, or a file with its rows
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) suite: Option<String>,
    /// The form
    #[arg(long, value_parser = one_of(ReportFormat::ALL, ReportFormat::word), default_value = ReportFormat::default().word())]
    pub(crate) format: ReportFormat,
    /// A file to write to; for csv it may be a folder
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// An arm
    pub(crate) a: String,
    /// Another arm
    pub(crate) b: String,
    /// The tasks that count: a suite's name, or a file with its rows
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) suite: Option<String>,
    /// Break the comparison down
    #[arg(long, value_parser = one_of(GroupBy::ALL, GroupBy::word))]
    pub(crate) by: Option<GroupBy>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Power {
    /// Rate of the first arm, e.g. 0.33
    #[arg(long)]
    pub(crate) baseline: f64,
    /// Difference that is to be seen, e.g. 0.04
    #[arg(long)]
    pub(crate) gain: f64,
    /// Share of tasks on which the arms differ
    #[arg(long)]
    pub(crate) discordance: Option<f64>,
    /// Number of tasks
    #[arg(long)]
    pub(crate) tasks: Option<u64>,
    /// Trials of each task
    #[arg(long, default_value_t = 1)]
    pub(crate) trials: u64,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct View {
    /// Run directories, arms of them (`runs/x:arm`), or trajectories
    #[arg(required = true, value_name = "RUN|TRAJECTORY")]
    pub(crate) inputs: Vec<String>,
    /// The tasks that count: a suite's name, or a file with its rows
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) suite: Option<String>,
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8400)]
    pub(crate) port: u16,
    /// Write static files there instead of serving
    #[arg(long, value_name = "DIR")]
    pub(crate) export: Option<PathBuf>,
}
