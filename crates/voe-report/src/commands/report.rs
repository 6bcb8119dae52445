//! `voe report`: summarizes and compares runs.

use std::path::{Path, PathBuf};

use crate::ReportError;
use crate::data::arm::ArmResults;
use crate::data::suite::TaskSet;
use crate::data::{load, parts};
use crate::figure::{Figure, figures};
use crate::format::markdown;
use crate::output::{self, Folder};
use crate::report::attempts_csv::attempts_csv;
use crate::report::build::ArmsReport;
use crate::report::html;

/// Longer tables are left out on a terminal.
const MOST_ROWS_IN_TERMINAL: usize = 60;

/// Settings of a report.
#[derive(Debug, Clone, Default)]
pub struct ReportOptions {
    /// Run directories, arms of them, or report files.
    pub inputs: Vec<String>,
    /// The tasks that count; without it, the union of the submitted tasks.
    pub suite: Option<TaskSet>,
    /// Output format.
    pub format: ReportFormat,
    /// A file to write to (for [`ReportFormat::Csv`] a folder, if the name has no extension or is an existing folder); without it
    /// the caller prints the text. Figures are written next to Markdown, and into the folder of CSV.
    pub out: Option<PathBuf>,
}

/// Output format of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReportFormat {
    /// Text for a terminal.
    #[default]
    Table,
    /// Markdown.
    Md,
    /// One JSON object with everything.
    Json,
    /// One line per attempt; in a folder, also every table and figure.
    Csv,
    /// One self-contained HTML page.
    Html,
}

impl ReportFormat {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Table, Self::Md, Self::Json, Self::Csv, Self::Html];

    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Md => "md",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Html => "html",
        }
    }
}

/// A report that can be rendered in any format.
#[derive(Debug, Clone)]
pub struct Made {
    /// The report as data.
    pub report: ArmsReport,
    /// Its figures.
    pub figures: Vec<Figure>,
    /// One CSV line per attempt.
    pub attempts: String,
}

/// The result of writing a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportOutput {
    /// Text for the caller to print.
    Text(String),
    /// The files that were written.
    Files(Vec<PathBuf>),
}

/// Makes the report and writes it to the given place.
///
/// # Errors
/// No input, an arm that can't be loaded, shards of one experiment as two arms, or a file that can't be written.
pub fn report(options: &ReportOptions) -> Result<ReportOutput, ReportError> {
    if options.inputs.is_empty() {
        return Err(ReportError::Usage("no input; give at least one run directory or report".to_owned()));
    }
    let arms = load::all(&options.inputs)?;
    parts::check(&arms)?;
    let made = Made::of(&arms, options.suite.as_ref());
    let Some(out) = &options.out else { return Ok(ReportOutput::Text(made.text(options.format)?)) };
    let folder_of_out = || Folder::named(out.parent().unwrap_or(Path::new("")));
    let mut written = Vec::new();
    match options.format {
        ReportFormat::Csv if out.is_dir() || out.extension().is_none() => {
            let folder = Folder::named(out)?;
            written.push(folder.write("attempts.csv", &made.attempts)?);
            for table in made.report.tables() {
                written.push(folder.write(format!("{}.csv", table.id), &table.csv())?);
            }
            made.figures_to(&folder, Path::new("figures"), &mut written)?;
        }
        ReportFormat::Md => {
            let stem = out.with_extension("").file_name().unwrap_or_default().to_owned();
            let figures = format!("{}-figures", stem.display());
            let folder = folder_of_out()?;
            made.figures_to(&folder, Path::new(&figures), &mut written)?;
            written.push(output::file(&folder, out, &made.markdown(Some(&figures)))?);
        }
        format => written.push(output::file(&folder_of_out()?, out, &made.text(format)?)?),
    }
    Ok(ReportOutput::Files(written))
}

impl Made {
    /// Folds arms into a report.
    pub fn of(arms: &[ArmResults], suite: Option<&TaskSet>) -> Self {
        let (report, suite) = ArmsReport::of(arms, suite);
        Self { figures: figures(&report, arms, &suite), attempts: attempts_csv(arms, &suite), report }
    }

    /// Renders it as text in one of the formats.
    ///
    /// # Errors
    /// A template of the page is invalid.
    pub fn text(&self, format: ReportFormat) -> Result<String, ReportError> {
        Ok(match format {
            ReportFormat::Table => self.terminal(),
            ReportFormat::Md => self.markdown(None),
            ReportFormat::Json => serde_json::to_string_pretty(&self.report).unwrap_or_default() + "\n",
            ReportFormat::Csv => self.attempts.clone(),
            ReportFormat::Html => html::page(&self.report, &self.figures, &self.attempts)?,
        })
    }

    fn terminal(&self) -> String {
        let mut out = format!("{} tasks: {}\n\n", self.report.tasks, self.report.denominator);
        for table in self.report.tables() {
            if table.rows.len() > MOST_ROWS_IN_TERMINAL {
                out +=
                    &format!("{}: {} rows; see the other formats (md, csv, html)\n\n", table.title, table.rows.len());
            } else {
                out += &(table.text() + "\n");
            }
        }
        self.report.notes.iter().for_each(|note| out += &format!("note: {note}\n"));
        out
    }

    fn markdown(&self, figures: Option<&str>) -> String {
        let mut out = format!("# Report\n\n{} tasks: {}\n\n", self.report.tasks, markdown(&self.report.denominator));
        self.report.notes.iter().for_each(|note| out += &format!("- {}\n", markdown(note)));
        if !self.report.notes.is_empty() {
            out.push('\n');
        }
        self.report.tables().iter().for_each(|table| out += &(table.markdown() + "\n"));
        if let Some(folder) = figures {
            for Figure { id, title, caption, .. } in &self.figures {
                let (title, caption) = (markdown(title), markdown(caption));
                out += &format!("![{title}]({folder}/{id}.svg)\n\n{caption} ([data]({folder}/{id}.csv))\n\n");
            }
        }
        out
    }

    fn figures_to(&self, folder: &Folder, name: &Path, written: &mut Vec<PathBuf>) -> Result<(), ReportError> {
        for figure in &self.figures {
            written.push(folder.write(name.join(format!("{}.svg", figure.id)), &figure.svg)?);
            written.push(folder.write(name.join(format!("{}.csv", figure.id)), &figure.csv)?);
        }
        Ok(())
    }
}
