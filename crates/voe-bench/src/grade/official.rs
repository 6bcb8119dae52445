//! The installed official package on the same predictions, for whoever wants its word.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

/// The official package can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OfficialError {
    /// It is not installed.
    #[error("the official package is not installed ({0}); pip install swebench, and start Docker")]
    Missing(String),
    /// It failed.
    #[error("the official package ended with {0}; what it said stands above")]
    Failed(std::process::ExitStatus),
}

/// Runs it in `out`, where its logs and its report land. `suite` and `predictions` are files.
///
/// # Errors
/// It is not installed, or it failed.
pub async fn run(
    suite: &Path,
    predictions: &Path,
    run_id: &str,
    parallel: usize,
    out: &Path,
) -> Result<(), OfficialError> {
    let python = std::env::var("VOE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let asked = Command::new(&python)
        .args(["-c", "import swebench.harness.run_evaluation"])
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| OfficialError::Missing(format!("{python}: {error}")))?;
    if !asked.status.success() {
        let said = String::from_utf8_lossy(&asked.stderr);
        return Err(OfficialError::Missing(said.lines().last().unwrap_or("it can't be imported").to_owned()));
    }
    let status = Command::new(&python)
        .args(["-m", "swebench.harness.run_evaluation", "--dataset_name"])
        .arg(suite)
        .arg("--predictions_path")
        .arg(predictions)
        .args(["--run_id", run_id, "--max_workers", &parallel.to_string()])
        .current_dir(out)
        .stdin(Stdio::null())
        .status()
        .await
        .map_err(|error| OfficialError::Missing(format!("{python}: {error}")))?;
    if status.success() { Ok(()) } else { Err(OfficialError::Failed(status)) }
}
