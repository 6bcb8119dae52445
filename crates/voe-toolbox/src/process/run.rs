//! Runs one command, from its start until all its processes have ended.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::PipeFlags;
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, getpid, getrlimit, pidfd_open, set_parent_process_death_signal,
    setrlimit, setsid,
};

use voe_evidence::command::is_check;
use voe_protocol::CallLimits;
use voe_trace::{EndedBy, TestRun};

use super::descendants::Descendants;
use super::output::{CommandOutput, ShownOutput};
use crate::inbox::Inbox;

/// What to run and how.
#[derive(Debug)]
pub(crate) struct CommandJob<'a> {
    pub(crate) command: &'a str,
    pub(crate) directory: &'a Path,
    pub(crate) env: &'a BTreeMap<String, String>,
    pub(crate) limit: Duration,
    pub(crate) limits: &'a CallLimits,
    /// The file for the whole output if it is too long to be shown.
    pub(crate) output_file: PathBuf,
    /// The file for the command if it is too long for an argument.
    pub(crate) script_file: PathBuf,
    /// The file with the shell's process id while it runs, for a toolbox that is started after this one was killed.
    pub(crate) pid_file: &'a Path,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct EndedCommand {
    /// The shell's exit code; a signal counts as 128 + its number; `None` if a limit ended it.
    pub(crate) exit: Option<i32>,
    pub(crate) ended_by: Option<EndedBy>,
    pub(crate) output: ShownOutput,
    /// What test runners report in the whole output.
    pub(crate) tests: Option<TestRun>,
    /// Processes that it left running, and that were ended.
    pub(crate) left: Vec<String>,
    /// Processes that could not be ended, if any.
    pub(crate) stuck: bool,
}

/// The longest argument that Linux takes is 128 KiB.
const LONGEST_ARGUMENT: usize = 100 << 10;
/// Between SIGTERM and SIGKILL when a limit has been hit.
const GRACE: Duration = Duration::from_millis(500);
/// The same for what a finished command left running.
const GRACE_FOR_LEFT: Duration = Duration::from_millis(200);
/// How long output may still come from processes that outlive the shell (`exec > >(tee log)`).
const DRAIN: Duration = Duration::from_millis(250);
/// A command that prints this many times what is kept of its output is ended: the output is useless.
const FLOOD: u64 = 16;

/// Runs a command to its end. `inbox` ends it early when nobody waits for it.
pub(crate) fn run(job: &CommandJob<'_>, processes: &Descendants, inbox: &mut Inbox) -> io::Result<EndedCommand> {
    let began = Instant::now();
    let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&read, true)?;
    let mut child = start(job, write)?;
    let mut pipe = Pipe {
        fd: Some(read),
        output: CommandOutput::new(job.limits.output_chars, &job.output_file, job.limits.output_file_bytes),
    };
    let end = wait(job, &mut child, &mut pipe, inbox, began)?;
    let spare = Pid::from_raw(child.id() as i32);
    let mut left = Vec::new();
    let stuck;
    match &end {
        ShellEnd::Exited(_) => {
            pipe.drain();
            let mut living = processes.living(spare);
            if !living.is_empty() {
                pipe.wait_for_end(DRAIN);
                living = processes.living(spare);
                left = Descendants::names(&living, 8);
            }
            let gone = living.is_empty() || processes.terminate(spare, GRACE_FOR_LEFT, &mut || pipe.drain());
            stuck = !gone && !processes.kill(spare);
        }
        ShellEnd::Killed(_) | ShellEnd::GivenUp => {
            let grace = if matches!(end, ShellEnd::GivenUp) { Duration::ZERO } else { GRACE };
            let gone = processes.terminate(spare, grace, &mut || pipe.drain());
            stuck = !gone && !processes.kill(spare);
            // Without /proc the process tree is unknown: end the shell's own group at least.
            if let Some(group) = spare {
                let _ = rustix::process::kill_process_group(group, Signal::KILL);
            }
            if !stuck {
                let _ = child.wait();
            }
        }
    }
    if !stuck {
        let _ = std::fs::remove_file(job.pid_file);
    }
    pipe.drain();
    let (exit, ended_by) = match end {
        ShellEnd::Exited(status) => verdict(status, job.limits),
        ShellEnd::Killed(by) => (None, Some(by)),
        ShellEnd::GivenUp => (None, Some(EndedBy::Canceled)),
    };
    let tests = is_check(job.command).then(|| voe_evidence::tests::read(job.command, &pipe.output.whole())).flatten();
    Ok(EndedCommand { exit, ended_by, output: pipe.output.finish(), tests, left, stuck })
}

/// Why waiting for the shell ended.
#[derive(Debug)]
enum ShellEnd {
    Exited(ExitStatus),
    Killed(EndedBy),
    GivenUp,
}

