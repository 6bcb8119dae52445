//! Paths that are hidden from commands of a task: its solution, its tests, other attempts' records and later commits.

use std::path::{Component, Path, PathBuf};

use crate::UsageError;
use crate::settings::table::READ;

/// Directories of the system, or shared by many programs: files directly in them are unrelated to their neighbors.
const SHARED: [&str; 8] =
    ["/usr/local", "/usr/share", "/var/lib", "/var/cache", "/var/tmp", "/var/local", "/usr/src", "/usr/lib"];

/// The files and directories to hide, of voe and of the user's `files`.
pub(super) fn of<'p>(
    own: impl IntoIterator<Item = PathBuf>,
    files: impl IntoIterator<Item = &'p Path>,
) -> Vec<PathBuf> {
    own.into_iter().chain(files.into_iter().flat_map(with_neighbours)).collect()
}

/// Refuses further paths that commands may read if they are hidden: they would become visible.
///
/// # Errors
/// A path is in a hidden directory.
pub(super) fn refuse_to_show(read: &[PathBuf], hidden: &[PathBuf]) -> Result<(), UsageError> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    for path in read {
        if let Some(hidden) = hidden.iter().find(|hidden| real(path).starts_with(real(hidden))) {
            let (path, hidden, name) = (path.display(), hidden.display(), READ.name);
            let text = format!(
                "{name} has {path}, but {hidden} is hidden from commands of a bench, which could find the solutions there; \
                 remove it from {name}"
            );
            return Err(UsageError(text));
        }
    }
    Ok(())
}

/// A file or a run directory, with its neighbors: other suites have the same tasks, other runs the same solutions. The
/// directory that contains it, or in a shared directory what may be a suite, an experiment or a run.
fn with_neighbours(path: &Path) -> Vec<PathBuf> {
    let Ok(path) = std::path::absolute(path) else { return Vec::new() };
    // A run directory that doesn't exist yet is hidden where it will be.
    let path = path.canonicalize().unwrap_or(path);
    let Some(parent) = path.parent() else { return Vec::new() };
    let deep = parent.components().filter(|part| matches!(part, Component::Normal(_))).count() > 1;
    if deep && !SHARED.iter().any(|shared| parent == Path::new(shared)) {
        return vec![parent.to_owned()];
    }
    let mut found = vec![path.clone()];
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let at = entry.path();
        let kind = at.extension().and_then(|extension| extension.to_str());
        if matches!(kind, Some("json" | "jsonl" | "parquet" | "toml")) || at.join(voe_trace::layout::RUN).is_file() {
            found.push(at);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_a_hidden_directory_can_not_be_shown_by_a_setting() {
        let hidden = [PathBuf::from("/srv/suites")];
        for (path, refused) in
            [("/srv/suites/mine", true), ("/srv/suites", true), ("/srv", false), ("/srv/tools", false)]
        {
            assert_eq!(refuse_to_show(&[path.into()], &hidden).is_err(), refused, "{path}");
        }
    }

    #[test]
    fn the_directory_of_a_suite_is_hidden_and_of_a_shared_directory_only_what_looks_like_one() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        std::fs::create_dir(top.join("suites")).unwrap();
        std::fs::write(top.join("suites/verified.jsonl"), "").unwrap();
        assert_eq!(
            of([PathBuf::from("/c")], [top.join("suites/verified.jsonl").as_path()]),
            [PathBuf::from("/c"), top.join("suites")]
        );
        assert_eq!(of([], [top.join("suites/run-to-come").as_path()]), [top.join("suites")]);
        let shallow = of([], [Path::new("/var/lib/voe-test-run"), Path::new("/voe-test.toml")]);
        assert!(shallow.contains(&"/var/lib/voe-test-run".into()) && shallow.contains(&"/voe-test.toml".into()));
        assert!(!shallow.contains(&"/var/lib".into()) && !shallow.contains(&"/".into()));
    }
}
