//! Finds the Python that an environment is made from.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// A Python on this machine.
#[derive(Debug, Clone)]
pub(super) struct Python {
    /// The program.
    pub(super) program: PathBuf,
    /// The directory that contains it and its library.
    pub(super) prefix: PathBuf,
    /// Its version, with the patch level.
    pub(super) version: String,
}

/// Finds a Python of the same minor version as `wanted`: pyenv's, on `PATH`, or uv's.
pub(super) async fn find(wanted: &str) -> Result<Python, String> {
    let minor: String = wanted.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
    // It is used in paths.
    if minor.is_empty() || !minor.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(format!("{wanted:?} is not a version of Python"));
    }
    let mut candidates: Vec<PathBuf> = Vec::new();
    let pyenv = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".pyenv")));
    if let Some(versions) = pyenv.and_then(|root| std::fs::read_dir(root.join("versions")).ok()) {
        let mut found: Vec<PathBuf> = versions
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(&format!("{minor}.")))
            .map(|entry| entry.path().join(format!("bin/python{minor}")))
            .collect();
        found.sort();
        candidates.extend(found.into_iter().rev());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    candidates.extend(std::env::split_paths(&path).map(|dir| dir.join(format!("python{minor}"))));
    if let Some(found) = output("uv", &["python", "find", "--no-project", &minor]).await {
        candidates.push(found.into());
    }
    for program in candidates.into_iter().filter(|program| program.is_file()) {
        let ask = "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(sys.base_prefix); print(sys.executable)";
        let Some(said) = output(&program.to_string_lossy(), &["-c", ask]).await else { continue };
        let [version, prefix, real] = said.lines().collect::<Vec<_>>()[..] else { continue };
        if version.rsplit_once('.').is_none_or(|(found, _)| found != minor) {
            continue;
        }
        let version = version.to_owned();
        return Ok(match prefix {
            "/usr" => Python { program, prefix: "/usr".into(), version },
            _ => Python { program: real.into(), prefix: prefix.into(), version },
        });
    }
    Err(format!("it needs Python {minor}, and none was found; install one: {}", install(&[&minor])))
}

/// The commands that install Pythons of these minor versions. uv has none older than 3.8.
pub(super) fn install(versions: &[&str]) -> String {
    let number = |minor: &str| minor.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    let (new, old): (Vec<&str>, Vec<&str>) =
        versions.iter().partition(|minor| number(minor).is_none_or(|minor| minor >= 8));
    let of = |program: &str, versions: &[&str]| match versions {
        [] => None,
        some => Some(format!("{program} install {}", some.join(" "))),
    };
    [of("uv python", &new), of("pyenv", &old)].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The program of this name on `PATH`, canonical.
pub(super) fn on_path(name: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).filter(|dir| dir.is_absolute()).map(|dir| dir.join(name));
    found
        .find(|file| file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0))?
        .canonicalize()
        .ok()
}

pub(super) async fn output(program: &str, args: &[&str]) -> Option<String> {
    let mut command = Command::from(voe_untrusted::program(program));
    command.args(args).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let done = tokio::time::timeout(Duration::from_secs(30), command.output()).await.ok()?.ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn pythons_that_uv_does_not_have_are_installed_by_pyenv() {
        assert_eq!(super::install(&["3.5", "3.12"]), "uv python install 3.12, pyenv install 3.5");
        assert_eq!(super::install(&["3.9"]), "uv python install 3.9");
    }
}
