//! `voe bench`: suites run, gone on with and graded.

mod args;
mod grade;
mod live;
mod prune;
mod run;
mod tasks;

use std::path::PathBuf;

use anyhow::Context;
pub(crate) use args::Args;
use args::{Action, FilterFlags, PlaceFlags};
use voe_bench::native::Native;
use voe_bench::native::pins::Pins;
use voe_bench::workspace::Workspaces;
use voe_bench::{Filter, Hub, Suite, cache};
use voe_sandbox::Choice;

use crate::Usage;

pub(crate) async fn run(args: Args) -> anyhow::Result<u8> {
    match args.action {
        Action::Run(args) => run::run(*args).await,
        Action::Status(args) => run::status(&args),
        Action::Grade(args) => grade::run(*args).await,
        Action::Tasks(args) => tasks::list(args).await,
        Action::Show(args) => tasks::show(args).await,
        Action::Prune(args) => prune::run(&args),
    }
}

/// voe's cache.
fn cache_dir() -> anyhow::Result<PathBuf> {
    Ok(cache::dir().ok_or_else(|| Usage("neither HOME nor VOE_CACHE_DIR is set; set one of them".into()))?)
}

/// The suite `name`, filtered; what was left out is said on standard error.
async fn suite(name: &str, flags: &FilterFlags) -> anyhow::Result<Suite> {
    filtered(name, &flags.filter()?).await
}

async fn filtered(name: &str, filter: &Filter) -> anyhow::Result<Suite> {
    let mut suite = Suite::open(name, &Hub::from_env(&cache_dir()?)).await?;
    let mut notes = std::mem::take(&mut suite.notes);
    notes.extend(filter.apply(&mut suite));
    for note in notes {
        eprintln!("voe: {note}");
    }
    if suite.tasks.is_empty() {
        return Err(Usage(format!("the filter leaves no task of the suite {name}")).into());
    }
    Ok(suite)
}

impl PlaceFlags {
    fn choice(&self) -> anyhow::Result<Choice> {
        let word = self.sandbox.clone().or_else(|| std::env::var("VOE_SANDBOX").ok()).unwrap_or_else(|| "auto".into());
        Ok(word.parse().map_err(|e: voe_sandbox::UnknownChoice| Usage(e.to_string()))?)
    }

    fn workspaces(&self) -> anyhow::Result<Workspaces> {
        let pins = match &self.environments {
            Some(file) => Some(Pins::read(file).map_err(Usage)?),
            None => None,
        };
        let program = std::env::current_exe().context("cannot find voe's own program")?;
        let repos = self.repos.as_ref().map(std::path::absolute).transpose()?;
        Ok(Workspaces::new(cache_dir()?, program, self.choice()?, Native::new(pins, repos)))
    }
}
