//! Lines below everything that is printed: what is being done now. On standard error, and nothing where nobody sees that.

use std::sync::{LazyLock, Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use voe_untrusted::text::sanitize;

use super::one_line;

static SCREEN: LazyLock<MultiProgress> =
    LazyLock::new(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));

/// The lines that are shown now. Whoever prints locks it, so that nobody draws meanwhile.
static LINES: Mutex<Vec<ProgressBar>> = Mutex::new(Vec::new());

/// Whether anybody would see the lines.
pub(crate) fn is_seen() -> bool {
    !SCREEN.is_hidden()
}

/// Shows these lines in the place of those before, each cut to the width of the terminal.
pub(crate) fn show<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) {
    if !is_seen() {
        return;
    }
    let mut shown = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    let mut count = 0;
    for line in lines {
        if count == shown.len() {
            shown.push(SCREEN.add(ProgressBar::no_length().with_style(style())));
        }
        shown[count].set_message(sanitize(&one_line(line.as_ref())).into_owned());
        count += 1;
    }
    for gone in shown.drain(count..) {
        gone.finish_and_clear();
        SCREEN.remove(&gone);
    }
}

/// Takes the lines away while something is printed, and puts them back.
pub(super) fn print_above(print: impl FnOnce()) {
    let shown = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    if shown.is_empty() { print() } else { SCREEN.suspend(print) }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}
