//! Running a search by its kind, and choosing among its attempts. A new kind of search gets a line in `go`.

use voe_agent::strategy::SearchKind;
use voe_trace::Reason;
use voe_trace::event::{Examination, Node, NodeKind};

use crate::rollout::RolloutResult;
use crate::search::{Search, node, record_of};
use crate::shared::SearchError;
use crate::{best_of, bst, cross, mcts, ralph};

impl Search {
    /// Runs the search, chooses a rollout, and adopts its patch.
    pub(crate) async fn run(&mut self) -> (Reason, Option<String>) {
        match self.go().await {
            Ok(reason) => (reason, self.error.take()),
            Err(error) => (Reason::Internal, Some(error.to_string())),
        }
    }

    async fn go(&mut self) -> Result<Reason, SearchError> {
        match self.keys.kind {
            SearchKind::Ralph => ralph::run(self).await?,
            SearchKind::BestOfN => best_of::run(self).await?,
            SearchKind::Bst => bst::run(self).await?,
            SearchKind::Mcts => mcts::run(self).await?,
        }
        let chosen = cross::choose(self).await?;
        if let Some((id, examination)) = &chosen {
            self.take_over(*id, examination).await?;
        }
        Ok(self.reason(chosen.map(|(id, _)| id)))
    }

    async fn take_over(&mut self, id: u32, examination: &Examination) -> Result<(), SearchError> {
        let Some(chosen) = self.rolled.get(&id) else { return Ok(()) };
        let (finish, kind) = (chosen.finish.clone(), chosen.kind);
        let trajectory = Some(record_of(id));
        let number = self.rolled.keys().last().copied().unwrap_or(0) + 1;
        let value = Some(voe_evidence::value::by_evidence(&finish));
        let step = finish.steps;
        let chosen = node(number, NodeKind::Choose);
        let choice = Some(examination.clone());
        self.record_node(Node { parent: Some(id), trajectory, step, value, choice, ..chosen })?;
        let files = self.shared.files(&finish.patch).await?;
        let text = format!("Attempt {id} ({kind}) was chosen: {}", examination.why);
        self.host.adopt_patch(files, &finish.evidence.checks, text).await?;
        Ok(())
    }

    /// Why the search ended: the chosen attempt's reason; a server's failure counts only if all attempts failed so.
    fn reason(&mut self, chosen: Option<u32>) -> Reason {
        if self.shared.stopped() {
            return Reason::Interrupted;
        }
        let failed = |rolled: &&RolloutResult| matches!(rolled.finish.reason, Reason::ModelError | Reason::Internal);
        if let Some(first) = self.rolled.values().find(failed).filter(|_| self.rolled.values().all(|r| failed(&r))) {
            self.error.clone_from(&first.finish.error);
            return first.finish.reason;
        }
        let any = self.rolled.values().find(|rolled| !failed(rolled));
        match chosen.and_then(|id| self.rolled.get(&id)).filter(|rolled| !failed(rolled)).or(any) {
            Some(rolled) => rolled.finish.reason,
            // Not even one attempt could begin.
            None => Reason::MaxSteps,
        }
    }
}
