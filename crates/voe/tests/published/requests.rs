//! The requests of each published arm, as recorded. They are the control that other arms are compared with: a change of them is a
//! change of its own, with a line in docs/published.md.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use voe_bench::Experiment;

use crate::server::{Answer, Server};
use crate::support::VOE;

const HOW: &str = "The requests of a published arm are not what they were. These arms are the control: if the change is not meant, \
                   take it back. If it is meant, make it a change of its own: accept the new requests (`cargo insta review`) and \
                   add a line to \"Changes of the arms\" in docs/published.md with the arm, the digest that the test prints, and why.";

/// A step of the model that plays each arm: a text, calls, and why the reply ends.
struct Step(&'static str, Vec<(&'static str, Value)>, &'static str);

/// An attempt in which each rule of the published harness shows: two calls in a step, an edit that is tested in the same step, a
/// reply without a call, an installation, a reply that is cut off, and the marker in the middle of a sentence.
fn steps() -> Vec<Step> {
    let edit = json!({"path": "pages/paginator.py", "old_string": "return len(self.items) // self.per_page",
        "new_string": "return -(-len(self.items) // self.per_page)"});
    let check =
        json!({"command": "python3 -c 'from pages import Paginator; assert Paginator(range(11), 5).page_count == 3'"});
    vec![
        Step("I begin with the code.", vec![("file_read", json!({"path": "pages/paginator.py"}))], "calls"),
        Step("", vec![("grep", json!({"pattern": "page_count"})), ("glob", json!({"pattern": "**/*.py"}))], "calls"),
        Step("The division rounds down.", vec![("file_edit", edit), ("bash", check)], "calls"),
        Step("That was it, I think.", vec![], "end"),
        Step("", vec![("bash", json!({"command": "pip install -e . && python3 -m unittest"}))], "calls"),
        Step("And then, and then, and", vec![], "cut"),
        // The answer to the request for a summary.
        Step("The division in page_count was corrected; a check of it passed.", vec![], "end"),
        Step("I write TASK_COMPLETE because the check passed.", vec![], "end"),
    ]
}

