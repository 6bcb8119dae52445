//! The task's repository: a clone that the user gives, or one that voe makes once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use voe_repo::RepoError;

/// How many times cloning is tried.
const TRIES: u32 = 3;
/// Time limit of cloning.
const LIMIT: Duration = Duration::from_secs(3600);

/// A clone or mirror of a repository.
#[derive(Debug, Clone)]
pub(super) struct Mirror {
    /// Directory of the clone.
    pub(super) dir: PathBuf,
    /// Whether the user gave it; otherwise voe made it.
    given: bool,
}

impl Mirror {
    /// Why the base of a task of `repo` can't be taken from it, with a remedy.
    pub(super) fn unusable(&self, repo: &str, error: &RepoError) -> String {
        let dir = self.dir.display();
        let remedy = if self.given {
            format!(
                "clone it again (git clone --mirror https://github.com/{repo}.git), or give another directory with --repos DIR"
            )
        } else {
            format!("remove {dir} and run the same command: it is cloned again")
        };
        format!("the clone of {repo} in {dir} can't be used ({error}); {remedy}")
    }
}

/// Finds or makes a clone or mirror of `repo` (`owner/name`).
pub(super) async fn mirror(given: Option<&Path>, cache: &Path, repo: &str) -> Result<Mirror, String> {
    let flat = repo.replace('/', "__");
    let name = repo.rsplit('/').next().unwrap_or(repo);
    for form in [flat.as_str(), repo, name] {
        for dir in given.into_iter().flat_map(|dir| [dir.join(form), dir.join(format!("{form}.git"))]) {
            if dir.is_dir() {
                let found = dir.canonicalize().map(|dir| Mirror { dir, given: true });
                return found.map_err(|error| format!("cannot open {}: {error}", dir.display()));
            }
        }
    }
    let place = cache.join("repos");
    let io = |error: std::io::Error| format!("cannot write {}: {error}", place.display());
    fs::create_dir_all(&place).map_err(io)?;
    let lock = fs::File::create(place.join(format!("{flat}.lock"))).map_err(io)?;
    let locked = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await;
    let _lock = locked.map_err(|error| error.to_string())?.map_err(io)?;
    let to = place.join(format!("{flat}.git"));
    let own = |dir: PathBuf| Mirror { dir, given: false };
    if to.is_dir() {
        return Ok(own(to));
    }
    let part = place.join(format!("{flat}.part"));
    let mut why = String::new();
    for attempt in 0..TRIES {
        if attempt > 0 {
            tokio::time::sleep(Duration::from_secs(5 << attempt)).await;
        }
        let _ = fs::remove_dir_all(&part);
        match clone(repo, &part).await {
            Ok(()) => return fs::rename(&part, &to).map(|()| own(to)).map_err(io),
            Err(error) => why = error,
        }
    }
    let _ = fs::remove_dir_all(&part);
    Err(format!(
        "cannot clone {repo}: {why}; clone it yourself and give its directory's parent with --repos DIR (as {flat} or {name})"
    ))
}

async fn clone(repo: &str, to: &Path) -> Result<(), String> {
    let mut command = Command::from(voe_untrusted::program("git"));
    // The user's own git configuration may set a proxy; git's variables (of a hook, for example) are about another repository.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("GIT_") && !text.starts_with("GIT_SSL") && !text.starts_with("GIT_SSH") {
            command.env_remove(&name);
        }
    }
    for setting in [
        "core.hooksPath=/dev/null",
        "core.fsmonitor=",
        "protocol.allow=never",
        "protocol.https.allow=always",
        "protocol.http.allow=always",
        "protocol.ssh.allow=always",
        "protocol.ext.allow=never",
        "protocol.file.allow=never",
        "protocol.git.allow=never",
    ] {
        command.args(["-c", setting]);
    }
    command
        .args(["clone", "--quiet", "--mirror", "--template=", "--", &format!("https://github.com/{repo}.git")])
        .arg(to)
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let done = tokio::time::timeout(LIMIT, command.output())
        .await
        .map_err(|_| format!("it took longer than {} s", LIMIT.as_secs()))?
        .map_err(|error| error.to_string())?;
    if done.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&done.stderr).lines().last().unwrap_or("git failed").to_owned())
}
