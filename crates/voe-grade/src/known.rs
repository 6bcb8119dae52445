//! Tasks of SWE-bench Verified whose own solutions are known not to pass, with the reason: a failure there tells nothing
//! about an agent.

use std::fmt;

/// Where a task's solution is known not to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailsIn {
    /// Everywhere, also in the official harness.
    Official,
    /// Without containers.
    Native,
    /// Where tests have no network.
    Offline,
}

/// Why a task's solution is known not to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownReason {
    /// It fails in the official harness too.
    Fails,
    /// It fails now and then in the official harness too.
    Flaky,
    /// Tests access a public server.
    Internet(&'static str),
    /// Tests need an address that never answers; without a network the connection is refused immediately.
    NeverAnswers,
    /// Tests need packages that only conda has.
    CondaOnly(&'static str),
    /// The base needs a submodule, and checkouts have none.
    Submodule(&'static str),
    /// The solution changes what has to be installed.
    Requirements,
    /// Tests need a program of the system.
    Program(&'static str),
}

impl fmt::Display for KnownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fails => write!(f, "gold fails in the official harness, too"),
            Self::Flaky => write!(f, "gold fails now and then in the official harness, too"),
            Self::Internet(what) => write!(f, "its tests need the internet ({what})"),
            Self::NeverAnswers => write!(f, "its tests need an address that never answers, and so a network"),
            Self::CondaOnly(what) => write!(f, "its tests need packages that only conda has ({what})"),
            Self::Submodule(what) => write!(f, "its base needs the submodule {what}, and checkouts have no submodules"),
            Self::Requirements => {
                write!(f, "gold changes the requirements, which can't be installed without a network")
            }
            Self::Program(what) => write!(f, "its tests need the program {what} on this machine"),
        }
    }
}

/// A task whose solution is known not to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownFailure {
    /// The task.
    pub id: &'static str,
    /// Where it does not pass.
    pub place: FailsIn,
    /// Why it does not pass.
    pub reason: KnownReason,
}

const fn known(id: &'static str, place: FailsIn, reason: KnownReason) -> KnownFailure {
    KnownFailure { id, place, reason }
}

const HTTPBIN: KnownReason = KnownReason::Internet("httpbin.org");
const HELPERS: KnownReason = KnownReason::Submodule("astropy_helpers");
const CDMS2: KnownReason = KnownReason::CondaOnly("cdms2");

/// All of them, by id: reported by the authors of the official harness, or measured.
pub const KNOWN: [KnownFailure; 23] = [
    known("astropy__astropy-7166", FailsIn::Native, HELPERS),
    known("astropy__astropy-7336", FailsIn::Native, HELPERS),
    known("astropy__astropy-7606", FailsIn::Official, KnownReason::Fails),
    known("astropy__astropy-7671", FailsIn::Native, HELPERS),
    known("astropy__astropy-8707", FailsIn::Official, KnownReason::Fails),
    known("astropy__astropy-8872", FailsIn::Official, KnownReason::Fails),
    known("django__django-10097", FailsIn::Official, KnownReason::Fails),
    known("matplotlib__matplotlib-20488", FailsIn::Official, KnownReason::Fails),
    known("psf__requests-1724", FailsIn::Official, KnownReason::Flaky),
    known("psf__requests-1766", FailsIn::Offline, HTTPBIN),
    known("psf__requests-1921", FailsIn::Offline, HTTPBIN),
    known("psf__requests-2317", FailsIn::Offline, HTTPBIN),
    known("psf__requests-2931", FailsIn::Offline, KnownReason::NeverAnswers),
    known("psf__requests-5414", FailsIn::Offline, KnownReason::NeverAnswers),
    known("pydata__xarray-3305", FailsIn::Native, CDMS2),
    known("pydata__xarray-4695", FailsIn::Native, CDMS2),
    known("pydata__xarray-6992", FailsIn::Native, CDMS2),
    known("pylint-dev__pylint-4661", FailsIn::Offline, KnownReason::Requirements),
    known("pylint-dev__pylint-6528", FailsIn::Official, KnownReason::Fails),
    known("pylint-dev__pylint-7277", FailsIn::Official, KnownReason::Fails),
    known("sphinx-doc__sphinx-10614", FailsIn::Native, KnownReason::Program("dot, of graphviz")),
    known("sphinx-doc__sphinx-7985", FailsIn::Offline, KnownReason::Internet("linkcheck")),
    known("sympy__sympy-13091", FailsIn::Official, KnownReason::Flaky),
];

/// The entry of a task, wherever it runs.
pub fn of(id: &str) -> Option<&'static KnownFailure> {
    KNOWN.iter().find(|known| known.id == id)
}

/// How a task was graded, as far as known: entries for unknown conditions don't apply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Without containers.
    pub native: bool,
    /// Tests had no network.
    pub offline: bool,
}

/// The entry that applies to a task graded under these conditions.
pub fn here(id: &str, conditions: Conditions) -> Option<&'static KnownFailure> {
    of(id).filter(|known| match known.place {
        FailsIn::Official => true,
        FailsIn::Native => conditions.native,
        FailsIn::Offline => conditions.offline,
    })
}

impl fmt::Display for KnownFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.place {
            FailsIn::Official => "",
            FailsIn::Native => " (without containers)",
            FailsIn::Offline => " (without a network)",
        };
        write!(f, "{}{place}", self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_failures_depend_on_how_the_task_is_graded() {
        let known =
            |id: &str, native: bool, offline: bool| here(id, Conditions { native, offline }).map(ToString::to_string);
        let cdms2 = "its tests need packages that only conda has (cdms2) (without containers)";
        assert_eq!(known("pydata__xarray-4695", true, false).as_deref(), Some(cdms2));
        assert_eq!(known("pydata__xarray-4695", false, true), None);
        assert!(known("psf__requests-1766", false, true).is_some());
        assert_eq!(known("psf__requests-1766", true, false), None);
        assert!(known("django__django-10097", false, false).is_some());
        assert_eq!(known("django__django-11099", true, true), None);
        assert!(KNOWN.is_sorted_by_key(|known| known.id));
    }
}
