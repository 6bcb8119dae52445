//! The repository's own tests that touch the changed files, run by voe, against the same tests on the code as it was.

use voe_proof::own_tests::{Commands, judge};

use super::{Verdict, VerifyOutcome};
use crate::end::LoopEnd;
use crate::session::Session;

pub(super) async fn run(session: &mut Session) -> Result<VerifyOutcome, LoopEnd> {
    let commands = match session.workspace.own_tests().await? {
        Commands::Found(commands) => commands,
        Commands::Died(why) => {
            return Ok(Verdict::new(None, format!("The tests could not be looked for: {why}")).into());
        }
    };
    if commands.is_empty() {
        return Ok(Verdict::new(None, "No tests of the repository's own were found for the changed files.").into());
    }
    let mut checks = Vec::new();
    for command in commands {
        checks.extend(session.check_with_and_without(&command).await?);
    }
    let found = judge(&checks);
    Ok(Verdict::new(found.passed, found.text).into())
}
