//! The agent's scratch files, packed so that its checks can be run elsewhere and later.
//!
//! Where the sandbox has a `/tmp` of its own, all of it is packed; where it has not, those of its files that a command names.
//! The pack is a compressed tar archive in base64. What is too large is left out: then a check that needs it fails elsewhere,
//! which counts against nobody.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use crate::workspace::{Called, Workspace, WorkspaceError};

/// Characters of a pack that are read at a time: they must fit into what a command may say.
const PIECE: usize = 20_000;
/// Pieces at most.
const PIECES: usize = 24;
/// Seconds for a command of this file's.
const LIMIT: Duration = Duration::from_secs(60);

impl Workspace {
    /// Packs the scratch files. `commands`: those whose files are wanted, where `/tmp` is everybody's. Empty: there are none.
    pub async fn pack_scratch(&mut self, commands: &[&str]) -> Result<String, WorkspaceError> {
        let own = self.sandbox().private_tmp().is_some_and(|tmp| tmp == Path::new("/tmp"));
        let workspace = self.sandbox().workspace().to_string_lossy().into_owned();
        let what = if own { "tmp".to_owned() } else { named(commands, &workspace).join(" ") };
        if what.is_empty() {
            return Ok(String::new());
        }
        let mut pack = String::new();
        for piece in 0..PIECES {
            let from = piece * PIECE + 1;
            // The workspace may lie in /tmp, and homes that are shown there: these are mounts of their own, and no scratch.
            let command = format!(
                "cd / && [ -n \"$(find {what} -xdev -type f -print -quit 2>/dev/null)\" ] && printf '<<%s>>' \
                 \"$(tar -cf - --one-file-system --mtime=@0 --sort=name {what} 2>/dev/null \
                 | gzip -nc | base64 -w0 | tail -c +{from} | head -c {PIECE})\""
            );
            let Some(part) = self.said(&command).await? else { return Ok(String::new()) };
            let whole = part.len() < PIECE;
            pack.push_str(&part);
            if whole {
                return Ok(pack);
            }
        }
        Ok(String::new())
    }

    /// Puts packed files where they were.
    pub async fn unpack_scratch(&mut self, pack: &str) -> Result<(), WorkspaceError> {
        if pack.is_empty() {
            return Ok(());
        }
        // No text of a pack's has a meaning to the shell: it is base64.
        let command = format!("base64 -d <<'END_OF_PACK' | tar -xzf - -C / 2>/dev/null\n{pack}\nEND_OF_PACK");
        self.check(&command, LIMIT).await.map(drop)
    }

    /// What a command printed between `<<` and `>>`.
    async fn said(&mut self, command: &str) -> Result<Option<String>, WorkspaceError> {
        let Called::Result(result) = self.check(command, LIMIT).await? else { return Ok(None) };
        let text = result.output.split_once("<<").and_then(|(_, rest)| rest.rsplit_once(">>"));
        Ok(text.map(|(text, _)| text.to_owned()))
    }
}

/// Paths below `/tmp` that commands name, relative to `/`; none that has to do with the workspace.
fn named(commands: &[&str], workspace: &str) -> Vec<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./+".contains(c);
    let words = commands.iter().flat_map(|command| command.split(|c: char| !plain(c)));
    let found: BTreeSet<String> = words
        .filter(|word| word.starts_with("/tmp/") && word.len() > 5 && !word.contains(".."))
        .filter(|word| !word.starts_with(workspace) && !workspace.starts_with(word))
        .map(|word| word.trim_start_matches('/').trim_end_matches(['.', '/']).to_owned())
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
        assert_eq!(named(&commands, "/tmp/r"), ["tmp/a_b.py", "tmp/c/d.sh"]);
    }
}
