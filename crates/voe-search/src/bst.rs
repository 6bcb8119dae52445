//! `bst`: roll out, then bisect the best trajectory for the step after which new rollouts stop doing better, and continue from
//! there.

use voe_trace::event::NodeKind;

use crate::rollout::RolloutSpec;
use crate::search::Search;
use crate::shared::SearchError;
use crate::steps;
use crate::steps::Begin;

pub(crate) async fn run(search: &mut Search) -> Result<(), SearchError> {
    let n = search.keys.n;
    let width = search.keys.width.max(1);
    // Half of the rollouts start at the beginning, the others where they are most useful.
    let first = n.div_ceil(2).max(1);
    let (mut specs, mut reserved) = (Vec::new(), Vec::new());
    for i in 0..first {
        let strategy = search.strategy(i as usize);
        let Some(limits) = search.allot(&strategy, &reserved, n - i) else { break };
        reserved.push(limits.clone());
        specs.push(search.fresh(i + 1, i as usize, limits));
    }
    let began = search.roll(specs).await?;
    let Some(best) = best(search, &began) else { return Ok(()) };
    if search.settled(best) {
        return Ok(());
    }
    let target = search.rolled.get(&best).map_or(0.0, |rolled| rolled.value);
    let marks = steps::marks(&search.shared.dir(best));
    // `good`: rollouts from here do better than the trajectory did. `bad`: they don't, so the decision was made before.
    let (mut good, mut bad) = (0, marks.len());
    while bad - good > 1 && search.next_id() <= n {
        let middle = good.midpoint(bad);
        let probes = probe(search, best, &marks[middle], NodeKind::Probe, width).await?;
        if probes.is_empty() {
            return Ok(());
        }
        if probes.iter().any(|id| search.settled(*id)) {
            return Ok(());
        }
        let better = |id: &u32| search.rolled.get(id).is_some_and(|rolled| rolled.value > target);
        if probes.iter().any(better) { good = middle } else { bad = middle }
    }
    while search.next_id() <= n {
        let Some(mark) = marks.get(good) else { break };
        let expanded = probe(search, best, mark, NodeKind::Expand, search.keys.parallel.max(1)).await?;
        if expanded.is_empty() || expanded.iter().any(|id| search.settled(*id)) {
            break;
        }
    }
    Ok(())
}

/// The rollout of the highest value; of equals, the first.
fn best(search: &Search, among: &[u32]) -> Option<u32> {
    let value = |id: &&u32| search.rolled.get(id).map_or(-1.0, |rolled| rolled.value);
    among.iter().rev().max_by(|a, b| value(a).total_cmp(&value(b))).copied()
}

/// Rollouts from the middle of a trajectory to their ends.
async fn probe(
    search: &mut Search,
    from: u32,
    mark: &steps::StepCheckpoint,
    kind: NodeKind,
    width: u32,
) -> Result<Vec<u32>, SearchError> {
    let (n, first) = (search.keys.n, search.next_id());
    let (mut specs, mut reserved) = (Vec::new(), Vec::new());
    for id in first..(first + width).min(n + 1) {
        let turn = id as usize;
        // A conversation keeps the strategy that began it.
        let mut strategy = search.strategy(from as usize - 1);
        strategy.sampling.temperature = search.strategy(turn).sampling.temperature.or(strategy.sampling.temperature);
        let Some(limits) = search.allot(&strategy, &reserved, n + 1 - id) else { break };
        reserved.push(limits.clone());
        let prefix = Box::new(steps::prefix(&search.shared.dir(from), mark.clone())?);
        specs.push(RolloutSpec {
            id,
            parent: from,
            kind,
            strategy,
            model: search.model(from as usize - 1),
            limits,
            begin: Begin::Middle { from, prefix, snapshot: None },
            message: String::new(),
            steps: None,
            keep: false,
        });
    }
    search.roll(specs).await
}
