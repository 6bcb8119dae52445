//! A command, end to end: the strategy's, or else the user's check.

use super::{Verdict, VerifyOutcome};
use crate::end::LoopEnd;
use crate::facts::short;
use crate::session::Session;

pub(super) async fn run(session: &mut Session) -> Result<VerifyOutcome, LoopEnd> {
    let own = session.strategy.verify.text.trim();
    let command = if own.is_empty() { session.task.check.clone() } else { Some(own.to_owned()) };
    let Some(command) = command else {
        return Ok(Verdict::new(None, "There is no command: give one as verify.text or with --check.").into());
    };
    let Some(check) = session.check_with_and_without(&command).await? else {
        return Ok(Verdict::new(None, "The command could not be run.").into());
    };
    let how = &check.with;
    let verdict = match check.with.exit_code() {
        Some(0) => Verdict::new(Some(true), format!("`{}`: {how}.", short(&command))),
        _ => Verdict::new(
            Some(false),
            format!("`{}`: {how}. Its output ends with:\n{}", short(&command), check.with.tail),
        ),
    };
    Ok(verdict.into())
}
