//! The user's settings in a bench. Settings that would change an experiment without being in its file are not used: a value in
//! the user's own file, which is meant for `voe fix`, is reported on standard error, and a variable is refused.

use crate::UsageError;
use crate::settings::row::{InBench, SettingRow};
use crate::settings::{Settings, ValueSource, table};
use crate::show::one_line;

/// What the settings are used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SettingsUse {
    /// Attempts: `voe bench run`.
    Attempts,
    /// Only the place where tasks run: `voe bench grade` and `prepare`.
    Place,
}

/// The settings below the flags. A repository around the current directory has no influence: the bench doesn't work on it.
///
/// # Errors
/// They can't be read, or a variable sets what a bench can't honor.
pub(super) fn load(what: SettingsUse) -> anyhow::Result<Settings> {
    let settings = Settings::load(None)?;
    let mut unused: Vec<(&SettingRow, &str, &ValueSource)> = Vec::new();
    for row in table::ALL {
        let why = match row.in_bench {
            InBench::Refused(why) => why,
            InBench::RefusedInRun(why) if what == SettingsUse::Attempts => why,
            _ => continue,
        };
        match settings.set(row).filter(|(value, _)| !row.is_default(value)) {
            Some((_, ValueSource::Variable(name))) => {
                return Err(UsageError(format!("{name} does not apply to a bench ({why}); unset it")).into());
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
