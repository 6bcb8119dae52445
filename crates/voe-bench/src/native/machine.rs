//! What this machine has for building environments, for `voe doctor`.

use std::path::PathBuf;

use futures_util::future::join_all;

use super::interpreter;

/// The Pythons that tasks of the official and similar suites need.
const PYTHONS: [&str; 9] = ["3.5", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13"];

/// uv's path and version, if it is installed and runs.
pub async fn uv() -> Option<(PathBuf, String)> {
    let program = interpreter::on_path("uv")?;
    let version = interpreter::output(&program.to_string_lossy(), &["--version"]).await?;
    Some((program, version))
}

/// The commands that install Pythons of these minor versions.
pub fn install(versions: &[&str]) -> String {
    interpreter::install(versions)
}

/// The Pythons that environments can be made from, as minor versions: found ones and missing ones.
pub async fn pythons() -> (Vec<&'static str>, Vec<&'static str>) {
    let found = join_all(PYTHONS.map(interpreter::find)).await;
    let (mut there, mut missing) = (Vec::new(), Vec::new());
    for (version, found) in PYTHONS.into_iter().zip(found) {
        if found.is_ok() { there.push(version) } else { missing.push(version) }
    }
    (there, missing)
}
