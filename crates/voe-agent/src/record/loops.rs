//! Detects that the model is stuck in a loop.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The longest loop that is detected, in calls.
const LONGEST: usize = 3;

/// Recent calls and their results.
#[derive(Debug, Clone)]
pub struct CallHistory {
    repeats: u32,
    recent: VecDeque<u64>,
    nudged: bool,
}

/// What the history shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repetition {
    /// No repetition.
    Nothing,
    /// The last calls repeat this many times: nudge the model.
    Repeating(u32),
    /// The model kept repeating after the nudge: end the attempt.
    Stuck,
}

impl CallHistory {
    /// `repeats`: consecutive repetitions until a loop is reported; below 2: never.
    pub fn new(repeats: u32) -> Self {
        Self { repeats, recent: VecDeque::new(), nudged: false }
    }

    /// Adds a call and its result (without voe's notes).
    pub fn call(&mut self, tool: &str, arguments: &str, result: &str) -> Repetition {
        if self.repeats < 2 {
            return Repetition::Nothing;
        }
        let mut hasher = DefaultHasher::new();
        (tool, arguments, without_times(result.trim_end())).hash(&mut hasher);
        self.recent.push_back(hasher.finish());
        if self.recent.len() > 2 * self.repeats as usize * LONGEST {
            self.recent.pop_front();
        }
        let times = (1..=LONGEST).map(|length| self.times(length)).max().unwrap_or(0);
        if times < self.repeats {
            self.nudged = false;
            Repetition::Nothing
        } else if times >= 2 * self.repeats {
            Repetition::Stuck
        } else if self.nudged {
            Repetition::Nothing
        } else {
            self.nudged = true;
            Repetition::Repeating(times)
        }
    }

    /// How many times in a row the last `length` calls are the same.
    fn times(&self, length: usize) -> u32 {
        let calls: Vec<_> = self.recent.iter().rev().copied().collect();
        let Some(newest) = calls.get(..length) else { return 0 };
        calls.chunks(length).take_while(|chunk| *chunk == newest).count() as u32
    }
}

/// The result without what varies between runs: numbers with a unit of time.
fn without_times(result: &str) -> String {
    let mut out = String::with_capacity(result.len());
    for word in result.split_inclusive(char::is_whitespace) {
        let bare = word.trim();
        let number = bare.trim_end_matches(|c: char| c.is_alphabetic() || c == ',' || c == ')' || c == '.');
        let timed = number.len() < bare.len() && number.contains('.') && number.parse::<f64>().is_ok();
        out.push_str(if timed { "#" } else { word });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{CallHistory, Repetition};

    #[test]
    fn a_repeated_call_with_the_same_result_is_reported_once_and_then_ends_the_attempt() {
        let mut history = CallHistory::new(3);
        let seen: Vec<_> = (0..6).map(|i| history.call("bash", "{}", &format!("ran in 0.{i}2s"))).collect();
        use Repetition::*;
        assert_eq!(seen, [Nothing, Nothing, Repeating(3), Nothing, Nothing, Stuck]);
    }

    #[test]
    fn two_alternating_calls_are_a_loop_too() {
        let mut history = CallHistory::new(3);
        let seen: Vec<_> = (0..12).map(|i| history.call("bash", ["a", "b"][i % 2], "x")).collect();
        assert_eq!(seen.iter().position(|s| *s == Repetition::Repeating(3)), Some(5));
        assert_eq!(seen.iter().position(|s| *s == Repetition::Stuck), Some(11));
    }

    #[test]
    fn the_same_call_with_another_result_is_work() {
        let mut history = CallHistory::new(3);
        for i in 0..20 {
            assert_eq!(history.call("bash", "pytest", &format!("{i} failed")), Repetition::Nothing);
        }
    }

    #[test]
    fn a_model_that_leaves_the_loop_starts_from_zero() {
        let mut history = CallHistory::new(3);
        for _ in 0..2 {
            let seen: Vec<_> = (0..3).map(|_| history.call("grep", "x", "none")).collect();
            assert_eq!(seen[2], Repetition::Repeating(3));
            assert_eq!(history.call("bash", "ls", "a"), Repetition::Nothing);
        }
    }
}
