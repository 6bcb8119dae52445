//! A reader with a clean context compares the patch with the statement: it knows nothing about how the patch was made.

use voe_trace::Message;

use super::{Verdict, VerifyOutcome, verdict};
use crate::end::LoopEnd;
use crate::prompt::cut;
use crate::session::Session;

/// Characters of the patch that are shown.
const PATCH: usize = 40_000;

const QUESTION: &str = "You are given a statement of what is to be changed in a program, and a patch. Decide whether the patch does what the \
                        statement asks for: everything it asks for, and nothing that contradicts it. Take the statement's demands one \
                        by one and find the lines that meet each. Judge what the code does, not how it is written; leave aside what \
                        can't be seen from the patch. Fail it if a demand is not met or an example of the statement would come out \
                        wrong.";

pub(super) async fn run(session: &mut Session) -> Result<VerifyOutcome, LoopEnd> {
    let own = session.strategy.verify.text.trim();
    let system = format!("{}\n\n{}", if own.is_empty() { QUESTION } else { own }, verdict::FORM);
    let (patch, _) = session.workspace.patch().await?;
    let user = format!(
        "The statement:\n\n{}\n\nThe patch:\n\n```diff\n{}\n```",
        session.task.statement.trim(),
        cut(patch.text.trim_end(), PATCH)
    );
    let verdict = match session.request(Some(&[Message::system(system), Message::user(user)])).await? {
        Ok(reply) => Verdict { usage: reply.usage, seconds: reply.seconds, ..verdict::read(&reply.message.content) },
        Err(error) => Verdict::new(None, format!("The question could not be asked: {error}")),
    };
    Ok(verdict.into())
}
