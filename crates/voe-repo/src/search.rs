//! Looking for files in a base, without checking it out.

use voe_trace::FileRole;

use crate::git::{GitCommand, failure};
use crate::objects::{Blobs, list_tree};
use crate::{Base, Result};

/// Larger files are not read: they are data. Bytes.
const LARGEST: usize = 1 << 20;

impl Base {
    /// The paths of its files; bytes that are not UTF-8 are shown as U+FFFD.
    ///
    /// # Errors
    /// git failed.
    pub fn paths(&self) -> Result<Vec<String>> {
        let git = GitCommand::private(&self.git_dir);
        Ok(list_tree(&git, &self.tree)?.into_keys().map(|path| String::from_utf8_lossy(&path).into_owned()).collect())
    }

    /// The text files that contain `words`, each with its text; tests and large files are left out.
    ///
    /// # Errors
    /// git failed.
    pub fn texts_with(&self, words: &str) -> Result<Vec<(String, String)>> {
        let git = GitCommand::private(&self.git_dir);
        let output = git.output(&["grep", "-z", "-l", "-I", "-F", "-e", words, &self.tree], &[])?;
        match output.code {
            Some(0) => {}
            // Nothing was found.
            Some(1) => return Ok(Vec::new()),
            _ => return Err(failure("grep", &output)),
        }
        let prefix = format!("{}:", self.tree);
        let files = list_tree(&git, &self.tree)?;
        let mut blobs = Blobs::open(&git)?;
        let mut found = Vec::new();
        for record in output.stdout.split(|byte| *byte == 0) {
            let Some(path) = record.strip_prefix(prefix.as_bytes()) else { continue };
            let Some((_, id)) = files.get(path).filter(|_| voe_evidence::role_by_path(path) == FileRole::Code) else {
                continue;
            };
            let text = blobs.get(id)?;
            if text.len() <= LARGEST {
                found.push((String::from_utf8_lossy(path).into_owned(), String::from_utf8_lossy(&text).into_owned()));
            }
        }
        Ok(found)
    }
}
