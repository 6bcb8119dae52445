//! Makes a report of run directories or report files: `cargo run --example report -- html OUT SUITE.jsonl RUN…`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use voe_report::commands::report::{ReportFormat, ReportOptions, ReportOutput, report};
use voe_report::data::suite::TaskSet;

fn main() -> Result<(), voe_report::ReportError> {
    let mut args = std::env::args().skip(1);
    let format = match args.next().as_deref() {
        Some("html") => ReportFormat::Html,
        Some("md") => ReportFormat::Md,
        Some("csv") => ReportFormat::Csv,
        Some("json") => ReportFormat::Json,
        _ => ReportFormat::Table,
    };
    let out = args.next().filter(|o| o != "-").map(Into::into);
    let suite = args.next().filter(|s| s != "-").map(|s| TaskSet::read(s.as_ref())).transpose()?;
    match report(&ReportOptions { inputs: args.collect(), suite, format, out })? {
        ReportOutput::Text(text) => print!("{text}"),
        ReportOutput::Files(files) => files.iter().for_each(|f| println!("{}", f.display())),
    }
    Ok(())
}
