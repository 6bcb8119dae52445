//! Splits a change into code, tests and check files.
//!
//! - [`refers()`]: whether a file refers to another one
//! - [`roles()`]: the role of each file of a change
//!
//! # The rule
//!
//! 1. A file is a **test** by its path ([`crate::is_test`]).
//! 2. A file of the base is never a check file, and neither is one to which code refers: code of the base, or code of the change.
//! 3. A new file that a command of the attempt runs is a **check file**.
//! 4. So is a new file that only tests and check files need: one to which a test, a check file or a scratch script that was run refers,
//!    or that is in a new directory together with a check file that is run. Data, but not source, is also needed if it is named to
//!    what a command runs.
//! 5. Everything else is **code**.
//!
//! If no source of the change were left to be proven, source that is only needed is code: a new module with its tests, or with a
//! script that shows it. In doubt a file is code: code that was taken for a check file would be hidden from the evidence.

mod refers;
mod roles;
mod source_text;

pub use refers::{Reference, is_documentation, needle, refers, refers_by};
pub use roles::{ChangedFile, is_source, roles};
