//! Arms side by side: what is counted, and how it is laid out.
//!
//! - [`build`]: the report as data
//! - [`arm_facts`]: what is counted of one arm
//! - [`table`]: rows and columns, in any format
//! - [`tables`]: the report's tables
//! - [`attempts_csv`]: one line an attempt, for other programs
//! - [`html`]: all of it in one page

pub mod arm_facts;
pub mod attempts_csv;
pub mod build;
pub mod html;
pub mod table;
pub mod tables;
