//! Incoming requests, and detection of a voe that is gone or has given up on a call.

use std::io::{self, Stdin};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Length limit of a request, in bytes.
const LONGEST_REQUEST: usize = 512 << 20;

/// Standard input, read a line at a time and watched while a command runs.
#[derive(Debug)]
pub(crate) struct Inbox {
    stdin: Stdin,
    buffer: Vec<u8>,
    /// How much of `buffer` is known to have no line end.
    searched: usize,
    ended: bool,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self { stdin: io::stdin(), buffer: Vec::new(), searched: 0, ended: false }
    }

    /// The next request; `None` when voe has closed the pipe or is gone.
    pub(crate) fn next_line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.line_end() {
                let mut line: Vec<u8> = self.buffer.drain(..=end).collect();
                self.searched = 0;
                line.pop();
                return Some(line);
            }
            if self.ended || self.buffer.len() > LONGEST_REQUEST {
                return None;
            }
            self.read();
        }
    }

    /// Where to wait for [`Inbox::interrupted`].
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.stdin.as_fd()
    }

    /// Whether voe is gone.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// Reads available input, without waiting. True at the end of input or if another request arrived: either way nobody waits for
    /// the call that is running.
    pub(crate) fn interrupted(&mut self) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        while !self.ended && self.line_end().is_none() {
            let ready = {
                let mut fds = [PollFd::new(&self.stdin, PollFlags::IN)];
                poll(&mut fds, Some(&now)).unwrap_or(0) > 0
            };
            if !ready {
                return false;
            }
            self.read();
        }
        true
    }

    fn line_end(&mut self) -> Option<usize> {
        let found = memchr::memchr(b'\n', &self.buffer[self.searched..]).map(|at| at + self.searched);
        if found.is_none() {
            self.searched = self.buffer.len();
        }
        found
    }

    fn read(&mut self) {
        let mut block = [0_u8; 65536];
        loop {
            match rustix::io::read(&self.stdin, &mut block) {
                Ok(0) => self.ended = true,
                Ok(n) => self.buffer.extend_from_slice(&block[..n]),
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => self.ended = true,
            }
            return;
        }
    }
}
