//! What lies where in a run's directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::attempt::Fold;
use super::failure::Failure;
use super::light;
use super::suite::{Suite, TaskFacts};
use crate::Error;

/// `<arm>-<trial>`.
pub(crate) fn arm_and_trial(name: &str) -> Option<(&str, u32)> {
    let (arm, trial) = name.rsplit_once('-')?;
    (!arm.is_empty()).then_some((arm, trial.parse().ok()?))
}

/// The tasks of a run as its own `suite.jsonl` has them; none where there is no such file.
pub(crate) fn suite_of_run(run: &Path) -> Result<BTreeMap<String, TaskFacts>, Error> {
    let path = run.join("suite.jsonl");
    if path.is_file() { Ok(Suite::read(&path)?.tasks) } else { Ok(BTreeMap::new()) }
}

/// Whether attempts of a run could read the solutions of its tasks, as its `run.toml` has it.
pub(crate) fn solutions_were_readable(run: &Path) -> bool {
    /// What of `run.toml` matters here.
    #[derive(serde::Deserialize)]
    struct Marks {
        #[serde(default)]
        readable_solutions: bool,
    }
    let path = run.join("run.toml");
    let text = if path.is_file() { fs::read_to_string(path).unwrap_or_default() } else { String::new() };
    toml::from_str(&text).is_ok_and(|marks: Marks| marks.readable_solutions)
}

/// Every attempt's directory of a run, as (task, `<arm>-<trial>`, directory), sorted.
pub(crate) fn attempts(run: &Path) -> Result<Vec<(String, String, PathBuf)>, Error> {
    let mut found = Vec::new();
    for (task, dir) in folders(&run.join("tasks"))? {
        for (name, attempt) in folders(&dir)? {
            if attempt.join("trajectory.jsonl").is_file() {
                found.push((task.clone(), name, attempt));
            }
        }
    }
    Ok(found)
}

/// Attempts of a run that were given up, or wait to be tried again, as (task, `<arm>-<trial>`, whose fault it was).
pub(crate) fn faults(run: &Path) -> Result<Vec<(String, String, Failure)>, Error> {
    let mut found = Vec::new();
    for (task, dir) in folders(&run.join("tasks"))? {
        for (name, attempt) in folders(&dir)? {
            if !attempt.join("trajectory.jsonl").is_file() && attempt.join("faults.jsonl").is_file() {
                let failed = entries(&attempt, "jsonl")?.into_iter().rfind(|(file, _)| file.starts_with("failed-"));
                let mut fold = Fold::default();
                if let Some((_, file)) = failed {
                    // Without its record the fault is taken for the machine's.
                    let _ = light::stream(&file, 0, |_, record| record.iter().for_each(|record| fold.apply(record)));
                }
                let server = fold.known().reason == Some(voe_trace::Reason::ModelError);
                found.push((task.clone(), name, if server { Failure::Server } else { Failure::Environment }));
            }
        }
    }
    Ok(found)
}

/// The attempts within a search, as (name from the search's folder, path); none for a plain attempt.
pub(crate) fn parts(trajectory: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let Some(dir) = trajectory.parent() else { return Ok(Vec::new()) };
    let part = |(number, dir): (String, PathBuf)| {
        let path = dir.join("trajectory.jsonl");
        path.is_file().then(|| (format!("attempts/{number}/trajectory.jsonl"), path))
    };
    Ok(folders(&dir.join("attempts"))?.into_iter().filter_map(part).collect())
}

fn folders(dir: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    listed(dir, |path| path.is_dir().then(|| path.file_name().map(|n| n.to_string_lossy().into_owned())).flatten())
}

/// Files with this extension, by stem.
pub(super) fn entries(dir: &Path, extension: &str) -> Result<Vec<(String, PathBuf)>, Error> {
    listed(dir, |path| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        name.strip_suffix(&format!(".{extension}")).map(str::to_owned).filter(|_| path.is_file())
    })
}

/// What `name` keeps of a directory, sorted; a directory that is not there is empty.
fn listed(dir: &Path, name: impl Fn(&Path) -> Option<String>) -> Result<Vec<(String, PathBuf)>, Error> {
    let read = match fs::read_dir(dir) {
        Ok(read) => read,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::read(dir)(error)),
    };
    let mut found = Vec::new();
    for entry in read {
        let path = entry.map_err(Error::read(dir))?.path();
        if let Some(name) = name(&path) {
            found.push((name, path));
        }
    }
    found.sort();
    Ok(found)
}
