//! Tasks of a run whose gold patch is known not to pass where the run is graded.

use voe_grade::known::{self, Conditions};
pub use voe_grade::known::{Known, of};

use crate::run::place::{Backend, Place};

/// Why a task's gold patch is known not to pass there.
pub fn here(id: &str, place: &Place, network: bool) -> Option<&'static Known> {
    known::here(id, Conditions { native: place.backend == Backend::Native, offline: !network })
}

#[cfg(test)]
mod tests {
    use voe_sandbox::Choice;

    use super::*;
    use crate::run::place::Bounds;

    #[test]
    fn what_is_known_depends_on_where_the_task_runs() {
        let (native, docker) = (Choice::Local, Choice::Docker);
        let known = |id: &str, sandbox: Choice, network: bool| {
            let backend = Backend::of(sandbox);
            let place = Place {
                backend,
                sandbox,
                network: false,
                image: None,
                repos: None,
                environments: None,
                read: Vec::new(),
                env: Vec::new(),
                limits: Bounds::default(),
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
