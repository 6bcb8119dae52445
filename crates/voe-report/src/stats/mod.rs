//! The statistics of paired experiments. Formulas and their sources are in `docs/statistics.md`.
//!
//! - [`proportion`]: the Wilson interval of one rate
//! - [`paired`]: exact McNemar and the Tango interval of a paired difference
//! - [`power`]: power of a planned paired experiment
//! - [`bootstrap`]: resamples tasks by repository, for several trials
//! - [`trials`]: spread between trials, pass@k, pass^k
//! - [`multiple`]: Holm's correction

pub mod bootstrap;
pub mod multiple;
pub mod paired;
pub mod power;
pub mod proportion;
pub mod trials;

mod binomial;
mod random;

use schemars::JsonSchema;
use serde::Serialize;

/// An interval, lower end first, in the unit of its quantity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Interval(pub f64, pub f64);

/// The confidence level of all intervals.
pub const CONFIDENCE: f64 = 0.95;

/// The two-sided significance level of all tests.
pub const ALPHA: f64 = 0.05;

/// The quantile of the standard normal distribution that leaves half of `1 - CONFIDENCE` above it.
pub const Z: f64 = 1.959_963_984_540_054;
