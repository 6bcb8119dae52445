//! The roles of the files of a change that somebody made: code, tests, and the check files of the given commands.

use std::collections::HashMap;

use voe_evidence::change::{ChangedFile, Reference, needle, refers, roles};
use voe_evidence::command::CommandFiles;
use voe_repo::{Base, RepoError, TreeChange};
use voe_trace::FileRole;

/// Sets the role of each file of `change`. `commands`: its checks.
///
/// # Errors
/// git failed.
pub(crate) fn set(change: &mut TreeChange, commands: &[String]) -> Result<(), RepoError> {
    let text = |state: &Option<voe_protocol::FileState>| {
        state.as_ref().and_then(|state| String::from_utf8(state.content.0.clone()).ok())
    };
    let files: Vec<(String, bool, Option<String>)> = change
        .export
        .files
        .iter()
        .filter(|file| file.now.is_some())
        .map(|file| (String::from_utf8_lossy(&file.path.0).into_owned(), file.base.is_none(), text(&file.now)))
        .collect();
    if !files.iter().any(|(path, new, _)| *new && voe_evidence::role_by_path(path.as_bytes()) == FileRole::Code) {
        return Ok(());
    }
    let old = change.base.paths()?;
    let known_below = |path: &str| {
        let above = path.rsplit_once('/').map_or("", |(above, _)| above);
        above.is_empty() || old.iter().any(|old| old.strip_prefix(above).is_some_and(|rest| rest.starts_with('/')))
    };
    let changed: Vec<ChangedFile<'_>> = files
        .iter()
        .map(|(path, new, text)| ChangedFile {
            path,
            new: *new,
            in_new_directory: *new && !known_below(path),
            text: text.as_deref(),
        })
        .collect();
    let commands: Vec<CommandFiles> = commands.iter().map(|command| CommandFiles::of(command)).collect();
    let mut failed = None;
    let mut base = BaseReferences { base: &change.base, old: &old, changed: &changed, found: HashMap::new() };
    let roles = roles(&changed, &commands, &[], &mut |path| {
        base.refer_to(path).unwrap_or_else(|error| {
            failed.get_or_insert(error);
            true
        })
    });
    let roles: HashMap<String, FileRole> = roles.into_iter().map(|(path, role)| (path.to_owned(), role)).collect();
    if let Some(error) = failed {
        return Err(error);
    }
    for file in &mut change.export.files {
        if let Some(role) = roles.get(&*String::from_utf8_lossy(&file.path.0)) {
            file.role = *role;
        }
    }
    Ok(())
}

/// What refers to a new file in the part of the base that the change leaves alone.
struct BaseReferences<'a> {
    base: &'a Base,
    old: &'a [String],
    changed: &'a [ChangedFile<'a>],
    /// By what is looked for, the files that have it.
    found: HashMap<String, Vec<(String, String)>>,
}

impl BaseReferences<'_> {
    fn refer_to(&mut self, candidate: &str) -> Result<bool, RepoError> {
        let left_alone = |path: &str| !self.changed.iter().any(|file| file.path == path);
        let directory = |path: &str| path.rsplit_once('/').map_or("", |(above, _)| above).to_owned();
        // Files of one Go package use each other without naming each other.
        let package = |old: &&String| {
            old.ends_with(".go")
                && !voe_evidence::is_test(old)
                && directory(old) == directory(candidate)
                && left_alone(old)
        };
        if candidate.ends_with(".go") && self.old.iter().any(|old| package(&old)) {
            return Ok(true);
        }
        let Some(words) = needle(candidate, Reference::Name) else { return Ok(true) };
        if !self.found.contains_key(words) {
            self.found.insert(words.to_owned(), self.base.texts_with(words)?);
        }
        let files = self.found.get(words).map(Vec::as_slice).unwrap_or_default();
        Ok(files.iter().any(|(path, text)| left_alone(path) && refers(text, path, candidate)))
    }
}
