//! The agent's scratch files, packed so that its checks can be run elsewhere and later.
//!
//! Where the sandbox has a private `/tmp`, all of it is packed; elsewhere, those of its files that a command names. The pack is a
//! compressed tar archive in base64. Too large files are left out: a check that needs them fails elsewhere, which does not count
//! against the attempt.

use std::collections::BTreeSet;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use voe_evidence::counterfactual::CheckText;
use voe_protocol::{ClientError, FileRead, Packed, RawBytes};

use crate::workspace::{CallEnd, Workspace, WorkspaceError};

/// Bytes of an archive at most: a search keeps one for each step.
const MOST_BYTES: u64 = 360_000;

/// Bytes of a scratch file that is read at most.
const MOST_TEXT: u64 = 256 << 10;

impl Workspace {
    /// Packs the scratch files. `commands`: those whose files are packed, where `/tmp` is shared. Empty: there are none, or they are
    /// too large.
    ///
    /// # Errors
    /// The toolbox can't be reached any more.
    pub async fn pack_scratch(&mut self, commands: &[&str]) -> Result<String, WorkspaceError> {
        let own = self.sandbox().private_tmp().is_some_and(|tmp| tmp == Path::new("/tmp"));
        let workspace = self.sandbox().workspace().to_string_lossy().into_owned();
        let paths = if own { vec!["/tmp".to_owned()] } else { named(commands, &workspace) };
        if paths.is_empty() {
            return Ok(String::new());
        }
        // The workspace, and homes that are shown, may be in /tmp: these are separate mounts, not scratch files.
        let paths = paths.into_iter().map(|path| RawBytes(path.into_bytes())).collect();
        match self.pack(paths, MOST_BYTES).await? {
            CallEnd::Result(Packed::Archive { archive, .. }) => Ok(STANDARD.encode(archive.0)),
            CallEnd::Result(Packed::Nothing | Packed::TooLarge) | CallEnd::Died(_) => Ok(String::new()),
        }
    }

    /// The texts of scratch files that a command names; those that can't be read are left out.
    pub(crate) async fn scratch_texts(&mut self, command: &str) -> Result<Vec<CheckText>, WorkspaceError> {
        let workspace = self.sandbox().workspace().to_string_lossy().into_owned();
        let mut texts = Vec::new();
        for path in named(&[command], &workspace) {
            let read = match self.read_file(&path, MOST_TEXT).await {
                Err(WorkspaceError::Toolbox(ClientError::Answer(_))) => continue,
                read => read?,
            };
            if let CallEnd::Result(FileRead::Content(content)) = read {
                let text = String::from_utf8_lossy(&content.content.0).into_owned();
                texts.push(CheckText { path, text });
            }
        }
        Ok(texts)
    }

    /// Unpacks files to their places. Those that can't be unpacked are missing, as if they had not been packed.
    ///
    /// # Errors
    /// The toolbox can't be reached any more.
    pub async fn unpack_scratch(&mut self, pack: &str) -> Result<(), WorkspaceError> {
        let Ok(archive) = STANDARD.decode(pack.trim_end()) else { return Ok(()) };
        if archive.is_empty() {
            return Ok(());
        }
        match self.unpack(RawBytes(archive)).await {
            Err(WorkspaceError::Toolbox(ClientError::Answer(_))) => Ok(()),
            other => other.map(drop),
        }
    }
}

/// Paths below `/tmp` that commands name, except those of the workspace.
fn named(commands: &[&str], workspace: &str) -> Vec<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./+".contains(c);
    let words = commands.iter().flat_map(|command| command.split(|c: char| !plain(c)));
    let found: BTreeSet<String> = words
        .filter(|word| word.starts_with("/tmp/") && word.len() > 5 && !word.contains(".."))
        .filter(|word| !word.starts_with(workspace) && !workspace.starts_with(word))
        .map(|word| word.trim_end_matches(['.', '/']).to_owned())
        .collect();
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn files_that_commands_name_are_found() {
        let commands =
            ["cd x && python3 /tmp/a_b.py; sh '/tmp/c/d.sh' > /tmp/../etc/x", "cat /var/tmp/x /tmp/ /tmp/r/x.py"];
        assert_eq!(named(&commands, "/tmp/r"), ["/tmp/a_b.py", "/tmp/c/d.sh"]);
    }
}
