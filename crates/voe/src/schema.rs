//! `voe schema`: the JSON Schemas of what voe reads and prints, made from the types that read and print it.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use crate::formats::Format;
use crate::show::out;
use crate::{bench, cli, config, doctor, exit};

pub(crate) fn run(args: &cli::Schema) -> anyhow::Result<u8> {
    out::json_pretty(&of(args.what))?;
    Ok(exit::OK)
}

fn of(format: Format) -> Schema {
    match format {
        // A later minor version of the format adds fields, so records of earlier ones lack them.
        Format::Trajectory => read::<voe_trace::Record>(),
        Format::Strategy => read::<voe_agent::load::StrategyFile>(),
        Format::Experiment => read::<voe_bench::Experiment>(),
        Format::Prove => printed::<voe_proof::Proof>(),
        Format::Doctor => printed::<doctor::DoctorReport>(),
        Format::Config => printed::<config::ShownSettings>(),
        Format::Report => printed::<voe_report::report::build::ArmsReport>(),
        Format::Compare => printed::<voe_report::commands::compare::Comparison>(),
        Format::Power => printed::<voe_report::commands::power::PowerAnalysis>(),
        Format::BenchRun => printed::<voe_bench::run::progress::RunEvent>(),
        Format::BenchPrepare => printed::<bench::prepare::PrepareLine<'_>>(),
        Format::BenchStatus => printed::<voe_bench::run::status::RunStatus>(),
        Format::BenchGrade => printed::<bench::grade::GradeLine<'_>>(),
        Format::BenchTasks => printed::<bench::tasks::Ids<'_>>(),
        Format::BenchShow => printed::<bench::tasks::ShownTask>(),
        Format::BenchPrune => printed::<bench::prune::PruneOutput>(),
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
