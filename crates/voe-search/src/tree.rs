//! The tree of a search, as numbers: visits, values, and the next node to expand.

/// A node.
#[derive(Debug, Clone)]
struct TreeNode {
    parent: Option<usize>,
    children: Vec<usize>,
    visits: u32,
    total: f64,
    /// It can't be expanded: it ended, or is under way.
    closed: bool,
}

/// A tree; node 0 is the root.
#[derive(Debug, Clone)]
pub(crate) struct SearchTree {
    nodes: Vec<TreeNode>,
    explore: f64,
}

impl SearchTree {
    pub(crate) fn new(explore: f64) -> Self {
        let root = TreeNode { parent: None, children: Vec::new(), visits: 1, total: 0.0, closed: false };
        Self { nodes: vec![root], explore }
    }

    /// The node that gets the next child: descends by UCT to one that may be widened. `None`: all have ended.
    pub(crate) fn select(&self) -> Option<usize> {
        let mut at = 0;
        loop {
            let node = self.nodes.get(at)?;
            if !node.closed && node.children.len() < allowed(node.visits) {
                return Some(at);
            }
            let open = node.children.iter().copied().filter(|child| self.open(*child));
            // Of equals, the elder, so that the search is deterministic.
            let best = open.fold(None, |best: Option<(f64, usize)>, child| {
                let uct = self.uct(child, node.visits);
                match best {
                    Some((value, _)) if value >= uct => best,
                    _ => Some((uct, child)),
                }
            });
            match best {
                Some((_, child)) => at = child,
                None if !node.closed => return Some(at),
                None => return None,
            }
        }
    }

    /// Whether the tree can grow at or below this node.
    fn open(&self, at: usize) -> bool {
        self.nodes.get(at).is_some_and(|node| !node.closed || node.children.iter().any(|child| self.open(*child)))
    }

    /// UCB1 for trees: the mean value plus a bonus for rarely visited nodes.
    fn uct(&self, at: usize, above: u32) -> f64 {
        let node = &self.nodes[at];
        let visits = f64::from(node.visits.max(1));
        node.total / visits + self.explore * (f64::from(above.max(1)).ln() / visits).sqrt()
    }

    /// Adds a child that is under way. Until its value is known it counts as a visit of value 0, so that others that begin
    /// meanwhile take other nodes.
    pub(crate) fn begin(&mut self, parent: usize) -> usize {
        let child = self.nodes.len();
        self.nodes.push(TreeNode { parent: Some(parent), children: Vec::new(), visits: 0, total: 0.0, closed: true });
        self.nodes[parent].children.push(child);
        let mut at = Some(child);
        while let Some(here) = at {
            self.nodes[here].visits += 1;
            at = self.nodes[here].parent;
        }
        child
    }

    /// Sets the child's value. `over`: the attempt ended.
    pub(crate) fn end(&mut self, child: usize, value: f64, over: bool) {
        self.nodes[child].closed = over;
        let mut at = Some(child);
        while let Some(here) = at {
            self.nodes[here].total += value;
            at = self.nodes[here].parent;
        }
    }

    /// Children of a node, the eldest first.
    pub(crate) fn children(&self, at: usize) -> &[usize] {
        self.nodes.get(at).map_or(&[], |node| &node.children)
    }

    /// Visits and mean value.
    pub(crate) fn stats(&self, at: usize) -> (u32, f64) {
        self.nodes.get(at).map_or((0, 0.0), |node| (node.visits, node.total / f64::from(node.visits.max(1))))
    }
}

/// Children that a node may have after so many visits (progressive widening with exponent one half).
fn allowed(visits: u32) -> usize {
    f64::from(visits).sqrt().floor() as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_good_branch_is_followed_and_a_bad_one_is_left_but_not_forever() {
        let mut tree = SearchTree::new(0.7);
        let mut depth_of_good = 0;
        let mut widened = 0;
        let mut good = vec![0];
        for _ in 0..30 {
            let parent = tree.select().unwrap();
            let child = tree.begin(parent);
            // The first child of a good node is good; all others are bad.
            let is_good = good.contains(&parent) && tree.children(parent).len() == 1;
            if is_good {
                good.push(child);
                depth_of_good += 1;
            } else {
                widened += 1;
            }
            tree.end(child, if is_good { 0.9 } else { 0.1 }, false);
        }
        assert!(depth_of_good >= 4 && widened >= 4, "{depth_of_good} {widened}");
    }

    #[test]
    fn of_two_equal_branches_the_one_with_less_under_way_is_taken_and_nothing_grows_below_what_is_under_way() {
        let mut tree = SearchTree::new(1.4);
        let (one, other) = (tree.begin(0), tree.begin(0));
        tree.end(one, 0.5, false);
        tree.end(other, 0.5, false);
        let mut under_way = Vec::new();
        for expected in [one, other, one, other] {
            let parent = tree.select().unwrap();
            assert_eq!(parent, expected);
            let child = tree.begin(parent);
            under_way.push(child);
        }
        assert!(under_way.iter().all(|child| tree.children(*child).is_empty() && !tree.open(*child)));
    }

    #[test]
    fn a_tree_in_which_everything_ended_grows_at_the_root_only() {
        let mut tree = SearchTree::new(1.4);
        for _ in 0..5 {
            assert_eq!(tree.select(), Some(0));
            let child = tree.begin(0);
            tree.end(child, 0.5, true);
        }
    }

    proptest! {
        #[test]
        fn visits_add_up_and_a_node_widens_only_as_allowed_or_where_nothing_below_is_open(values in proptest::collection::vec((0.0f64..1.0, any::<bool>()), 1..40)) {
            let mut tree = SearchTree::new(1.4);
            for (value, over) in values {
                let Some(parent) = tree.select() else { break };
                let node = &tree.nodes[parent];
                prop_assert!(node.children.len() < allowed(node.visits) || !node.children.iter().any(|child| tree.open(*child)));
                let child = tree.begin(parent);
                tree.end(child, value, over);
            }
            for (at, node) in tree.nodes.iter().enumerate() {
                let below: u32 = node.children.iter().map(|child| tree.nodes[*child].visits).sum();
                prop_assert_eq!(node.visits, below + 1, "node {}", at);
            }
        }
    }
}
