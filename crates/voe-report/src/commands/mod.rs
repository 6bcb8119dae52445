//! The functions behind `voe report`, `voe compare` and `voe power`: options in, a value or text out.
//!
//! - [`compare`]: two arms, paired
//! - [`power`]: power analysis for a planned experiment
//! - [`report`]: summarizes and compares runs

pub mod compare;
pub mod power;
pub mod report;

pub(crate) mod denominator;
