//! What follows a verification that failed: the failure goes back to the model, in the same context, a shortened one or a new one.

use voe_trace::Event;
use voe_trace::event::NudgeKind;

use super::Loop;
use crate::attempt::End;
use crate::prompt::HARNESS;
use crate::record::trail::Moment;
use crate::strategy::RecoverHow;

impl Loop {
    /// Goes on after a failed verification. What is left in `after_step` is yet to be said.
    pub(crate) async fn recover(&mut self, moment: Moment, failure: &str) -> Result<(), End> {
        let next = match moment {
            Moment::Part => "Mend this before you go on.",
            Moment::End => "Mend this and check it; then say again that you are done.",
        };
        let method = self.session.strategy.verify.method.word();
        self.after_step.append(&mut self.session.untold);
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
