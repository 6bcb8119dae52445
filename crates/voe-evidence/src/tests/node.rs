//! `node --test` with its `spec` reporter: tests indented by groups (`✔ passes (1.2ms)`, `✖ fails (0.3ms)`, `▶ group`), then `ℹ pass 2` and the
//! like. By default Node before version 23 prints TAP where there is no terminal.

use super::report::{RunnerReport, TestGroups, indent, labelled, without_time};

const BETWEEN: &str = " > ";

pub(super) fn read(output: &str) -> Option<RunnerReport> {
    let mut report = RunnerReport::default();
    let (mut groups, mut ended) = (TestGroups::default(), false);
    for line in output.lines() {
        let (at, text) = (indent(line), line.trim());
        let Some((mark, name)) = text.split_once(' ') else { continue };
        let skipped = name.ends_with("# SKIP") || name.ends_with("# TODO");
        let name = without_time(name);
        match mark {
            "ℹ" => {
                if let Some(passed) = labelled(name, "pass") {
                    report.count(passed, 0);
                    ended = true;
                }
                if let Some(failed) = labelled(name, "fail").or_else(|| labelled(name, "cancelled")) {
                    report.count(0, failed);
                }
            }
            // The failures once more, without their groups.
            "✖" if name == "failing tests:" => break,
            "▶" => groups.enter(at, name),
            // The end of a group.
            "✔" | "✖" if groups.ends(at, name) => groups.enter(at, name),
            "✔" | "✖" if !skipped => report.add(groups.path(at, name, BETWEEN), Some(mark == "✔")),
            _ => {}
        }
    }
    ended.then_some(report)
}
