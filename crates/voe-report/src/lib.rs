//! Reports, comparisons and the viewer: folds of trajectories and grades.
//!
//! - [`stats`]: intervals, tests, power

pub mod stats;
