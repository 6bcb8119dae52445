//! Plays a script to a strategy, and keeps what was asked.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex};

use serde_json::{Value, json};

use crate::server::{Answer, Server};
use crate::support::{Bench, Said, VOE, done};
use crate::tasks::Task;

/// Stands in scripts and in the recorded requests for the directory that holds the repository, as `PLACE/repo`.
pub(crate) const PLACE: &str = "/PLACE";

/// Steps after which an attempt ends whatever happens. More than any script has.
const STEPS: &str = "60";

/// Where commands are looked for: Python at its own place first, since a version manager's wrapper costs more time than Python does.
static PATH: LazyLock<OsString> = LazyLock::new(|| {
    let python = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
    let python = PathBuf::from(String::from_utf8(python.stdout).unwrap().trim());
    let path = std::env::var_os("PATH").unwrap();
    let first = python.parent().unwrap().to_owned();
    std::env::join_paths(std::iter::once(first).chain(std::env::split_paths(&path))).unwrap()
});

/// Replies in the form of `scripted:` files.
#[derive(Default)]
pub(crate) struct Script {
    /// The answer to a question whose last message has the text `when`; each once, before all others.
    pub(crate) asides: Vec<Value>,
    /// The others, in order. After them the model says that it is done.
    pub(crate) replies: Vec<Value>,
}

/// What came of it.
pub(crate) struct Played {
    /// The bodies of the requests, normalised.
    pub(crate) bodies: Vec<String>,
    /// How many replies of the script were not asked for.
    pub(crate) unused: usize,
    /// How it ended.
    pub(crate) reason: String,
}

/// Runs `strategy` on `task`, in place: that is the same on each machine, whatever it can isolate.
pub(crate) fn play(strategy: &str, task: &Task, script: Script) -> Played {
    // Prompts hold the path of the repository, and limits hang on how long prompts are: so the path always has the same length.
    let dir = tempfile::Builder::new().prefix("voe-requests-").rand_bytes(6).tempdir_in("/tmp").unwrap();
    let bench = Bench::at(dir, task.files);
    let place = bench.dir.path().display().to_string();
    let fill = |replies: Vec<Value>| -> VecDeque<Value> {
        let filled = |reply: Value| serde_json::from_str(&reply.to_string().replace(PLACE, &place)).unwrap();
        replies.into_iter().map(filled).collect()
    };
    let left = Arc::new(Mutex::new((fill(script.asides), fill(script.replies))));
    let (seen, own) = (left.clone(), place.clone());
    let server = Server::deciding("m", task.window, move |at, body| {
        let request: Value = serde_json::from_slice(body).unwrap();
        let last = request["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned();
        let (asides, replies) = &mut *seen.lock().unwrap();
        let aside = asides.iter().position(|aside| last.contains(aside["when"].as_str().unwrap()));
        let reply = aside.and_then(|at| asides.remove(at)).or_else(|| replies.pop_front()).unwrap_or_else(done);
        let prompt = normalised(body, &own).len() / 4;
        Answer::Reply(completion(at + 1, &reply, prompt))
    });
    let file = overlay(strategy, &bench);
    let mut command = bench.command(VOE);
    // No sample hooks in each copy of the repository: making and deleting them is most of what a copy costs.
    command.env("PATH", &*PATH).env("GIT_TEMPLATE_DIR", "").args([
        "fix",
        task.statement,
        "--strategy",
        file.as_deref().unwrap_or(strategy),
        "--sandbox",
        "none",
        "--json",
        "--base-url",
        &server.url,
        "--model",
        "m",
        "--max-steps",
        STEPS,
    ]);
    let said = Said::of(&command.output().unwrap());
    let reason = said.finish()["reason"].as_str().unwrap().to_owned();
    assert!(matches!(&*reason, "completed" | "stuck"), "{strategy} × {}: {}\n{}", task.name, said.finish(), said.err);
    let left = left.lock().unwrap();
    Played {
        bodies: server.asked().iter().map(|body| normalised(body, &place)).collect(),
        unused: left.1.len(),
        reason,
    }
}

/// A strategy whose attempts run side by side would ask in an order that depends on which is faster: here they run one by one.
fn overlay(strategy: &str, bench: &Bench) -> Option<String> {
    let text = format!("extends = \"{strategy}\"\n[search]\nparallel = 1\n");
    matches!(strategy, "best-of-n" | "bst").then(|| bench.write("../one-by-one.toml", &text))?;
    Some("../one-by-one.toml".into())
}

/// A body with what differs from run to run under a name of its own: where the temporary directory is, and the numbers of processes.
fn normalised(body: &[u8], place: &str) -> String {
    let text = String::from_utf8(body.to_vec()).unwrap().replace(place, PLACE);
    let mut parts = text.split("(pid ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |done, part| format!("{done}(pid PID{}", part.trim_start_matches(|c: char| c.is_ascii_digit())))
}

/// The reply as a server of Chat Completions has it.
fn completion(n: usize, reply: &Value, prompt: usize) -> Value {
    let content = reply["content"].as_str().unwrap_or_default();
    let mut message = json!({"role": "assistant", "content": content, "reasoning": format!("Thought {n}.")});
    let calls = reply["tool_calls"].as_array().map_or(&[][..], Vec::as_slice);
    if !calls.is_empty() {
        let call = |(i, call): (usize, &Value)| {
            let arguments = call["arguments"].as_str().map_or_else(|| call["arguments"].to_string(), str::to_owned);
            json!({"id": format!("call_{n}_{i}"), "type": "function",
                "function": {"name": call["name"], "arguments": arguments}})
        };
        message["tool_calls"] = calls.iter().enumerate().map(call).collect();
    }
    let usual = if calls.is_empty() { "stop" } else { "tool_calls" };
    let finish = reply["finish_reason"].as_str().unwrap_or(usual);
    json!({"choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": 50, "total_tokens": prompt + 50}})
}
