//! Shows builds of environments, which take minutes in which nothing else would be printed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use voe_bench::native::ahead::BuildPlan;
use voe_bench::native::watch::{BuildStep, BuildWatch};
use voe_bench::run::progress::Progress;

use crate::show::{below, one_line};

/// Counts the environments that are built.
#[derive(Debug)]
struct Count {
    plan: BuildPlan,
    built: AtomicUsize,
}

impl Count {
    fn new(plan: BuildPlan) -> Self {
        Self { plan, built: AtomicUsize::new(0) }
    }

    /// The line for a build that begins.
    fn line(&self, environment: &str) -> String {
        let number = self.built.fetch_add(1, Ordering::Relaxed) + 1;
        let of = match &self.plan {
            BuildPlan { builds, open: false } if *builds >= number => format!(", {number} of {builds}"),
            _ => format!(", number {number}"),
        };
        one_line(&format!("building the environment {environment}{of}"))
    }
}

/// Shows builds in the bottom line of a terminal, or else as one line per build on standard error.
#[derive(Debug, Default)]
pub(super) struct ShownBuilds {
    /// The line while nothing is built, and while something is.
    parts: Mutex<(String, String)>,
}

impl ShownBuilds {
    /// The watch to pass on. `plan`: how many builds to expect.
    pub(super) fn watch(self: &Arc<Self>, plan: BuildPlan) -> BuildWatch {
        let (shown, count) = (Arc::clone(self), Count::new(plan));
        BuildWatch::new(move |step| match step {
            BuildStep::Builds { environment } => {
                let line = count.line(environment);
                if !below::is_seen() {
                    errln!("voe: {line}");
                }
                shown.say(|parts| parts.1 = format!("{line} …"));
            }
            BuildStep::Built => shown.say(|parts| parts.1.clear()),
        })
    }

    /// Shows the overall progress.
    pub(super) fn at(&self, text: String) {
        self.say(|parts| parts.0 = text);
    }

    /// Removes the line.
    pub(super) fn end(&self) {
        self.say(|parts| *parts = Default::default());
    }

    fn say(&self, change: impl FnOnce(&mut (String, String))) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut parts);
        let (whole, build) = &*parts;
        let said: Vec<&str> = [whole.as_str(), build].into_iter().filter(|part| !part.is_empty()).collect();
        below::show((!said.is_empty()).then(|| said.join("; ")));
    }
}

/// Sends builds as notes among the events of a run.
pub(super) fn noted(plan: BuildPlan, progress: Weak<Progress>) -> BuildWatch {
    let count = Count::new(plan);
    BuildWatch::new(move |step| {
        if let (BuildStep::Builds { environment }, Some(progress)) = (step, progress.upgrade()) {
            progress.note(count.line(environment));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environments_are_counted_and_of_how_many_is_said_where_that_is_known() {
        let count = Count::new(BuildPlan { builds: 2, open: false });
        assert_eq!(count.line("flask-1"), "building the environment flask-1, 1 of 2");
        assert_eq!(count.line("flask-1"), "building the environment flask-1, 2 of 2");
        assert_eq!(count.line("flask-1"), "building the environment flask-1, number 3");
        let open = Count::new(BuildPlan { builds: 2, open: true });
        assert_eq!(open.line("flask-1"), "building the environment flask-1, number 1");
    }
}
