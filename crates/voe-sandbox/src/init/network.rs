//! The network inside: nothing but loopback.

use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::os::fd::AsFd;

use crate::setup::{InStep, SetupResult, SetupStep};
use crate::sys;

/// Brings loopback up, so that servers under test can be reached.
pub(crate) fn loopback_up() -> SetupResult {
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
        .step(SetupStep::Network, || "loopback: socket".into())?;
    sys::interface_up(socket.as_fd(), "lo").step(SetupStep::Network, || "loopback".into())
}
