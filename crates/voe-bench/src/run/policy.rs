//! Retry policy: whether an ended attempt is retried and whether it counts. `docs/bench.md` has the same as a table.

use std::error::Error;
use std::io::ErrorKind;

use serde::{Deserialize, Serialize};
use voe_trace::Reason;
use voe_trace::event::RetryKind;

use super::pace::LastError;

/// Default number of tries of an attempt that ends in a fault of the harness, the server or the machine.
pub const TRIES: u32 = 3;

/// What happens to an attempt that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// It counts: its patch, empty or not, is the arm's prediction.
    Counts,
    /// It was not the model's fault, and it is retried from the start while tries are left; then it is a fault: no
    /// prediction is made, and it is reported separately.
    Again,
    /// As before, and another try would end the same way: none is made.
    Fault,
    /// As before, and every other attempt would end the same way: the run stops and reports why.
    Stops,
}

/// The disposition of an attempt that ended for `reason`. `last`: the last error of the model, if there was one.
pub fn disposition(reason: Reason, last: Option<&LastError>) -> Disposition {
    match reason {
        Reason::Completed
        | Reason::MaxSteps
        | Reason::MaxTokens
        | Reason::MaxWall
        | Reason::Context
        | Reason::Stuck => Disposition::Counts,
        Reason::Interrupted | Reason::Internal => Disposition::Again,
        Reason::ModelError => match last {
            Some(error)
                if matches!(error.kind, RetryKind::Auth | RetryKind::NotFound | RetryKind::Gone | RetryKind::Setup) =>
            {
                Disposition::Stops
            }
            Some(error) if !error.transient => Disposition::Fault,
            _ => Disposition::Again,
        },
    }
}

/// Whether an error of voe's own came from a full disk or an exhausted quota: then nothing else can work either.
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
            assert_eq!(disposition(reason, None), Disposition::Counts);
        }
        let error = |kind, transient| Some(LastError { kind, transient });
        assert_eq!(disposition(Reason::ModelError, error(RetryKind::Overloaded, true).as_ref()), Disposition::Again);
        assert_eq!(disposition(Reason::ModelError, error(RetryKind::BadRequest, false).as_ref()), Disposition::Fault);
        assert_eq!(disposition(Reason::ModelError, error(RetryKind::Auth, false).as_ref()), Disposition::Stops);
        assert_eq!(disposition(Reason::Internal, None), Disposition::Again);
    }

    #[test]
    fn a_full_disk_is_found_wherever_it_stands_in_an_error() {
        let write = |kind| voe_trace::WriteError { path: "t".into(), source: std::io::Error::from(kind) };
        let attempt = |kind| voe_search::SearchError::from(voe_agent::AttemptError::from(write(kind)));
        assert!(is_no_room(&write(ErrorKind::StorageFull)) && is_no_room(&attempt(ErrorKind::QuotaExceeded)));
        // A message that mentions it is not such an error.
        let said = std::io::Error::other("No space left on device");
        assert!(!is_no_room(&attempt(ErrorKind::PermissionDenied)) && !is_no_room(&said));
    }
}
