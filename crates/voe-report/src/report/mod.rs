//! Comparison of arms: counts and layout.
//!
//! - [`build`]: the report as data
//! - [`arm_facts`]: counts of one arm
//! - [`table`]: rows and columns, in any format
//! - [`tables`]: the report's tables
//! - [`attempts_csv`]: one line per attempt, for other programs
//! - [`html`]: the report as one page

pub mod arm_facts;
pub mod attempts_csv;
pub mod build;
pub mod html;
pub mod table;
pub mod tables;
