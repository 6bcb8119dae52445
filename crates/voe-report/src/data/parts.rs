//! Whether runs are parts of one experiment (shards): compared as arms, each would count as unresolved the tasks that only the other
//! attempted, and the statistics over both would be meaningless.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Value;

use super::arm::ArmResults;
use super::place::{LONGEST_RUN, RunPlace};
use crate::ReportError;

/// The relevant part of `run.toml`.
#[derive(Debug, Deserialize)]
struct RunToml {
    suite: String,
    tasks: BTreeSet<String>,
    #[serde(default)]
    experiment: toml::Table,
}

impl RunToml {
    fn read(dir: &Path) -> Option<Self> {
        // Without it, or with one of another form, there is nothing to compare.
        let text = RunPlace::dir(dir).ok()?.join(voe_trace::layout::RUN).text(LONGEST_RUN).ok()??;
        toml::from_str(&text).ok()
    }

    /// The part, as "2/4".
    fn shard(&self) -> Option<String> {
        match self.experiment.get("filter")?.get("shard")?.as_array()?.as_slice() {
            [k, n] => Some(format!("{}/{}", k.as_integer()?, n.as_integer()?)),
            _ => None,
        }
    }

    /// The experiment without settings that differ between its parts and between machines.
    fn whole(&self) -> toml::Table {
        let mut whole = self.experiment.clone();
        for key in ["name", "about", "parallel", "trials"] {
            whole.remove(key);
        }
        if let Some(filter) = whole.get_mut("filter").and_then(Value::as_table_mut) {
            filter.remove("shard");
        }
        whole
    }
}

/// Checks that arms can be compared.
///
/// # Errors
/// Two of them come from runs that are parts of one experiment.
pub fn check<'a>(arms: impl IntoIterator<Item = &'a ArmResults>) -> Result<(), ReportError> {
    let sources: BTreeSet<&PathBuf> = arms.into_iter().map(|arm| &arm.source).collect();
    let runs: Vec<(&PathBuf, RunToml)> =
        sources.into_iter().filter_map(|dir| Some((dir, RunToml::read(dir)?))).collect();
    for (i, (a, one)) in runs.iter().enumerate() {
        for (b, other) in &runs[i + 1..] {
            if let Some(why) = apart(one, other) {
                return Err(ReportError::Parts { a: (*a).clone(), b: (*b).clone(), why });
            }
        }
    }
    Ok(())
}

/// Why two runs are parts of one experiment; `None` if they aren't.
fn apart(one: &RunToml, other: &RunToml) -> Option<String> {
    if one.suite != other.suite {
        return None;
    }
    let (a, b) = (one.shard(), other.shard());
    if a != b && one.whole() == other.whole() {
        let part = |shard: Option<String>| shard.map_or("the whole".to_owned(), |shard| format!("part {shard}"));
        return Some(format!("are {} and {} of one experiment", part(a), part(b)));
    }
    let disjoint = !one.tasks.is_empty() && !other.tasks.is_empty() && one.tasks.is_disjoint(&other.tasks);
    disjoint.then(|| format!("have no task of {} in common", one.suite))
}
