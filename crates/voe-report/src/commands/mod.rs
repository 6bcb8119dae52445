//! What `voe report`, `voe compare`, `voe power` do, without a command line: options in, a value or text out.
//!
//! - [`compare`]: two arms, paired
//! - [`power`]: what a planned experiment can and can't show
//! - [`report`]: arms side by side

pub mod compare;
pub mod power;
pub mod report;

pub(crate) mod denominator;
