//! The network inside: nothing but loopback.

use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::os::fd::AsFd;

use super::{Done, Step, sys};

/// Brings loopback up, so that servers under test can be talked to.
pub(super) fn loopback_up() -> Done {
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
        .step(|| "loopback: socket".into())?;
    sys::interface_up(socket.as_fd(), "lo").step(|| "loopback".into())
}
