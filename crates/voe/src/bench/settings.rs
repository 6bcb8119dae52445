//! The user's settings in a bench. What would change an experiment's meaning without being in its file is not used: a value of
//! the user's own file, which is meant for `voe fix`, is named on standard error, and a variable is refused.

use crate::Usage;
use crate::settings::row::{InBench, Row};
use crate::settings::{Settings, Source, table};
use crate::show::one_line;

/// What the settings are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// Attempts: `voe bench run`.
    Attempts,
    /// Only the place where tasks run: `voe bench grade` and `prepare`.
    Place,
}

/// The settings below the flags. A repository around the current directory has no say: it is not what the bench works on.
///
/// # Errors
/// They can't be read, or a variable sets what a bench can't honour.
pub(super) fn load(what: For) -> anyhow::Result<Settings> {
    let settings = Settings::load(None)?;
    let mut unused: Vec<(&Row, &Source)> = Vec::new();
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
            Some((_, source)) => unused.push((row, source)),
            None => {}
        }
    }
    if let Some((_, source)) = unused.first() {
        let names: Vec<_> = unused.iter().map(|(row, _)| row.name).collect();
        let text = format!("{source}: {} not used in a bench: an experiment says what it is itself", names.join(", "));
        errln!("voe: {}", one_line(&text));
    }
    Ok(settings)
}
