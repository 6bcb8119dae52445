//! `mcts`: a tree over steps. A node is the state after some steps; each rollout adds one. The rest of the budget goes to the
//! best branch, so that a tree of few and short nodes gets to the end of an attempt.

use voe_agent::strategy::AttemptLimits;
use voe_trace::event::NodeKind;

use crate::rollout::RolloutSpec;
use crate::search::Search;
use crate::shared::SearchError;
use crate::steps::Begin;
use crate::tree::SearchTree;
use crate::{prior_attempts, steps};

pub(crate) async fn run(search: &mut Search) -> Result<(), SearchError> {
    let n = search.keys.n;
    let mut tree = SearchTree::new(search.keys.explore);
    let mut settled = false;
    while !settled && !search.shared.stopped() {
        let (mut specs, mut reserved) = (Vec::new(), Vec::new());
        while specs.len() < search.keys.parallel.max(1) as usize {
            let id = search.next_id() + specs.len() as u32;
            let Some(parent) = tree.select().filter(|_| id <= n) else { break };
            let Some(spec) = next_rollout(search, &tree, parent, id, &reserved, false)? else { break };
            reserved.push(spec.limits.clone());
            // Nodes of the tree and rollouts have the same numbers: both grow by one at a time.
            tree.begin(parent);
            specs.push(spec);
        }
        if specs.is_empty() {
            break;
        }
        for id in search.roll(specs).await? {
            let Some(rolled) = search.rolled.get(&id) else { continue };
            tree.end(id as usize, rolled.value, rolled.over);
            settled |= search.settled(id);
        }
    }
    let (visits, mean) = tree.stats(0);
    let text = format!("the tree has {} nodes; {visits} visits of the root, mean value {mean:.2}", search.rolled.len());
    search.host.write(voe_trace::Event::Note { text })?;
    // Of equals, the newest: it has come further.
    let open = search.rolled.values().filter(|rolled| !rolled.over);
    let best = open.max_by(|a, b| a.value.total_cmp(&b.value)).map(|rolled| rolled.id);
    if let Some(best) = best.filter(|_| !settled)
        && let Some(spec) = next_rollout(search, &tree, best as usize, search.next_id(), &[], true)?
    {
        search.roll(vec![spec]).await?;
    }
    Ok(())
}

/// The next child of a node, or the rollout from it to the end. `None`: no budget is left for it.
fn next_rollout(
    search: &Search,
    tree: &SearchTree,
    parent: usize,
    id: u32,
    reserved: &[AttemptLimits],
    to_end: bool,
) -> Result<Option<RolloutSpec>, SearchError> {
    let elder = tree.children(parent);
    // A branch keeps the strategy that began it.
    let turn = if parent == 0 { elder.len() } else { branch(search, parent as u32) };
    let mut strategy = search.strategy(turn);
    if !search.keys.temperatures.is_empty() {
        strategy.sampling.temperature = Some(search.keys.temperatures[elder.len() % search.keys.temperatures.len()]);
    }
    // One share for the whole tree: a node takes its few steps from what is left.
    let Some(limits) = search.allot(&strategy, reserved, 1) else { return Ok(None) };
    let made = match limits.steps {
        0 => search.keys.width,
        left => search.keys.width.min(left),
    };
    let parent = parent as u32;
    let begin = if parent == 0 {
        Begin::Fresh
    } else {
        let dir = search.shared.dir(parent);
        let Some(mark) = steps::marks(&dir).pop() else { return Ok(None) };
        let snapshot = search.snapshots.get(&parent).cloned();
        Begin::Middle { from: parent, prefix: Box::new(steps::prefix(&dir, mark)?), snapshot }
    };
    let mut siblings = Vec::new();
    for sibling in elder.iter().filter_map(|at| search.rolled.get(&(*at as u32))) {
        let dir = search.shared.dir(sibling.id);
        let from = match &begin {
            Begin::Middle { prefix, .. } => prefix.records.len(),
            _ => 0,
        };
        let records = steps::marks(&dir).pop().map(|mark| steps::prefix(&dir, mark)).transpose()?;
        let records = records.map(|prefix| prefix.records.into_iter().skip(from).collect()).unwrap_or_default();
        siblings.push((records, sibling.finish.clone()));
    }
    let message = match search.keys.tell_siblings && !siblings.is_empty() {
        true => prior_attempts::of_siblings(&siblings),
        false => String::new(),
    };
    let (kind, model) = (if to_end { NodeKind::Finish } else { NodeKind::Expand }, search.model(turn));
    let limits = AttemptLimits { steps: if to_end { limits.steps } else { made }, ..limits };
    Ok(Some(RolloutSpec {
        id,
        parent,
        kind,
        strategy,
        model,
        limits,
        begin,
        message,
        steps: (!to_end).then_some(made),
        keep: !to_end,
    }))
}

/// The root's child from which a node descends, counted from 0.
fn branch(search: &Search, mut at: u32) -> usize {
    while let Some(rolled) = search.rolled.get(&at).filter(|rolled| rolled.parent != 0) {
        at = rolled.parent;
    }
    search.rolled.range(..at).filter(|(_, rolled)| rolled.parent == 0).count()
}
