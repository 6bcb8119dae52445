//! Searches all attempts: streams their files and parses only lines that contain the text.

use std::io::{BufRead, BufReader, Read};
use std::sync::atomic::{AtomicBool, Ordering};

use regex::bytes::{Regex, RegexBuilder};
use serde_json::{Value, json};
use voe_trace::LONGEST_LINE;

use super::index::ViewerIndex;
use crate::data::place::RunPlace;

/// Most hits of a search.
pub const MOST_HITS: usize = 200;

/// Most hits in one attempt, so that a repetitive one doesn't hide the others.
const MOST_IN_ATTEMPT: usize = 5;

/// Characters shown on either side of a hit.
const AROUND: usize = 70;

/// One file to search.
#[derive(Debug, Clone)]
pub struct Target {
    id: usize,
    place: RunPlace,
    steps: Vec<(u32, u64)>,
}

/// The files to search, copied so that the index isn't locked meanwhile.
pub fn targets(index: &ViewerIndex) -> Vec<Target> {
    let target =
        |(id, e): (usize, &super::index::IndexEntry)| Target { id, place: e.place.clone(), steps: e.steps.clone() };
    index.entries.iter().enumerate().map(target).collect()
}

/// Searches for a text, ignoring case; stops at [`MOST_HITS`], or when `stop` is set.
pub fn search(targets: &[Target], text: &str, stop: &AtomicBool) -> Value {
    let Some(pattern) = pattern(text) else { return json!({"hits": [], "more": false}) };
    let wanted = text.to_lowercase();
    let mut hits = Vec::new();
    for target in targets {
        if stop.load(Ordering::Relaxed) || hits.len() >= MOST_HITS {
            break;
        }
        let Ok(file) = target.place.open() else { continue };
        let mut lines = BufReader::with_capacity(1 << 18, file);
        let (mut at, mut line, mut found) = (0_u64, Vec::new(), 0);
        while found < MOST_IN_ATTEMPT {
            line.clear();
            let Ok(read @ 1..) = (&mut lines).take(LONGEST_LINE).read_until(b'\n', &mut line) else { break };
            if line.last() != Some(&b'\n') {
                break;
            }
            let parsed = || serde_json::from_slice::<Value>(&line).ok();
            if pattern.is_match(&line)
                && let Some((event, snippet)) = parsed().and_then(|record| snippet(&record, &wanted))
            {
                // The ordinal of the step whose reply is the last at or before this line; 0 before the first.
                let place = target.steps.partition_point(|(_, offset)| *offset <= at);
                let step = place.checked_sub(1).map_or(0, |i| target.steps[i].0);
                hits.push(json!({"id": target.id, "place": place, "step": step, "event": event, "snippet": snippet}));
                found += 1;
            }
            at += read as u64;
        }
    }
    json!({"more": hits.len() >= MOST_HITS, "hits": hits})
}

/// The text as escaped in JSON, in any case.
fn pattern(text: &str) -> Option<Regex> {
    let text = text.trim();
    let quoted = serde_json::to_string(text).ok()?;
    let inner = quoted.get(1..quoted.len() - 1).filter(|t| !t.is_empty())?;
    RegexBuilder::new(&regex::escape(inner)).case_insensitive(true).build().ok()
}

/// The first text of a record that contains the searched one, with its surroundings; not the whole conversation again.
fn snippet(record: &Value, wanted: &str) -> Option<(String, String)> {
    let event = record["event"].as_str()?.to_owned();
    if event == "conversation_rewritten" {
        return None;
    }
    fn find(value: &Value, wanted: &str) -> Option<String> {
        match value {
            Value::String(text) => {
                let chars: Vec<char> = text.chars().collect();
                // Searched in a copy with the same number of characters, so that positions agree.
                let lower: String = chars.iter().map(|c| c.to_lowercase().next().unwrap_or(*c)).collect();
                let at = lower[..lower.find(wanted)?].chars().count();
                let (from, to) = (at.saturating_sub(AROUND), (at + wanted.chars().count() + AROUND).min(chars.len()));
                let part: String =
                    chars[from..to].iter().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
                Some(format!("{}{part}{}", if from > 0 { "…" } else { "" }, if to < chars.len() { "…" } else { "" }))
            }
            Value::Array(items) => items.iter().find_map(|v| find(v, wanted)),
            Value::Object(fields) => fields.values().find_map(|v| find(v, wanted)),
            _ => None,
        }
    }
    Some((event, find(record, wanted.trim())?))
}
