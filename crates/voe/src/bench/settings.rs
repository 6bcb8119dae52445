//! The user's settings in a bench. Settings that would change an experiment without being in its file are not used: a value in
//! the user's own file, which is meant for `voe fix`, is reported on standard error, and a variable is refused.

use crate::Usage;
use crate::settings::row::{InBench, Row};
use crate::settings::{Settings, Source, table};
use crate::show::one_line;

/// What the settings are used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// Attempts: `voe bench run`.
    Attempts,
    /// Only the place where tasks run: `voe bench grade` and `prepare`.
    Place,
}

/// The settings below the flags. A repository around the current directory has no influence: the bench doesn't work on it.
///
/// # Errors
/// They can't be read, or a variable sets what a bench can't honor.
pub(super) fn load(what: For) -> anyhow::Result<Settings> {
    let settings = Settings::load(None)?;
    let mut unused: Vec<(&Row, &str, &Source)> = Vec::new();
    for row in table::ALL {
        let why = match row.in_bench {
            InBench::Refused(why) => why,
            InBench::RefusedInRun(why) if what == For::Attempts => why,
            _ => continue,
        };
        match settings.set(row).filter(|(value, _)| !row.is_default(value)) {
            Some((_, Source::Variable(name))) => {
                return Err(Usage(format!("{name} does not apply to a bench ({why}); unset it")).into());
            }
            Some((_, source)) => unused.push((row, why, source)),
            None => {}
        }
    }
    for (row, why, source) in unused {
        errln!("voe: {}", one_line(&format!("{source}: {} does not apply to a bench: {why}", row.name)));
    }
    Ok(settings)
}
