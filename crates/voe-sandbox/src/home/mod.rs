//! The host side: voe's own directories, the index by which they are found again, and the parts of homes that are shown inside.

pub(crate) mod copy;
pub(crate) mod credentials;
pub(crate) mod gitdirs;
pub(crate) mod homes;
pub(crate) mod index;
pub(crate) mod root;
pub(crate) mod sockets;
pub(crate) mod tools;
