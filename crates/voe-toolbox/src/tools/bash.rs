//! `bash`: a command in a fresh shell.

use std::time::Duration;

use serde_json::{Value, json};
use voe_trace::Note;

use super::{Arguments, Effect, Tool, ToolOutcome};
use crate::inbox::Inbox;
use crate::process::run::{CommandJob, run as run_job};
use crate::session::ToolboxSession;

pub(super) const TOOL: Tool = Tool {
    name: "bash",
    description: "Run a bash command in the working directory. Each call is a fresh shell without stdin; what it leaves \
                  running is ended. Long output is shortened, with the whole in a file.",
    parameters,
    run,
};

fn parameters() -> Value {
    json!({
        "type": "object",
        "properties": {
            "command": {"type": "string"},
            "timeout_s": {"type": "number", "description": "Time limit in seconds"}
        },
        "required": ["command"]
    })
}

fn run(session: &mut ToolboxSession, arguments: &Arguments, inbox: &mut Inbox) -> Result<ToolOutcome, String> {
    let command = arguments.text("command")?;
    let limits = &session.setup.limits;
    let asked = arguments.maybe_number("timeout_s")?.filter(|seconds| *seconds > 0.0);
    let seconds = asked.unwrap_or(limits.timeout_s).min(limits.max_timeout_s);
    run_command(session, command, seconds, inbox)
}

/// Runs a command within `seconds`.
pub(crate) fn run_command(
    session: &mut ToolboxSession,
    command: &str,
    seconds: f64,
    inbox: &mut Inbox,
) -> Result<ToolOutcome, String> {
    if command.trim().is_empty() {
        return Err("command is empty".into());
    }
    if command.contains('\0') {
        return Err("command holds a NUL byte, which no shell can take".into());
    }
    let directory = session.places.workspace().to_owned();
    // Commands can remove even the directory that they start in; the next one needs it again.
    let _ = std::fs::create_dir_all(&directory);
    let output_file = session.next_output_file();
    let job = CommandJob {
        command,
        directory: &directory,
        env: &session.env,
        limit: Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(1)),
        limits: &session.setup.limits,
        script_file: output_file.with_extension("sh"),
        output_file,
        pid_file: &session.pid_file.clone(),
    };
    let ended =
        run_job(&job, &session.processes(), inbox).map_err(|error| format!("the shell did not start: {error}"))?;

    let mut notes = Vec::new();
    if !ended.left.is_empty() {
        notes.push(Note::EndedProcesses { names: ended.left });
    }
    if ended.stuck {
        notes.push(Note::UnendedProcesses);
    }
    Ok(ToolOutcome {
        output: ended.output.text,
        exit: ended.exit,
        ended_by: ended.ended_by,
        notes,
        tail: ended.output.tail,
        tests: ended.tests,
        effect: Effect::Command(command.to_owned()),
        ..ToolOutcome::default()
    })
}
