//! What becomes of an attempt, by why it ended: tried again? counted? as what? `docs/bench.md` has the same as a table.

use std::error::Error;
use std::io::ErrorKind;

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

/// Whether an error of voe's own came from a full disk or a used-up quota: then nothing else goes well either.
pub(crate) fn is_no_room(error: &(dyn Error + 'static)) -> bool {
    fn full(error: &(dyn Error + 'static)) -> bool {
        let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        matches!(kind, Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
    }
    full(error) || error.source().is_some_and(is_no_room)
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

    #[test]
    fn a_full_disk_is_found_wherever_it_stands_in_an_error() {
        let write = |kind| voe_trace::WriteError { path: "t".into(), source: std::io::Error::from(kind) };
        let attempt = |kind| voe_search::SearchError::from(voe_agent::AttemptError::from(write(kind)));
        assert!(is_no_room(&write(ErrorKind::StorageFull)) && is_no_room(&attempt(ErrorKind::QuotaExceeded)));
        // A message that mentions it is not one.
        let said = std::io::Error::other("No space left on device");
        assert!(!is_no_room(&attempt(ErrorKind::PermissionDenied)) && !is_no_room(&said));
    }
}
