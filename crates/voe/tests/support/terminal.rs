//! voe on a pseudo-terminal.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use super::{Bench, VOE};

/// Types `ahead` at once and `answer` when `question` is there, and prints all that was shown. Ends what takes a minute.
const DRIVER: &str = r#"
import os, pty, select, signal, sys, time
ahead, question, answer, argv = sys.argv[1].encode(), sys.argv[2].encode(), sys.argv[3].encode(), sys.argv[4:]
pid, fd = pty.fork()
if pid == 0:
    os.execv(argv[0], argv)
os.write(fd, ahead)
seen, answered, until = b"", False, time.monotonic() + 60
while True:
    ready, _, _ = select.select([fd], [], [], max(0, until - time.monotonic()))
    if not ready:
        seen += b"\n(it took more than a minute)\n"
        os.kill(pid, signal.SIGKILL)
        break
    try:
        part = os.read(fd, 4096)
    except OSError:
        break
    if not part:
        break
    seen += part
    if not answered and question in seen:
        os.write(fd, answer)
        answered = True
status = os.waitpid(pid, 0)[1]
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(status) % 256)
"#;

/// What somebody does at the terminal.
pub struct Typed<'a> {
    /// Entered before anything is asked.
    pub ahead: &'a str,
    /// What is waited for.
    pub question: &'a str,
    /// Entered then.
    pub answer: &'a str,
}

/// Runs voe there. The exit code, and all that was shown.
pub fn run(bench: &Bench, args: &[&str], typed: &Typed<'_>) -> (i32, Vec<u8>) {
    let mut command = bench.command("python3");
    command.args(["-c", DRIVER, typed.ahead, typed.question, typed.answer, VOE]).args(args).env("TERM", "xterm");
    let out = command.output().unwrap();
    (out.status.code().unwrap_or(-1), out.stdout)
}
