//! Runs the task's own install command once, with a network, and keeps what it adds to checkout and environment. Its output
//! (archives, lists) is untrusted, and is applied only below copies that were made for it.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;
use voe_grade::Instance;
use voe_grade::eval_script::install_lines;
use voe_repo::settle;
use voe_sandbox::SandboxConfig;
use voe_untrusted::{FileKind, Most, UntrustedDir};

use super::environment::Built;
use super::inside::Inside;
use super::interpreter::Python;
use super::variables;
use crate::run::memory::no_room;
use crate::workspace::checkout::{self, Checkout};
use crate::workspace::error::{PrepareError, Remedy};
use crate::workspace::prepared::TESTBED;
use crate::workspace::reason::reason;

/// Time limit of an installation.
const LIMIT: Duration = Duration::from_secs(3600);

/// Bytes that an installation may add.
const MOST: Most = Most { entries: 1_000_000, bytes: 8 << 30 };
/// Directories left by an interrupted installation.
const LEFT: [&str; 4] = ["tmp", "opt", "tree", "new-tree"];
/// Most bytes read of the list of deleted files.
const LONGEST_LIST: u64 = 64 << 20;
/// Bytes kept of the end of the log.
const LOG_END: u64 = 1 << 20;
/// Log of the install command, in the checkout's directory.
const LOG: &str = "install.log";

/// Makes a task's repository at its base in a directory that doesn't exist yet.
pub(super) type CheckOut = Arc<dyn Fn(&Path) -> Result<(), PrepareError> + Send + Sync>;

/// An installation to run.
pub(super) struct Install<'a> {
    pub(super) task: &'a Instance,
    /// Makes the checkout as the repository has it.
    pub(super) check_out: CheckOut,
    /// The environment that tasks share.
    pub(super) environment: &'a Built,
    pub(super) python: &'a Python,
    /// Commands before the installation.
    pub(super) prepare: Vec<&'a str>,
    pub(super) program: &'a Path,
    /// voe's state directory.
    pub(super) state: Option<PathBuf>,
    /// Paths that are hidden inside the sandbox.
    pub(super) hidden: &'a [PathBuf],
}