fn start(job: &CommandJob<'_>, output: OwnedFd) -> io::Result<Child> {
    let mut command = Command::new(shell(job.env));
    if job.command.len() > LONGEST_ARGUMENT {
        std::fs::write(&job.script_file, job.command)?;
        command.arg(&job.script_file);
    } else {
        command.arg("-c").arg(job.command);
    }
    command.current_dir(job.directory).env_clear().envs(job.env);
    command.stdin(Stdio::null()).stdout(Stdio::from(output.try_clone()?)).stderr(Stdio::from(output));
    let file_bytes = job.limits.file_bytes;
    // Written by the shell's process itself: its command may kill the toolbox first. On a full disk the command
    // still runs.
    let pid_file = std::fs::File::create(job.pid_file).ok();
    #[allow(unsafe_code)]
    // SAFETY: between fork and exec only system calls are made, none of which allocates or takes a lock.
    unsafe {
        command.pre_exec(move || {
            setsid()?;
            if let Some(file) = &pid_file {
                let mut digits = [0; 20];
                let _ = rustix::io::write(file, decimal(getpid().as_raw_nonzero().get().unsigned_abs(), &mut digits));
            }
            // If the toolbox is killed, its shell must not keep running.
            set_parent_process_death_signal(Some(Signal::KILL))?;
            lower(Resource::Fsize, file_bytes)?;
            lower(Resource::Core, 0)?;
            Ok(())
        });
    }
    // Dropping `command` closes our copies of the pipe's writing end.
    command.spawn()
}

/// A number's digits, without an allocation.
fn decimal(mut number: u32, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}

/// Lowers a hard limit; a lower one stays.
fn lower(resource: Resource, to: u64) -> io::Result<()> {
    let to = getrlimit(resource).maximum.map_or(to, |maximum| maximum.min(to));
    Ok(setrlimit(resource, Rlimit { current: Some(to), maximum: Some(to) })?)
}

/// bash where there is one, else the system's shell.
fn shell(env: &BTreeMap<String, String>) -> PathBuf {
    let path = env.get("PATH").map(String::as_str).unwrap_or_default();
    path.split(':')
        .filter(|part| part.starts_with('/'))
        .chain(["/bin", "/usr/bin", "/usr/local/bin"])
        .map(|part| Path::new(part).join("bash"))
        .find(|bash| bash.is_file())
        .unwrap_or_else(|| PathBuf::from("/bin/sh"))
}

fn wait(
    job: &CommandJob<'_>,
    child: &mut Child,
    pipe: &mut Pipe,
    inbox: &mut Inbox,
    began: Instant,
) -> io::Result<ShellEnd> {
    let pid = Pid::from_raw(child.id() as i32).ok_or_else(|| io::Error::other("the shell has no process id"))?;
    // Kernels before 5.3 and some filters have no pidfd: then the shell is polled every few milliseconds.
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok();
    let most = job.limits.output_file_bytes.saturating_mul(FLOOD);
    loop {
        let left = job.limit.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Ok(ShellEnd::Killed(EndedBy::TimeLimit { seconds: job.limit.as_secs_f64() }));
        }
        let timeout = if pidfd.is_some() { left } else { left.min(Duration::from_millis(5)) };
        let (exited, called) = {
            let mut fds = vec![PollFd::from_borrowed_fd(inbox.fd(), PollFlags::IN)];
            fds.extend(pidfd.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
            fds.extend(pipe.fd.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
            match poll(&mut fds, Some(&timespec(timeout))) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            (pidfd.is_none() || !fds[1].revents().is_empty(), !fds[0].revents().is_empty())
        };
        pipe.read();
        if exited && let Some(status) = child.try_wait()? {
            return Ok(ShellEnd::Exited(status));
        }
        if called && inbox.interrupted() {
            return Ok(ShellEnd::GivenUp);
        }
        if pipe.output.printed() > most {
            return Ok(ShellEnd::Killed(EndedBy::OutputLimit { bytes: most }));
        }
    }
}

/// The reading end of the command's output.
struct Pipe {
    fd: Option<OwnedFd>,
    output: CommandOutput,
}

impl Pipe {
    /// One read, without waiting; true if more may be there already.
    fn read(&mut self) -> bool {
        let Some(fd) = &self.fd else { return false };
        let mut block = [0_u8; 65536];
        match rustix::io::read(fd, &mut block) {
            Ok(n) if n > 0 => {
                self.output.push(&block[..n]);
                true
            }
            Err(rustix::io::Errno::INTR) => true,
            Err(rustix::io::Errno::AGAIN) => false,
            _ => {
                self.fd = None;
                false
            }
        }
    }

    /// Reads what is available, up to the capacity of a pipe.
    fn drain(&mut self) {
        for _ in 0..32 {
            if !self.read() {
                return;
            }
        }
    }

    /// Reads until all writers have closed, at most for `limit`.
    fn wait_for_end(&mut self, limit: Duration) {
        let until = Instant::now() + limit;
        loop {
            self.drain();
            let left = until.saturating_duration_since(Instant::now());
            let Some(fd) = &self.fd else { return };
            if left.is_zero() {
                return;
            }
            let _ = poll(&mut [PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)], Some(&timespec(left)));
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs() as i64, tv_nsec: i64::from(duration.subsec_nanos()) }
}

/// The exit code, and the limit that it indicates.
fn verdict(status: ExitStatus, limits: &CallLimits) -> (Option<i32>, Option<EndedBy>) {
    const SIGKILL: i32 = 9;
    const SIGXFSZ: i32 = 25;
    let exit = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    let ended_by = match exit {
        Some(code) if code == 128 + SIGKILL => Some(EndedBy::Killed { memory_bytes: limits.memory_bytes }),
        Some(code) if code == 128 + SIGXFSZ => Some(EndedBy::FileSizeLimit { bytes: limits.file_bytes }),
        _ => None,
    };
    (exit, ended_by)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_process_id_is_written_without_an_allocation_as_with_one() {
        for number in [0, 7, 10, 4_194_304, u32::MAX] {
            assert_eq!(super::decimal(number, &mut [0; 20]), number.to_string().as_bytes());
        }
    }
}
