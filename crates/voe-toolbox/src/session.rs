//! What the toolbox knows while an attempt lasts, and how it answers.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Instant;

use serde_json::Value;

use crate::inbox::Inbox;
use crate::place::Places;
use crate::process::descendants::Descendants;
use crate::protocol::{CallResult, Hello, Pristine, Setup};
use crate::tools::{self, Done};

/// The other end of a [`crate::client::Toolbox`].
pub(crate) struct Session {
    pub(crate) setup: Setup,
    pub(crate) places: Places,
    /// The environment of commands.
    pub(crate) env: BTreeMap<String, String>,
    outputs: PathBuf,
    calls: u32,
}

impl Session {
    pub(crate) fn new(setup: Setup) -> io::Result<(Self, Hello)> {
        let own = setup.scratch.join("toolbox");
        let outputs = setup.scratch.join("outputs");
        fs::create_dir_all(&own)?;
        fs::create_dir_all(&outputs)?;
        let mut guarded = vec![own];
        guarded.push(match &setup.pristine {
            Pristine::Git { git_dir, .. } => git_dir.clone(),
            Pristine::Dir(dir) => dir.clone(),
        });
        let places = Places::new(&setup.workspace, &setup.scratch, guarded)?;
        let env = environment(&setup, &places)?;
        let calls = fs::read_dir(&outputs)?.count() as u32;
        let session = Self { setup, places, env, outputs, calls };
        let hello = Hello { version: env!("CARGO_PKG_VERSION").into(), ..Hello::default() };
        Ok((session, hello))
    }

    /// Where the next command's whole output goes, if it has to go anywhere.
    pub(crate) fn next_output_file(&mut self) -> PathBuf {
        loop {
            self.calls += 1;
            let path = self.outputs.join(format!("{:04}.txt", self.calls));
            if !path.exists() {
                return path;
            }
        }
    }

    /// The processes that commands leave.
    pub(crate) fn processes(&self) -> Descendants {
        Descendants::default()
    }

    /// Runs a tool.
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value, inbox: &mut Inbox) -> CallResult {
        let began = Instant::now();
        let done = tools::run(self, tool, arguments, inbox);
        self.result(done, began)
    }

    /// Runs a command of voe's own.
    pub(crate) fn check(&mut self, command: &str, seconds: f64, inbox: &mut Inbox) -> CallResult {
        let began = Instant::now();
        let done = tools::run_command(self, command, seconds, inbox);
        self.result(done, began)
    }

    fn result(&mut self, done: Result<Done, String>, began: Instant) -> CallResult {
        let done = done.unwrap_or_else(|error| Done { text: error, failed: true, ..Done::default() });
        CallResult {
            text: done.text,
            ok: !done.failed,
            exit: done.exit,
            killed: done.killed,
            tail: done.tail,
            seconds: began.elapsed().as_secs_f64(),
            ..CallResult::default()
        }
    }
}

/// The environment of commands: what voe gives, and what keeps programs from waiting for somebody.
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
        // Python tells a stale cache by size and second, which two edits can share.
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ];
    for (name, value) in defaults {
        env.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    env.insert("PWD".into(), places.workspace().to_string_lossy().into_owned());
    Ok(env)
}
