//! The record of an attempt.

use serde_json::Value;
use voe_trace::{Event, Trajectory};

/// An attempt that ended.
pub struct Played(Trajectory);

impl Played {
    pub(crate) fn new(trajectory: Trajectory) -> Self {
        Self(trajectory)
    }

    /// The events of a kind as in the file; results of calls also have the text that the model got.
    pub fn events_of(&self, kind: &str) -> Vec<Value> {
        self.0.records.iter().map(|record| as_json(&record.event)).filter(|event| event["event"] == kind).collect()
    }

    /// The texts that the model got for its tool calls.
    pub fn texts(&self) -> Vec<String> {
        self.events_of("result").iter().map(|result| result["text"].as_str().unwrap().to_owned()).collect()
    }

    /// The last state of the check of `command`.
    pub fn check(&self, command: &str) -> Value {
        let checks = self.events_of("check");
        checks.into_iter().rfind(|check| check["command"] == command).unwrap_or_else(|| panic!("no {command}: {self}"))
    }

    /// The finish event.
    pub fn finish(&self) -> Value {
        self.events_of("finish").pop().unwrap()
    }
}

fn as_json(event: &Event) -> Value {
    let mut value = serde_json::to_value(event).unwrap();
    if let Event::Result(result) = event {
        value["text"] = result.text().into();
    }
    value
}

impl std::fmt::Display for Played {
    /// The record, for the message of a failed assertion.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.records.iter().try_for_each(|record| writeln!(f, "{}", as_json(&record.event)))
    }
}
