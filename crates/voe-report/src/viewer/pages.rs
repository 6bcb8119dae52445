//! The data for the browser, as JSON.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use serde_json::{Value, json};
use voe_grade::known;
use voe_trace::{Check, Event, Record, Trajectory};

use super::index::{IndexEntry, ViewerIndex};
use crate::ReportError;
use crate::commands::report::Made;
use crate::data::arm::{ArmResults, Trial};
use crate::data::attempt::AttemptFacts;
use crate::data::cell::GradeVerdict;
use crate::data::run_dir;
use crate::data::suite::TaskSet;
use crate::figure::Figure;
use crate::metric::{METRICS, Metric};

/// Steps per chunk.
pub const STEPS_IN_CHUNK: usize = 25;

/// Most bytes of a text in the browser's copy.
const LONGEST_TEXT: usize = 100_000;

/// Most characters of a text's one-line summary.
const LINE: usize = 180;

/// The overview with its figures.
pub fn overview(index: &ViewerIndex, suite: Option<&TaskSet>) -> (Value, Vec<Figure>) {
    let made = Made::of(&index.arms(), suite);
    let tables: Vec<Value> = made
        .report
        .tables()
        .into_iter()
        .filter(|table| table.id != "tasks")
        .map(|t| {
            let rows: Vec<Vec<&str>> = t.rows.iter().map(|row| row.iter().map(|v| v.text.as_str()).collect()).collect();
            let numeric: Vec<bool> = (0..t.columns.len()).map(|c| t.rows.iter().all(|r| r[c].number.is_some())).collect();
            json!({"id": t.id, "title": t.title, "note": t.note, "columns": t.columns, "numeric": numeric, "rows": rows})
        })
        .collect();
    let figures: Vec<Value> =
        made.figures.iter().map(|f| json!({"id": f.id, "title": f.title, "caption": f.caption})).collect();
    let tasks: Vec<Value> = made
        .report
        .matrix
        .iter()
        .map(|r| json!({"task": r.task, "repo": r.repo, "difficulty": r.difficulty}))
        .collect();
    let rows = index.entries.iter().enumerate().map(|(id, entry)| row(id, entry));
    let (mut attempts, parts): (Vec<Value>, Vec<Value>) = rows.partition(|row| row["part_of"].is_null());
    attempts.extend(index.reports().flat_map(verdicts));
    let value = json!({
        "version": index.version,
        "denominator": made.report.denominator,
        "notes": made.report.notes,
        "arms": made.report.arms.iter().map(|a| &a.name).collect::<Vec<_>>(),
        "tables": tables,
        "figures": figures,
        "tasks": tasks,
        "attempts": attempts,
        "parts": parts,
    });
    (value, made.figures)
}

/// Cells of an arm's tasks from a report alone: there is nothing to open.
fn verdicts(arm: &ArmResults) -> impl Iterator<Item = Value> {
    let of = |trial: &Trial| -> Vec<Value> {
        let (arm, trial, cells) = (&arm.name, trial.number, &trial.cells);
        cells.iter().map(|(task, cell)| json!({"id": null, "arm": arm, "trial": trial, "task": task, "verdict": cell.verdict.word()})).collect()
    };
    arm.trials.iter().flat_map(of)
}

fn row(id: usize, entry: &IndexEntry) -> Value {
    let facts = entry.fold.known();
    json!({
        "id": id, "arm": entry.arm, "trial": entry.trial, "task": entry.task, "verdict": entry.verdict.word(),
        "reason": facts.reason.map(|r| r.word()), "level": facts.level.map(|l| l.word()), "steps": facts.steps,
        "tokens": facts.usage.total(), "seconds": facts.seconds.total, "edits": facts.edit_count(),
        "part_of": entry.part_of.as_ref().map(|(whole, _)| whole), "part": entry.part_of.as_ref().map(|(_, part)| part),
    })
}

