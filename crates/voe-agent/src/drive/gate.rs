//! The gate: whether "done" is accepted, and what the model is answered if not.

use voe_trace::{Event, Level};

use super::Loop;
use crate::attempt::End;
use crate::facts::short;
use crate::prompt::HARNESS;
use voe_evidence::Require;

impl Loop {
    /// The model says that it is done. `None`: so it is; else what the model is told.
    pub(crate) async fn gate(&mut self) -> Result<Option<String>, End> {
        self.session.hear_counterfactuals().await?;
        if self.session.strategy.gate.require != Require::Nothing && self.session.log.ledger.edited() {
            let fact = self.session.users_check_if_due().await?;
            self.session.untold.extend(fact.filter(|_| self.session.tells()));
        }
        let step = self.session.log.conversation.step;
        let level = self.session.log.ledger.level();
        let require = self.session.strategy.gate.require;
        // Once evidence is void, nothing that the model could do would change that.
        let accepted = self.session.log.ledger.void().is_some() || require.accepts(level);
        if accepted || self.session.log.counters.refusals >= self.session.strategy.gate.refusals {
            return Ok(None);
        }
        let mut parts = std::mem::take(&mut self.session.untold);
        parts.push(format!("{HARNESS} {}", self.refusal(level)));
        let text = parts.join("\n\n");
        self.session.log.write(Event::Gate { step, accepted: false, level, text: text.clone() })?;
        Ok(Some(text))
    }

    /// Why the gate does not hold yet, and the way out.
    fn refusal(&self, level: Level) -> String {
        let ledger = &self.session.log.ledger;
        let marker = &self.session.strategy.done.marker;
        if !ledger.edited() {
            return format!("Not yet: the source is unchanged. If nothing is to be changed, answer {marker} again.");
        }
        if let Some(broken) = ledger.regression() {
            return format!(
                "Not yet: `{}` passes without your changes and fails with them. Mend that, run it again, then answer {marker}.",
                short(&broken.command)
            );
        }
        let state = match level {
            Level::None => "nothing was run since your last edit".to_owned(),
            Level::Refuted => "the checks that were run since your last edit failed".to_owned(),
            Level::Vacuous => "the checks that passed pass without your changes too, so they show nothing".to_owned(),
            Level::Inconclusive => {
                "the checks that passed could not run without your changes, so they show nothing".to_owned()
            }
            Level::Ran | Level::Proven => {
                "no check was seen to fail without your changes and pass with them".to_owned()
            }
        };
        match self.session.strategy.gate.require {
            Require::Proven => format!(
                "Not yet: {state}. Write a script in /tmp that shows the problem from the statement (it must fail on the old \
                 code and pass on the new) and run it; voe runs it on a copy without your changes by itself. If the problem \
                 can't be shown by a command, answer {marker} again."
            ),
            _ => format!("Not yet: {state}. Run a check of your change, then answer {marker}."),
        }
    }
}
