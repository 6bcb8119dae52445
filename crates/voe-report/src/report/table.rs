//! Rows and columns, in any format.

use std::fmt::Write as _;

use minijinja::context;
use unicode_width::UnicodeWidthStr as _;

use crate::format::{csv_line, markdown};
use crate::{ReportError, markup};

const HTML: &str = include_str!("templates/table.html");

/// A table of text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReportTable {
    /// For file names and anchors: lower case and hyphens.
    pub id: &'static str,
    /// Its heading.
    pub title: String,
    /// Explanation of the numbers, one or two sentences; may be empty.
    pub note: String,
    /// Headings of the columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Value>>,
}

/// One field: the shown text, and the number to sort by and export.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// The shown text.
    pub text: String,
    /// The number behind it, for a numeric field.
    pub number: Option<f64>,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), number: None }
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self { text, number: None }
    }
}

impl From<usize> for Value {
    fn from(n: usize) -> Self {
        Self { text: n.to_string(), number: Some(n as f64) }
    }
}

impl From<u32> for Value {
    fn from(n: u32) -> Self {
        Self { text: n.to_string(), number: Some(f64::from(n)) }
    }
}

impl Value {
    /// A number with its shown text.
    pub fn number(number: f64, text: impl Into<String>) -> Self {
        Self { text: text.into(), number: Some(number) }
    }

    /// An empty field in a column of numbers.
    pub fn missing() -> Self {
        Self { text: "–".to_owned(), number: Some(f64::NEG_INFINITY) }
    }

    fn exported(&self) -> String {
        match self.number {
            Some(n) if n.is_finite() => n.to_string(),
            Some(_) => String::new(),
            None => self.text.clone(),
        }
    }
}

impl ReportTable {
    fn is_numeric(&self, column: usize) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(|row| row.get(column).is_none_or(|v| v.number.is_some()))
    }

    /// Text for a terminal: columns separated by two spaces, numbers right-aligned.
    pub fn text(&self) -> String {
        let cell = |row: &[Value], c: usize| row.get(c).map(|v| one_line(&v.text)).unwrap_or_default();
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|c| self.rows.iter().map(|r| cell(r, c).width()).chain([self.columns[c].width()]).max().unwrap_or(0))
            .collect();
        let line = |cells: Vec<String>| {
            let padded = cells.iter().enumerate().map(|(c, text)| {
                let space = " ".repeat(widths[c].saturating_sub(text.width()));
                if self.is_numeric(c) { space + text } else { text.clone() + &space }
            });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        };
        let mut out = format!("{}\n", self.title);
        out += &line(self.columns.clone());
        out += &(widths.iter().map(|&w| "─".repeat(w)).collect::<Vec<_>>().join("  ") + "\n");
        for row in &self.rows {
            out += &line((0..self.columns.len()).map(|c| cell(row, c)).collect());
        }
        if !self.note.is_empty() {
            let _ = writeln!(out, "{}", self.note);
        }
        out
    }

    /// As a GitHub Markdown table under a heading.
    pub fn markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut out = format!("## {}\n\n", markdown(&self.title));
        out += &line(self.columns.iter().map(|c| markdown(c)).collect());
        let rule = |c| if self.is_numeric(c) { "--:".to_owned() } else { "---".to_owned() };
        out += &line((0..self.columns.len()).map(rule).collect());
        for row in &self.rows {
            out += &line(row.iter().map(|v| markdown(&v.text)).collect());
        }
        if !self.note.is_empty() {
            let _ = write!(out, "\n{}\n", markdown(&self.note));
        }
        out
    }

    /// As CSV, with full numbers.
    pub fn csv(&self) -> String {
        let mut out = csv_line(&self.columns);
        for row in &self.rows {
            out += &csv_line(row.iter().map(Value::exported));
        }
        out
    }

    /// As an HTML table; sortable by the page's script, but readable without it.
    ///
    /// # Errors
    /// The template is invalid.
    pub fn html(&self) -> Result<String, ReportError> {
        let column = |(c, name): (usize, &String)| context! { name, numeric => self.is_numeric(c) };
        let cell = |value: &Value| {
            // As text: the full number, as in the CSV.
            let number = value.number.filter(|number| number.is_finite()).map(|number| number.to_string());
            context! { text => &value.text, numeric => value.number.is_some(), number }
        };
        let row = |row: &Vec<Value>| row.iter().map(cell).collect::<Vec<_>>();
        let columns: Vec<_> = self.columns.iter().enumerate().map(column).collect();
        markup::render(HTML, context! { columns, rows => self.rows.iter().map(row).collect::<Vec<_>>() })
    }
}

/// A part as a number and a percentage; empty for a total of zero.
pub(super) fn some_share(part: u32, whole: u32) -> Option<Value> {
    (whole > 0).then(|| {
        let share = f64::from(part) / f64::from(whole);
        Value::number(share, format!("{part} ({:.0} %)", 100.0 * share))
    })
}

/// Removes line breaks and escape sequences: names come from files, and these must not reach a terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stay_below_each_other_where_characters_are_wide_or_take_no_room() {
        let table = ReportTable {
            columns: vec!["arm".into(), "n".into()],
            rows: ["測試", "e\u{301}"].map(|name| vec![name.into(), 1_u32.into()]).into(),
            ..ReportTable::default()
        };
        let text = table.text();
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(lines, ["arm   n", "────  ─", "測試  1", "e\u{301}     1"]);
    }

    fn table() -> ReportTable {
        ReportTable {
            id: "t",
            title: "Arms".into(),
            note: "A note.".into(),
            columns: vec!["arm".into(), "resolved".into()],
            rows: vec![
                vec!["verify-on-edit".into(), Value::number(17.0 / 45.0, "37.8 %")],
                vec!["<b>|\u{1b}[31m".into(), Value::missing()],
            ],
        }
    }

    #[test]
    fn the_same_table_reads_well_in_every_format() {
        insta::assert_snapshot!(table().text(), @r"
        Arms
        arm             resolved
        ──────────────  ────────
        verify-on-edit    37.8 %
        <b>| [31m              –
        A note.
        ");
        insta::assert_snapshot!(table().markdown(), @r"
        ## Arms

        | arm | resolved |
        | --- | --: |
        | verify-on-edit | 37.8 % |
        | \<b\>\|�\[31m | – |

        A note.
        ");
        insta::assert_snapshot!(table().csv(), @r"
        arm,resolved
        verify-on-edit,0.37777777777777777
        <b>| [31m,
        ");
        insta::assert_snapshot!(table().html().unwrap(), @r#"
        <div class="scroll"><table class="sortable"><thead><tr>
        <th scope="col">arm</th>
        <th scope="col" class="n">resolved</th>
        </tr></thead><tbody>
        <tr>
        <td>verify-on-edit</td>
        <td class="n" data-v="0.37777777777777777">37.8 %</td>
        </tr>
        <tr>
        <td>&lt;b&gt;|�[31m</td>
        <td class="n">–</td>
        </tr>
        </tbody></table></div>
        "#);
    }
}
