//! The report as one page that opens from disk, without a network.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Value, context};
use sha2::{Digest as _, Sha256};

use super::arm_facts::ArmFacts;
use super::build::ArmsReport;
use super::table::ReportTable;
use crate::ReportError;
use crate::figure::Figure;
use crate::markup;

const PAGE: &str = include_str!("templates/page.html");
const FIGURE: &str = include_str!("templates/figure.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Most pairs whose result is shown as a sentence at the top; for more, see the table.
const SENTENCES: usize = 3;

/// Longer tables scroll and have a filter.
const ROWS_IN_SIGHT: usize = 24;

/// The page. Its content security policy runs only its own script, whatever is in names and notes.
///
/// # Errors
/// A template is invalid.
pub fn page(report: &ArmsReport, figures: &[Figure], attempts_csv: &str) -> Result<String, ReportError> {
    let tables = report.tables().iter().map(table).collect::<Result<Vec<_>, _>>()?;
    let (first, others): (Vec<&Figure>, Vec<&Figure>) = figures.iter().partition(|figure| figure.id == "leaderboard");
    let leaderboard = first.first().map_or_else(|| Ok(markup::own("")), |leaderboard| figure(leaderboard))?;
    let sentences = if report.pairs.len() <= SENTENCES { report.pairs.as_slice() } else { &[] };
    let pair = |pair: &super::build::Pair| {
        let c = &pair.comparison;
        context! { a => &c.a, b => &c.b, sentence => &c.sentence }
    };
    let values = context! {
        script_hash => STANDARD.encode(Sha256::digest(SCRIPT.as_bytes())),
        script => markup::own(SCRIPT),
        style => markup::own(STYLE),
        title => title(report),
        tasks => report.tasks,
        denominator => &report.denominator,
        made_with => made_with(report),
        pairs => sentences.iter().map(pair).collect::<Vec<_>>(),
        notes => &report.notes,
        tables,
        leaderboard,
        figures => others.into_iter().map(figure).collect::<Result<Vec<_>, _>>()?,
        attempts_data => STANDARD.encode(attempts_csv),
        version => env!("CARGO_PKG_VERSION"),
    };
    markup::render(PAGE, values)
}

fn title(report: &ArmsReport) -> String {
    let names: Vec<&str> = report.arms.iter().map(|arm| arm.name.as_str()).collect();
    match names.as_slice() {
        [] => "Report".to_owned(),
        [one] => (*one).to_owned(),
        [a, b] => format!("{a} and {b}"),
        [head @ .., last] if head.len() < 4 => format!("{} and {last}", head.join(", ")),
        many => format!("{} arms", many.len()),
    }
}

/// Models and start date, for the head of the page.
fn made_with(report: &ArmsReport) -> String {
    let named: Vec<&ArmFacts> = report.arms.iter().filter(|arm| !arm.models.is_empty()).collect();
    let mut models: Vec<String> = named.iter().map(|arm| arm.models.join(", ")).collect();
    models.dedup();
    let mut said = match models.as_slice() {
        [] => Vec::new(),
        [one] => vec![format!("model {one}")],
        _ => named
            .iter()
            .zip(named.iter().map(|a| a.models.join(", ")))
            .map(|(a, m)| format!("{}: {m}", a.name))
            .collect(),
    };
    // The date is enough, and time zones don't matter.
    said.extend(
        report.arms.iter().filter_map(|arm| arm.began.as_deref()?.get(..10)).min().map(|day| format!("started {day}")),
    );
    said.join("; ")
}

fn table(table: &ReportTable) -> Result<Value, ReportError> {
    Ok(context! {
        id => table.id,
        title => &table.title,
        note => &table.note,
        long => table.rows.len() > ROWS_IN_SIGHT,
        html => markup::own(table.html()?),
        csv_data => STANDARD.encode(table.csv()),
    })
}

fn figure(figure: &Figure) -> Result<Value, ReportError> {
    let values = context! {
        id => figure.id,
        title => &figure.title,
        caption => &figure.caption,
        svg => markup::own(&*figure.svg),
        svg_data => STANDARD.encode(&figure.svg),
        csv_data => STANDARD.encode(&figure.csv),
    };
    Ok(markup::own(markup::render(FIGURE, values)?))
}
