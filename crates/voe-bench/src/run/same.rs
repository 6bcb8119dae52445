//! Whether two descriptions are of the same run: whatever affects attempts must be the same. Paths may differ.

use std::collections::BTreeSet;

use toml::{Table, Value};
use voe_grade::Instance;

use super::file::{ArmFile, RunFile};
use super::place::PlaceRecord;

/// Most differences that are listed.
const MOST_NAMED: usize = 3;

/// The difference between the run that is `there` and the settings given `here`, in words; `None` if nothing relevant differs.
pub(super) fn difference(there: &RunFile, here: &RunFile) -> Option<String> {
    // The suite's file may have been renamed or extended since: its rows are compared separately.
    if there.tasks != here.tasks {
        let named =
            (there.suite != here.suite).then(|| format!(": the suite is {} there, {} here", there.suite, here.suite));
        return Some(format!("its tasks{}", named.unwrap_or_default()));
    }
    if let Some(what) = arms(&there.arms, &here.arms) {
        return Some(format!("its arms: {what}"));
    }
    if there.trials > here.trials {
        return Some(format!("its trials: {} there, {} here", there.trials, here.trials));
    }
    if there.experiment.hints != here.experiment.hints {
        return Some("whether hints are shown".to_owned());
    }
    place(there.place.as_ref()?, here.place.as_ref()?)
}

fn arms(there: &[ArmFile], here: &[ArmFile]) -> Option<String> {
    let names = |arms: &[ArmFile]| arms.iter().map(|arm| arm.name.clone()).collect::<Vec<_>>();
    if names(there) != names(here) {
        return Some(format!("{} there, {} here", names(there).join(", "), names(here).join(", ")));
    }
    there.iter().zip(here).find_map(|(there, here)| {
        if there.model != here.model {
            return Some(format!("the model of {} is {:?} there, {:?} here", there.name, there.model, here.model));
        }
        if there.strategy != here.strategy {
            let keys = keys(&there.strategy, &here.strategy);
            return Some(format!("the strategy of {} ({keys})", there.name));
        }
        None
    })
}

/// The keys in which two strategies differ.
fn keys(there: &str, here: &str) -> String {
    let (Ok(there), Ok(here)) = (there.parse::<Table>(), here.parse::<Table>()) else { return "its text".to_owned() };
    let mut found = Vec::new();
    differing("", &Value::Table(there), &Value::Table(here), &mut found);
    if found.is_empty() { "its text".to_owned() } else { named(&found) }
}

fn differing(name: &str, there: &Value, here: &Value, found: &mut Vec<String>) {
    match (there, here) {
        (Value::Table(there), Value::Table(here)) => {
            let keys: BTreeSet<&String> = there.keys().chain(here.keys()).collect();
            for key in keys {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                match (there.get(key), here.get(key)) {
                    (Some(there), Some(here)) => differing(&name, there, here, found),
                    _ => found.push(name),
                }
            }
        }
        _ if there == here => {}
        _ => found.push(name.to_owned()),
    }
}

fn place(there: &PlaceRecord, here: &PlaceRecord) -> Option<String> {
    let word = |on: bool| if on { "on" } else { "off" };
    let differs = |what: &str, there: &str, here: &str| Some(format!("{what}: {there} there, {here} here"));
    if there.backend != here.backend {
        return differs("where tasks run", there.backend.word(), here.backend.word());
    }
    if there.sandbox != here.sandbox {
        return differs("its sandbox", there.sandbox.word(), here.sandbox.word());
    }
    if there.network != here.network {
        return differs("its network", word(there.network), word(here.network));
    }
    if there.image != here.image {
        let named = |image: &Option<String>| image.clone().unwrap_or_else(|| "each task's own".to_owned());
        return differs("its image", &named(&there.image), &named(&here.image));
    }
    match (&there.environments, &here.environments) {
        (Some(there), Some(here)) if here.differs(there).is_none() => {}
        (None, None) => {}
        // For tasks without one.
        (None, Some(here)) if here.rest => {}
        _ => return Some("the content of its environments".to_owned()),
    }
    if there.read != here.read {
        return Some("the further paths that commands may read".to_owned());
    }
    if there.env != here.env {
        return differs("the further variables that commands get", &there.env.join(", "), &here.env.join(", "));
    }
    if there.limits != here.limits {
        return Some(format!("the limits on commands: {} there, {} here", there.limits, here.limits));
    }
    None
}

/// The ids of the rows that differ, in words; `None` if none does.
pub(super) fn rows(there: &[Instance], here: &[Instance]) -> Option<String> {
    let other = |task: &&Instance| here.iter().find(|row| row.instance_id == task.instance_id) != Some(task);
    let ids: Vec<String> = there.iter().filter(other).map(|task| task.instance_id.clone()).collect();
    (!ids.is_empty()).then(|| named(&ids))
}

/// The first few of a list, and how many more there are.
fn named(all: &[String]) -> String {
    let shown = all.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(MOST_NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