impl Install<'_> {
    /// The checkout and the `/opt` of this task, with its installation in both.
    pub(super) async fn get(&self, cache: &Path) -> Result<(Checkout, PathBuf), PrepareError> {
        let script = self.script();
        let environment = self.environment.opt.parent().and_then(Path::file_name).unwrap_or_default();
        let lacks = self.environment.lacks.pins.iter().map(|pin| format!("\nwithout {pin}")).collect::<String>();
        let content = format!("{script}\n{}{lacks}", environment.to_string_lossy());
        let hash = blake3::hash(content.as_bytes()).to_hex();
        // A row of the same name may have another base in somebody's suite.
        let key = format!("{}-{:.8}-installed-{hash:.8}", self.task.instance_id, self.task.base_commit);
        let place = cache.join("checkouts").join(&key);
        let opt = place.join("opt");
        if let Some(there) = checkout::there(cache, &key) {
            return Ok((there, opt));
        }
        fs::create_dir_all(&place).map_err(PrepareError::io("make", &place))?;
        let place = place.canonicalize().map_err(PrepareError::io("open", &place))?;
        let _one = locked(&place).await?;
        if let Some(there) = checkout::there(cache, &key) {
            return Ok((there, opt));
        }
        let own = UntrustedDir::open(&place)?;
        // Left by an interrupted installation.
        for left in LEFT {
            own.remove(left)?;
        }
        let (check_out, tree) = (Arc::clone(&self.check_out), place.join("new-tree"));
        blocking(&place, move || check_out(&tree)).await??;
        own.make_dir("tmp")?;
        let kept = match self.run(&script, &own).await {
            Ok(()) => self.keep(&own).await,
            Err(error) => Err(error),
        };
        // On a full disk a failure says nothing about the task.
        let kept = kept.map_err(|error| match no_room(&place) {
            Some(full) => PrepareError::io("install in", &place)(full),
            None => error,
        });
        own.remove("tmp")?;
        if let Err(error) = kept {
            own.remove("new-tree")?;
            return Err(error);
        }
        let tree = place.join("new-tree");
        let made = checkout::get(cache, &key, |dir| fs::rename(&tree, dir).map_err(PrepareError::io("move", &tree)))?;
        Ok((made, place.join("opt")))
    }

    /// Applies the result of the installation in `tmp` to the checkout, and makes the `/opt` of this task.
    async fn keep(&self, place: &UntrustedDir) -> Result<(), PrepareError> {
        let opt = place.path().join("opt");
        // Shared files are never written in place: existing ones are removed first.
        command("cp", &["-al", "--", &text(&self.environment.opt), &text(&opt)]).await?;
        let (place, id, base) = (place.again()?, self.task.instance_id.clone(), self.task.base_commit.clone());
        let applied = blocking(&opt, move || {
            apply(&place).map_err(|error| error.to_string())?;
            settle(&place.path().join("new-tree"), &base).map_err(|error| error.to_string())
        });
        applied.await?.map_err(|error| PrepareError::Environment {
            id,
            why: format!("the result of its installation can't be used: {error}"),
            remedy: Remedy::Reason,
        })
    }

    /// The script that runs inside: the preparations of the official images, the install command of the eval script, and packing
    /// what they changed.
    fn script(&self) -> String {
        let prepare: String = self
            .prepare
            .iter()
            // System packages have to be installed on the machine.
            .filter(|line| !line.contains("apt-get") && !line.contains("apt ") && !line.contains("locale"))
            .map(|line| format!("{line}\n"))
            .collect();
        let install: String = install_lines(self.task.eval_script.as_deref().unwrap_or_default())
            .map(|line| format!("{line}\n"))
            .collect();
        format!(
            r#"set -u
E=/opt/miniconda3/envs/testbed
mkdir -p /tmp/out
source /opt/miniconda3/bin/activate
conda activate testbed
(cd $E && find . \( -type f -o -type l \) | sort) > /tmp/out/before
touch /tmp/out/mark
sleep 0.05
cd /testbed
{prepare}
if ! git diff --quiet; then
    git -c user.name=SWE-bench -c user.email=setup@swebench.config commit -qam SWE-bench
fi
(
set -e
{install}
) > /tmp/out/log 2>&1
echo $? > /tmp/out/exit
cd $E
find . \( -type f -o -type l \) | sort > /tmp/out/after
comm -23 /tmp/out/before /tmp/out/after > /tmp/out/gone
comm -13 /tmp/out/before /tmp/out/after > /tmp/out/changed
find . -type f -newer /tmp/out/mark >> /tmp/out/changed
sort -u /tmp/out/changed | grep -v '/__pycache__/' > /tmp/out/changed.sorted
tar -cf /tmp/out/env.tar -T /tmp/out/changed.sorted
cd /testbed
{{ git ls-files --others; find .git tox.ini setup.py setup.cfg -path .git/objects/pack -prune -o -newer /tmp/out/mark -type f -print 2>/dev/null; git diff --name-only HEAD~1 2>/dev/null; }} | sort -u | grep -v '/__pycache__/' > /tmp/out/files
tar -cf /tmp/out/tree.tar --ignore-failed-read -T /tmp/out/files
"#
        )
    }

    async fn run(&self, script: &str, place: &UntrustedDir) -> Result<(), PrepareError> {
        let id = &self.task.instance_id;
        let failed = |why: String| PrepareError::Environment { id: id.clone(), why, remedy: Remedy::Reason };
        let mut spec = SandboxConfig::new(self.program, place.path().join("new-tree"), place.path().join("sandbox"));
        spec.state.clone_from(&self.state);
        spec.mount_at = Some(TESTBED.into());
        spec.overlays = vec![(self.environment.opt.clone(), "/opt".into())];
        spec.read = vec![self.python.prefix.clone()];
        spec.tmp = Some(place.path().join("tmp"));
        spec.env = variables();
        spec.hidden = self.hidden.to_vec();
        let mut inside = Inside::start(spec, LIMIT).await?;
        let result = inside.toolbox.check(script, LIMIT).await;
        inside.end().await?;
        let result = result.map_err(|error| failed(error.to_string()))?;
        let out = place.dir("tmp/out").map_err(|error| {
            failed(reason(&format!("the installation produced no result ({error})"), &result.tail, None))
        })?;
        let log = end(&out, "log").unwrap_or_default();
        place.replace(LOG, log.as_bytes())?;
        let exit = out.read_text("exit", 100).ok().flatten().unwrap_or_default();
        if result.ended_by.is_some() || exit.trim() != "0" {
            let why =
                result.ended_by.map_or_else(|| format!("exit code {}", one_line(exit.trim())), |by| by.to_string());
            let what = format!("its install command failed ({why})");
            return Err(failed(reason(&what, &telling(&log), Some(&place.path().join(LOG)))));
        }
        Ok(())
    }
}

/// The lines of an installer's log that most likely show what went wrong: the last error of git or a compiler, else the end.
/// Only people read them.
fn telling(log: &str) -> String {
    const STARTS: [&str; 3] = ["fatal:", "error:", "E: "];
    let lines: Vec<&str> = log.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let first = lines.iter().find(|line| STARTS.iter().any(|start| line.starts_with(start)));
    let shown = first.map_or(&lines[lines.len().saturating_sub(3)..], std::slice::from_ref);
    shown.join(" | ")
}

