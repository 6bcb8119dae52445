//! Finds the parts of a file closest to a text that is not in it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use similar::TextDiff;

/// A part of the file that resembles what was looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct NearestText {
    /// Its first line, from 1.
    pub line: usize,
    /// Its lines.
    pub text: Vec<String>,
    /// Similarity, 0 to 1.
    pub ratio: f32,
}

impl std::fmt::Display for NearestText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let last = self.line + self.text.len().saturating_sub(1);
        write!(f, "lines {}-{last} ({:.0} % alike):", self.line, self.ratio * 100.0)?;
        for (n, line) in self.text.iter().enumerate().take(SHOWN_LINES) {
            let line: String = line.chars().take(SHOWN_CHARACTERS).collect();
            write!(f, "\n{:>6}\t{line}", self.line + n)?;
        }
        if self.text.len() > SHOWN_LINES {
            write!(f, "\n   …")?;
        }
        Ok(())
    }
}

const SHOWN_LINES: usize = 12;
const SHOWN_CHARACTERS: usize = 200;
/// Limits on the lines of the wanted text and of the file.
const WANTED_LINES: usize = 30;
const FILE_LINES: usize = 50_000;
/// Parts that are compared character by character.
const REFINED: usize = 10;
/// Less similar than this does not help.
const LEAST: f32 = 0.4;

/// The parts of `text` most similar to `wanted`, best first.
pub(crate) fn nearest(text: &str, wanted: &str, most: usize) -> Vec<NearestText> {
    let wanted: Vec<&str> = wanted.lines().take(WANTED_LINES).collect();
    let lines: Vec<&str> = text.lines().take(FILE_LINES).collect();
    if wanted.iter().all(|line| line.trim().is_empty()) || lines.is_empty() {
        return Vec::new();
    }
    let wanted_words: Vec<Vec<u64>> = wanted.iter().map(|line| words(line)).collect();
    let words: Vec<Vec<u64>> = lines.iter().map(|line| words(line)).collect();
    let height = wanted.len().min(lines.len());
    let mut rough: Vec<(f32, usize)> = (0..=lines.len() - height)
        .map(|at| (wanted_words.iter().zip(&words[at..]).map(|(a, b)| overlap(a, b)).sum::<f32>(), at))
        .filter(|(score, _)| *score > 0.0)
        .collect();
    rough.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut chosen: Vec<usize> = Vec::new();
    for (_, at) in rough {
        if chosen.iter().all(|other| other.abs_diff(at) >= height) {
            chosen.push(at);
        }
        if chosen.len() == REFINED {
            break;
        }
    }
    let wanted = wanted.join("\n");
    let mut found: Vec<NearestText> = chosen
        .into_iter()
        .map(|at| {
            let part = &lines[at..at + height];
            let ratio = alike(&wanted, &part.join("\n"));
            NearestText { line: at + 1, text: part.iter().map(|line| (*line).to_owned()).collect(), ratio }
        })
        .filter(|candidate| candidate.ratio >= LEAST)
        .collect();
    found.sort_by(|a, b| b.ratio.total_cmp(&a.ratio));
    found.truncate(most);
    found
}

/// Hashes of a line's words and punctuation, sorted.
fn words(line: &str) -> Vec<u64> {
    let mut found: Vec<u64> = line
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .chain(line.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_' && !c.is_whitespace()).filter_map(sign))
        .map(|word| {
            let mut hasher = DefaultHasher::new();
            word.hash(&mut hasher);
            hasher.finish()
        })
        .collect();
    found.sort_unstable();
    found
}

/// The punctuation at the end of a part, as a separate word.
fn sign(part: &str) -> Option<&str> {
    let last = part.chars().next_back().filter(|c| !c.is_alphanumeric() && *c != '_' && !c.is_whitespace())?;
    Some(&part[part.len() - last.len_utf8()..])
}

/// The share of words that two lines have in common.
fn overlap(a: &[u64], b: &[u64]) -> f32 {
    let (mut i, mut j, mut common) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                common += 1;
                i += 1;
                j += 1;
            }
        }
    }
    common as f32 / a.len().max(b.len()).max(1) as f32
}

fn alike(a: &str, b: &str) -> f32 {
    let cut = |text: &str| text.chars().take(3000).collect::<String>();
    TextDiff::configure().timeout(Duration::from_millis(20)).diff_chars(&*cut(a), &*cut(b)).ratio()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_remembered_badly_is_found() {
        let text = "import os\n\ndef area(w, h):\n    return w * h\n\ndef perimeter(w, h):\n    return 2 * (w + h)\n";
        let found = nearest(text, "def area(width, h):\n    return width * h", 3);
        assert_eq!(found[0].line, 3);
        assert!(found[0].ratio > 0.7);
        assert!(nearest(text, "zzz", 3).is_empty());
        assert!(nearest("", "x", 3).is_empty());
    }
}
