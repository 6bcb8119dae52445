//! What becomes of an attempt, by why it ended: tried again? counted? as what? `docs/bench.md` has the same as a table.

use serde::{Deserialize, Serialize};
use voe_trace::Reason;
use voe_trace::event::RetryKind;

use super::pace::LastError;

/// Tries of an attempt that ends by a fault of the harness's, the server's or the machine's, unless told otherwise.
pub const TRIES: u32 = 3;

/// What becomes of an attempt that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It counts: its patch, empty or not, is the arm's prediction.
    Counts,
    /// It was no fault of the model's, and it is tried again from the start while tries are left; then it is a fault: no
    /// prediction is made of it, and it is reported apart.
    Again,
    /// As before, and another try would end the same way: none is made.
    Fault,
    /// As before, and every other attempt would end the same way: the run stops and says why.
    Stops,
}

/// The fate of an attempt that ended for `reason`. `last`: the last error of the model, where there was one.
pub fn fate(reason: Reason, last: Option<&LastError>) -> Fate {
    match reason {
        Reason::Completed
        | Reason::MaxSteps
        | Reason::MaxTokens
        | Reason::MaxWall
        | Reason::Context
        | Reason::Stuck => Fate::Counts,
        Reason::Interrupted | Reason::Internal => Fate::Again,
        Reason::ModelError => match last {
            Some(error)
                if matches!(error.kind, RetryKind::Auth | RetryKind::NotFound | RetryKind::Gone | RetryKind::Setup) =>
            {
                Fate::Stops
            }
            Some(error) if !error.transient => Fate::Fault,
            _ => Fate::Again,
        },
    }
}

/// Whether an error of voe's own says that the disk is full: then nothing else goes well either.
pub(crate) fn disk_full(error: &str) -> bool {
    error.contains("No space left on device") || error.contains("os error 28") || error.contains("Disk quota exceeded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_the_models_own_word_count_and_faults_of_others_do_not() {
        for reason in [Reason::Completed, Reason::MaxSteps, Reason::MaxWall, Reason::Context, Reason::Stuck] {
            assert_eq!(fate(reason, None), Fate::Counts);
        }
        let error = |kind, transient| Some(LastError { kind, transient });
        assert_eq!(fate(Reason::ModelError, error(RetryKind::Overloaded, true).as_ref()), Fate::Again);
        assert_eq!(fate(Reason::ModelError, error(RetryKind::BadRequest, false).as_ref()), Fate::Fault);
        assert_eq!(fate(Reason::ModelError, error(RetryKind::Auth, false).as_ref()), Fate::Stops);
        assert_eq!(fate(Reason::Internal, None), Fate::Again);
    }
}