/// Applies the files in `tmp/out` to `opt` and `new-tree`, all in `place`.
fn apply(place: &UntrustedDir) -> Result<(), voe_untrusted::Error> {
    let out = place.dir("tmp/out")?;
    let (env, tree) = (place.dir("opt/miniconda3/envs/testbed")?, place.dir("new-tree")?);
    for path in out.read("gone", LONGEST_LIST)?.unwrap_or_default().split(|byte| *byte == b'\n') {
        // A path that leads elsewhere is not a deleted file of this directory.
        let _ = env.remove_file(Path::new(std::ffi::OsStr::from_bytes(path)));
    }
    for (archive, dir) in [("env.tar", &env), ("tree.tar", &tree)] {
        let file = out.open_file(archive)?.ok_or_else(|| voe_untrusted::Error::NotAFile(out.path().join(archive)))?;
        dir.unpack(file, MOST, |path, kind| archive == "env.tar" || belongs(path, kind))?;
    }
    Ok(())
}

/// Whether a file may be added to a checkout in which git runs here afterwards. Of the repository itself only what a commit
/// writes: no configuration, hooks, attributes or links to elsewhere, which make git run programs; no repository in it. No
/// packs and other branches, which contain fetched commits that may be newer than the base: git touches the existing
/// packs, which tasks share.
fn belongs(path: &Path, kind: FileKind) -> bool {
    let names: Vec<&[u8]> = path.iter().map(OsStrExt::as_bytes).collect();
    let git = |name: &&[u8]| name.eq_ignore_ascii_case(b".git");
    match names[..] {
        [b".git", ref rest @ ..] => {
            let plain = kind == FileKind::File && !rest.iter().any(git);
            plain
                && match rest {
                    [name] => [&b"HEAD"[..], b"index", b"ORIG_HEAD", b"COMMIT_EDITMSG"].contains(name),
                    [b"objects", dir, _] => dir.len() == 2,
                    [b"refs", b"heads", b"main"] => true,
                    _ => false,
                }
        }
        _ => !names.iter().any(git),
    }
}

/// The end of a text file.
fn end(dir: &UntrustedDir, name: &str) -> Option<String> {
    let mut file = dir.open_file(name).ok()??;
    let length = file.seek(SeekFrom::End(0)).ok()?;
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_END))).ok()?;
    let mut bytes = Vec::new();
    file.take(LOG_END).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Waits until no other process runs an installation in `place`.
async fn locked(place: &Path) -> Result<File, PrepareError> {
    let lock = place.join("installing");
    let file = File::create(&lock).map_err(PrepareError::io("open", &lock))?;
    blocking(place, move || file.lock().map(|()| file)).await?.map_err(PrepareError::io("lock", lock))
}

/// Runs blocking code on a thread for it.
async fn blocking<T: Send + 'static>(at: &Path, work: impl FnOnce() -> T + Send + 'static) -> Result<T, PrepareError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| PrepareError::io("prepare", at)(std::io::Error::other(error)))
}

async fn command(program: &str, args: &[&str]) -> Result<(), PrepareError> {
    let failed = |why: String| PrepareError::io("run", program)(std::io::Error::other(why));
    let done = Command::from(voe_untrusted::program(program)).args(args).stdin(Stdio::null()).output().await;
    let done = done.map_err(|error| failed(error.to_string()))?;
    if done.status.success() {
        return Ok(());
    }
    Err(failed(one_line(&String::from_utf8_lossy(&done.stderr))))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(400).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use voe_untrusted::FileKind::File;

    #[test]
    fn of_a_log_the_first_error_is_shown_else_its_end() {
        let pip = "Collecting x\n  fatal: unable to access 'https://example.org/'\nERROR: exit status 1\nhint: not pip";
        assert_eq!(super::telling(pip), "fatal: unable to access 'https://example.org/'");
        assert_eq!(super::telling("a\n\nb\nc\nd\n"), "b | c | d");
        assert_eq!(super::telling(""), "");
    }

    #[test]
    fn of_the_repository_only_what_a_commit_writes_is_kept() {
        for path in [".git/HEAD", ".git/index", ".git/objects/ab/cd", ".git/refs/heads/main", "tox.ini", "build/x.so"] {
            assert!(super::belongs(Path::new(path), File), "{path}");
        }
        for path in [
            ".git/config",
            ".git/packed-refs",
            ".git/FETCH_HEAD",
            ".git/objects/pack/pack-x.pack",
            ".git/objects/info/alternates",
            ".git/refs/remotes/origin/main",
            ".git/refs/tags/v9",
            ".git/logs/HEAD",
            "vendored/.git/HEAD",
        ] {
            assert!(!super::belongs(Path::new(path), File), "{path}");
        }
    }
}
