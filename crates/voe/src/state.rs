//! Where voe keeps its records: outside the repositories.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use voe_untrusted::{UntrustedDir, private, user_dirs};

use crate::UsageError;

/// voe's state directory: `VOE_STATE_DIR`, else the system's place for such things.
pub(crate) fn dir() -> anyhow::Result<PathBuf> {
    let dir = user_dirs::state();
    Ok(dir.ok_or_else(|| UsageError("you have no home directory; set HOME or VOE_STATE_DIR".into()))?)
}

/// The same, made if it isn't there, and for this user alone: records contain what the repository and the model's server said,
/// and other users of the machine could read them or prepare some.
pub(crate) fn open() -> anyhow::Result<PathBuf> {
    let dir = dir()?;
    private::named(&dir)?;
    Ok(dir)
}

/// The directory of a repository's attempts.
pub(crate) fn of_repository(top: &Path) -> anyhow::Result<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    let hash = blake3::hash(fs::canonicalize(top)?.as_os_str().as_bytes()).to_hex();
    let name = top.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let name: String =
        name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' }).take(40).collect();
    Ok(dir()?.join("attempts").join(format!("{name}-{:.16}", hash.as_str())))
}

/// A new directory for an attempt: `given`, or one named by the time below `parent`.
pub(crate) fn new_attempt(parent: &Path, given: Option<&Path>) -> anyhow::Result<PathBuf> {
    let dir = match given {
        Some(dir) => {
            if dir.join(voe_trace::layout::TRAJECTORY).exists() {
                let text =
                    format!("{} already has a record; use another --out, or resume it with --resume", dir.display());
                return Err(UsageError(text).into());
            }
            // What lies in it could be links to other files of the user's.
            if !private::output(dir, &[])?.entries()?.is_empty() {
                let text = format!("{} is not empty; give another --out", dir.display());
                return Err(UsageError(text).into());
            }
            dir.to_owned()
        }
        None => {
            open()?;
            make(parent, true)?;
            let now = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S").to_string();
            let mut n = 0;
            loop {
                let name = if n == 0 { now.clone() } else { format!("{now}-{n}") };
                match make(&parent.join(&name), false) {
                    Ok(()) => break parent.join(name),
                    Err(error) if is_there(&error) => n += 1,
                    Err(error) => return Err(error),
                }
            }
        }
    };
    Ok(fs::canonicalize(&dir)?)
}

/// A directory for the time of one command. What a killed one left is removed by the next.
#[derive(Debug)]
pub(crate) struct Temporary {
    parent: UntrustedDir,
    name: String,
    /// Held as long as the directory is used.
    _lock: fs::File,
}

impl Temporary {
    /// Makes it in voe's state directory: there it is private, and found again.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let parent = private::dir(&open()?.join("temporary"))?;
        for entry in parent.entries()? {
            let Some(name) = entry.name.to_str().and_then(|name| name.strip_suffix(LOCK)) else { continue };
            if let Ok(Some(file)) = parent.open_file(&entry.name)
                && file.try_lock().is_ok()
            {
                let _ = parent.remove(name).and_then(|()| parent.remove(&entry.name));
            }
        }
        for number in 0.. {
            let name = format!("{}-{number}", std::process::id());
            match parent.create_file(format!("{name}{LOCK}")) {
                Ok(lock) if lock.try_lock().is_ok() => {
                    private::dir_in(&parent, &name)?;
                    return Ok(Self { parent, name, _lock: lock });
                }
                Err(error) if !parent.kind(format!("{name}{LOCK}")).is_ok_and(|kind| kind.is_some()) => {
                    return Err(error.into());
                }
                // Another command is using that name, or has just removed it.
                _ => {}
            }
        }
        Err(anyhow::anyhow!("cannot make a temporary directory in {}", parent.path().display()))
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.parent.path().join(&self.name)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What can't be removed keeps its lock file, and is tried again.
        if self.parent.remove(&self.name).is_ok() {
            let _ = self.parent.remove(format!("{}{LOCK}", self.name));
        }
    }
}

/// The end of the name of a lock file.
const LOCK: &str = ".lock";

/// Makes a directory for the user alone, whatever the umask: a record that others could have written is not believed.
fn make(dir: &Path, parents: bool) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let made = fs::DirBuilder::new().recursive(parents).mode(0o700).create(dir);
    made.with_context(|| format!("cannot create {}", dir.display()))
}

fn is_there(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::AlreadyExists)
}

/// Keeps a second voe from working on the same repository at the same time. Held as long as the file is open.
pub(crate) fn lock(parent: &Path, top: &Path) -> anyhow::Result<fs::File> {
    open()?;
    make(parent, true)?;
    let path = parent.join("lock");
    let file = fs::File::create(&path).with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            Err(UsageError(format!("another voe is at work in {}; wait for it, or end it", top.display())).into())
        }
        Err(fs::TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}
