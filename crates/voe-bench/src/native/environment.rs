//! Building an environment from its pins with uv: once, cached by content.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::interpreter::Python;
use super::pins::Environment;

/// The longest that one step of a build may take.
const LIMIT: Duration = Duration::from_secs(1800);

/// What `source /opt/miniconda3/bin/activate` finds: just enough of conda for the eval scripts.
const ACTIVATE: &str = r#"# A stand-in for conda's: `conda activate NAME` puts the environment's programs first, and that is all.
conda() {
    if [ "${1-}" = activate ]; then
        export CONDA_DEFAULT_ENV="${2-testbed}"
        export CONDA_PREFIX="/opt/miniconda3/envs/$CONDA_DEFAULT_ENV"
        export PATH="$CONDA_PREFIX/bin:$PATH"
    fi
}
"#;

/// An environment that was built.
pub(super) struct Built {
    /// The directory that is `/opt` inside, with the environment in it.
    pub(super) opt: PathBuf,
    /// Pins that could not be had, each with why.
    pub(super) lacks: Vec<String>,
}

impl Built {
    fn there(opt: &Path, done: &Path) -> Option<Self> {
        let lacks = fs::read_to_string(done).ok()?;
        let lacks = lacks.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        Some(Self { opt: opt.to_owned(), lacks })
    }
}

/// The environment, built if it isn't there yet.
pub(super) async fn build(cache: &Path, pins: &Environment, python: &Python) -> Result<Built, String> {
    let content = format!("3\n{}\n{:?}\n{:?}\n{ACTIVATE}", python.program.display(), pins.tools(), pins.packages());
    let key = format!("{}-{:.8}", pins.name, blake3::hash(content.as_bytes()).to_hex());
    let place = cache.join("environments").join(key);
    let (opt, done) = (place.join("opt"), place.join("done"));
    if let Some(there) = Built::there(&opt, &done) {
        return Ok(there);
    }
    let io = |error: std::io::Error| format!("cannot write {}: {error}", place.display());
    let lock = {
        fs::create_dir_all(&place).map_err(io)?;
        let file = fs::File::create(place.join("lock")).map_err(io)?;
        tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await.map_err(|error| error.to_string())?
    };
    let _lock = lock.map_err(io)?;
    if let Some(there) = Built::there(&opt, &done) {
        return Ok(there);
    }
    let _ = fs::remove_dir_all(&opt);
    let bin = opt.join("miniconda3/bin");
    fs::create_dir_all(&bin).map_err(io)?;
    fs::write(bin.join("activate"), ACTIVATE).map_err(io)?;
    let env = opt.join("miniconda3/envs/testbed");
    let text = |path: &Path| path.to_string_lossy().into_owned();
    uv(&["venv", "--quiet", "--no-project", "--relocatable", "--python", &text(&python.program), &text(&env)]).await?;
    let inside = text(&env.join("bin/python"));
    let install = |packages: &[String]| {
        let mut args: Vec<String> =
            ["pip", "install", "--quiet", "--no-deps", "--python", &inside].map(str::to_owned).to_vec();
        args.extend(packages.iter().cloned());
        args
    };
    uv(&install(&pins.tools()).iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let packages = pins.packages();
    let all = install(&packages);
    let mut lacks = Vec::new();
    if uv(&all.iter().map(String::as_str).collect::<Vec<_>>()).await.is_err() {
        // One pin that is gone, or that can't be built here, should not cost the others.
        for package in &packages {
            let one = install(std::slice::from_ref(package));
            if let Err(error) = uv(&one.iter().map(String::as_str).collect::<Vec<_>>()).await {
                lacks.push(format!("{package} ({error})"));
            }
        }
    }
    fs::write(&done, lacks.join("\n") + "\n").map_err(io)?;
    Ok(Built { opt, lacks })
}

async fn uv(args: &[&str]) -> Result<(), String> {
    let mut command = Command::new("uv");
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    let done = match tokio::time::timeout(LIMIT, command.output()).await {
        Ok(Ok(done)) => done,
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err("uv was not found on PATH; install it (pip install uv)".to_owned());
        }
        Ok(Err(error)) => return Err(format!("uv could not be run: {error}")),
        Err(_) => return Err(format!("uv {} took longer than {} s", args.first().unwrap_or(&""), LIMIT.as_secs())),
    };
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    let told: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Err(format!("uv {} failed: {}", args.iter().take(2).copied().collect::<Vec<_>>().join(" "), told.join(" ")))
}
