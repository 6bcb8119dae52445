//! The server end of the pipe, inside the sandbox: one request after the other, on one thread.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

use rustix::process::{DumpableBehavior, getpid, set_child_subreaper, set_dumpable_behavior};
use serde::Serialize;
use serde_json::Value;
use voe_protocol::{AnswerBody, Op, ToolboxAnswer, ToolboxRequest};

use crate::inbox::Inbox;
use crate::session::ToolboxSession;
use crate::{pack, read, syntax, tools};

/// Serves requests from standard input until it ends: `voe toolbox`. Everything that it started has ended when it returns.
pub fn run() -> ExitCode {
    // Orphans of a command become our children, so that they can be found and ended. Without it (an old kernel, a filter) the
    // process group is still ended.
    let _ = set_child_subreaper(Some(getpid()));
    // Commands in the sandbox may have our user id: they must not read our pipes or our memory through /proc.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let mut inbox = Inbox::new();
    let mut session = None;
    while let Some(line) = inbox.next_line() {
        let answer = answer(&line, &mut session, &mut inbox);
        if inbox.ended() || send(&answer).is_err() {
            break;
        }
    }
    if let Some(session) = &session {
        session.processes().kill(None);
    }
    ExitCode::SUCCESS
}

fn send(answer: &ToolboxAnswer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    #[expect(clippy::disallowed_methods, reason = "a pipe to voe")]
    let mut stdout = io::stdout().lock();
    stdout.write_all(&line)?;
    stdout.flush()
}

fn answer(line: &[u8], session: &mut Option<ToolboxSession>, inbox: &mut Inbox) -> ToolboxAnswer {
    let request: ToolboxRequest = match serde_json::from_slice(line) {
        Ok(request) => request,
        Err(error) => {
            return ToolboxAnswer { id: id_of(line), body: AnswerBody::Error(format!("not a request: {error}")) };
        }
    };
    // A bug in one call must not cost the attempt its toolbox.
    let body = catch_unwind(AssertUnwindSafe(|| carry_out(request.op, session, inbox)))
        .unwrap_or_else(|_| Err("a bug in the toolbox ended this call".into()));
    ToolboxAnswer { id: request.id, body: body.map_or_else(AnswerBody::Error, AnswerBody::Ok) }
}

/// The id of an invalid request, for the answer to its sender.
fn id_of(line: &[u8]) -> u64 {
    serde_json::from_slice::<Value>(line).ok().and_then(|value| value["id"].as_u64()).unwrap_or(0)
}

fn carry_out(op: Op, session: &mut Option<ToolboxSession>, inbox: &mut Inbox) -> Result<Value, String> {
    if let Op::Hello(setup) = op {
        let workspace = setup.workspace.display().to_string();
        let (new, hello) =
            ToolboxSession::new(*setup).map_err(|error| format!("cannot work in {workspace}: {error}"))?;
        *session = Some(new);
        return value(hello);
    }
    let session = session.as_mut().ok_or("the first request must be hello")?;
    match op {
        Op::Hello(_) => Err("greeted already".into()),
        Op::Call { tool, arguments } => value(session.call(&tool, &arguments, inbox)),
        Op::Check { command, timeout_s } => value(session.check(&command, timeout_s, inbox)),
        Op::State => value(session.state()),
        Op::Export => value(session.export()?),
        Op::Import { files } => value(session.import(&files)?),
        Op::ReadFile { path, most_bytes, whole } => value(read::file(&session.places, &path.0, most_bytes, whole)),
        Op::Search { pattern, glob } => value(tools::search(session, &pattern, glob.as_deref(), inbox)?),
        Op::ListFiles { pattern } => value(tools::list(session, &pattern, inbox)?),
        Op::FunctionExtent { path, text, line } => value(syntax::extent(Path::new(&path), &text, line)),
        Op::Pack { paths, most_bytes } => value(pack::pack(&paths, most_bytes)?),
        Op::Unpack { archive } => value(pack::unpack(&archive.0)?),
    }
}

fn value(answer: impl Serialize) -> Result<Value, String> {
    serde_json::to_value(answer).map_err(|error| format!("the answer cannot be written: {error}"))
}
