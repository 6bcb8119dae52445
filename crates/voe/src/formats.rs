//! The formats that have a JSON Schema.

/// A format that has a JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// One line of a record, and of what `fix`, `demo` and `replay` print with --json
    Trajectory,
    /// A strategy file, once its TOML is read
    Strategy,
    /// An experiment file, once its TOML is read
    Experiment,
    /// `prove --format json`
    Prove,
    /// `doctor --json`
    Doctor,
    /// `config --json`
    Config,
    /// `report --format json`
    Report,
    /// `compare --json`
    Compare,
    /// `power --json`
    Power,
    /// One line of `bench run --json`
    BenchRun,
    /// One line of `bench prepare --json`
    BenchPrepare,
    /// `bench status --json`
    BenchStatus,
    /// One line of `bench grade --json`
    BenchGrade,
    /// `bench tasks --json`
    BenchTasks,
    /// `bench show --json`
    BenchShow,
    /// `bench prune --json`
    BenchPrune,
}
