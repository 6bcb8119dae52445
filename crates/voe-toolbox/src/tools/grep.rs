//! `grep`: lines by a regular expression, by ripgrep's own libraries.

use std::fmt::Write as _;
use std::io;

use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkContext, SinkMatch};
use ignore::overrides::OverrideBuilder;
use serde_json::{Value, json};
use voe_protocol::{LineMatch, RawBytes, SearchMatches};

use super::{Arguments, Tool, ToolOutcome, walk};
use crate::inbox::Inbox;
use crate::names;
use crate::place::{Access, AllowedPath};
use crate::session::ToolboxSession;

pub(super) const TOOL: Tool = Tool {
    name: "grep",
    description: "Search files for a regular expression. Ignored files are not searched.",
    parameters,
    run,
};

fn parameters() -> Value {
    json!({
        "type": "object",
        "properties": {
            "pattern": {"type": "string"},
            "path": {"type": "string", "description": "File or directory"},
            "glob": {"type": "string", "description": "Only such files, e.g. *.py"},
            "context": {"type": "integer", "description": "Lines around each match"}
        },
        "required": ["pattern"]
    })
}

/// Characters of a line that are shown.
const LINE_CHARACTERS: usize = 300;
/// Between path, number and text of a matching line.
const MATCH: char = ':';
/// Lines around a match that can be asked for.
const MOST_CONTEXT: usize = 20;

fn run(session: &mut ToolboxSession, arguments: &Arguments, inbox: &mut Inbox) -> Result<ToolOutcome, String> {
    let query = Query {
        pattern: arguments.text("pattern")?,
        path: arguments.maybe_text("path")?.unwrap_or("."),
        glob: arguments.maybe_text("glob")?.filter(|glob| !glob.is_empty()),
        context: arguments.maybe_count("context")?.unwrap_or(0).min(MOST_CONTEXT),
    };
    query
        .run(session, inbox)
        .map(|(found, place, note)| ToolOutcome::text(found.render(query.pattern, &place.shown(), note)))
}

/// The pattern, and where to search.
struct Query<'a> {
    pattern: &'a str,
    path: &'a str,
    glob: Option<&'a str>,
    context: usize,
}

/// Matching lines of the workspace's files, within the tool's limits.
pub(crate) fn search(
    session: &ToolboxSession,
    pattern: &str,
    glob: Option<&str>,
    inbox: &Inbox,
) -> Result<SearchMatches, String> {
    let query = Query { pattern, path: ".", glob: glob.filter(|glob| !glob.is_empty()), context: 0 };
    let (found, ..) = query.run(session, inbox)?;
    Ok(SearchMatches { capped: found.full(), matches: found.lines })
}

impl Query<'_> {
    fn run(
        &self,
        session: &ToolboxSession,
        inbox: &Inbox,
    ) -> Result<(MatchedLines, AllowedPath, Option<String>), String> {
        let place = session.places.resolve(self.path, Access::Read)?;
        if !place.path.exists() {
            return Err(format!("{} does not exist", place.shown()));
        }
        let workspace = session.places.workspace();
        let (matcher, note) = matcher(self.pattern)?;
        let mut searcher = SearcherBuilder::new()
            .binary_detection(BinaryDetection::quit(0))
            .multi_line(self.pattern.contains("\\n") || self.pattern.contains('\n'))
            .before_context(self.context)
            .after_context(self.context)
            .build();
        let only = match self.glob {
            None => None,
            Some(glob) => {
                let mut builder = OverrideBuilder::new(&place.path);
                builder
                    .add(glob)
                    .and_then(|b| b.build())
                    .map(Some)
                    .map_err(|error| format!("{glob} is not a pattern: {error}"))?
            }
        };
        let limits = &session.setup.limits;
        let mut found = MatchedLines {
            text: String::new(),
            lines: Vec::new(),
            matches: 0,
            most: limits.grep_matches,
            path: Vec::new(),
            name: String::new(),
            room: limits.output_chars,
        };
        for entry in walk::files(&place, workspace).flatten() {
            if found.full() || inbox.ended() {
                break;
            }
            let wanted = entry.file_type().is_some_and(|kind| kind.is_file())
                && only.as_ref().is_none_or(|only| only.matched(entry.path(), false).is_whitelist());
            if wanted {
                found.path = walk::relative(entry.path(), workspace).to_vec();
                found.name = names::shown(&found.path);
                let before = found.text.len();
                // A file that cannot be read is skipped, as in ripgrep.
                let _ = searcher.search_path(&matcher, entry.path(), &mut found);
                if self.context > 0 && found.text.len() > before && !found.text.ends_with("--\n") {
                    found.text.push_str("--\n");
                }
            }
        }
        Ok((found, place, note))
    }
}

