//! What runs inside the isolation: the tools, and what they changed.
//!
//! voe starts `voe toolbox` wherever the work is to happen and speaks with it over its standard input and output, one JSON
//! object a line ([`protocol`]). The same code therefore serves every sandbox.
//!
//! - [`protocol`]: what is said over the pipe
//! - [`client`]: voe's end of it
//! - `server` and the tools themselves: the other end

pub mod client;
pub mod protocol;
