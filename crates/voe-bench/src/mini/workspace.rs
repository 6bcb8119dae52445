//! The workspaces of the small tasks.

use std::collections::BTreeMap;
use std::path::Path;

use voe_repo::throw_away_copy;

use super::MiniTask;
use crate::workspace::{Checkout, Prepared, WorkspaceError, checkout as checkouts};

/// The task's workspace on this machine.
pub(crate) fn prepare(cache: &Path, id: &str) -> Result<Prepared, WorkspaceError> {
    let unknown = |why: String| WorkspaceError::Environment { id: id.to_owned(), why };
    let found = super::find(id).map_err(|error| unknown(error.to_string()))?;
    let task = found.ok_or_else(|| unknown("this voe has no such task in its suite mini".to_owned()))?;
    let missing = task.missing();
    if !missing.is_empty() {
        return Err(WorkspaceError::Missing { id: id.to_owned(), what: missing.join(", ") });
    }
    Ok(Prepared { env: variables(), ..Prepared::new(checkout(cache, id, &task)?) })
}

/// Its repository at its base.
pub(crate) fn checkout(cache: &Path, id: &str, task: &MiniTask) -> Result<Checkout, WorkspaceError> {
    let key = format!("{id}-{}", &task.row().base_commit[..12]);
    checkouts::get(cache, &key, |dir| Ok(throw_away_copy(&task.files, dir).map(drop)?))
}

/// The environment of commands.
pub(crate) fn variables() -> BTreeMap<String, String> {
    BTreeMap::from([("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned())])
}
