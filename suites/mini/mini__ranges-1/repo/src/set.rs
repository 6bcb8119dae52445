use std::fmt;

/// Pages from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub first: u32,
    pub last: u32,
}

/// Pages as ranges in order, none overlapping or touching the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageSet {
    ranges: Vec<Range>,
}

impl PageSet {
    pub fn new(mut ranges: Vec<Range>) -> Self {
        ranges.sort_by_key(|range| range.first);
        let mut merged: Vec<Range> = Vec::new();
        for range in ranges {
            match merged.last_mut() {
                Some(before) if range.first <= before.last + 1 => before.last = range.last,
                _ => merged.push(range),
            }
        }
        PageSet { ranges: merged }
    }

    pub fn contains(&self, page: u32) -> bool {
        self.ranges.iter().any(|range| range.first <= page && page <= range.last)
    }

    /// How many pages there are.
    pub fn count(&self) -> u32 {
        self.ranges.iter().map(|range| range.last - range.first + 1).sum()
    }
}

impl fmt::Display for PageSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.ranges.iter().enumerate() {
            if index > 0 {
                write!(f, ",")?;
            }
            if range.first == range.last {
                write!(f, "{}", range.first)?;
            } else {
                write!(f, "{}-{}", range.first, range.last)?;
            }
        }
        Ok(())
    }
}
