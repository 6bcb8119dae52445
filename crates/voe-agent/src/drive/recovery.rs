//! Recovery from a failed verification: the failure is reported to the model in the same context, a compacted one or a new one.

use voe_trace::Event;
use voe_trace::event::NudgeKind;

use super::Loop;
use crate::end::LoopEnd;
use crate::prompt::HARNESS;
use crate::record::history::VerifyPoint;
use crate::strategy::RecoverHow;

impl Loop {
    /// Continues after a failed verification. What is left in `after_step` is not sent yet.
    pub(crate) async fn recover(&mut self, point: VerifyPoint, failure: &str) -> Result<(), LoopEnd> {
        let next = match point {
            VerifyPoint::Part => "Fix this before you continue.",
            VerifyPoint::End => "Fix this and check it; then say again that you are done.",
        };
        let method = self.session.strategy.verify.method.word();
        self.after_step.append(&mut self.session.pending_facts);
        self.after_step.push(format!("{HARNESS} Verification ({method}) failed:\n{failure}\n\n{next}"));
        let text = self.after_step.join("\n\n");
        let step = self.session.log.conversation.step;
        self.session.log.write(Event::Nudge { step, kind: NudgeKind::Recovery, text: text.clone() })?;
        match self.session.strategy.recovery.how {
            RecoverHow::Retry => return Ok(()),
            RecoverHow::Compact => self.session.summarise_all(&text).await?,
            RecoverHow::Fresh => self.session.begin_afresh(&text).await?,
        }
        self.after_step.clear();
        Ok(())
    }
}
