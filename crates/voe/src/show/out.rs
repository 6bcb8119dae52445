//! The one place that prints.
//!
//! Whatever is printed goes through here as text or as JSON, and characters that a terminal would obey are made visible
//! on the way ([`voe_untrusted::text`]). Colours and cursor movements are added afterwards and only here: a caller says which
//! span has which style and cannot print a byte past the filter. A lint refuses `println!` and `std::io::stdout` elsewhere.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use voe_untrusted::text::{visible, visible_json};

use super::text::Text;
use crate::exit;

/// Prints a line to standard output.
macro_rules! outln {
    () => { $crate::show::out::line(format_args!("")) };
    ($($arg:tt)*) => { $crate::show::out::line(format_args!($($arg)*)) };
}

/// Prints to standard output without ending the line.
macro_rules! out {
    ($($arg:tt)*) => { $crate::show::out::part(format_args!($($arg)*)) };
}

/// Prints a line to standard error.
macro_rules! errln {
    ($($arg:tt)*) => { $crate::show::out::error_line(format_args!($($arg)*)) };
}

/// Prints to standard error without ending the line.
macro_rules! err {
    ($($arg:tt)*) => { $crate::show::out::error_part(format_args!($($arg)*)) };
}

/// What happens when nobody reads standard output any more (`voe … | head`).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unread {
    /// The output was all there was to do: voe ends, and that is not a failure.
    Leave,
    /// There is work besides the output, and it continues.
    Continue,
}

/// Behind [`outln!`].
pub(crate) fn line(text: fmt::Arguments<'_>) {
    stdout(&(visible(&text.to_string()) + "\n"), Unread::Leave);
}

/// Behind [`out!`].
pub(crate) fn part(text: fmt::Arguments<'_>) {
    stdout(&visible(&text.to_string()), Unread::Leave);
}

/// Behind [`errln!`].
pub(crate) fn error_line(text: fmt::Arguments<'_>) {
    stderr(&format!("{}\n", visible(&text.to_string())));
}

/// Behind [`err!`].
pub(crate) fn error_part(text: fmt::Arguments<'_>) {
    stderr(&visible(&text.to_string()));
}

/// Prints a text and ends its line, unless it has ended it.
pub(crate) fn text(text: &Text) {
    stdout(&ended(text.render()), Unread::Leave);
}

/// Prints JSON text that a library has made.
pub(crate) fn json_text(json: &str) {
    stdout(&ended(visible_json(json).into_owned()), Unread::Leave);
}

/// Prints a value as JSON on one line.
pub(crate) fn json(value: &impl Serialize) -> serde_json::Result<()> {
    json_text(&serde_json::to_string(value)?);
    Ok(())
}

/// Prints a value as JSON for people.
pub(crate) fn json_pretty(value: &impl Serialize) -> serde_json::Result<()> {
    json_text(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Prints a line of an attempt under way, which continues if nobody reads.
pub(crate) fn news(text: &Text) {
    stdout(&(text.render() + "\n"), Unread::Continue);
}

/// The same within a line.
pub(crate) fn news_part(text: &Text) {
    stdout(&text.render(), Unread::Continue);
}

/// The same as a line of JSON.
pub(crate) fn news_json(value: &impl Serialize) {
    if let Ok(json) = serde_json::to_string(value) {
        stdout(&(visible_json(&json) + "\n"), Unread::Continue);
    }
}

/// Replaces the last `erased` lines on the terminal by a text.
pub(crate) fn redraw(erased: usize, text: &Text) {
    let up = if erased > 0 { format!("\x1b[{erased}A\x1b[J") } else { String::new() };
    stdout(&(up + &text.render()), Unread::Continue);
}

/// Whether a person sees standard output.
#[expect(clippy::disallowed_methods, reason = "the sink")]
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether a person sees standard error.
#[expect(clippy::disallowed_methods, reason = "the sink")]
pub(crate) fn error_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Prints what a panic says: it may quote foreign text.
pub(crate) fn print_panics() {
    std::panic::set_hook(Box::new(|panic| {
        error_line(format_args!("voe: internal error: {panic}"));
        let trace = std::backtrace::Backtrace::capture();
        if trace.status() == std::backtrace::BacktraceStatus::Captured {
            error_line(format_args!("{trace}"));
        }
    }));
}

fn ended(text: String) -> String {
    if text.ends_with('\n') { text } else { text + "\n" }
}

/// The line below everything that was printed, on standard error if that is a terminal.
static STATUS: Mutex<String> = Mutex::new(String::new());

/// Shows what is being done until it is replaced, in a line of its own; an empty text takes it away. Nothing where nobody sees
/// standard error.
pub(crate) fn status(text: &str) {
    if !error_is_terminal() {
        return;
    }
    let mut status = STATUS.lock().unwrap_or_else(PoisonError::into_inner);
    *status = visible(text).chars().take(STATUS_WIDTH).collect();
    write_stderr(&format!("{ERASE}{status}"));
}

/// Takes the status away while something is printed, and puts it back.
fn below_status(print: impl FnOnce()) {
    let status = STATUS.lock().unwrap_or_else(PoisonError::into_inner);
    if !status.is_empty() {
        write_stderr(ERASE);
    }
    print();
    if !status.is_empty() {
        write_stderr(&status);
    }
}

/// Erases the line that the cursor is in.
const ERASE: &str = "\r\x1b[K";
/// The most of a status that is shown, so that it does not wrap. Characters.
const STATUS_WIDTH: usize = 79;

/// Writes what is filtered by now.
fn stdout(text: &str, unread: Unread) {
    below_status(|| write_stdout(text, unread));
}

fn stderr(text: &str) {
    below_status(|| write_stderr(text));
}

#[expect(clippy::disallowed_methods, reason = "the sink")]
fn write_stdout(text: &str, unread: Unread) {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    drop(out);
    match written {
        Err(error) if unread == Unread::Leave => leave(&error),
        _ => {}
    }
}

#[expect(clippy::disallowed_methods, reason = "the sink")]
fn write_stderr(text: &str) {
    // Where standard error can't be written, nothing is left to report that to.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Ends voe when its output can't be written.
fn leave(error: &io::Error) -> ! {
    if error.kind() == io::ErrorKind::BrokenPipe {
        std::process::exit(exit::OK.into());
    }
    write_stderr(&format!("voe: cannot write to standard output: {error}\n"));
    std::process::exit(exit::INTERNAL.into());
}
