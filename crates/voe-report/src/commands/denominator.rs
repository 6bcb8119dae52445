//! The denominator of rates.

use std::collections::BTreeSet;

use crate::data::arm::ArmResults;
use crate::data::suite::TaskSet;

/// The given suite, or the union of the tasks that the arms submitted, with notes about it.
pub(crate) fn denominator(suite: Option<&TaskSet>, arms: &[&ArmResults]) -> (TaskSet, Vec<String>) {
    let submitted: BTreeSet<String> = arms.iter().flat_map(|arm| arm.submitted()).collect();
    let mut notes: Vec<String> = Vec::new();
    let suite = if let Some(suite) = suite {
        for arm in arms {
            let (own, all) = (arm.submitted(), suite.tasks.len());
            let inside = own.iter().filter(|id| suite.tasks.contains_key(*id)).count();
            if inside < all {
                notes.push(format!(
                    "{} submitted {inside} of the {all} tasks; {} counted as unresolved",
                    arm.name,
                    the_rest(all - inside)
                ));
            }
            if inside < own.len() {
                notes.push(format!(
                    "{} submitted {} tasks outside the suite; they are left out",
                    arm.name,
                    own.len() - inside
                ));
            }
        }
        suite.clone()
    } else {
        let n = submitted.len();
        let known: BTreeSet<&String> = arms.iter().flat_map(|arm| arm.known.keys()).collect();
        let more = match known.len() {
            all if all > n => format!("; the run's own suite.jsonl has {all}"),
            _ => String::new(),
        };
        notes.push(format!(
            "no suite given: the tasks are the union of those submitted, {n}{more} (--suite sets the denominator)"
        ));
        let mut suite = TaskSet::of_ids("the union of those submitted", submitted);
        for (task, facts) in arms.iter().flat_map(|arm| arm.known.iter()) {
            suite.tasks.entry(task.clone()).and_modify(|own| *own = facts.clone());
        }
        suite
    };
    for note in arms.iter().flat_map(|arm| &arm.notes) {
        // Notes about a whole run are stored with each of its arms.
        if !notes.contains(note) {
            notes.push(note.clone());
        }
    }
    (suite, notes)
}

fn the_rest(n: usize) -> String {
    if n == 1 { "the other one is".to_owned() } else { format!("the other {n} are") }
}
