//! Decides by its position whether a candidate is a call or merely shows one. The rules are in the parent module's docs.

use std::ops::Range;

use super::{CallText, DIALECTS, Dialect, MOST, TextSource};
use crate::tool::ToolSpec;

/// Adjacent candidates that count.
pub(super) struct Block {
    /// Their bytes, a code block around them included.
    pub(super) range: Range<usize>,
    pub(super) candidates: Vec<(&'static Dialect, CallText)>,
    /// Whether the block must be justified by its position: no marks, or a code block around it.
    weak: bool,
    /// Why nothing of it may run, though it is meant as a call.
    pub(super) doubt: Option<&'static str>,
}

/// What may appear between and after calls without counting as text.
const FILLERS: [&str; 14] = [
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end|>",
    "<end_of_turn>",
    "</s>",
    "</tool_call>",
    "</tool_calls>",
    "</function_call>",
    "</tools>",
    "</function>",
    ",",
    ";",
];

/// Words before a call that make it an illustration or an idea.
const SHOWING: [&str; 24] = [
    "example",
    "for instance",
    "e.g.",
    "such as",
    "would",
    "could",
    "format",
    "syntax",
    "schema",
    "look like",
    "looks like",
    "like this",
    "like so",
    "instead of",
    "rather than",
    "don't",
    "do not",
    "never",
    "should have",
    "you can",
    "you may",
    "you might",
    "if you",
    "for reference",
];

/// The candidates of `text` that count, in order.
pub(super) fn blocks(text: &str, tools: &[ToolSpec], place: TextSource) -> Vec<Block> {
    let found = scan(text, tools);
    // The text between the blocks.
    let mut edges = vec![0];
    edges.extend(found.iter().flat_map(|block| [block.range.start, block.range.end]));
    edges.push(text.len());
    let gaps: Vec<&str> = edges.chunks(2).map(|edge| strip_fillers(&text[edge[0]..edge[1]])).collect();
    let tail_from = gaps.iter().rposition(|gap| !gap.is_empty()).unwrap_or(0);
    let head_to = gaps.iter().position(|gap| !gap.is_empty()).unwrap_or(gaps.len());
    // Block `at` is between gaps `at` and `at + 1`.
    let (head, tail) = (|at: usize| at < head_to, |at: usize| at >= tail_from);
    let weak = |wanted: &dyn Fn(usize) -> bool| found.iter().enumerate().any(|(at, block)| block.weak && wanted(at));
    let apart =
        weak(&|at| !head(at) && !tail(at)) || weak(&|at| head(at) && !tail(at)) && weak(&|at| tail(at) && !head(at));
    let before = last_of(gaps.get(..=tail_from).unwrap_or_default().join("\n"));
    let behind = gaps.get(head_to..).unwrap_or_default().join("\n").to_lowercase();
    let gapless: Vec<bool> = gaps.iter().map(|gap| gap.is_empty()).collect();

    let mut kept: Vec<Block> = Vec::new();
    let mut kept_last = false;
    for (at, mut block) in found.into_iter().enumerate() {
        let follows = kept_last && gapless[at];
        kept_last = match place {
            TextSource::Reasoning => !block.weak && tail(at),
            TextSource::Content if block.weak => head(at) || tail(at),
            TextSource::Content => tail(at) || follows || begins_line(text, block.range.start),
        };
        if !kept_last {
            continue;
        }
        let shows = |text: &str, words: &[&str]| words.iter().any(|word| text.contains(word));
        if block.weak
            && (tail(at) && !head(at) && shows(&before, &SHOWING)
                || head(at) && !tail(at) && shows(&behind, &SHOWING[..3]))
        {
            block.doubt = Some("the text around it reads as if the call were only shown");
        } else if block.weak && apart {
            block.doubt = Some("several calls stand apart, with text between them");
        }
        kept.push(block);
    }
    kept
}

/// The end of a text, which may describe the call. Lower case.
fn last_of(text: String) -> String {
    let from = text.char_indices().rev().nth(300).map_or(0, |(at, _)| at);
    text[from..].to_lowercase()
}

/// Whether there is only white space before `at` in its line. Scans back no further than it must.
pub(super) fn begins_line(text: &str, at: usize) -> bool {
    let before = text[..at].trim_end_matches(|c: char| c != '\n' && c.is_whitespace());
    before.is_empty() || before.ends_with('\n')
}

fn strip_fillers(mut text: &str) -> &str {
    loop {
        text = text.trim();
        let shorter = FILLERS.iter().find_map(|filler| text.strip_prefix(filler).or(text.strip_suffix(filler)));
        match shorter {
            Some(rest) => text = rest,
            None => return text,
        }
    }
}

/// All candidates outside of code, and code blocks that contain nothing else.
fn scan(text: &str, tools: &[ToolSpec]) -> Vec<Block> {
    let mut next: Vec<Next> = DIALECTS.iter().map(|dialect| Next { dialect, candidate: None, asked: false }).collect();
    let mut blocks: Vec<Block> = Vec::new();
    let mut code = CodeBlocks::new(text);
    let mut from = 0;
    for _ in 0..MOST {
        let Some((dialect, candidate)) = earliest(&mut next, text, from, tools) else { break };
        match code.at(candidate.range.start) {
            ByteContext::Text => {
                from = candidate.range.end;
                code.skip_to(from);
                let weak = !candidate.marked;
                blocks.push(Block {
                    range: candidate.range.clone(),
                    candidates: vec![(dialect, candidate)],
                    weak,
                    doubt: None,
                });
            }
            ByteContext::Inline => from = after(text, candidate.range.start),
            ByteContext::Fence { opened, body } => {
                let first = candidate.range.start;
                let mut candidate = candidate;
                if let Some(end) = text[first..].find("\n```").filter(|_| candidate.calls.iter().any(Result::is_err)) {
                    // A broken call has no end of its own: it ends with the block.
                    candidate.range.end = candidate.range.end.min(first + end);
                }
                match whole_fence(text, body, dialect, candidate, &mut next, tools) {
                    Some((end, candidates)) => {
                        from = end;
                        code.skip_to(end);
                        blocks.push(Block { range: opened..end, candidates, weak: true, doubt: None });
                    }
                    None => from = after(text, first),
                }
            }
        }
    }
    blocks
}

/// Where the character after the one at `at` begins.
fn after(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(1, char::len_utf8)
}

/// A dialect and its next candidate, so that it is not asked again for the same.
struct Next {
    dialect: &'static Dialect,
    candidate: Option<CallText>,
    asked: bool,
}

fn earliest(next: &mut [Next], text: &str, from: usize, tools: &[ToolSpec]) -> Option<(&'static Dialect, CallText)> {
    for one in next.iter_mut() {
        if one.asked && one.candidate.as_ref().is_none_or(|candidate| candidate.range.start >= from) {
            continue;
        }
        one.candidate = if from < text.len() { (one.dialect.find)(text, from, tools) } else { None };
        one.asked = true;
    }
    let at = |one: &Next| one.candidate.as_ref().map(|candidate| candidate.range.start);
    let first = next.iter_mut().filter(|one| one.candidate.is_some()).min_by_key(|one| at(one))?;
    Some((first.dialect, first.candidate.take().inspect(|_| first.asked = false)?))
}

/// The candidates of a code block that contains only calls, and where it ends.
fn whole_fence(
    text: &str,
    body: usize,
    dialect: &'static Dialect,
    candidate: CallText,
    next: &mut [Next],
    tools: &[ToolSpec],
) -> Option<(usize, Vec<(&'static Dialect, CallText)>)> {
    if !text[body..candidate.range.start].trim().is_empty() {
        return None;
    }
    let mut at = candidate.range.end;
    let mut candidates = vec![(dialect, candidate)];
    loop {
        let rest = &text[at..];
        let line = rest.trim_start_matches([' ', '\t', '\r', '\n', ',', ';']);
        at += rest.len() - line.len();
        if line.is_empty() {
            return Some((at, candidates));
        }
        if let Some(mark) = ["```", "~~~"].iter().find(|mark| line.starts_with(**mark)) {
            let closer = line.len() - line.trim_start_matches(&mark[..1]).len();
            let line_end = line.find('\n').unwrap_or(line.len());
            // Text after the closing mark on its line would make it an opening one.
            return line[closer..line_end].trim().is_empty().then_some((at + closer, candidates));
        }
        let (dialect, candidate) = earliest(next, text, at, tools)?;
        if candidate.range.start != at || candidates.len() >= MOST {
            return None;
        }
        at = candidate.range.end;
        candidates.push((dialect, candidate));
    }
}

/// The context of a byte.
enum ByteContext {
    Text,
    /// Between backticks.
    Inline,
    /// In a code block that was opened by the line at `opened`, its content from `body` on.
    Fence {
        opened: usize,
        body: usize,
    },
}

/// Tracks the code blocks of a text, forwards only.
struct CodeBlocks<'a> {
    text: &'a str,
    /// The start of the next line to scan.
    line: usize,
    /// The open code block: its first byte, its content's first byte, its mark, the mark's length.
    open: Option<(usize, usize, char, usize)>,
}

impl<'a> CodeBlocks<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, line: 0, open: None }
    }

    /// The text before `at` was a call and its strings: code blocks in it do not count.
    fn skip_to(&mut self, at: usize) {
        self.line = at;
        self.open = None;
    }

    fn at(&mut self, at: usize) -> ByteContext {
        while let Some(length) = self.text.get(self.line..at).and_then(|lines| lines.find('\n')) {
            let (begin, end) = (self.line, self.line + length);
            self.line = end + 1;
            let line = self.text[begin..end].trim();
            let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'));
            let Some(mark) = mark else { continue };
            let length = line.chars().take_while(|c| *c == mark).count();
            let bare = line.len() == length;
            match self.open {
                Some((_, _, opened, least)) if mark == opened && length >= least && bare => self.open = None,
                None if length >= 3 && !line[length..].contains('`') => {
                    self.open = Some((begin, self.line, mark, length));
                }
                _ => {}
            }
        }
        if let Some((opened, body, ..)) = self.open {
            return ByteContext::Fence { opened, body };
        }
        let before = self.text.get(self.line..at).unwrap_or_default();
        if before.matches('`').count() % 2 == 1 { ByteContext::Inline } else { ByteContext::Text }
    }
}
