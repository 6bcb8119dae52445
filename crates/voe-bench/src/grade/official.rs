//! Calls the installed official package on the same predictions, for comparison.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;
use voe_untrusted::{FileKind, UntrustedDir};

use crate::run::{DirError, plain};

/// The official package can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OfficialError {
    /// The package is not installed.
    #[error("the official package is not installed ({0}); pip install swebench, and start Docker")]
    Missing(String),
    /// The official package failed.
    #[error("the official package failed with {0}; its output is above")]
    Failed(std::process::ExitStatus),
    /// It would write through a link that already exists in its directory.
    #[error(transparent)]
    Foreign(#[from] DirError),
}

/// Longest line of its output that is kept whole, in bytes.
const LINE: usize = 1 << 16;

/// Python code that runs an installed module, not one of the current directory, which may be a repository
/// with a directory called `swebench`.
const MODULE: &str = "import sys
sys.path[:] = [path for path in sys.path if path not in ('', '.')]
import runpy
runpy.run_module('swebench.harness.run_evaluation', run_name=sys.argv.pop(1), alter_sys=True)
";

/// Runs it in `out`, where it writes its logs and its report. `suite` and `predictions` are files. `said` gets its output,
/// line by line: it quotes predictions and logs, so it must be filtered before it reaches a terminal.
///
/// # Errors
/// The official package is not installed, or it failed.
pub async fn run(
    suite: &Path,
    predictions: &Path,
    run_id: &str,
    parallel: usize,
    out: &UntrustedDir,
    said: impl Fn(&str),
) -> Result<(), OfficialError> {
    let python = std::env::var("VOE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    check(out, run_id)?;
    // Python would also import modules from the current directory.
    let asked = Command::from(voe_untrusted::program(&python))
        .env("PYTHONSAFEPATH", "1")
        .args(["-c", MODULE, "asked"])
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| OfficialError::Missing(format!("{python}: {error}")))?;
    if !asked.status.success() {
        let said = String::from_utf8_lossy(&asked.stderr);
        return Err(OfficialError::Missing(said.lines().last().unwrap_or("it can't be imported").to_owned()));
    }
    let mut child = Command::from(voe_untrusted::program(&python))
        .env("PYTHONSAFEPATH", "1")
        .args(["-c", MODULE, "__main__", "--dataset_name"])
        .arg(suite)
        .arg("--predictions_path")
        .arg(predictions)
        .args(["--run_id", run_id, "--max_workers", &parallel.to_string()])
        .current_dir(out.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| OfficialError::Missing(format!("{python}: {error}")))?;
    tokio::join!(lines(child.stdout.take(), &said), lines(child.stderr.take(), &said));
    let status = child.wait().await.map_err(|error| OfficialError::Missing(format!("{python}: {error}")))?;
    if status.success() { Ok(()) } else { Err(OfficialError::Failed(status)) }
}

/// The package follows links, so there must be none where it writes.
fn check(out: &UntrustedDir, run_id: &str) -> Result<(), DirError> {
    let report = format!(".{run_id}.json");
    for entry in out.entries()? {
        let name = entry.name.to_string_lossy();
        if name == "logs" && entry.kind == FileKind::Dir {
            plain(&out.dir(&entry.name)?, "logs")?;
        } else if entry.kind != FileKind::File && (name == "logs" || name.ends_with(&report)) {
            return Err(DirError::Foreign { path: out.path().join(&entry.name), kind: entry.kind });
        }
    }
    Ok(())
}

/// Passes on each line; a progress bar, which overwrites itself with carriage returns, is a new line each time.
async fn lines(from: Option<impl AsyncRead + Unpin>, said: &impl Fn(&str)) {
    let Some(from) = from else { return };
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while let Ok(bytes) = reader.fill_buf().await {
        let read = bytes.len();
        if read == 0 {
            break;
        }
        for byte in bytes {
            let end = matches!(byte, b'\n' | b'\r');
            if !end {
                line.push(*byte);
            }
            if !line.is_empty() && (end || line.len() >= LINE) {
                said(&String::from_utf8_lossy(&line));
                line.clear();
            }
        }
        reader.consume(read);
    }
    if !line.is_empty() {
        said(&String::from_utf8_lossy(&line));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test]
    async fn a_progress_bar_is_handed_on_a_line_at_a_time_without_its_carriage_returns() {
        let found = RefCell::new(Vec::new());
        lines(Some(&b"1 of 2\r2 of 2\r\n\nlast"[..]), &|line: &str| found.borrow_mut().push(line.to_owned())).await;
        assert_eq!(found.into_inner(), ["1 of 2", "2 of 2", "last"]);
    }
}
