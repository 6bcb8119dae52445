//! Running a command so that it cannot wait for input, run on, or fill the memory.
//!
//! - [`run`]: one command from its start until nothing of it is left
//! - [`output`]: its output, head and tail in memory and the whole in a file
//! - [`clean`]: terminal escapes taken out of it
//! - [`descendants`]: finding and ending every process that comes of it

pub(crate) mod clean;
pub(crate) mod descendants;
pub(crate) mod output;
pub(crate) mod run;
