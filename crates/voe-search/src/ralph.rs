//! `ralph`: fresh attempts, one after another, until the gate accepts one; each gets a summary of those before.

use voe_evidence::Require;
use voe_trace::event::Finish;
use voe_trace::{Level, Reason, Trajectory};

use crate::search::Search;
use crate::shared::SearchError;
use crate::steps::Begin;
use crate::{prior_attempts, steps};

pub(crate) async fn run(search: &mut Search) -> Result<(), SearchError> {
    let (n, keep) = (search.keys.n, search.keys.keep_workspace);
    for i in 0..n {
        let strategy = search.strategy(i as usize);
        let Some(limits) = search.allot(&strategy, &[], n - i) else { break };
        let mut spec = search.fresh(i + 1, i as usize, limits);
        let before: Vec<_> = search
            .rolled
            .values()
            .map(|rolled| {
                let record = Trajectory::read(&steps::trajectory(&search.shared.dir(rolled.id)));
                (record.map(|record| record.records).unwrap_or_default(), rolled.finish.clone())
            })
            .collect();
        if !before.is_empty() {
            spec.message = prior_attempts::of_attempts(&before, keep);
        }
        if let Some(last) = search.rolled.values().next_back().filter(|_| keep) {
            spec.begin = Begin::Work { patch: last.finish.patch.clone(), pack: last.pack.clone() };
        }
        search.roll(vec![spec]).await?;
        if search.rolled.get(&(i + 1)).is_some_and(|rolled| accepted(strategy.gate.require, &rolled.finish)) {
            break;
        }
    }
    Ok(())
}

/// Whether the gate accepts an attempt's result; unlike in the attempt, it never gives up after some refusals. A refuted result
/// is not accepted.
fn accepted(require: Require, finish: &Finish) -> bool {
    let level = finish.evidence.level;
    finish.reason == Reason::Completed && level != Level::Refuted && require.accepts(level, &finish.evidence.checks)
}
