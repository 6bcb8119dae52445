//! The state of the toolbox during an attempt, and its answers.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use voe_protocol::{BaseSource, Export, FileState, Hello, RawBytes, Setup, WorkspaceState};

use crate::changes::Tracker;
use crate::place::Places;
use crate::process::descendants::{self, Descendants};

/// The other end of a [`voe_protocol::client::Toolbox`].
pub(crate) struct ToolboxSession {
    pub(crate) setup: Setup,
    pub(crate) places: Places,
    /// The environment of commands.
    pub(crate) env: BTreeMap<String, String>,
    outputs: PathBuf,
    pub(crate) pid_file: PathBuf,
    calls: u32,
    pub(crate) tracker: Tracker,
}

impl ToolboxSession {
    pub(crate) fn new(setup: Setup) -> io::Result<(Self, Hello)> {
        fs::create_dir_all(&setup.scratch)?;
        let own = setup.scratch.canonicalize()?.join("toolbox");
        let outputs = setup.scratch.join("outputs");
        fs::create_dir_all(&own)?;
        fs::create_dir_all(&outputs)?;
        let mut guarded = vec![own.clone()];
        guarded.push(match &setup.pristine {
            BaseSource::Git { git_dir, .. } => git_dir.clone(),
            BaseSource::Dir(dir) => dir.clone(),
        });
        let places = Places::new(&setup.workspace, &setup.scratch, guarded)?;
        let env = environment(&setup, &places)?;
        let pid_file = own.join("shell");
        if let Some(shell) = fs::read_to_string(&pid_file).ok().and_then(|pid| pid.trim().parse().ok()) {
            let home =
                (!setup.env.contains_key("HOME")).then(|| env.get("HOME").map(|home| format!("HOME={home}"))).flatten();
            descendants::end_left(shell, "PYTHONDONTWRITEBYTECODE=1", home.as_deref());
            let _ = fs::remove_file(&pid_file);
        }
        let began = cpu_ms();
        let tracker = Tracker::open(&setup, places.workspace(), &own)?;
        let scan_ms = cpu_ms() - began;
        let calls = fs::read_dir(&outputs)?.count() as u32;
        let hello = Hello { version: env!("CARGO_PKG_VERSION").into(), files: tracker.files(), scan_ms };
        let session = Self { setup, places, env, outputs, pid_file, calls, tracker };
        Ok((session, hello))
    }

    /// The file for the next command's whole output, if needed.
    pub(crate) fn next_output_file(&mut self) -> PathBuf {
        loop {
            self.calls += 1;
            let path = self.outputs.join(format!("{:04}.txt", self.calls));
            if !path.exists() {
                return path;
            }
        }
    }

    /// The processes that commands leave running.
    pub(crate) fn processes(&self) -> Descendants {
        Descendants { keep: self.tracker.reader().into_iter().collect() }
    }

    /// How the workspace differs from base.
    pub(crate) fn state(&mut self) -> WorkspaceState {
        self.tracker.state()
    }

    /// The same with contents.
    pub(crate) fn export(&mut self) -> Result<Export, String> {
        self.tracker.export().map_err(|error| format!("the changes cannot be read: {error}"))
    }

    /// Writes files into the workspace.
    pub(crate) fn import(&mut self, files: &[(RawBytes, Option<FileState>)]) -> Result<WorkspaceState, String> {
        self.tracker.import(files)?;
        Ok(self.tracker.state())
    }
}

/// CPU time of this process so far, in milliseconds.
fn cpu_ms() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// The environment of commands: voe's variables, and those that keep programs from waiting for input.
fn environment(setup: &Setup, places: &Places) -> io::Result<BTreeMap<String, String>> {
    let mut env = setup.env.clone();
    let home = setup.scratch.join("home");
    if !env.contains_key("HOME") {
        fs::create_dir_all(&home)?;
    }
    let defaults = [
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOME", &home.to_string_lossy()),
        ("TERM", "dumb"),
        ("PAGER", "cat"),
        ("GIT_PAGER", "cat"),
        ("MANPAGER", "cat"),
        ("GIT_EDITOR", "true"),
        ("EDITOR", "true"),
        ("GIT_TERMINAL_PROMPT", "0"),
        // Python detects a stale cache by size and second, which two edits can share.
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ];
    for (name, value) in defaults {
        env.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    env.insert("PWD".into(), places.workspace().to_string_lossy().into_owned());
    Ok(env)
}
