//! Makes a report of run directories or report files: `cargo run --example report -- html OUT SUITE.jsonl RUN…`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use voe_report::commands::report::{Format, Options, Output, report};
use voe_report::data::suite::Suite;

fn main() -> Result<(), voe_report::Error> {
    let mut args = std::env::args().skip(1);
    let format = match args.next().as_deref() {
        Some("html") => Format::Html,
        Some("md") => Format::Md,
        Some("csv") => Format::Csv,
        Some("json") => Format::Json,
        _ => Format::Table,
    };
    let out = args.next().filter(|o| o != "-").map(Into::into);
    let suite = args.next().filter(|s| s != "-").map(|s| Suite::read(s.as_ref())).transpose()?;
    match report(&Options { inputs: args.collect(), suite, format, out })? {
        Output::Text(text) => print!("{text}"),
        Output::Files(files) => files.iter().for_each(|f| println!("{}", f.display())),
    }
    Ok(())
}
