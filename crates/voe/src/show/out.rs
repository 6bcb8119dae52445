//! The one place that prints.
//!
//! Whatever is printed goes through here as text or as JSON, and characters that a terminal would obey are made visible
//! on the way ([`voe_untrusted::text`]). Colours and cursor movements are added afterwards and only here: a caller says which
//! span has which style and cannot print a byte past the filter. A lint refuses `println!` and `std::io::stdout` elsewhere.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use voe_untrusted::text::{sanitize, sanitize_json};

use super::below::print_above;
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
    stdout(&(sanitize(&text.to_string()) + "\n"), Unread::Leave);
}

/// Behind [`out!`].
pub(crate) fn part(text: fmt::Arguments<'_>) {
    stdout(&sanitize(&text.to_string()), Unread::Leave);
}

/// Behind [`errln!`].
pub(crate) fn error_line(text: fmt::Arguments<'_>) {
    stderr(&format!("{}\n", sanitize(&text.to_string())));
}

/// Behind [`err!`].
pub(crate) fn error_part(text: fmt::Arguments<'_>) {
    stderr(&sanitize(&text.to_string()));
}

/// Prints a text and ends its line, unless it has ended it.
pub(crate) fn text(text: &Text) {
    stdout(&ended(text.render()), Unread::Leave);
}

/// Prints JSON text that a library has made.
pub(crate) fn json_text(json: &str) {
    stdout(&ended(sanitize_json(json).into_owned()), Unread::Leave);
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
        stdout(&(sanitize_json(&json) + "\n"), Unread::Continue);
    }
}

/// Whether standard output is to have colours: it is a terminal, and neither `NO_COLOR` nor `TERM` says otherwise.
#[expect(clippy::disallowed_methods, reason = "the sink")]
pub(super) fn has_colors() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
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

/// Writes what is filtered by now.
fn stdout(text: &str, unread: Unread) {
    print_above(|| write_stdout(text, unread));
}

fn stderr(text: &str) {
    print_above(|| write_stderr(text));
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
