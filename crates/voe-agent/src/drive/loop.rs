//! The loop of a coding agent: ask the model, run the calls in its reply, answer, until it is done or a limit is hit.

use std::sync::Arc;

use voe_evidence::Require;
use voe_trace::event::{MessageOrigin, NudgeKind, RecordedReply};
use voe_trace::{Event, Message, Reason};

use crate::done;
use crate::end::LoopEnd;
use crate::policy::{self, Policy, PolicyAction, PolicyView};
use crate::prompt::{self, HARNESS};
use crate::record::history::VerifyPoint;
use crate::session::Session;

/// An attempt driven by the model.
pub(crate) struct Loop {
    pub(crate) session: Session,
    /// Parts of the user message that follows the step.
    pub(crate) after_step: Vec<String>,
    /// A verification that a call of this step asked for.
    pub(crate) verify_due: Option<VerifyPoint>,
    policies: Vec<Arc<dyn Policy>>,
}

impl Loop {
    pub(crate) fn new(session: Session) -> Self {
        Self { session, after_step: Vec::new(), verify_due: None, policies: policy::all() }
    }

    /// Runs to the end.
    pub(crate) async fn run(&mut self) -> LoopEnd {
        loop {
            let ended = match self.step().await {
                Ok(()) => self.session.end_step(None).map_err(LoopEnd::Failed),
                end => end,
            };
            if let Err(end) = ended {
                return end;
            }
        }
    }

    /// One step: a reply, its calls, and the messages that follow.
    pub(crate) async fn step(&mut self) -> Result<(), LoopEnd> {
        self.session.check_limits()?;
        self.session.make_room().await?;
        let reply = self.session.ask().await?;
        if let Some(point) = self.session.log.history.review()
            && self.reviewed(point, &reply).await?
        {
            return Ok(());
        }
        let calls = reply.message.tool_calls.clone();
        if calls.is_empty() {
            return self.without_call(&reply).await;
        }
        for call in &calls {
            self.call(call).await?;
        }
        if let Some(malformed) = reply.malformed {
            self.after_step.push(format!("{HARNESS} {malformed}"));
        }
        for policy in self.policies() {
            for action in policy.after_step(self.view()) {
                if let PolicyAction::Verify(point) = action {
                    self.verify_due.get_or_insert(point);
                }
            }
        }
        match self.verify_due.take() {
            Some(point) => self.verify(point).await,
            None => self.say_after_step(MessageOrigin::Nudge),
        }
    }

    /// The model declares that it is done. `None`: accepted; else the refusal that it gets.
    pub(crate) async fn done(&mut self) -> Result<Option<String>, LoopEnd> {
        self.session.collect_counterfactuals().await?;
        if self.session.strategy.gate.require != Require::Nothing && self.session.log.ledger.edited() {
            let fact = self.session.users_check_if_due().await?;
            self.session.pending_facts.extend(fact.filter(|_| self.session.tells()));
        }
        let mut refusal = self.refusal();
        if refusal.is_none() && self.session.own_tests_due() {
            let broken = self.session.own_tests_at_gate().await?;
            if self.session.tells() {
                self.session.pending_facts.extend(broken);
            }
            refusal = self.refusal();
        }
        let Some(refusal) = refusal else { return Ok(None) };
        let (step, level) = (self.session.log.conversation.step, self.session.log.ledger.level());
        let mut parts = std::mem::take(&mut self.session.pending_facts);
        parts.push(refusal);
        let text = parts.join("\n\n");
        self.session.log.write(Event::Gate { step, accepted: false, level, text: text.clone() })?;
        Ok(Some(text))
    }

    /// The first refusal of a policy, if there is one.
    fn refusal(&self) -> Option<String> {
        let actions = self.policies().flat_map(|policy| policy.on_done(self.view()));
        actions.into_iter().find_map(|action| match action {
            PolicyAction::Refuse(refusal) => Some(refusal),
            _ => None,
        })
    }

    /// The policies, in the order in which they are asked.
    pub(crate) fn policies(&self) -> impl Iterator<Item = Arc<dyn Policy>> + use<> {
        self.policies.clone().into_iter()
    }

    /// The view that policies get.
    pub(crate) fn view(&self) -> PolicyView<'_> {
        let Session { task, strategy, log, .. } = &self.session;
        PolicyView { task, strategy, log }
    }

    /// A reply without a call: the end, a call that could not be read, or an oversight.
    async fn without_call(&mut self, reply: &RecordedReply) -> Result<(), LoopEnd> {
        if reply.malformed.is_none() && done::declares_done(&reply.message.content, &self.session.strategy.done) {
            return match self.done().await? {
                None => self.verify(VerifyPoint::End).await,
                Some(refusal) => Ok(self.session.say(MessageOrigin::Gate, Message::user(refusal))?),
            };
        }
        if self.session.strategy.compaction.after_cut && self.session.log.counters.cut_off {
            return Ok(());
        }
        let most = self.session.strategy.done.reminders;
        if most > 0 && self.session.log.counters.idle + 1 >= most {
            return Err(LoopEnd::Reason(Reason::Stuck));
        }
        let (origin, text) = match &reply.malformed {
            Some(malformed) => (MessageOrigin::Malformed, format!("{HARNESS} {malformed}")),
            None => (MessageOrigin::Reminder, prompt::reminder(&self.session.strategy, &self.session.task)),
        };
        self.session.log.write(Event::Nudge { step: reply.step, kind: NudgeKind::Reminder, text: text.clone() })?;
        Ok(self.session.say(origin, Message::user(text))?)
    }
}
