//! Common to all searches: a record of their own, one budget, parallel rollouts.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use tokio::task::JoinSet;
use voe_agent::strategy::{self, AttemptLimits, SearchKind, Strategy, ValueFrom};
use voe_agent::{AttemptPlan, Observer, SearchHost};
use voe_model::{Message, Model, ModelRequest};
use voe_protocol::BaseSource;
use voe_repo::Base;
use voe_sandbox::Snapshot;
use voe_trace::event::{Judgement, Node, NodeKind, RolloutFacts, Seconds};
use voe_trace::layout::{ATTEMPTS, TRAJECTORY};
use voe_trace::{Event, Reason, Record, Usage, Writer};

use crate::budget::{self, SpentBudget};
use crate::rollout::{self, RolloutResult, RolloutSpec};
use crate::shared::{RolloutContext, SearchError};
use crate::steps::Begin;
use crate::{steps, value};

/// A search under way.
pub struct Search {
    pub(crate) host: SearchHost,
    pub(crate) shared: Arc<RolloutContext>,
    pub(crate) keys: strategy::SearchKeys,
    /// Limits of the whole.
    whole: AttemptLimits,
    /// The strategies that take turns.
    strategies: Vec<Strategy>,
    /// The models that take turns.
    models: Vec<Arc<dyn Model>>,
    /// The rollouts that ended, by number.
    pub(crate) rolled: BTreeMap<u32, RolloutResult>,
    pub(crate) snapshots: BTreeMap<u32, Snapshot>,
    /// Values and usage of nodes that are already in the record.
    known: BTreeMap<u32, (Option<f64>, Usage)>,
    /// Tokens and seconds of the search's own requests.
    asked: (Usage, f64),
    pub(crate) error: Option<String>,
}

impl Search {
    pub(crate) async fn open(
        plan: AttemptPlan,
        keys: strategy::SearchKeys,
        writer: Writer,
        observer: Box<dyn Observer>,
        records: &[Record],
    ) -> Result<Self, SearchError> {
        let dir = writer.path().parent().unwrap_or(Path::new(".")).join(ATTEMPTS);
        if records.is_empty() && dir.exists() {
            std::fs::remove_dir_all(&dir).map_err(SearchError::io("remove", dir.clone()))?;
        }
        crate::steps::make_dir(&dir)?;
        let BaseSource::Git { git_dir, tree } = &plan.pristine else { return Err(SearchError::NoBase) };
        let base = Base {
            commit: plan.task.commit.clone(),
            tree: tree.clone(),
            git_dir: git_dir.clone(),
            skipped: Vec::new(),
        };
        let shared = RolloutContext {
            task: plan.task.clone(),
            model: Arc::clone(&plan.model),
            pristine: plan.pristine.clone(),
            base,
            user_tree: plan.user_tree.clone().filter(|_| !plan.sandbox.in_place()),
            notes: plan.notes.clone(),
            stop: plan.stop.clone(),
            time: plan.time.clone(),
            attempts: dir,
        };
        let strategies = strategies(&plan.strategy, &keys)?;
        let models = models(&plan.model, &keys).await?;
        let whole = plan.strategy.limits.clone();
        let known = records.iter().filter_map(|record| match &record.event {
            // One that the user stopped is continued, and its value is not known yet; a choice is made again.
            Event::Node(node) if node.kind == NodeKind::Root || node.rollout.as_ref().is_some_and(ended) => {
                let judgement = node.rollout.as_ref().and_then(|rollout| rollout.judgement.as_ref());
                Some((node.id, (node.value, judgement.map(|judgement| judgement.usage).unwrap_or_default())))
            }
            _ => None,
        });
        let (known, rolled, snapshots) = (known.collect(), BTreeMap::new(), BTreeMap::new());
        let host = SearchHost::open(plan, writer, observer, records).await?;
        let mut search = Self {
            host,
            shared: Arc::new(shared),
            keys,
            whole,
            strategies,
            models,
            rolled,
            snapshots,
            known,
            asked: (Usage::default(), 0.0),
            error: None,
        };
        search.record_node(node(0, NodeKind::Root))?;
        Ok(search)
    }

    /// The strategy of the `turn`th attempt, with its temperature.
    pub(crate) fn strategy(&self, turn: usize) -> Strategy {
        let mut strategy = self.strategies[turn % self.strategies.len()].clone();
        if !self.keys.temperatures.is_empty() {
            strategy.sampling.temperature = Some(self.keys.temperatures[turn % self.keys.temperatures.len()]);
        }
        strategy
    }

    /// The model of the `turn`th attempt.
    pub(crate) fn model(&self, turn: usize) -> Arc<dyn Model> {
        Arc::clone(&self.models[turn % self.models.len()])
    }

