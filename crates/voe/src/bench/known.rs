//! Tasks whose gold patch is known not to pass, reported with results so that the patch is not blamed.

use std::collections::BTreeMap;

use voe_bench::grade::known;
use voe_bench::run::place::PlaceRecord;
use voe_bench::workspace::reason::few;
use voe_grade::RunReport;

use crate::show::one_line;

/// Those of `ids` whose gold patch is known not to pass there, by reason.
pub(super) fn by_reason<'i>(
    ids: impl IntoIterator<Item = &'i String>,
    place: &PlaceRecord,
    network: bool,
) -> BTreeMap<String, Vec<&'i str>> {
    let mut known: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for id in ids {
        if let Some(of) = known::here(id, place, network) {
            known.entry(of.to_string()).or_default().push(id);
        }
    }
    known
}

/// Reports which of the unresolved tasks are among these.
pub(super) fn say(report: &RunReport, place: &PlaceRecord, network: bool) {
    let failed = report.unresolved_ids.iter().chain(&report.error_ids).chain(&report.skipped_ids);
    for (why, ids) in by_reason(failed, place, network) {
        let tasks = if ids.len() == 1 { "1 task".to_owned() } else { format!("{} tasks", ids.len()) };
        errln!("voe: {}", one_line(&format!("gold is known not to pass for {tasks} of these: {why} ({})", few(&ids))));
    }
}
