//! The log on standard error, for debugging. Off unless `-v` or `VOE_LOG` enables it. It contains no keys, and nothing that a model,
//! its tools or a repository wrote: only lengths, codes and times.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self, time};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::UsageError;
use crate::show::one_line;

/// The environment variable.
const VARIABLE: &str = "VOE_LOG";

/// The prefix of voe's crates in the log. Others are never logged: they could log headers with keys.
const OWN: &str = "voe";

/// Starts the log if it is enabled. `verbose`: the number of `-v` flags, which override the variable.
///
/// # Errors
/// The variable has something that is not a filter.
pub(crate) fn start(verbose: u8) -> Result<(), UsageError> {
    let targets = match (verbose, std::env::var(VARIABLE)) {
        (0, Ok(text)) if !text.trim().is_empty() => filter(&text)?,
        (0, _) => return Ok(()),
        (1, _) => Targets::new().with_target(OWN, LevelFilter::INFO),
        (2, _) => Targets::new().with_target(OWN, LevelFilter::DEBUG),
        _ => Targets::new().with_target(OWN, LevelFilter::TRACE),
    };
    let lines = fmt::layer().with_ansi(false).with_timer(time::uptime()).with_writer(|| Lines);
    let started = tracing_subscriber::registry().with(lines.with_filter(targets)).try_init();
    started.map_err(|error: TryInitError| UsageError(error.to_string()))
}

/// The filter that a text means: a level, or a level for each part of voe.
fn filter(text: &str) -> Result<Targets, UsageError> {
    let refused = || {
        UsageError(format!(
            "{VARIABLE}: invalid filter {text:?}: expected error, warn, info, debug or trace, or levels of parts such as \
             voe_model=debug,voe_repo=info"
        ))
    };
    let asked: Targets = text.trim().parse().map_err(|_| refused())?;
    let mut targets = Targets::new();
    if let Some(level) = asked.default_level() {
        targets = targets.with_target(OWN, level);
    }
    for (target, level) in &asked {
        if !target.starts_with(OWN) {
            return Err(refused());
        }
        targets = targets.with_target(target, level);
    }
    Ok(targets)
}

/// Writes each event as one line, through the filter that all output goes through.
struct Lines;

impl io::Write for Lines {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        errln!("{}", one_line(&String::from_utf8_lossy(event)));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_level_or_levels_of_parts_of_voe() {
        for text in ["info", "DEBUG", "voe_model=debug", "voe_model=debug,voe_repo=trace", "info,voe_model=off"] {
            assert!(filter(text).is_ok(), "{text}");
        }
        for text in ["loud", "voe=loud", "h2=trace", "info,hyper=trace", "=", "voe_model=debug,,x"] {
            assert!(filter(text).is_err(), "{text}");
        }
    }
}
