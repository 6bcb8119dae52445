//! `voe report`, `compare`, `power` and `view`: results of runs and reports.

use std::path::Path;

use anyhow::Context;
use voe_report::commands::{compare, power, report};
use voe_report::data::suite::TaskSet;
use voe_report::viewer;

use crate::show::out;
use crate::signals::Signals;
use crate::{cli, exit};

pub(crate) async fn report(args: cli::ReportArgs) -> anyhow::Result<u8> {
    let format = args.format;
    let options = report::ReportOptions {
        inputs: args.inputs,
        suite: suite(args.suite.as_deref()).await?,
        format,
        out: args.out,
    };
    match report::report(&options)? {
        report::ReportOutput::Text(text) if matches!(format, report::ReportFormat::Json) => out::json_text(&text),
        report::ReportOutput::Text(text) => out::text(&text.into()),
        report::ReportOutput::Files(files) => {
            for file in files {
                outln!("{}", file.display());
            }
        }
    }
    Ok(exit::OK)
}

pub(crate) async fn compare(args: cli::Compare) -> anyhow::Result<u8> {
    let options =
        compare::CompareOptions { a: args.a, b: args.b, suite: suite(args.suite.as_deref()).await?, by: args.by };
    let comparison = compare::compare(&options)?;
    print(args.json, || comparison.json(), || comparison.text());
    Ok(exit::OK)
}

pub(crate) fn power(args: &cli::Power) -> anyhow::Result<u8> {
    let options = power::PowerOptions {
        baseline: args.baseline,
        gain: args.gain,
        discordance: args.discordance,
        tasks: args.tasks,
        trials: args.trials,
    };
    let planned = power::power(&options)?;
    print(args.json, || planned.json(), || planned.text());
    Ok(exit::OK)
}

pub(crate) async fn view(args: cli::ViewArgs) -> anyhow::Result<u8> {
    let options = viewer::ViewOptions {
        inputs: args.inputs,
        suite: suite(args.suite.as_deref()).await?,
        port: args.port,
        export: args.export.clone(),
    };
    if let Some(folder) = &args.export {
        let pages = viewer::export::export(&options, folder)?;
        outln!("{pages} attempts written; open {}", folder.join("index.html").display());
        return Ok(exit::OK);
    }
    let server = viewer::server::ViewServer::bind(&options).await?;
    outln!("{} attempts at {} (Ctrl-C ends)", server.attempts(), server.url());
    let mut signals = Signals::listen()?;
    server.run(async move { signals.next().await }).await?;
    Ok(exit::OK)
}

/// The suite that makes the denominator: a file, or a name that voe knows.
async fn suite(what: Option<&str>) -> anyhow::Result<Option<TaskSet>> {
    let Some(what) = what else { return Ok(None) };
    let path = Path::new(what);
    if path.is_file() && matches!(path.extension().and_then(|e| e.to_str()), Some("json" | "jsonl")) {
        return Ok(Some(TaskSet::read(path)?));
    }
    let cache = voe_bench::cache::open()?.context("you have no home directory; set HOME or VOE_CACHE_DIR")?;
    let suite = voe_bench::Suite::open(what, &voe_bench::Hub::from_env(&cache)).await?;
    let mut tasks = TaskSet { name: what.to_owned(), ..TaskSet::default() };
    for task in &suite.tasks {
        tasks.add_task(&task.instance_id, Some(&task.repo), task.difficulty.as_deref(), Some(&task.patch));
    }
    Ok(Some(tasks))
}

/// Prints a result in the requested format.
fn print(as_json: bool, json: impl FnOnce() -> String, text: impl FnOnce() -> String) {
    if as_json { out::json_text(&json()) } else { out::text(&text().into()) }
}
