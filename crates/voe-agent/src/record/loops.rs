//! Noticing that the model goes round in circles.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The longest circle looked for, in calls.
const LONGEST: usize = 3;

/// Watches calls and their results.
#[derive(Debug, Clone)]
pub struct Watch {
    repeats: u32,
    recent: VecDeque<u64>,
    told: bool,
}

/// What the watch saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Nothing of note.
    Nothing,
    /// The last calls are the same thing so many times over: the model should be told.
    Circle(u32),
    /// It was told and went on: the attempt should end.
    Hopeless,
}

impl Watch {
    /// `repeats`: how often the same thing may happen in a row before it is noticed; below 2: never noticed.
    pub fn new(repeats: u32) -> Self {
        Self { repeats, recent: VecDeque::new(), told: false }
    }

    /// Takes note of a call and its result (without what voe adds to it).
    pub fn call(&mut self, tool: &str, arguments: &str, result: &str) -> Seen {
        if self.repeats < 2 {
            return Seen::Nothing;
        }
        let mut hasher = DefaultHasher::new();
        (tool, arguments, without_times(result.trim_end())).hash(&mut hasher);
        self.recent.push_back(hasher.finish());
        if self.recent.len() > 2 * self.repeats as usize * LONGEST {
            self.recent.pop_front();
        }
        let times = (1..=LONGEST).map(|length| self.times(length)).max().unwrap_or(0);
        if times < self.repeats {
            self.told = false;
            Seen::Nothing
        } else if times >= 2 * self.repeats {
            Seen::Hopeless
        } else if self.told {
            Seen::Nothing
        } else {
            self.told = true;
            Seen::Circle(times)
        }
    }

    /// How many times in a row the last `length` calls are the same.
    fn times(&self, length: usize) -> u32 {
        let calls: Vec<_> = self.recent.iter().rev().copied().collect();
        let Some(newest) = calls.get(..length) else { return 0 };
        calls.chunks(length).take_while(|chunk| *chunk == newest).count() as u32
    }
}

/// The result without what differs from run to run: numbers with a unit of time.
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
    use super::{Seen, Watch};

    #[test]
    fn the_same_call_with_the_same_result_is_noticed_once_and_then_hopeless() {
        let mut watch = Watch::new(3);
        let seen: Vec<_> = (0..6).map(|i| watch.call("bash", "{}", &format!("ran in 0.{i}2s"))).collect();
        use Seen::*;
        assert_eq!(seen, [Nothing, Nothing, Circle(3), Nothing, Nothing, Hopeless]);
    }

    #[test]
    fn two_calls_in_turn_are_a_circle_too() {
        let mut watch = Watch::new(3);
        let seen: Vec<_> = (0..12).map(|i| watch.call("bash", ["a", "b"][i % 2], "x")).collect();
        assert_eq!(seen.iter().position(|s| *s == Seen::Circle(3)), Some(5));
        assert_eq!(seen.iter().position(|s| *s == Seen::Hopeless), Some(11));
    }

    #[test]
    fn the_same_call_with_another_result_is_work() {
        let mut watch = Watch::new(3);
        for i in 0..20 {
            assert_eq!(watch.call("bash", "pytest", &format!("{i} failed")), Seen::Nothing);
        }
    }

    #[test]
    fn a_model_that_leaves_the_circle_starts_afresh() {
        let mut watch = Watch::new(3);
        for _ in 0..2 {
            let seen: Vec<_> = (0..3).map(|_| watch.call("grep", "x", "none")).collect();
            assert_eq!(seen[2], Seen::Circle(3));
            assert_eq!(watch.call("bash", "ls", "a"), Seen::Nothing);
        }
    }
}
