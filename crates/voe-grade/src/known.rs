//! Tasks of SWE-bench Verified whose own solutions are known not to pass, with the reason: what fails there says nothing about
//! an agent.

use std::fmt;

/// Where a task's solution is known not to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// Everywhere, also in the official harness.
    Official,
    /// Without containers.
    Native,
    /// Where tests have no network.
    Offline,
}

/// Why a task's solution is known not to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It does not in the official harness either.
    Fails,
    /// It fails now and then in the official harness, too.
    Wavers,
    /// Tests ask a public server.
    Internet(&'static str),
    /// Tests need an address that never answers; without a network it is refused at once.
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

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fails => write!(f, "gold fails in the official harness, too"),
            Self::Wavers => write!(f, "gold fails now and then in the official harness, too"),
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
pub struct Known {
    /// The task.
    pub id: &'static str,
    /// Where it does not pass.
    pub place: Where,
    /// Why it does not pass.
    pub reason: Reason,
}

const fn known(id: &'static str, place: Where, reason: Reason) -> Known {
    Known { id, place, reason }
}

const HTTPBIN: Reason = Reason::Internet("httpbin.org");
const HELPERS: Reason = Reason::Submodule("astropy_helpers");
const CDMS2: Reason = Reason::CondaOnly("cdms2");

/// All of them, by id; what the official harness's authors say, and what was measured.
pub const KNOWN: [Known; 23] = [
    known("astropy__astropy-7166", Where::Native, HELPERS),
    known("astropy__astropy-7336", Where::Native, HELPERS),
    known("astropy__astropy-7606", Where::Official, Reason::Fails),
    known("astropy__astropy-7671", Where::Native, HELPERS),
    known("astropy__astropy-8707", Where::Official, Reason::Fails),
    known("astropy__astropy-8872", Where::Official, Reason::Fails),
    known("django__django-10097", Where::Official, Reason::Fails),
    known("matplotlib__matplotlib-20488", Where::Official, Reason::Fails),
    known("psf__requests-1724", Where::Official, Reason::Wavers),
    known("psf__requests-1766", Where::Offline, HTTPBIN),
    known("psf__requests-1921", Where::Offline, HTTPBIN),
    known("psf__requests-2317", Where::Offline, HTTPBIN),
    known("psf__requests-2931", Where::Offline, Reason::NeverAnswers),
    known("psf__requests-5414", Where::Offline, Reason::NeverAnswers),
    known("pydata__xarray-3305", Where::Native, CDMS2),
    known("pydata__xarray-4695", Where::Native, CDMS2),
    known("pydata__xarray-6992", Where::Native, CDMS2),
    known("pylint-dev__pylint-4661", Where::Offline, Reason::Requirements),
    known("pylint-dev__pylint-6528", Where::Official, Reason::Fails),
    known("pylint-dev__pylint-7277", Where::Official, Reason::Fails),
    known("sphinx-doc__sphinx-10614", Where::Native, Reason::Program("dot, of graphviz")),
    known("sphinx-doc__sphinx-7985", Where::Offline, Reason::Internet("linkcheck")),
    known("sympy__sympy-13091", Where::Official, Reason::Wavers),
];

/// What is known of a task, wherever it runs.
pub fn of(id: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.id == id)
}

/// How a task was graded, as far as it is known: the list tells of less where nothing is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Without containers.
    pub native: bool,
    /// Tests had no network.
    pub offline: bool,
}

/// What is known of a task that is graded so.
pub fn here(id: &str, conditions: Conditions) -> Option<&'static Known> {
    of(id).filter(|known| match known.place {
        Where::Official => true,
        Where::Native => conditions.native,
        Where::Offline => conditions.offline,
    })
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.place {
            Where::Official => "",
            Where::Native => " (without containers)",
            Where::Offline => " (without a network)",
        };
        write!(f, "{}{place}", self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_depends_on_how_the_task_is_graded() {
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
