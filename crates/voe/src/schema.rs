//! `voe schema`: the JSON Schemas of what voe reads and prints, made from the types that read and print it.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use crate::show::out;
use crate::{bench, cli, config, doctor, exit};

/// What has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum What {
    /// One line of a record, and of what `fix`, `demo` and `replay` print with --json
    Trajectory,
    /// A strategy file, once its TOML is read
    Strategy,
    /// An experiment file, once its TOML is read
    Experiment,
    /// `doctor --json`
    Doctor,
    /// `config --json`
    Config,
    /// `report --format json`
    Report,
    /// `compare --json`
    Compare,
    /// `power --json`
    Power,
    /// One line of `bench run --json`
    BenchRun,
    /// One line of `bench prepare --json`
    BenchPrepare,
    /// `bench status --json`
    BenchStatus,
    /// One line of `bench grade --json`
    BenchGrade,
    /// `bench tasks --json`
    BenchTasks,
    /// `bench show --json`
    BenchShow,
    /// `bench prune --json`
    BenchPrune,
}

pub(crate) fn run(args: &cli::Schema) -> anyhow::Result<u8> {
    out::json_pretty(&of(args.what))?;
    Ok(exit::OK)
}

fn of(what: What) -> Schema {
    match what {
        // A later minor version of the format adds fields, so records of earlier ones lack them.
        What::Trajectory => read::<voe_trace::Record>(),
        What::Strategy => read::<voe_agent::load::StrategyFile>(),
        What::Experiment => read::<voe_bench::Experiment>(),
        What::Doctor => printed::<doctor::DoctorReport>(),
        What::Config => printed::<config::Shown>(),
        What::Report => printed::<voe_report::report::build::ArmsReport>(),
        What::Compare => printed::<voe_report::commands::compare::Comparison>(),
        What::Power => printed::<voe_report::commands::power::PowerAnalysis>(),
        What::BenchRun => printed::<voe_bench::run::progress::News>(),
        What::BenchPrepare => printed::<bench::prepare::Line<'_>>(),
        What::BenchStatus => printed::<voe_bench::run::status::Status>(),
        What::BenchGrade => printed::<bench::grade::Line<'_>>(),
        What::BenchTasks => printed::<bench::tasks::Ids<'_>>(),
        What::BenchShow => printed::<bench::tasks::Row>(),
        What::BenchPrune => printed::<bench::prune::Rows>(),
    }
}

/// The schema of what voe accepts as a `T`: what has a default may be left out.
fn read<T: JsonSchema>() -> Schema {
    root::<T>(SchemaSettings::draft2020_12().for_deserialize())
}

/// The schema of what voe prints as a `T`: what is always there is required.
fn printed<T: JsonSchema>() -> Schema {
    root::<T>(SchemaSettings::draft2020_12().for_serialize())
}

fn root<T: JsonSchema>(settings: SchemaSettings) -> Schema {
    settings.with_transform(RecursiveTransform(without_links)).into_generator().into_root_schema_for::<T>()
}

/// Descriptions are the types' documentation, whose links lead nowhere here.
fn without_links(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.replace("[`", "`").replace("`]", "`");
    }
}
