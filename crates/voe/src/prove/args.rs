//! The command line of `voe prove`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use voe_sandbox::BackendChoice;

use crate::settings::table::{BACKEND, IMAGE, NETWORK};
use crate::settings::units;
use crate::settings::words::{self, OnOff};

#[derive(Debug, Args)]
pub(crate) struct Prove {
    /// Commits to prove: A..B, from their merge base as in a pull request; A alone goes up to HEAD
    #[arg(value_name = "RANGE", conflicts_with_all = ["base", "patch"])]
    pub(super) range: Option<String>,
    /// Revision before the change [default: HEAD, so that all uncommitted work is proven]
    #[arg(long, value_name = "REV")]
    pub(super) base: Option<String>,
    /// Prove a patch instead of the work tree; `-` reads it from standard input
    #[arg(long, value_name = "FILE")]
    pub(super) patch: Option<PathBuf>,
    /// Command that should fail without the change and pass with it; repeatable [default: the tests that the change adds or
    /// changes]
    #[arg(long = "check", value_name = "CMD")]
    pub(super) checks: Vec<String>,
    /// The repository's own tests that touch the change: `auto` finds them, `off` runs none, or a command
    #[arg(long, value_name = "auto|off|CMD", default_value = "auto")]
    pub(super) tests: String,
    /// Fail where there is nothing to prove (documentation or tests only)
    #[arg(long)]
    pub(super) strict: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = ProofFormat::Text)]
    pub(super) format: ProofFormat,
    /// Timeout of each run
    #[arg(long, value_name = "DURATION", value_parser = units::duration, default_value = "10m")]
    pub(super) timeout: Duration,
    /// Runs at a time
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..))]
    pub(super) parallel: u8,
    #[arg(long = BACKEND.flag, value_name = "BACKEND", value_parser = words::sandbox(), help = BACKEND.about)]
    pub(super) sandbox: Option<BackendChoice>,
    #[arg(long = NETWORK.flag, value_enum, help = NETWORK.about)]
    pub(super) network: Option<OnOff>,
    #[arg(long = IMAGE.flag, value_name = "IMAGE", help = IMAGE.about)]
    pub(super) image: Option<String>,
    /// Allow a home directory as the workspace; files with credentials in it are hidden
    #[arg(long)]
    pub(super) allow_home: bool,
    /// Disable colored output
    #[arg(long)]
    pub(super) no_color: bool,
}

/// How a proof is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ProofFormat {
    /// For a terminal
    Text,
    /// Markdown, for a pull request
    Md,
    /// JSON
    Json,
    /// Annotations for GitHub Actions, and Markdown in the step's summary
    Github,
    /// SARIF 2.1.0, for services that show findings next to the code
    Sarif,
}
