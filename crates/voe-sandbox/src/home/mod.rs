//! voe's own directories on the host: what sandboxes keep there, how it is found again, and what of the user's homes is shown.

pub(crate) mod copy;
pub(crate) mod credentials;
pub(crate) mod family;
pub(crate) mod gitdirs;
pub(crate) mod homes;
pub(crate) mod index;
pub(crate) mod sockets;
pub(crate) mod tools;
