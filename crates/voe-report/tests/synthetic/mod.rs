//! Made-up runs: as many attempts and steps as a test wants, the same for the same numbers.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

/// How large a run is, and what stands in its texts.
pub struct Shape {
    pub tasks: usize,
    pub arms: &'static [&'static str],
    pub trials: u32,
    pub steps: u32,
    /// Bytes of a tool result.
    pub result_bytes: usize,
    /// Put into every text a model could have written.
    pub hostile: &'static str,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            tasks: 12,
            arms: &["verify-at-last", "verify-on-edit", "prove-on-edit"],
            trials: 1,
            steps: 12,
            result_bytes: 600,
            hostile: "",
        }
    }
}

const REPOS: [&str; 5] =
    ["django__django", "sympy__sympy", "sphinx-doc__sphinx", "pytest-dev__pytest", "psf__requests"];
const DIFFICULTIES: [&str; 4] = ["<15 min fix", "15 min - 1 hour", "1-4 hours", ">4 hours"];

pub fn task_id(i: usize) -> String {
    format!("{}-{}", REPOS[i % REPOS.len()], 1000 + i)
}

/// A number in [0, 1) that depends on all that is given.
fn chance(parts: &[u64]) -> f64 {
    let mut h = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        h = (h ^ part).wrapping_mul(0x0100_0000_01b3).rotate_left(23) ^ (h >> 29);
    }
    h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    ((h ^ (h >> 33)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Writes a run directory with grades, and its suite beside it as `suite.jsonl`.
pub fn write_run(dir: &Path, shape: &Shape) {
    fs::create_dir_all(dir.join("grades")).unwrap();
    fs::write(dir.join("run.toml"), "suite = \"synthetic\"\n").unwrap();
    let mut suite = String::new();
    for i in 0..shape.tasks {
        let row = json!({"instance_id": task_id(i), "repo": REPOS[i % 5].replace("__", "/"), "difficulty": DIFFICULTIES[(i / 3) % 4],
                         "patch": "diff --git a/src/core.py b/src/core.py\n--- a/src/core.py\n+++ b/src/core.py\n@@ -1 +1 @@\n-a\n+b\n"});
        suite += &format!("{row}\n");
    }
    fs::write(dir.join("suite.jsonl"), suite).unwrap();
    for (a, arm) in shape.arms.iter().enumerate() {
        for trial in 1..=shape.trials {
            let (mut resolved, mut unresolved, mut empty) = (Vec::new(), Vec::new(), Vec::new());
            let grades = dir.join(format!("grades/{arm}-{trial}"));
            fs::create_dir_all(&grades).unwrap();
            for i in 0..shape.tasks {
                let luck = chance(&[i as u64, a as u64, u64::from(trial)]);
                let hard = chance(&[i as u64, 99]);
                let good = luck * 0.5 + hard * 0.5 < 0.36 + 0.07 * a as f64;
                let fate = Fate { good, luck, arm, trial, index: i, seed: (i * 31 + a * 7) as u64 + u64::from(trial) };
                let folder = dir.join(format!("tasks/{}/{arm}-{trial}", task_id(i)));
                fs::create_dir_all(&folder).unwrap();
                let patch = write_attempt(&folder.join("trajectory.jsonl"), shape, &fate);
                fs::write(folder.join("patch.diff"), &patch).unwrap();
                let list = if good {
                    &mut resolved
                } else if patch.is_empty() {
                    &mut empty
                } else {
                    &mut unresolved
                };
                list.push(task_id(i));
                let tests = |ok: bool| {
                    if ok {
                        json!({"success": ["test_a", "test_b"], "failure": []})
                    } else {
                        json!({"success": ["test_a"], "failure": [format!("test_b{}", shape.hostile)]})
                    }
                };
                let grade = json!({task_id(i): {"resolved": good, "patch_exists": !patch.is_empty(), "patch_successfully_applied": true,
                    "tests_status": {"FAIL_TO_PASS": tests(good || luck > 0.9), "PASS_TO_PASS": tests(good)}}});
                fs::write(grades.join(format!("{}.json", task_id(i))), grade.to_string()).unwrap();
            }
            let all: Vec<&String> = resolved.iter().chain(&unresolved).chain(&empty).collect();
            let report = json!({"schema_version": 2, "total_instances": all.len(), "submitted_ids": all, "resolved_ids": resolved,
                                "unresolved_ids": unresolved, "empty_patch_ids": empty, "error_ids": []});
            fs::write(dir.join(format!("grades/{arm}-{trial}.json")), report.to_string()).unwrap();
        }
    }
}

struct Fate<'a> {
    good: bool,
    luck: f64,
    arm: &'a str,
    trial: u32,
    index: usize,
    seed: u64,
}

const PATCH: &str = "diff --git a/src/core.py b/src/core.py\n--- a/src/core.py\n+++ b/src/core.py\n@@ -10,3 +10,4 @@ def parse(text):\n     lines = text.split(\"\\n\")\n-    return lines[0]\n+    if not lines:\n+        return None\n+    return lines[0]\n";

fn diff(hostile: &str, step: u32) -> String {
    format!(
        "--- a/src/core.py\n+++ b/src/core.py\n@@ -10,3 +10,4 @@ def parse(text):\n     lines = text.split(\"\\n\")\n-    return lines[{step}]\n+    # {hostile}\n+    return lines[0]\n"
    )
}

/// Appends the events of one attempt and returns its patch.
fn write_attempt(path: &Path, shape: &Shape, fate: &Fate<'_>) -> String {
    let mut file = std::io::BufWriter::new(fs::File::create(path).unwrap());
    let mut at = 0.0;
    let hostile = shape.hostile;
    let mut put = |at: f64, event: Value| {
        let mut line = event;
        line["at"] = json!(at);
        writeln!(file, "{line}").unwrap();
    };
    let start = json!({"event": "start", "format": "2.0", "voe": "0.1.0", "time": "2026-01-01T00:00:00Z",
        "task": {"id": task_id(fate.index), "statement": format!("parse() crashes on an empty file.\n\nSee `src/core.py`. {hostile}"), "workspace": "/testbed"},
        "strategy": fate.arm, "strategy_text": format!("name = \"{}\"\n", fate.arm), "model": {"name": "synthetic-3b", "provider": "scripted", "window": 32768},
        "sandbox": {"backend": "local"}, "tools": []});
    put(at, start);
    put(
        at,
        json!({"event": "message", "step": 0, "origin": "system", "message": {"role": "system", "content": "You mend programs."}}),
    );
    put(
        at,
        json!({"event": "message", "step": 0, "origin": "task", "message": {"role": "user", "content": format!("parse() crashes. {hostile}")}}),
    );
    let steps = (f64::from(shape.steps) * (0.55 + 0.45 * fate.luck)).ceil().max(3.0) as u32;
    let steps = if fate.luck > 0.85 { shape.steps } else { steps };
    let filler =
        "the quick brown fox jumps over the lazy dog \\ \"quoted\" 0123456789\n".repeat(shape.result_bytes / 66 + 1);
    let (mut prompt, mut tree) = (2000_u64, 0);
    for step in 1..=steps {
        let roll = chance(&[fate.seed, u64::from(step)]);
        let seconds = 1.0 + 9.0 * roll;
        at += seconds;
        let edits = step > 1 && roll < 0.3;
        let test = !edits && roll < 0.6;
        let (tool, arguments) = if edits && roll < 0.12 {
            ("bash", json!({"command": format!("sed -i 's/lines\\[{step}\\]/lines[0]/' src/core.py # {hostile}")}))
        } else if edits {
            (
                "file_edit",
                json!({"path": "src/core.py", "old_string": format!("return lines[{step}]"), "new_string": format!("# {hostile}\n    return lines[0]")}),
            )
        } else if test {
            ("bash", json!({"command": "python -m pytest -q tests/test_core.py"}))
        } else {
            ("file_read", json!({"path": format!("src/part_{step}.py"), "offset": 1, "limit": 80}))
        };
        let usage = json!({"prompt": prompt, "output": 200 + step, "cached": prompt - 200, "reasoning": 120, "cost": prompt as f64 * 1e-7});
        prompt += 900;
        put(
            at,
            json!({"event": "reply", "step": step, "finish_reason": "tool_calls", "seconds": seconds, "first_token": 0.4, "usage": usage,
            "message": {"role": "assistant", "content": if step % 5 == 0 { format!("I think the split is at fault. {hostile}") } else { String::new() },
                "reasoning": format!("Step {step}: look at needle{step} and decide. {hostile}"),
                "tool_calls": [{"id": format!("c{step}"), "name": tool, "arguments": arguments.to_string()}]}}),
        );
        at += 0.3;
        if edits {
            tree += 1;
        }
        let mut result = json!({"event": "result", "step": step, "call_id": format!("c{step}"), "tool": tool, "arguments": arguments,
            "output": format!("{hostile}{}", &filler[..shape.result_bytes.min(filler.len())]), "ok": true, "seconds": 0.3, "code_tree": format!("t{tree}")});
        if tool == "bash" {
            result["exit"] = json!(i32::from(test && roll > 0.5));
        }
        if edits {
            result["changes"] = json!([{"path": format!("src/core.py{}", if hostile.is_empty() { "" } else { hostile }), "kind": "modified", "added": 2, "removed": 1}]);
            result["diff"] = json!(diff(hostile, step));
        }
        put(at, result);
        if test {
            let level = if roll > 0.5 {
                "refuted"
            } else if roll > 0.45 {
                "vacuous"
            } else {
                "proven"
            };
            put(
                at,
                json!({"event": "check", "command": format!("python -m pytest -q tests/test_core.py {hostile}"), "step": step, "code_tree": format!("t{tree}"), "level": level,
                "with": {"exit": i32::from(level == "refuted"), "seconds": 0.3, "tail": format!("1 passed {hostile}")},
                "without": {"exit": i32::from(level == "proven"), "seconds": 0.4, "tail": "FAILED tests/test_core.py::test_empty - IndexError"}}),
            );
        }
        if edits && fate.arm != "verify-at-last" {
            put(
                at,
                json!({"event": "nudge", "step": step, "kind": "verify", "text": format!("[voe] You changed src/core.py. Test it now. {hostile}")}),
            );
        }
        if step == steps / 2 && shape.steps > 100 {
            put(
                at,
                json!({"event": "conversation_rewritten", "step": step, "kind": "shorten", "before": 24000, "after": 9000, "messages": [{"role": "user", "content": "shortened"}]}),
            );
        }
    }
    let limit = fate.luck > 0.85 && !fate.good;
    let patch = if fate.luck > 0.97 && !fate.good { String::new() } else { PATCH.to_owned() };
    let level = match (fate.arm, fate.good) {
        ("prove-on-edit", true) => "proven",
        ("prove-on-edit", false) if fate.luck > 0.7 => "proven",
        (_, true) if fate.luck < 0.6 => "ran",
        (_, false) if fate.luck < 0.45 => "refuted",
        (_, false) if fate.luck < 0.6 => "vacuous",
        _ => "none",
    };
    if !limit {
        put(
            at,
            json!({"event": "gate", "step": steps, "accepted": false, "level": "ran", "text": format!("Not proven yet. {hostile}")}),
        );
        put(at, json!({"event": "gate", "step": steps, "accepted": true, "level": level}));
    }
    let check = json!({"command": "python -m pytest -q tests/test_core.py", "step": steps, "code_tree": format!("t{tree}"), "level": level,
        "with": {"exit": 0, "seconds": 0.3, "tail": "2 passed"}, "without": {"exit": 1, "seconds": 0.4, "tail": "IndexError: list index out of range"}});
    put(
        at,
        json!({"event": "finish", "reason": if limit { "max_steps" } else { "completed" }, "patch": patch, "applied": "no", "steps": steps,
        "usage": {"prompt": prompt * u64::from(steps) / 2, "output": 210 * steps, "cached": prompt * u64::from(steps) / 3, "reasoning": 120 * steps, "cost": 0.0001 * f64::from(steps)},
        "seconds": {"model": at * 0.8, "tools": at * 0.1, "total": at}, "evidence": {"level": level, "checks": [check]},
        "changes": [{"path": "src/core.py", "kind": "modified", "added": 2, "removed": 1}]}),
    );
    patch
}
