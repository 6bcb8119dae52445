//! One attempt or a search: the common entry point.

use voe_agent::{Attempt, AttemptPlan, EndedAttempt, Observer};
use voe_protocol::{FileState, RawBytes};
use voe_trace::event::{Finish, ResumedFrom};
use voe_trace::{Reason, Record, Writer};

use crate::search::Search;
use crate::shared::SearchError;

/// The work of a strategy on a task: one attempt, or several as one. Either way there is one record, one patch and one end.
pub enum Work {
    /// One attempt.
    One(Box<Attempt>),
    /// Several.
    Several(Box<Search>),
}

impl Work {
    /// Starts the tools and writes the beginning of the record.
    ///
    /// # Errors
    /// The record can't be written, the workspace can't be reached, or a strategy that a search names can't be loaded.
    pub async fn start(plan: AttemptPlan, writer: Writer, observer: Box<dyn Observer>) -> Result<Self, SearchError> {
        match plan.strategy.search.clone() {
            None => Ok(Self::One(Box::new(Attempt::start(plan, writer, observer).await?))),
            Some(keys) => Ok(Self::Several(Box::new(Search::open(plan, keys, writer, observer, &[]).await?))),
        }
    }

    /// Resumes from `records`, the content of `writer`'s file. For one attempt, `files` brings the workspace in `plan` to the state
    /// that they describe; a search finds its attempts next to its record.
    ///
    /// # Errors
    /// As with [`Work::start`].
    pub async fn resume(
        plan: AttemptPlan,
        writer: Writer,
        observer: Box<dyn Observer>,
        records: &[Record],
        files: Vec<(RawBytes, Option<FileState>)>,
        from: ResumedFrom,
    ) -> Result<Self, SearchError> {
        match plan.strategy.search.clone() {
            None => {
                let attempt = Attempt::resume(plan, writer, observer, records, files, from).await?;
                Ok(Self::One(Box::new(attempt)))
            }
            Some(keys) => Ok(Self::Several(Box::new(Search::open(plan, keys, writer, observer, records).await?))),
        }
    }

    /// Runs to the end and returns the reason. [`Work::finish`] comes next.
    pub async fn run(&mut self) -> (Reason, Option<String>) {
        match self {
            Self::One(attempt) => attempt.run().await,
            Self::Several(search) => search.run().await,
        }
    }

    /// Whether edits land in the user's own tree.
    pub fn in_place(&self) -> bool {
        match self {
            Self::One(attempt) => attempt.in_place(),
            Self::Several(search) => search.host.in_place(),
        }
    }

    /// Settles the evidence, takes the patch, and returns the finish event for the caller to complete.
    ///
    /// # Errors
    /// The record can't be written, or the workspace can't be reached.
    pub async fn finish(
        &mut self,
        reason: Reason,
        error: Option<String>,
        trajectory: String,
    ) -> Result<EndedAttempt, SearchError> {
        match self {
            Self::One(attempt) => Ok(attempt.finish(reason, error, trajectory).await?),
            Self::Several(search) => {
                let mut ended = search.host.finish(reason, error, trajectory).await?;
                let (steps, usage, seconds) = search.totals();
                let own = ended.finish.seconds;
                ended.finish.steps = steps;
                ended.finish.usage = usage;
                ended.finish.seconds = voe_trace::event::Seconds { tools: seconds.tools + own.tools, ..seconds };
                Ok(ended)
            }
        }
    }

    /// Writes the end of the record.
    ///
    /// # Errors
    /// The record can't be written, or the sandbox can't be closed.
    pub async fn close(self, finish: Finish) -> Result<(), SearchError> {
        match self {
            Self::One(attempt) => attempt.close(finish).await?,
            Self::Several(search) => search.close(finish).await?,
        }
        Ok(())
    }
}