    /// The amounts spent so far.
    pub(crate) fn spent(&self) -> SpentBudget {
        let mut spent =
            SpentBudget { seconds: self.host.log().elapsed(), usage: self.asked.0, ..SpentBudget::default() };
        for rolled in self.rolled.values() {
            spent.steps += rolled.steps;
            spent.usage += rolled.usage;
        }
        spent
    }

    /// The budget of the next of `attempts` attempts, with `reserved` given to others that are about to begin. `None`: nothing is
    /// left, or the user stopped the search.
    pub(crate) fn allot(
        &self,
        strategy: &Strategy,
        reserved: &[AttemptLimits],
        attempts: u32,
    ) -> Option<AttemptLimits> {
        if self.shared.stopped() {
            return None;
        }
        let mut spent = self.spent();
        for limits in reserved {
            spent.steps = spent.steps.saturating_add(limits.steps);
            spent.usage.prompt += limits.tokens;
            if limits.cost > 0.0 {
                *spent.usage.cost.get_or_insert(0.0) += limits.cost;
            }
        }
        let own = AttemptLimits {
            steps: u32::try_from(budget::least(strategy.limits.steps.into(), self.keys.steps.into()))
                .unwrap_or(u32::MAX),
            ..strategy.limits.clone()
        };
        budget::share(&self.whole, &own, &spent, attempts)
    }

    /// The number of the next rollout.
    pub(crate) fn next_id(&self) -> u32 {
        self.rolled.keys().last().copied().unwrap_or(0) + 1
    }

    /// Runs rollouts, `parallel` at a time, to their ends, and records them in the order of their numbers, so that the rest of the
    /// search does not depend on which was faster.
    pub(crate) async fn roll(&mut self, specs: Vec<RolloutSpec>) -> Result<Vec<u32>, SearchError> {
        let mut ids: Vec<u32> = specs.iter().map(|spec| spec.id).collect();
        let mut waiting = VecDeque::from(specs);
        let mut running: JoinSet<Result<(RolloutResult, Option<Snapshot>), SearchError>> = JoinSet::new();
        let mut done: BTreeMap<u32, RolloutResult> = BTreeMap::new();
        loop {
            while running.len() < self.keys.parallel.max(1) as usize
                && let Some(spec) = waiting.pop_front()
            {
                if let Some(rolled) = RolloutResult::read(&self.shared.dir(spec.id)) {
                    done.insert(spec.id, rolled);
                    continue;
                }
                let at = spec.snapshot().filter(|_| steps::own_mark(&self.shared.dir(spec.id), &spec.begin).is_none());
                let sandbox = self.host.workspace().sandbox();
                let at = at.cloned().unwrap_or_else(|| sandbox.base());
                let sandbox = sandbox.fork(&at).await.map_err(voe_proof::WorkspaceError::from)?;
                running.spawn(rollout::run(Arc::clone(&self.shared), spec, sandbox));
            }
            match running.join_next().await {
                None if waiting.is_empty() => break,
                None => {}
                Some(ended) => {
                    let (rolled, snapshot) = ended.map_err(|error| SearchError::Rollout(error.to_string()))??;
                    if let Some(snapshot) = snapshot {
                        self.snapshots.insert(rolled.id, snapshot);
                    }
                    done.insert(rolled.id, rolled);
                }
            }
        }
        ids.sort_unstable();
        for id in &ids {
            if let Some(rolled) = done.remove(id) {
                self.ended(rolled).await?;
            }
        }
        Ok(ids)
    }

    /// Values a rollout and records it.
    async fn ended(&mut self, mut rolled: RolloutResult) -> Result<(), SearchError> {
        let mut judgement = None;
        match self.known.get(&rolled.id).copied() {
            Some((value, asked)) => {
                rolled.value = value.unwrap_or(0.0);
                self.asked.0 += asked;
            }
            None => {
                rolled.value = voe_evidence::value::by_evidence(&rolled.finish);
                if self.judged() && !value::settles(self.keys.kind, &rolled.finish) {
                    judgement = Some(self.judge(&mut rolled).await);
                }
            }
        }
        let rollout = RolloutFacts {
            strategy: rolled.strategy.clone(),
            model: (self.models.len() > 1).then(|| rolled.model.clone()),
            temperature: rolled.temperature,
            reason: rolled.finish.reason,
            level: rolled.finish.evidence.level,
            steps: rolled.steps,
            usage: rolled.usage,
            over: rolled.over,
            judgement,
        };
        let node = Node {
            parent: Some(rolled.parent),
            trajectory: Some(record_of(rolled.id)),
            step: rolled.finish.steps,
            value: Some(rolled.value),
            rollout: Some(rollout),
            ..node(rolled.id, rolled.kind)
        };
        self.record_node(node)?;
        self.rolled.insert(rolled.id, rolled);
        Ok(())
    }

