//! Tasks of a run whose gold patch is known not to pass where the run is graded.

use voe_grade::known::{self, Conditions};
pub use voe_grade::known::{KnownFailure, of};

use crate::run::place::{PlaceBackend, PlaceRecord};

/// Why a task's gold patch is known not to pass there.
pub fn here(id: &str, place: &PlaceRecord, network: bool) -> Option<&'static KnownFailure> {
    known::here(id, Conditions { native: place.backend == PlaceBackend::Native, offline: !network })
}

#[cfg(test)]
mod tests {
    use voe_sandbox::BackendChoice;

    use super::*;
    use crate::run::place::CommandLimits;

    #[test]
    fn what_is_known_depends_on_where_the_task_runs() {
        let (native, docker) = (BackendChoice::Local, BackendChoice::Docker);
        let known = |id: &str, sandbox: BackendChoice, network: bool| {
            let backend = PlaceBackend::of(sandbox);
            let place = PlaceRecord {
                backend,
                sandbox,
                network: false,
                image: None,
                repos: None,
                environments: None,
                read: Vec::new(),
                env: Vec::new(),
                limits: CommandLimits::default(),
            };
            here(id, &place, network).map(ToString::to_string)
        };
        let cdms2 = "its tests need packages that only conda has (cdms2) (without containers)";
        assert_eq!(known("pydata__xarray-4695", native, true).as_deref(), Some(cdms2));
        assert_eq!(known("pydata__xarray-4695", docker, false), None);
        assert!(known("psf__requests-1766", docker, false).is_some());
        assert_eq!(known("psf__requests-1766", native, true), None);
        assert!(known("django__django-10097", docker, true).is_some());
        assert_eq!(known("django__django-11099", native, false), None);
    }
}
