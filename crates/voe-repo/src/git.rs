//! Runs git with a clean environment, without any repository configuration that runs code, and under a time limit.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::{RepoError, Result};

/// Time limit for one run of git. Hashing a work tree of many gigabytes takes less.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(600);

/// Variables passed to git: how to find programs, the user's own configuration, where to put temporary files.
const INHERITED: [&str; 6] = ["HOME", "XDG_CONFIG_HOME", "TMPDIR", "USER", "LOGNAME", "LD_LIBRARY_PATH"];

/// Settings that override every configuration file. An empty `core.fsmonitor` disables it in all versions; git before 2.36
/// would run a program called `false`.
///
/// `protocol.allow` is only a default: a repository's configuration could allow a protocol by name.
const SETTINGS: [&str; 20] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=",
    "core.untrackedCache=false",
    "core.splitIndex=false",
    "core.pager=cat",
    "core.quotePath=true",
    "core.commitGraph=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.allow=never",
    "protocol.ext.allow=never",
    "protocol.file.allow=never",
    "protocol.git.allow=never",
    "protocol.http.allow=never",
    "protocol.https.allow=never",
    "protocol.ssh.allow=never",
    "credential.helper=",
    "submodule.recurse=false",
    "color.ui=false",
    "init.defaultBranch=main",
];

/// How to run git: in which repository and with what configuration.
#[derive(Debug, Clone)]
pub(crate) struct GitCommand {
    directory: PathBuf,
    settings: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    limit: Duration,
}

/// The result of a run.
pub(crate) struct GitOutput {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl GitCommand {
    /// git in the repository that contains `directory`, with its own and the user's configuration.
    pub(crate) fn around(directory: &Path) -> Self {
        let mut environment: Vec<(OsString, OsString)> = Vec::new();
        for name in INHERITED {
            if let Some(value) = std::env::var_os(name) {
                environment.push((name.into(), value));
            }
        }
        for (name, value) in [
            ("LC_ALL", "C"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_LITERAL_PATHSPECS", "1"),
        ] {
            environment.push((name.into(), value.into()));
        }
        environment.push(("PATH".into(), voe_untrusted::search_path()));
        let settings = SETTINGS.iter().map(OsString::from).collect();
        Self { directory: directory.to_path_buf(), settings, environment, limit: TIME_LIMIT }
    }

    /// git in the git directory `git_dir`, with no configuration but the one in it, which defines no filter or driver.
    pub(crate) fn private(git_dir: &Path) -> Self {
        let mut git = Self::around(git_dir);
        for (name, value) in [
            ("GIT_DIR", git_dir.as_os_str()),
            ("HOME", git_dir.as_os_str()),
            ("XDG_CONFIG_HOME", git_dir.as_os_str()),
            ("GIT_CONFIG_NOSYSTEM", OsStr::new("1")),
            ("GIT_CONFIG_GLOBAL", OsStr::new("/dev/null")),
            ("GIT_ATTR_NOSYSTEM", OsStr::new("1")),
        ] {
            git.set(name, value);
        }
        // The names in the work tree are the user's, even if other systems would not allow them.
        git.settings.extend(["core.protectNTFS=false".into(), "core.protectHFS=false".into()]);
        // These objects are kept for days at most: speed matters more than size.
        git.settings.push("core.compression=1".into());
        git
    }

    /// Sets the work tree, which is also the working directory.
    pub(crate) fn work_tree(mut self, directory: &Path) -> Self {
        self.set("GIT_WORK_TREE", directory.as_os_str());
        self.directory = directory.to_path_buf();
        self
    }

    /// Sets the index file.
    pub(crate) fn index(mut self, file: &Path) -> Self {
        self.set("GIT_INDEX_FILE", file.as_os_str());
        self
    }

    /// Adds a setting, `name=value`.
    pub(crate) fn setting(mut self, setting: impl Into<OsString>) -> Self {
        self.settings.push(setting.into());
        self
    }

    /// Sets an environment variable.
    pub(crate) fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.set(name, value.as_ref());
        self
    }

