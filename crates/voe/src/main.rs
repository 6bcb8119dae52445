//! The `voe` command: a coding agent that proves its edits, and the bench that measures whether the proof helps.

#![warn(clippy::print_stdout, clippy::print_stderr)]

#[macro_use]
mod show;

mod bench;
mod cli;
mod config;
mod demo;
mod doctor;
mod exit;
mod fix;
mod flags;
mod formats;
mod listener;
mod log;
mod model;
mod places;
mod proof;
mod prove;
#[cfg(test)]
mod reference;
mod replay;
mod report;
mod schema;
mod session;
mod settings;
mod signals;
mod state;
mod strategies;
mod trust;
mod undo;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

/// An error that the caller can fix: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct UsageError(String);

/// The model or its server failed: exit code 4.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct ModelFailed(#[from] voe_model::ModelError);

fn main() -> ExitCode {
    // The toolbox and the sandbox's helper must be single-threaded and start fast: before everything else.
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next().as_deref().and_then(|a| a.to_str()) {
        Some("toolbox") => return voe_toolbox::server::run(),
        Some("sandbox-init") => return voe_sandbox::helper(arguments.map(|a| a.to_string_lossy().into_owned())),
        _ => {}
    }
    show::out::print_panics();
    leave_no_core();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help. An error may quote arguments, which a shell may have made of names of files.
        Err(asked) if !asked.use_stderr() => asked.exit(),
        Err(error) => {
            err!("{}", error.render());
            return ExitCode::from(exit::USAGE);
        }
    };
    match log::start(cli.verbose).map_err(anyhow::Error::from).and_then(|()| run(cli)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            errln!("voe: {}", one_line(&error));
            ExitCode::from(code_of(&error))
        }
    }
}

/// Keys and conversations are in this process's memory, and a core file would lie where it was started, for others to read.
/// Programs that it starts may ask for core files again.
fn leave_no_core() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Core).maximum;
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
}

fn run(cli: Cli) -> anyhow::Result<u8> {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match cli.command {
        Command::Demo(args) => runtime()?.block_on(demo::run(args)),
        Command::Fix(args) => runtime()?.block_on(fix::run(*args)),
        Command::Doctor(args) => runtime()?.block_on(doctor::run(args)),
        Command::Replay(args) => runtime()?.block_on(replay::run(args)),
        Command::Bench(args) => runtime()?.block_on(bench::run(args)),
        Command::Prove(args) => runtime()?.block_on(prove::run(*args)),
        Command::Proof(args) => proof::run(&args),
        Command::Report(args) => runtime()?.block_on(report::report(args)),
        Command::Compare(args) => runtime()?.block_on(report::compare(args)),
        Command::Power(args) => report::power(&args),
        Command::View(args) => runtime()?.block_on(report::view(args)),
        Command::Undo(args) => undo::run(&args),
        Command::Strategies(args) => strategies::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Schema(args) => schema::run(&args),
    }
}

/// The error and its causes on one line.
fn one_line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        // Some errors say their cause themselves, and then what to do.
        if !text.contains(&cause) {
            text = if text.is_empty() { cause } else { format!("{text}: {cause}") };
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn code_of(error: &anyhow::Error) -> u8 {
    let usage = error.is::<UsageError>()
        || error.is::<voe_agent::LoadError>()
        || error.is::<voe_repo::RepoError>()
        || error.is::<voe_trace::ReadError>()
        || error.is::<voe_report::ReportError>()
        || error.is::<voe_bench::SuiteError>()
        || error.is::<voe_bench::ExperimentError>()
        || error.is::<voe_bench::run::DirError>()
        || matches!(
            error.downcast_ref(),
            Some(voe_sandbox::SandboxError::Unavailable { .. } | voe_sandbox::SandboxError::Usage { .. })
        )
        || error.downcast_ref().is_some_and(voe_untrusted::Error::is_refusal);
    match () {
        () if usage => exit::USAGE,
        () if error.is::<ModelFailed>() || error.is::<voe_model::ModelError>() => exit::MODEL,
        () => exit::INTERNAL,
    }
}
