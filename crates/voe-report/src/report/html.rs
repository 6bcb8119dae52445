//! All of it in one page that opens from disk, without a network.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::arm_facts::ArmFacts;
use super::build::Report;
use super::table::Table;
use crate::figure::Figure;
use crate::format::escape;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Pairs whose sentence is shown at the top; beyond, the table says it better.
const SENTENCES: usize = 3;

/// The page. Its policy lets nothing run but its own script, whatever stands in names and notes.
pub fn page(report: &Report, figures: &[Figure], attempts_csv: &str) -> String {
    let hash = STANDARD.encode(Sha256::digest(SCRIPT.as_bytes()));
    let names: Vec<&str> = report.arms.iter().map(|arm| arm.name.as_str()).collect();
    let title = match names.as_slice() {
        [] => "Report".to_owned(),
        [one] => one.to_string(),
        [a, b] => format!("{a} and {b}"),
        [head @ .., last] if head.len() < 4 => format!("{} and {last}", head.join(", ")),
        many => format!("{} arms", many.len()),
    };
    let tables = report.tables();
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{0} · voe report</title><style>{STYLE}</style></head><body>\n\
         <h1>{0}</h1><p class=\"quiet\">{1} tasks: {2}</p>\n",
        escape(&title),
        report.tasks,
        escape(&report.denominator),
    );
    let made = made_with(report);
    if !made.is_empty() {
        let _ = writeln!(out, "<p class=\"quiet\">{}</p>", escape(&made));
    }
    for pair in report.pairs.iter().filter(|_| report.pairs.len() <= SENTENCES) {
        let c = &pair.comparison;
        let _ = writeln!(
            out,
            "<p class=\"say\"><b>{}</b> against <b>{}</b>: {}</p>",
            escape(&c.a),
            escape(&c.b),
            escape(&c.sentence)
        );
    }
    if !report.notes.is_empty() {
        out += "<ul class=\"note\">";
        report.notes.iter().for_each(|note| {
            let _ = write!(out, "<li>{}</li>", escape(note));
        });
        out += "</ul>\n";
    }
    out += "<nav>";
    tables.iter().for_each(|t| {
        let _ = write!(out, "<a href=\"#{}\">{}</a>", t.id, escape(&t.title));
    });
    out += "<a href=\"#figures\">Figures</a></nav>\n";
    for (i, table) in tables.iter().enumerate() {
        out += &section(table);
        // The leaderboard belongs beside the table of arms; the other figures follow the tables.
        if i == 0 {
            figures.iter().filter(|f| f.id == "leaderboard").for_each(|f| out += &figure(f));
        }
    }
    out += "<h2 id=\"figures\">Figures</h2>\n";
    figures.iter().filter(|f| f.id != "leaderboard").for_each(|f| out += &figure(f));
    let _ = write!(
        out,
        "<h2>Data</h2><p>{}: one line a task, trial and arm. Made by voe {}.</p>\n<script>{SCRIPT}</script></body></html>\n",
        download("attempts.csv", "attempts.csv", "text/csv", attempts_csv),
        env!("CARGO_PKG_VERSION"),
    );
    out
}

/// Which model, and when: what a reader who was not there asks first.
fn made_with(report: &Report) -> String {
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
    // Days are enough, and the same in every time zone's reading.
    said.extend(
        report.arms.iter().filter_map(|arm| arm.began.as_deref()?.get(..10)).min().map(|day| format!("begun {day}")),
    );
    said.join("; ")
}

fn section(table: &Table) -> String {
    let (id, title, note) = (table.id, escape(&table.title), escape(&table.note));
    let long = table.rows.len() > 24;
    let filter = if long {
        format!(
            "<input type=\"search\" hidden data-filter=\"{id}\" aria-label=\"Filter rows\" placeholder=\"Filter rows\">"
        )
    } else {
        String::new()
    };
    let class = if long { " class=\"tall\"" } else { "" };
    let csv = download("CSV", &format!("{id}.csv"), "text/csv", &table.csv());
    format!(
        "<section id=\"{id}\"><h2>{title}</h2>{filter}<div{class}>{}</div><p class=\"note\">{note} <span class=\"links\">{csv}</span></p></section>\n",
        table.html()
    )
}

fn figure(figure: &Figure) -> String {
    format!(
        "<figure id=\"figure-{0}\">{1}<figcaption><b>{2}.</b> {3} <span class=\"links\">{4} {5}</span></figcaption></figure>\n",
        figure.id,
        figure.svg,
        escape(&figure.title),
        escape(&figure.caption),
        download("SVG", &format!("{}.svg", figure.id), "image/svg+xml", &figure.svg),
        download("CSV", &format!("{}.csv", figure.id), "text/csv", &figure.csv),
    )
}

fn download(said: &str, name: &str, kind: &str, content: &str) -> String {
    format!("<a download=\"{name}\" href=\"data:{kind};base64,{}\">{said}</a>", STANDARD.encode(content))
}