    fn judged(&self) -> bool {
        self.keys.value == ValueFrom::Judge && matches!(self.keys.kind, SearchKind::Bst | SearchKind::Mcts)
    }

    /// Asks a model to value the state. If its answer can't be read, the value is that of the evidence.
    async fn judge(&mut self, rolled: &mut RolloutResult) -> Judgement {
        let question = value::question(&self.shared.task.statement, &rolled.finish.patch);
        let messages = [Message::user(question)];
        let sampling = self.strategy(0).sampling;
        let max_tokens = Some(self.whole.reply_tokens.min(2000));
        let request = ModelRequest { messages: &messages, tools: &[], sampling: &sampling, max_tokens, stream: false };
        match self.shared.model.complete(request, &mut |_| {}).await {
            Ok(reply) => {
                self.asked.0 += reply.usage;
                self.asked.1 += reply.seconds;
                if let Some(score) = value::score(&reply.message.content) {
                    rolled.value = f64::midpoint(rolled.value, score);
                }
                Judgement { text: reply.message.content, usage: reply.usage }
            }
            Err(error) => Judgement { text: format!("the request failed: {error}"), usage: Usage::default() },
        }
    }

    /// Puts a node into the record, once.
    pub(crate) fn record_node(&mut self, node: Node) -> Result<(), SearchError> {
        let kind = node.kind;
        if kind != NodeKind::Choose && self.known.contains_key(&node.id) {
            return Ok(());
        }
        self.host.write(Event::Node(Box::new(node)))?;
        match kind {
            // Adopting the chosen patch belongs to the same step: after a kill the choice is made again.
            NodeKind::Choose => Ok(()),
            _ => Ok(self.host.end_step()?),
        }
    }

    /// Whether the search may stop at this rollout.
    pub(crate) fn settled(&self, id: u32) -> bool {
        self.rolled.get(&id).is_some_and(|rolled| value::settles(self.keys.kind, &rolled.finish))
    }

    /// Steps and seconds of all rollouts together, and all tokens.
    pub(crate) fn totals(&self) -> (u32, Usage, Seconds) {
        let spent = self.spent();
        let mut seconds = Seconds { model: self.asked.1, tools: 0.0, total: spent.seconds };
        for rolled in self.rolled.values() {
            seconds.model += rolled.seconds.model;
            seconds.tools += rolled.seconds.tools;
        }
        (spent.steps, spent.usage, seconds)
    }

    /// Writes the end of the record.
    pub(crate) async fn close(self, finish: voe_trace::event::Finish) -> Result<(), SearchError> {
        // Forks share a directory with the host's sandbox, so they are dropped first.
        drop(self.snapshots);
        Ok(self.host.close(finish).await?)
    }

    /// The specification of an attempt from the beginning.
    pub(crate) fn fresh(&self, id: u32, turn: usize, limits: AttemptLimits) -> RolloutSpec {
        RolloutSpec {
            id,
            parent: 0,
            kind: NodeKind::Rollout,
            strategy: self.strategy(turn),
            model: self.model(turn),
            limits,
            begin: Begin::Fresh,
            message: String::new(),
            steps: None,
            keep: false,
        }
    }
}

/// Whether an attempt of the search completed or ended at a limit.
fn ended(rollout: &RolloutFacts) -> bool {
    rollout.reason != Reason::Interrupted
}

/// The path of an attempt's record, relative to the search's own.
pub(crate) fn record_of(id: u32) -> String {
    format!("{ATTEMPTS}/{id}/{TRAJECTORY}")
}

/// A node with nothing in it yet.
pub(crate) fn node(id: u32, kind: NodeKind) -> Node {
    Node { id, parent: None, kind, trajectory: None, step: 0, value: None, rollout: None, choice: None }
}

/// The strategies that take turns: those named, or the search's own file without the search.
fn strategies(own: &Strategy, keys: &strategy::SearchKeys) -> Result<Vec<Strategy>, SearchError> {
    if keys.strategies.is_empty() {
        return Ok(vec![Strategy { search: None, ..own.clone() }]);
    }
    let one = |name: &String| match voe_agent::load(name, Path::new(".")) {
        Ok(strategy) if strategy.search.is_some() => Err(SearchError::Nested(name.clone())),
        Ok(strategy) => Ok(strategy),
        Err(error) => Err(error.into()),
    };
    keys.strategies.iter().map(one).collect()
}

/// The models that take turns: those named, or the one that voe was started with.
async fn models(own: &Arc<dyn Model>, keys: &strategy::SearchKeys) -> Result<Vec<Arc<dyn Model>>, SearchError> {
    if keys.models.is_empty() {
        return Ok(vec![Arc::clone(own)]);
    }
    let mut models = Vec::new();
    for name in &keys.models {
        let same = *name == own.facts().name;
        models.push(if same { Arc::clone(own) } else { own.another(name).await? });
    }
    Ok(models)
}
