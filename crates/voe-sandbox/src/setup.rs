//! The steps in which the helper builds the isolation, and their errors.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of step in building the isolation. The remedy for a failure depends on it, and not on any text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetupStep {
    /// Leaving the host's user namespace.
    UserNamespace,
    /// Leaving the other namespaces, or entering new ones.
    Namespaces,
    /// Building the file system inside.
    Mounts,
    /// Mounting an overlay.
    Overlay,
    /// Mounting `/proc`.
    Proc,
    /// The network interface.
    Network,
    /// Joining control groups and setting resource limits.
    Limits,
    /// Giving up privileges.
    Privileges,
    /// The Landlock rules.
    Landlock,
    /// The filter of system calls.
    Seccomp,
    /// Starting and watching processes, and exchanging messages with them.
    Processes,
}

/// A step that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SetupFailure {
    /// The kind of step.
    pub(crate) step: SetupStep,
    /// The action, for people ("overlay on /work").
    pub(crate) what: String,
    /// The reason, for people, in one line.
    pub(crate) error: String,
    /// The kernel's error number, if there was one.
    pub(crate) errno: Option<i32>,
}

impl SetupFailure {
    /// A step that failed without an error of the kernel.
    pub(crate) fn new(step: SetupStep, what: impl Into<String>, error: impl fmt::Display) -> Self {
        Self { step, what: what.into(), error: error.to_string(), errno: None }
    }

    /// Whether the kernel denied permission.
    pub(crate) fn is_denied(&self) -> bool {
        let denied = [rustix::io::Errno::PERM, rustix::io::Errno::ACCESS].map(rustix::io::Errno::raw_os_error);
        self.errno.is_some_and(|errno| denied.contains(&errno))
    }
}

impl fmt::Display for SetupFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.error)
    }
}

/// The result of a step.
pub(crate) type SetupResult<T = ()> = Result<T, SetupFailure>;

/// Names the step in which an error occurred.
pub(crate) trait InStep<T> {
    /// `what`: the action, for people.
    fn step(self, step: SetupStep, what: impl FnOnce() -> String) -> SetupResult<T>;
}

impl<T, E: SetupCause> InStep<T> for Result<T, E> {
    fn step(self, step: SetupStep, what: impl FnOnce() -> String) -> SetupResult<T> {
        self.map_err(|error| SetupFailure { step, what: what(), errno: error.errno(), error: error.to_string() })
    }
}

/// An error in a step.
pub(crate) trait SetupCause: fmt::Display {
    /// The kernel's error number.
    fn errno(&self) -> Option<i32>;
}

impl SetupCause for std::io::Error {
    fn errno(&self) -> Option<i32> {
        self.raw_os_error()
    }
}

impl SetupCause for rustix::io::Errno {
    fn errno(&self) -> Option<i32> {
        Some(self.raw_os_error())
    }
}

impl SetupCause for landlock::RulesetError {
    fn errno(&self) -> Option<i32> {
        None
    }
}
