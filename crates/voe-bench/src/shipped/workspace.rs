//! Workspaces of the tasks that ship.

use std::collections::BTreeMap;
use std::path::Path;

use voe_grade::Instance;
use voe_repo::throw_away_copy;

use super::ShippedTask;
use crate::workspace::error::{PrepareError, Remedy};
use crate::workspace::prepared::PreparedTask;
use crate::workspace::{Checkout, checkout as checkouts};

/// The task's workspace on this machine.
pub(crate) fn prepare(cache: &Path, row: &Instance) -> Result<PreparedTask, PrepareError> {
    let id = &row.instance_id;
    let task = of_row(row)?;
    let missing = task.missing();
    if !missing.is_empty() {
        return Err(PrepareError::Missing { id: id.to_owned(), what: missing.join(", ") });
    }
    let origin = origin(row);
    Ok(PreparedTask { env: variables(), origin, ..PreparedTask::new(checkout(cache, id, &task)?) })
}

/// The shipped task for a row.
pub(crate) fn of_row(row: &Instance) -> Result<ShippedTask, PrepareError> {
    let id = &row.instance_id;
    let unknown = |why: &str| PrepareError::Environment { id: id.clone(), why: why.to_owned(), remedy: Remedy::Voe };
    let found = super::find(id).map_err(|error| unknown(&error.to_string()))?;
    let task = found.ok_or_else(|| unknown("this voe does not ship the task; use the voe that the row is from"))?;
    if task.row().base_commit != row.base_commit {
        return Err(unknown("this voe ships other files for this task; use the voe that the row is from"));
    }
    Ok(task)
}

/// Name of its environment: programs of the machine, and its files.
pub(crate) fn origin(row: &Instance) -> String {
    format!("{} at {:.12}", row.repo.split('/').next().unwrap_or_default(), row.base_commit)
}

/// Its repository at its base.
pub(crate) fn checkout(cache: &Path, id: &str, task: &ShippedTask) -> Result<Checkout, PrepareError> {
    let key = format!("{id}-{}", &task.row().base_commit[..12]);
    checkouts::get(cache, &key, |dir| Ok(throw_away_copy(&task.files, dir).map(drop)?))
}

/// The environment of commands.
pub(crate) fn variables() -> BTreeMap<String, String> {
    BTreeMap::from([("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned())])
}
