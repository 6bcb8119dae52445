//! Trust on first use: settings in a repository's `voe.toml` that are the user's to decide (a server, a model, whether
//! patches are applied) count only after the user has seen them, for as long as they stay the same.

use std::io::IsTerminal;

use super::Remembered;
use crate::UsageError;
use crate::settings::{RepositorySettings, Settings};
use crate::show::{ask, one_line, out};

const TRUSTED: Remembered = Remembered("trusted-config");

/// More than any of these values is long, and less than fills a terminal. Bytes.
const LONGEST: usize = 300;

/// Who can answer a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Respondent {
    /// `--trust-config`: yes, for this command.
    Yes,
    /// Ask on the terminal, if there is one.
    Ask,
    /// Nobody: the output is read by a program.
    Nobody,
}

impl Respondent {
    pub(crate) fn of(trust: bool, json: bool) -> Self {
        match (trust, json) {
            (true, _) => Self::Yes,
            (_, true) => Self::Nobody,
            _ => Self::Ask,
        }
    }
}

/// Puts the settings that the repository asks for into force, or refuses.
///
/// # Errors
/// Nobody can be asked, or the user said no.
pub(crate) fn settle(settings: &mut Settings, answer: Respondent) -> anyhow::Result<()> {
    if accept_remembered(settings) {
        return Ok(());
    }
    let Some(asked) = settings.asked() else { return Ok(()) };
    let keys = asked.names().join(", ");
    let file = asked.file.display().to_string();
    if let Some((name, _)) = asked.values.iter().find(|(_, value)| value.to_string().len() > LONGEST) {
        return Err(UsageError(format!("{file}: {name} is longer than {LONGEST} bytes; set {name} yourself")).into());
    }
    let accepted = match answer {
        Respondent::Yes => true,
        Respondent::Ask if std::io::stdin().is_terminal() && out::error_is_terminal() => {
            let yes = confirmed(asked)?;
            if yes {
                TRUSTED.add(&fact(asked), &asked.file)?;
            }
            yes
        }
        _ => {
            let text = format!(
                "{file} sets {keys}, which voe takes from a repository only with your consent; add --trust-config to \
                 accept it for this command, run the command on a terminal to be asked, or set {keys} yourself"
            );
            return Err(UsageError(text).into());
        }
    };
    if !accepted {
        let text = format!("{file} sets {keys}, and you did not accept it; remove it there, or set {keys} yourself");
        return Err(UsageError(text).into());
    }
    settings.accept();
    Ok(())
}

/// Puts what the user accepted earlier into force; whether nothing is left to ask.
pub(crate) fn accept_remembered(settings: &mut Settings) -> bool {
    let Some(asked) = settings.asked() else { return true };
    let known = TRUSTED.has(&fact(asked));
    if known {
        settings.accept();
    }
    known
}

/// Which file, and all that it asks for: another path or another value is another question.
fn fact(asked: &RepositorySettings) -> [Vec<u8>; 2] {
    let lines: String = asked.values.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
    [asked.file.as_os_str().as_encoded_bytes().to_vec(), lines.into_bytes()]
}

fn confirmed(asked: &RepositorySettings) -> anyhow::Result<bool> {
    errln!("voe: {} sets:", one_line(&asked.file.display().to_string()));
    for (name, value) in &asked.values {
        // Many spaces would push the rest of the line to where it looks like one of voe's own.
        errln!("    {}", one_line(&format!("{name} = {value}")).replace("  ", "␣␣"));
    }
    ask::forget_what_was_typed();
    err!("voe: accept this for this repository, as long as it stays the same? [y/N] ");
    Ok(ask::answer()?.is_some_and(|answer| matches!(answer.as_str(), "y" | "yes")))
}
