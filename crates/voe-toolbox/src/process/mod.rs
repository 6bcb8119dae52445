//! Runs a command so that it cannot wait for input, keep running, or fill the memory.
//!
//! - [`run`]: one command from its start until all its processes have ended
//! - [`output`]: its output, head and tail in memory and the whole in a file
//! - [`clean`]: removes terminal escapes from it
//! - [`descendants`]: finds and ends every process that it started

pub(crate) mod clean;
pub(crate) mod descendants;
pub(crate) mod output;
pub(crate) mod run;
