//! `voe bench`: runs, resumes and grades suites.

mod args;
mod building;
pub(crate) mod grade;
mod hide;
mod known;
mod live;
mod place;
pub(crate) mod prepare;
pub(crate) mod prune;
mod remembered;
mod run;
mod self_tests;
mod server;
mod settings;
mod status;
mod tally;
pub(crate) mod tasks;

use std::path::PathBuf;

pub(crate) use args::Args;
use args::{BenchCommand, FilterFlags};
use voe_bench::workspace::Remedy;
use voe_bench::{Filter, Hub, Suite, cache};

use crate::UsageError;
use crate::show::one_line;

pub(crate) async fn run(args: Args) -> anyhow::Result<u8> {
    match args.action {
        BenchCommand::Run(args) => run::run(*args).await,
        BenchCommand::Status(args) => status::run(&args),
        BenchCommand::Grade(args) => grade::run(*args).await,
        BenchCommand::Prepare(args) => prepare::run(*args).await,
        BenchCommand::Tasks(args) => tasks::list(args).await,
        BenchCommand::Show(args) => tasks::show(args).await,
        BenchCommand::Prune(args) => prune::run(&args).await,
    }
}

/// voe's cache.
fn cache_dir() -> anyhow::Result<PathBuf> {
    Ok(cache::open()?.ok_or_else(|| UsageError("no home directory; set HOME or VOE_CACHE_DIR".into()))?)
}

/// The suite `name`, filtered; rows and ids that were left out are reported on standard error.
async fn suite(name: &str, flags: &FilterFlags) -> anyhow::Result<Suite> {
    filtered(name, &flags.filter()?).await
}

/// How to make skipped tasks run, in words. `in_run`: in an existing run.
fn remedies<'r>(all: impl IntoIterator<Item = &'r Remedy>, in_run: bool) -> String {
    let words = |remedy: &Remedy| if in_run { remedy.words_in_run() } else { remedy.words() };
    all.into_iter().map(words).collect::<Vec<_>>().join(", ")
}

async fn filtered(name: &str, filter: &Filter) -> anyhow::Result<Suite> {
    part(name, filter, "").await
}

/// The same, restricted to the tasks of the suite `whole`.
async fn part(name: &str, filter: &Filter, whole: &str) -> anyhow::Result<Suite> {
    let mut suite = Suite::open(name, &Hub::from_env(&cache_dir()?)).await?;
    let mut notes = std::mem::take(&mut suite.notes);
    suite.keep_part(whole);
    if suite.tasks.is_empty() {
        return Err(UsageError(format!(
            "{name} has no task of {whole}, the suite of the experiment; give a file with its rows"
        ))
        .into());
    }
    notes.extend(filter.apply(&mut suite));
    for note in notes {
        errln!("voe: {}", one_line(&note));
    }
    if suite.tasks.is_empty() {
        return Err(UsageError(format!("no task of the suite {name} matches the filter")).into());
    }
    Ok(suite)
}
