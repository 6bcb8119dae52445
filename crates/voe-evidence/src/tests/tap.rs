//! The Test Anything Protocol, as `node --test`, `prove -v`, mocha's reporter and many others print it: `ok 1 - name`, `not ok 2 - name`, and
//! the plan `1..2`. Tests in tests are indented by four spaces and come before the test that contains them.

use super::report::{RunnerReport, indent, labelled};

const BETWEEN: &str = " > ";

/// Results that contain others, from the outermost.
#[derive(Default)]
struct TapLevels {
    /// The name announced at each level (`# Subtest: name`).
    names: Vec<String>,
    /// Whether there was a result at each level since the last one above it, and whether one failed.
    results: Vec<Option<bool>>,
}

pub(super) fn read(output: &str) -> Option<RunnerReport> {
    let mut report = RunnerReport::default();
    let mut levels = TapLevels::default();
    let (mut plan, mut results, mut passed, mut failed) = (None, 0_u32, 0_u32, 0_u32);
    let mut summary: Option<(u32, u32)> = None;
    let (mut after_result, mut in_block) = (false, false);
    for line in output.lines() {
        let (level, text) = (indent(line) / 4, line.trim());
        if in_block {
            in_block = text != "...";
            continue;
        }
        let after = std::mem::take(&mut after_result);
        if after && text == "---" {
            in_block = true;
        } else if let Some(name) = text.strip_prefix("# Subtest: ") {
            levels.names.truncate(level);
            levels.names.resize(level, String::new());
            levels.names.push(name.to_owned());
        } else if let Some(number) = text.strip_prefix("1..").filter(|_| indent(line) == 0) {
            plan = number.split(' ').next().and_then(|number| number.parse::<u32>().ok()).or(plan);
        } else if let Some(comment) = line.strip_prefix("# ") {
            let (pass, fail) = summary.unwrap_or_default();
            if let Some(number) = labelled(comment, "pass") {
                summary = Some((pass.saturating_add(number), fail));
            } else if let Some(number) = labelled(comment, "fail").or_else(|| labelled(comment, "cancelled")) {
                summary = Some((pass, fail.saturating_add(number)));
            }
        } else if line.starts_with("Bail out!") {
            report.fail(line);
            failed += 1;
        } else if let Some((ok, name, counts)) = result(text) {
            after_result = true;
            results += u32::from(level == 0);
            let contained = levels.close(level, counts && !ok);
            if counts && contained.is_none_or(|failed| !ok && !failed) {
                let number = if ok { &mut passed } else { &mut failed };
                *number += 1;
                report.add(levels.path(level, name), Some(ok));
            }
        }
    }
    // Without a summary, and with fewer results than planned, the output was cut, or the run has crashed.
    let (passed, failed) = summary.or_else(|| (plan? <= results).then_some((passed, failed)))?;
    report.count(passed, failed);
    plan.map(|_| report)
}

impl TapLevels {
    /// Notes a result; what it contains: `None` for nothing, else whether a part of it failed.
    fn close(&mut self, level: usize, failed: bool) -> Option<bool> {
        let contained = self.results.get(level + 1).copied().flatten();
        self.results.truncate(level + 1);
        self.results.resize(level + 1, None);
        let before = self.results[level].unwrap_or(false);
        self.results[level] = Some(before || failed);
        contained
    }

    fn path(&self, level: usize, name: &str) -> String {
        let above = self.names.iter().take(level).filter(|name| !name.is_empty()).map(String::as_str);
        above.chain([name]).collect::<Vec<_>>().join(BETWEEN)
    }
}

/// `not ok 2 - name # SKIP why`: whether it passed, its name, and whether it counts.
fn result(text: &str) -> Option<(bool, &str, bool)> {
    let (ok, rest) = match text.strip_prefix("not ok") {
        Some(rest) => (false, rest),
        None => (true, text.strip_prefix("ok")?),
    };
    let rest = rest.strip_prefix(' ')?.trim_start();
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let rest = rest[digits..].trim_start();
    let rest = rest.strip_prefix("- ").unwrap_or(rest);
    let (name, directive) = rest.rsplit_once("# ").unwrap_or((rest, ""));
    let directive = directive.to_ascii_lowercase();
    let counts = !directive.starts_with("skip") && !directive.starts_with("todo");
    Some((ok, if counts { rest } else { name }.trim_end(), counts))
}
