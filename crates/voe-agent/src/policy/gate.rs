//! The gate: whether "done" is accepted, and what the model gets as the reason if not. After some refusals it accepts: not every problem
//! can be shown by a command.

use voe_evidence::Require;
use voe_trace::Level;

use super::{Policy, PolicyAction, PolicyView};
use crate::facts::short;
use crate::prompt::HARNESS;

pub(super) struct GatePolicy;

impl Policy for GatePolicy {
    fn on_done(&self, view: PolicyView<'_>) -> Vec<PolicyAction> {
        let (keys, ledger) = (&view.strategy.gate, &view.log.ledger);
        let level = ledger.level();
        // Once evidence is void, the model can't change that.
        let accepted = ledger.void().is_some() || ledger.accepted(keys.require);
        if accepted || view.log.counters.refusals >= keys.refusals {
            return Vec::new();
        }
        vec![PolicyAction::Refuse(format!("{HARNESS} {}", refusal(view, level)))]
    }
}

/// Why "done" is not accepted yet, and what to do.
fn refusal(view: PolicyView<'_>, level: Level) -> String {
    let ledger = &view.log.ledger;
    let marker = &view.strategy.done.marker;
    if !ledger.edited() {
        return format!("Not yet: the source is unchanged. If nothing is to be changed, answer {marker} again.");
    }
    if let Some(broken) = ledger.regression() {
        return format!(
            "Not yet: `{}` passes without your changes and fails with them. Fix that, run it again, then answer {marker}.",
            short(&broken.command)
        );
    }
    let state = match level {
        Level::None => "nothing was run since your last edit".to_owned(),
        Level::Refuted => "the checks that were run since your last edit failed".to_owned(),
        Level::Vacuous => "the checks that passed pass without your changes too, so they show nothing".to_owned(),
        Level::Kept => {
            "the repository's own tests pass without your changes too, so they show no problem solved".to_owned()
        }
        Level::Inconclusive => {
            "the checks that passed could not run without your changes, so they show nothing".to_owned()
        }
        Level::Ran | Level::Proven => "no check was seen to fail without your changes and pass with them".to_owned(),
    };
    match view.strategy.gate.require {
        Require::Proven => format!(
            "Not yet: {state}. Write a script in /tmp that shows the problem from the statement (it must fail on the old \
             code and pass on the new) and run it; voe also runs it on a copy without your changes. If the problem \
             can't be shown by a command, answer {marker} again."
        ),
        _ => format!("Not yet: {state}. Run a check of your change, then answer {marker}."),
    }
}
