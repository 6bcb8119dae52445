use std::fmt;
use std::str::FromStr;

use crate::set::{PageSet, Range};

/// A part of the text that is neither a page nor a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError(pub String);

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a page or range of pages: {}", self.0)
    }
}

impl std::error::Error for ParseError {}

impl FromStr for PageSet {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let ranges = text.split(',').map(range).collect::<Result<Vec<_>, _>>()?;
        Ok(PageSet::new(ranges))
    }
}

fn range(part: &str) -> Result<Range, ParseError> {
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    let wrong = || ParseError(part.trim().to_string());
    let first = first.trim().parse().map_err(|_| wrong())?;
    let last = last.trim().parse().map_err(|_| wrong())?;
    if first == 0 || last < first {
        return Err(wrong());
    }
    Ok(Range { first, last })
}
