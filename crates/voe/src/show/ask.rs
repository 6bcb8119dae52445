//! Questions on the terminal.

use std::io;

use rustix::termios::{QueueSelector, tcflush};

/// Drops what was typed before a question is shown: it can't be an answer to it.
pub(crate) fn forget_what_was_typed() {
    // Where that fails there is no terminal, and nothing typed.
    let _ = tcflush(rustix::stdio::stdin(), QueueSelector::IFlush);
}

/// The answer, in lower case; `None` at the end of input.
pub(crate) fn answer() -> io::Result<Option<String>> {
    let mut line = String::new();
    let read = io::stdin().read_line(&mut line)?;
    Ok((read > 0).then(|| line.trim().to_lowercase()))
}