/// One attempt: its facts, a line for each step, and its finish. Streams the file. `None` if the attempt does not exist.
pub fn attempt(index: &ViewerIndex, id: usize) -> Option<Value> {
    let entry = index.entries.get(id)?;
    let (mut steps, mut before) = (Vec::<Value>::new(), json!({"marks": []}));
    let (mut start, mut finish, mut nodes, mut patch) = (Value::Null, Value::Null, Vec::new(), String::new());
    let record = |Record { at, event }: Record| {
        let mark = |steps: &mut Vec<Value>, before: &mut Value, mark: Value| {
            let step = steps.last_mut().unwrap_or(before);
            if let Some(marks) = step["marks"].as_array_mut() {
                marks.push(mark);
            }
        };
        match event {
            Event::Start(s) => {
                start = json!({"time": s.time, "voe": s.voe, "strategy": s.strategy, "statement": cut(&s.task.statement),
                    "workspace": s.task.workspace, "commit": s.task.commit, "model": s.model, "sandbox": s.sandbox});
            }
            Event::Reply(r) => steps.push(json!({
                "step": r.step, "at": at, "seconds": r.seconds, "prompt": r.usage.prompt, "output": r.usage.output,
                "cached": r.usage.cached, "thought": line(&first(&[&r.message.content, r.message.reasoning.as_deref().unwrap_or("")])),
                "asked": r.message.tool_calls.len(), "calls": [], "marks": [], "malformed": r.malformed.is_some(), "repaired": !r.repairs.is_empty(),
            })),
            Event::Result(r) => {
                let call = json!({"tool": r.tool, "line": line(&arguments_line(&r.arguments)), "ok": r.ok, "exit": r.exit, "ended_by": r.ended_by.map(|by| by.to_string()),
                    "seconds": r.seconds, "files": r.changes.iter().map(|c| &c.path).collect::<Vec<_>>(),
                    "added": r.changes.iter().map(|c| c.added).fold(0, u64::saturating_add), "removed": r.changes.iter().map(|c| c.removed).fold(0, u64::saturating_add)});
                if let Some(calls) = steps.last_mut().and_then(|s| s["calls"].as_array_mut()) {
                    calls.push(call);
                }
            }
            Event::Nudge { kind, text, .. } => mark(&mut steps, &mut before, json!({"kind": "nudge", "name": kind, "line": line(&text)})),
            Event::Check(c) => {
                let exit = |o: &voe_trace::Outcome| json!({"exit": o.exit_code(), "ended_by": o.ended_by.map(|by| by.to_string())});
                mark(&mut steps, &mut before, json!({"kind": "check", "name": c.level.word(), "line": line(&c.command), "step": c.step,
                    "with": exit(&c.with), "without": c.without.as_ref().map(exit)}));
            }
            Event::Gate { accepted, level, text, .. } => {
                let name = if accepted { "accepted" } else { "refused" };
                mark(&mut steps, &mut before, json!({"kind": "gate", "name": name, "line": line(&text), "level": level.word()}));
            }
            Event::Verify { method, passed, text, .. } => {
                mark(&mut steps, &mut before, json!({"kind": "verify", "name": method, "passed": passed, "line": line(&text)}));
            }
            Event::ConversationRewritten(c) => {
                let text = format!("{} to {} tokens", c.before, c.after);
                mark(&mut steps, &mut before, json!({"kind": "compaction", "name": c.kind, "line": text}));
            }
            Event::Retry { kind, error, .. } => mark(&mut steps, &mut before, json!({"kind": "retry", "name": kind, "line": line(&error)})),
            Event::Resume { step, from } => {
                mark(&mut steps, &mut before, json!({"kind": "resume", "name": "resumed", "line": line(&format!("after step {step}: {from}"))}));
            }
            Event::ToolboxRestarted { why, .. } => mark(&mut steps, &mut before, json!({"kind": "restart", "name": "tools restarted", "line": line(&why)})),
            Event::Void { why, .. } => mark(&mut steps, &mut before, json!({"kind": "note", "name": "evidence void", "line": line(&why)})),
            Event::Note { text } => mark(&mut steps, &mut before, json!({"kind": "note", "name": "note", "line": line(&text)})),
            Event::Node(node) => nodes.push(json!({"id": node.id, "parent": node.parent, "kind": node.kind, "step": node.step,
                "value": node.value, "trajectory": node.trajectory})),
            Event::Finish(f) => {
                finish = json!({"reason": f.reason.word(), "error": f.error, "level": f.evidence.level.word(),
                    "checks": f.evidence.checks.iter().map(check).collect::<Vec<_>>(), "unchecked": f.evidence.unchecked, "check": f.check.as_ref().map(check), "changes": f.changes,
                    "byproducts": f.byproducts});
                shorten(&mut finish);
                patch = f.patch;
            }
            Event::Patch { patch: text, .. } => patch = text,
            Event::Message { .. } | Event::CheckFiles { .. } | Event::StepEnd { .. } | Event::Unknown => {}
        }
    };
    let read = |file| Ok(Trajectory::stream_from(file, &entry.place.path(), record)?);
    let streamed: Result<usize, ReportError> = entry.place.open().and_then(read);
    let damage = entry.damage.clone().or_else(|| streamed.err().map(|e| e.to_string()));
    let mut value = row(id, entry);
    value["version"] = entry.version.into();
    let facts = index.facts(id);
    value["metrics"] = METRICS.iter().filter_map(|metric| shown(metric, &facts)).collect();
    value["facts"] = serde_json::to_value(facts).unwrap_or_default();
    for (key, part) in
        [("start", start), ("finish", finish), ("before", before), ("steps", steps.into()), ("nodes", nodes.into())]
    {
        value[key] = part;
    }
    value["patch"] = cut(&patch).into();
    value["damage"] = damage.into();
    value["grade"] = serde_json::to_value(entry.grade()).unwrap_or_default();
    value["cause"] = entry.failed.cause.map(|cause| cause.to_string()).into();
    let graded = entry.grades.as_ref().map(|grades| run_dir::graded(&grades.root())).unwrap_or_default();
    let failed = matches!(entry.verdict, GradeVerdict::Unresolved | GradeVerdict::Error);
    let gold_fails = known::here(&entry.task, graded).filter(|_| failed);
    value["gold_fails"] = gold_fails.map(ToString::to_string).into();
    value["chunk"] = STEPS_IN_CHUNK.into();
    Some(value)
}

