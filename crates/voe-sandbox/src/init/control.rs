//! The helper's end of the control socket: one message a packet, as JSON.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use rustix::net::{RecvFlags, SendFlags};

use crate::plan::{HelperReply, HelperRequest, MOST_BYTES};
use crate::sys;

/// The helper's end of the control socket.
pub(super) struct HelperControl(OwnedFd);

impl HelperControl {
    pub(super) fn inherit(fd: RawFd) -> Option<Self> {
        sys::inherit(fd).map(Self)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// `None` when voe is gone.
    pub(super) fn receive(&self) -> Result<Option<HelperRequest>, String> {
        let mut buffer = vec![0; MOST_BYTES];
        let (read, _) = rustix::io::retry_on_intr(|| rustix::net::recv(&self.0, &mut buffer[..], RecvFlags::empty()))
            .map_err(|error| error.to_string())?;
        if read == 0 {
            return Ok(None);
        }
        serde_json::from_slice(&buffer[..read]).map(Some).map_err(|error| error.to_string())
    }

    pub(super) fn send(&self, report: &HelperReply) {
        let bytes = serde_json::to_vec(report).unwrap_or_default();
        // If voe does not read any more, the reply has no reader.
        let _ = rustix::net::send(&self.0, &bytes, SendFlags::NOSIGNAL);
    }
}
