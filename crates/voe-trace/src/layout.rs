//! The names of files and directories in an attempt's directory and in a run's. docs/bench.md describes a run directory.

/// An attempt's record.
pub const TRAJECTORY: &str = "trajectory.jsonl";

/// An attempt's patch, once it has ended.
pub const PATCH: &str = "patch.diff";

/// The attempts of a search, next to its own record.
pub const ATTEMPTS: &str = "attempts";

/// A run's configuration, resolved.
pub const RUN: &str = "run.toml";

/// The rows of a run's tasks.
pub const SUITE: &str = "suite.jsonl";

/// A run's attempts, in directories `<task>/<arm>-<trial>`.
pub const TASKS: &str = "tasks";

/// Tries of an attempt that ended with an infrastructure error.
pub const FAULTS: &str = "faults.jsonl";

/// A run's predictions, in files `<arm>-<trial>.jsonl`.
pub const PREDICTIONS: &str = "predictions";

/// A run's grades.
pub const GRADES: &str = "grades";

/// The official files of a run's grades, in [`GRADES`].
pub const OFFICIAL: &str = "official";