/// A metric as the viewer shows it; `None` if unknown.
fn shown(metric: &Metric, facts: &AttemptFacts) -> Option<Value> {
    let text = metric.unit.show((metric.of)(facts)?);
    Some(json!({"name": metric.name, "label": metric.label, "text": text, "about": metric.about}))
}

/// Number of chunks of an attempt's steps; the first includes the records before them.
pub fn chunks(entry: &IndexEntry) -> usize {
    entry.steps.len().div_ceil(STEPS_IN_CHUNK).max(1)
}

/// The records of a chunk of steps, by step (in chunk 0 the first list contains those before the first step).
///
/// # Errors
/// The record can't be read.
pub fn chunk(entry: &IndexEntry, chunk: usize) -> Result<Value, ReportError> {
    let first = chunk * STEPS_IN_CHUNK;
    let end_of = |i: usize| entry.steps.get(i).map_or(entry.read, |(_, at)| *at);
    let begin = if chunk == 0 { 0 } else { end_of(first) };
    let end = end_of(first + STEPS_IN_CHUNK);
    let path = entry.place.path();
    let mut file = entry.place.open()?;
    file.seek(SeekFrom::Start(begin)).map_err(ReportError::read(&path))?;
    let mut lines = BufReader::new(file.take(end.saturating_sub(begin)));
    let mut steps: Vec<Vec<Value>> = if chunk == 0 { vec![Vec::new()] } else { Vec::new() };
    let (mut at, mut bytes) = (begin, Vec::new());
    loop {
        bytes.clear();
        let read = lines.read_until(b'\n', &mut bytes).map_err(ReportError::read(&path))?;
        if read == 0 {
            break;
        }
        if entry.steps.binary_search_by_key(&at, |(_, offset)| *offset).is_ok() {
            steps.push(Vec::new());
        }
        at += read as u64;
        if let (Ok(mut record), Some(step)) = (serde_json::from_slice::<Value>(&bytes), steps.last_mut()) {
            put_into_words(&mut record);
            shorten(&mut record);
            step.push(record);
        }
    }
    Ok(json!({ "first": first, "before": chunk == 0, "steps": steps }))
}

/// Renders the typed facts of a record as text, here and not in the browser. An event of a newer version stays
/// unchanged.
fn put_into_words(value: &mut Value) {
    let Ok(record) = serde_json::from_value::<Record>(value.clone()) else { return };
    match &record.event {
        Event::Result(result) => {
            value["text"] = result.text().into();
            value["ended_by"] = result.ended_by.map(|by| by.to_string()).into();
            for part in ["output", "notes"] {
                value.as_object_mut().map(|fields| fields.remove(part));
            }
        }
        Event::Check(check) => check_in_words(check, value),
        Event::Resume { from, .. } => value["from"] = from.to_string().into(),
        // The whole conversation again; its size is enough.
        Event::ConversationRewritten(rewritten) => value["messages"] = rewritten.messages.len().into(),
        _ => {}
    }
}

/// A check for the browser.
fn check(check: &Check) -> Value {
    let mut value = serde_json::to_value(check).unwrap_or_default();
    check_in_words(check, &mut value);
    value
}

fn check_in_words(check: &Check, value: &mut Value) {
    value["why"] = check.why.as_ref().map(ToString::to_string).into();
    for (side, outcome) in [("with", Some(&check.with)), ("without", check.without.as_ref())] {
        if let Some(by) = outcome.and_then(|outcome| outcome.ended_by) {
            value[side]["ended_by"] = by.to_string().into();
        }
    }
}

/// The first non-empty text.
fn first(texts: &[&str]) -> String {
    texts.iter().map(|t| t.trim()).find(|t| !t.is_empty()).unwrap_or_default().to_owned()
}

/// A call's arguments in one line: the command or the path, else all of them.
fn arguments_line(arguments: &Value) -> String {
    for key in ["command", "path", "pattern"] {
        if let Some(text) = arguments[key].as_str() {
            return text.to_owned();
        }
    }
    if arguments.is_null() { String::new() } else { arguments.to_string() }
}

/// The beginning of a text as one line.
fn line(text: &str) -> String {
    let mut out: String = text.split_whitespace().take(LINE).collect::<Vec<_>>().join(" ");
    if out.chars().count() > LINE {
        out = out.chars().take(LINE - 1).chain(['…']).collect();
    }
    out
}

/// A text, cut to what the browser should keep.
fn cut(text: &str) -> String {
    if text.len() <= LONGEST_TEXT {
        return text.to_owned();
    }
    let end = (0..=LONGEST_TEXT).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
    format!("{}\n… {} more bytes, in the file only", &text[..end], text.len() - end)
}

fn shorten(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > LONGEST_TEXT => *text = cut(text),
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        _ => {}
    }
}