/// The step as a server of Chat Completions has it.
fn completion(n: usize, Step(text, calls, end): &Step) -> Value {
    let mut message = json!({"role": "assistant", "content": text, "reasoning": format!("Thought {n}.")});
    if !calls.is_empty() {
        let call = |(i, (name, arguments)): (usize, &(&str, Value))| {
            json!({"id": format!("call_{n}_{i}"), "type": "function",
                "function": {"name": name, "arguments": arguments.to_string()}})
        };
        message["tool_calls"] = calls.iter().enumerate().map(call).collect();
    }
    let finish = if *end == "cut" {
        "length"
    } else if calls.is_empty() {
        "stop"
    } else {
        "tool_calls"
    };
    json!({"choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 1000 * n, "completion_tokens": 50, "total_tokens": 1000 * n + 50}})
}

/// The step as Anthropic's Messages have it.
fn message(n: usize, Step(text, calls, end): &Step) -> Value {
    let mut content = Vec::new();
    if !text.is_empty() {
        content.push(json!({"type": "text", "text": text}));
    }
    let call = |(i, (name, arguments)): (usize, &(&str, Value))| json!({"type": "tool_use", "id": format!("toolu_{n}_{i}"), "name": name, "input": arguments});
    content.extend(calls.iter().enumerate().map(call));
    let stop = if *end == "cut" {
        "max_tokens"
    } else if calls.is_empty() {
        "end_turn"
    } else {
        "tool_use"
    };
    json!({"id": format!("msg_{n}"), "type": "message", "role": "assistant", "model": "m", "content": content,
        "stop_reason": stop, "usage": {"input_tokens": 1000 * n, "output_tokens": 50}})
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn experiments() -> Vec<PathBuf> {
    let dir = std::fs::read_dir(top().join("experiments/published")).unwrap();
    let mut files: Vec<PathBuf> = dir.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Runs the experiment of `file` over one task of `mini` against a server on loopback, and hands back the bodies of its requests with
/// the workspace called `/workspace`.
fn play(file: &Path) -> Vec<String> {
    let experiment = Experiment::read(file).unwrap();
    let [model] = &experiment.models[..] else { panic!("one model an arm: {:?}", experiment.models) };
    let frontier = model.starts_with("claude");
    let reply = |(i, step): (usize, &Step)| {
        Answer::Reply(if frontier { message(i + 1, step) } else { completion(i + 1, step) })
    };
    let server = Server::serving(model, 262_144, steps().iter().enumerate().map(reply).collect());
    let place = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    let suite = format!("suite = {:?}", experiment.suite);
    assert!(text.contains(&suite), "{}", file.display());
    std::fs::write(place.path().join("arm.toml"), text.replace(&suite, "suite = \"mini\"")).unwrap();
    let mut command = Command::new(VOE);
    command
        .args(["bench", "run", "arm.toml", "--ids", "mini__pages-1", "--base-url", &server.url, "--out", "out"])
        .args(["--sandbox", "none", "--allow-readable-solutions"])
        .current_dir(place.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", place.path())
        .env("VOE_STATE_DIR", place.path().join("state"))
        .env("VOE_CACHE_DIR", place.path().join("cache"))
        .stdin(Stdio::null());
    if frontier {
        command.env("VOE_PROVIDER", "anthropic").env("VOE_API_KEY", "k").env("VOE_WINDOW", "200000");
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bodies: Vec<String> = server.asked().into_iter().map(|body| String::from_utf8(body).unwrap()).collect();
    let begin = "The repository that you work in is at ";
    let rest = &bodies[0][bodies[0].find(begin).expect("the task says where the repository is") + begin.len()..];
    let workspace = &rest[..rest.find(['\\', '"']).unwrap()];
    bodies.iter().map(|body| body.replace(workspace, "/workspace")).collect()
}

/// The first request whole, then of each what is not in the one before.
fn shown(bodies: &[String]) -> String {
    let mut out = String::new();
    let mut before = json!({});
    for (n, body) in bodies.iter().enumerate() {
        let body: Value = serde_json::from_str(body).unwrap();
        let mut news = body.clone();
        let fields = news.as_object_mut().unwrap();
        fields.retain(|name, value| before.get(name) != Some(value));
        if let (Some(now), Some(old)) = (body["messages"].as_array(), before["messages"].as_array()) {
            let same = now.iter().zip(old).take_while(|(now, old)| now == old).count();
            fields.insert("messages".into(), now[same..].into());
            if same > 0 {
                fields.insert("messages_as_before".into(), same.into());
            }
        }
        let gone: Vec<&String> =
            before.as_object().unwrap().keys().filter(|name| body.get(name.as_str()).is_none()).collect();
        if !gone.is_empty() {
            news["gone"] = json!(gone);
        }
        let _ = writeln!(out, "--- request {}\n{}", n + 1, serde_json::to_string_pretty(&news).unwrap());
        before = body;
    }
    out
}

/// What the newest line about an arm in "Changes of the arms" has as the digest of its requests.
fn documented(arm: &str) -> Option<String> {
    let page = std::fs::read_to_string(top().join("docs/published.md")).unwrap();
    let (_, changes) = page.split_once("## Changes of the arms")?;
    let row = changes.lines().rfind(|line| line.contains(&format!("| `{arm}` |")))?;
    row.split('|')
        .map(str::trim)
        .find_map(|cell| cell.strip_prefix('`')?.strip_suffix('`').filter(|it| *it != arm))
        .map(str::to_owned)
}

#[test]
fn the_requests_of_the_published_arms_are_the_recorded_ones() {
    let mut undocumented = Vec::new();
    for file in experiments() {
        let arm = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let bodies = play(&file);
        assert_eq!(bodies.len(), steps().len(), "{arm}: {bodies:#?}");
        insta::with_settings!({description => HOW, omit_expression => true, prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!(arm.clone(), shown(&bodies));
        });
        let digest = &blake3::hash(bodies.join("\n").as_bytes()).to_hex()[..12];
        if documented(&arm).as_deref() != Some(digest) {
            undocumented.push(format!("| date | `{arm}` | `{digest}` | what and why |"));
        }
    }
    assert!(undocumented.is_empty(), "{HOW}\nThe lines:\n{}", undocumented.join("\n"));
}

#[test]
fn the_published_settings_are_those_of_the_publication() {
    let mut seen = BTreeSet::new();
    for file in experiments() {
        let experiment = Experiment::read(&file).unwrap();
        let arm = experiment.arms(&top()).unwrap().remove(0);
        let (strategy, sampling) = (&arm.strategy, &arm.strategy.sampling);
        let frontier = arm.model == "claude-opus-4-6";
        let reply = if frontier { 16_384 } else { 32_768 };
        let others = if frontier { (None, None) } else { (Some(0.95), Some(20)) };
        assert_eq!(sampling.temperature, Some(0.6), "{}", experiment.name);
        assert_eq!((sampling.top_p, sampling.top_k), others, "{}", experiment.name);
        assert_eq!(strategy.limits.reply_tokens, reply);
        assert_eq!((strategy.limits.tokens, strategy.limits.wall_s, strategy.limits.cost), (0, 0.0, 0.0));
        assert_eq!((strategy.stuck.repeats, strategy.done.reminders), (0, 0));
        assert_eq!((experiment.parallel, experiment.trials), (Some(10), Some(1)));
        let compaction = &strategy.compaction;
        assert_eq!(compaction.at, if frontier { 0.0 } else { 0.75 }, "{}", experiment.name);
        assert_eq!((compaction.window, compaction.transcript_chars), (262_144, 12_000));
        assert!(experiment.deviations.last().unwrap().contains("docs/published.md"));
        seen.insert((experiment.suite, strategy.limits.steps));
    }
    let seen: Vec<_> = seen.iter().map(|(suite, steps)| (suite.as_str(), *steps)).collect();
    assert_eq!(seen, [("verified", 100), ("verified", 200), ("verified-hard", 100), ("verified-hard", 200)]);
}