    fn set(&mut self, name: &str, value: &OsStr) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.into(), value.into()));
    }

    /// Runs git and returns its standard output; an exit code other than 0 is an error.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Vec<u8>> {
        self.run_with(args, &[])
    }

    /// Like [`Self::run`], with standard input.
    pub(crate) fn run_with<S: AsRef<OsStr>>(&self, args: &[S], input: &[u8]) -> Result<Vec<u8>> {
        let output = self.output(args, input)?;
        if output.code == Some(0) { Ok(output.stdout) } else { Err(failure(&name(args), &output)) }
    }

    /// Like [`Self::run`], for output of one line.
    pub(crate) fn line<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<String> {
        let out = self.run(args)?;
        Ok(String::from_utf8_lossy(&out).trim_end().to_owned())
    }

    /// Runs git and returns the result, whatever the exit code.
    pub(crate) fn output<S: AsRef<OsStr>>(&self, args: &[S], input: &[u8]) -> Result<GitOutput> {
        let mut running = self.start(args)?;
        let mut stdout = Vec::new();
        let result = thread::scope(|scope| {
            let mut stdin = running.child.stdin.take();
            // A git that stops reading early explains it on standard error; a broken pipe adds nothing.
            scope.spawn(move || stdin.as_mut().map(|pipe| pipe.write_all(input)));
            running.child.stdout.take().map_or(Ok(0), |mut pipe| pipe.read_to_end(&mut stdout))
        });
        result.map_err(RepoError::io("read", "git's output"))?;
        let (code, stderr) = running.finish()?;
        Ok(GitOutput { code, stdout, stderr })
    }

    /// Runs git with standard input and writes its output to a file.
    pub(crate) fn run_into<S: AsRef<OsStr>>(&self, args: &[S], input: &[u8], file: &Path) -> Result<()> {
        let out = std::fs::File::create(file).map_err(RepoError::io("write", file))?;
        let mut running = self.start_with(args, Stdio::piped(), out.into())?;
        let mut stdin = running.child.stdin.take();
        // A git that stops reading early explains it on standard error.
        let _ = stdin.as_mut().map(|pipe| pipe.write_all(input));
        drop(stdin);
        running.finish_well(&name(args))
    }

    /// Runs git with a file as standard input and ignores its output.
    pub(crate) fn run_from<S: AsRef<OsStr>>(&self, args: &[S], file: &Path) -> Result<()> {
        let input = std::fs::File::open(file).map_err(RepoError::io("read", file))?;
        self.start_with(args, input.into(), Stdio::null())?.finish_well(&name(args))
    }

    /// Starts git with pipes for standard input, output and error.
    pub(crate) fn start<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<GitProcess> {
        self.start_with(args, Stdio::piped(), Stdio::piped())
    }

    fn start_with<S: AsRef<OsStr>>(&self, args: &[S], stdin: Stdio, stdout: Stdio) -> Result<GitProcess> {
        let mut command = Command::new("git");
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.directory);
        for setting in &self.settings {
            command.arg("-c").arg(setting);
        }
        command.args(args).stdin(stdin).stdout(stdout).stderr(Stdio::piped());
        // A process group of its own: Ctrl-C is for voe to handle, and the time limit also stops what git starts.
        command.process_group(0);
        let mut child = command.spawn().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound if self.directory.is_dir() => RepoError::GitMissing,
            io::ErrorKind::NotFound => RepoError::NoDirectory(self.directory.clone()),
            _ => RepoError::Io { action: "start", path: "git".into(), source },
        })?;
        let mut pipe = child.stderr.take();
        let stderr = thread::spawn(move || {
            let mut text = Vec::new();
            if let Some(pipe) = &mut pipe {
                // After a read error, what was read so far is reported.
                let _ = pipe.read_to_end(&mut text);
            }
            String::from_utf8_lossy(&text).into_owned()
        });
        let watchdog = Watchdog::over(&child, self.limit);
        let begun = Instant::now();
        Ok(GitProcess { child, stderr: Some(stderr), watchdog, command: name(args), limit: self.limit, begun })
    }
}

/// A running git process.
pub(crate) struct GitProcess {
    pub(crate) child: Child,
    stderr: Option<JoinHandle<String>>,
    watchdog: Watchdog,
    command: String,
    limit: Duration,
    begun: Instant,
}

impl GitProcess {
    /// Waits for the process. Its standard output must have been read to the end.
    pub(crate) fn finish(&mut self) -> Result<(Option<i32>, String)> {
        drop(self.child.stdin.take());
        let stderr = self.stderr.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        // Only now is the process waited for: until then its id can't be reused, so the watchdog can't hit another process.
        let fired = self.watchdog.stop();
        let status = self.child.wait().map_err(RepoError::io("wait for", "git"))?;
        let ms = self.begun.elapsed().as_millis();
        tracing::debug!(command = self.command, code = status.code(), ms, timed_out = fired, "git");
        if fired {
            return Err(RepoError::GitTimeout { command: self.command.clone(), seconds: self.limit.as_secs() });
        }
        Ok((status.code(), stderr))
    }
}

impl GitProcess {
    fn finish_well(mut self, command: &str) -> Result<()> {
        let (code, stderr) = self.finish()?;
        if code == Some(0) { Ok(()) } else { Err(failure(command, &GitOutput { code, stdout: Vec::new(), stderr })) }
    }
}

impl Drop for GitProcess {
    fn drop(&mut self) {
        if self.stderr.is_some() {
            self.watchdog.stop();
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Kills a process group when its time is over.
struct Watchdog {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<bool>>,
}

impl Watchdog {
    fn over(child: &Child, limit: Duration) -> Self {
        let group = Pid::from_child(child);
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            let fired = matches!(stopped.recv_timeout(limit), Err(mpsc::RecvTimeoutError::Timeout));
            if fired {
                // It may have just exited.
                let _ = kill_process_group(group, Signal::KILL);
            }
            fired
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }

    fn stop(&mut self) -> bool {
        drop(self.stop.take());
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

/// The subcommand, for messages.
fn name<S: AsRef<OsStr>>(args: &[S]) -> String {
    args.first().map(|arg| arg.as_ref().to_string_lossy().into_owned()).unwrap_or_default()
}

/// The error for a run that failed.
pub(crate) fn failure(command: &str, output: &GitOutput) -> RepoError {
    let said = output.stderr.trim();
    let line = said.lines().rev().find(|line| line.starts_with("fatal:") || line.starts_with("error:"));
    let detail = match line.or_else(|| said.lines().last()) {
        Some(line) => line.to_owned(),
        None => match output.code {
            Some(code) => format!("exit code {code}"),
            None => "it was killed".to_owned(),
        },
    };
    RepoError::Git { command: command.to_owned(), detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_git_that_takes_too_long_is_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let mut git = GitCommand::private(dir.path());
        git.limit = Duration::from_millis(50);
        // Waits for its standard input, which stays open.
        let mut running = git.start(&["hash-object", "--stdin"]).unwrap();
        let mut out = Vec::new();
        running.child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
        assert!(matches!(running.finish(), Err(RepoError::GitTimeout { .. })));
    }

    #[test]
    fn a_failure_reports_the_error_line_of_git() {
        let dir = tempfile::tempdir().unwrap();
        let error = GitCommand::private(dir.path()).run(&["cat-file", "-t", "HEAD"]).unwrap_err();
        assert!(error.to_string().starts_with("git cat-file failed: fatal:"), "{error}");
    }
}
