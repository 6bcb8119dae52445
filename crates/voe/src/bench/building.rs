//! What is built for tasks, as it begins: environments take minutes, in which nothing else would be seen.

use std::sync::Weak;
use std::sync::atomic::{AtomicUsize, Ordering};

use voe_bench::native::ahead::Plan;
use voe_bench::native::watch::{Step, Watch};
use voe_bench::run::progress::Progress;

use crate::show::{one_line, out};

/// Counts the environments that are built.
#[derive(Debug)]
struct Count {
    plan: Plan,
    built: AtomicUsize,
}

impl Count {
    fn new(plan: Plan) -> Self {
        Self { plan, built: AtomicUsize::new(0) }
    }

    fn line(&self, step: &Step) -> String {
        let Step::Builds { environment } = step;
        let number = self.built.fetch_add(1, Ordering::Relaxed) + 1;
        let of = match &self.plan {
            Plan { builds, open: false } if *builds >= number => format!(", {number} of {builds}"),
            _ => format!(", number {number}"),
        };
        one_line(&format!("building the environment {environment}{of}"))
    }
}

/// Says what is built: on a terminal in a line that stays until `ended` is called, else in one line on standard error.
pub(super) fn shown(plan: Plan) -> Watch {
    let count = Count::new(plan);
    Watch::new(move |step| {
        let line = count.line(step);
        if out::error_is_terminal() {
            out::status(&format!("{line} …"));
        } else {
            errln!("voe: {line}");
        }
    })
}

/// The last of [`shown`].
pub(super) fn ended() {
    out::status("");
}

/// Says it among the news of a run.
pub(super) fn noted(plan: Plan, progress: Weak<Progress>) -> Watch {
    let count = Count::new(plan);
    Watch::new(move |step| {
        let line = count.line(step);
        if let Some(progress) = progress.upgrade() {
            progress.note(line);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environments_are_counted_and_of_how_many_is_said_where_that_is_known() {
        let step = Step::Builds { environment: "flask-1".into() };
        let count = Count::new(Plan { builds: 2, open: false });
        assert_eq!(count.line(&step), "building the environment flask-1, 1 of 2");
        assert_eq!(count.line(&step), "building the environment flask-1, 2 of 2");
        assert_eq!(count.line(&step), "building the environment flask-1, number 3");
        let open = Count::new(Plan { builds: 2, open: true });
        assert_eq!(open.line(&step), "building the environment flask-1, number 1");
    }
}