/// The expression; an invalid one is searched for as plain text, which is what the model most likely meant.
fn matcher(pattern: &str) -> Result<(RegexMatcher, Option<String>), String> {
    let builder = || {
        let mut builder = RegexMatcherBuilder::new();
        builder.multi_line(true);
        builder
    };
    match builder().build(pattern) {
        Ok(matcher) => Ok((matcher, None)),
        Err(error) => {
            let plain = builder().fixed_strings(true).build(pattern).map_err(|_| format!("{pattern}: {error}"))?;
            Ok((plain, Some("not a regular expression: searched for as plain text".into())))
        }
    }
}

/// Lines found so far.
struct MatchedLines {
    /// As the tool shows them, those around a match included.
    text: String,
    /// The matching ones.
    lines: Vec<LineMatch>,
    matches: usize,
    /// Matching lines that are shown.
    most: usize,
    /// The file being searched, and its path for a line of text.
    path: Vec<u8>,
    name: String,
    /// Bytes that may still be shown.
    room: usize,
}

impl MatchedLines {
    fn full(&self) -> bool {
        self.matches >= self.most || self.text.len() >= self.room
    }

    fn line(&mut self, number: Option<u64>, mark: char, bytes: &[u8]) {
        let number = number.unwrap_or(0);
        for (n, line) in bytes.split_inclusive(|&b| b == b'\n').enumerate() {
            let line = String::from_utf8_lossy(line);
            let line = line.trim_end_matches(['\n', '\r']);
            let _ = write!(self.text, "{}{mark}{}{mark}", self.name, number + n as u64);
            let end = line.char_indices().nth(LINE_CHARACTERS).map(|(at, _)| at);
            let text = &line[..end.unwrap_or(line.len())];
            let _ = writeln!(self.text, "{text}{}", if end.is_some() { " […]" } else { "" });
            if mark == MATCH {
                let path = RawBytes(self.path.clone());
                self.lines.push(LineMatch { path, line: number + n as u64, text: text.to_owned(), cut: end.is_some() });
            }
        }
    }

    fn render(self, pattern: &str, place: &str, note: Option<String>) -> String {
        let full = self.full();
        let mut text = self.text;
        if text.ends_with("--\n") {
            text.truncate(text.len() - 3);
        }
        if self.matches == 0 {
            text = format!("no match for {pattern} in {place} (ignored and binary files are not searched)\n");
        }
        if full {
            let _ = writeln!(text, "[only the first {} matching lines; narrow the search]", self.matches);
        }
        if let Some(note) = note {
            let _ = writeln!(text, "[{note}]");
        }
        text.trim_end().to_owned()
    }
}

impl Sink for MatchedLines {
    type Error = io::Error;

    fn matched(&mut self, _: &Searcher, found: &SinkMatch<'_>) -> Result<bool, io::Error> {
        self.matches += 1;
        self.line(found.line_number(), MATCH, found.bytes());
        Ok(!self.full())
    }

    fn context(&mut self, _: &Searcher, context: &SinkContext<'_>) -> Result<bool, io::Error> {
        self.line(context.line_number(), '-', context.bytes());
        Ok(true)
    }

    fn context_break(&mut self, _: &Searcher) -> Result<bool, io::Error> {
        self.text.push_str("--\n");
        Ok(true)
    }
}
