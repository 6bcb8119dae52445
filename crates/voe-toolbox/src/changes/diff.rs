//! Counts and shows changed lines.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};
use voe_trace::{Change, ChangeKind};

use super::content::{HashedContent, LINK};

/// Time limit: finding the best diff of two large texts can take long; a good one is enough.
const LIMIT: Duration = Duration::from_millis(200);

/// Characters of a diff that are shown.
const SHOWN: usize = 20_000;

/// How a file got from one content to another. `None` if nothing differs.
pub(crate) fn change(path: &[u8], old: Option<&HashedContent>, new: Option<&HashedContent>) -> Option<Change> {
    let kind = match (old, new) {
        (None, None) => return None,
        (Some(old), Some(new)) if (old.mode, old.hash) == (new.mode, new.hash) => return None,
        (None, Some(_)) => ChangeKind::Added,
        (Some(_), None) => ChangeKind::Deleted,
        (Some(_), Some(_)) => ChangeKind::Modified,
    };
    let binary = old.is_some_and(HashedContent::binary) || new.is_some_and(HashedContent::binary);
    let (added, removed) = if binary { (0, 0) } else { counts(text(old), text(new)) };
    Some(Change {
        path: String::from_utf8_lossy(path).into_owned(),
        kind,
        added,
        removed,
        binary,
        role: voe_evidence::role_by_path(path),
    })
}

fn text(content: Option<&HashedContent>) -> &[u8] {
    content.and_then(HashedContent::text).unwrap_or_default()
}

/// Lines added and removed.
fn counts(old: &[u8], new: &[u8]) -> (u64, u64) {
    if old.is_empty() || new.is_empty() {
        return (lines(new), lines(old));
    }
    let diff = TextDiff::configure().timeout(LIMIT).diff_lines(old, new);
    let (mut added, mut removed) = (0, 0);
    for change in diff.iter_all_changes() {
        match change.tag() {
            ChangeTag::Insert => added += 1,
            ChangeTag::Delete => removed += 1,
            ChangeTag::Equal => {}
        }
    }
    (added, removed)
}

fn lines(text: &[u8]) -> u64 {
    let ends = memchr::memchr_iter(b'\n', text).count() as u64;
    ends + u64::from(!text.is_empty() && text.last() != Some(&b'\n'))
}

/// Diffs of several files, shortened as they are added.
#[derive(Debug, Default)]
pub(crate) struct ShownDiffs {
    text: String,
    left_out: usize,
}

impl ShownDiffs {
    /// Adds a file's diff.
    pub(crate) fn add(&mut self, path: &[u8], old: Option<&HashedContent>, new: Option<&HashedContent>) {
        if self.text.len() >= SHOWN {
            self.left_out += 1;
            return;
        }
        let path = crate::names::shown(path);
        let name = |side: &str, content: Option<&HashedContent>| match content {
            Some(_) => format!("{side}/{path}"),
            None => "/dev/null".to_owned(),
        };
        let (from, to) = (name("a", old), name("b", new));
        if let (Some(old), Some(new)) = (old, new)
            && old.mode != new.mode
        {
            self.text.push_str(&format!("{path}: mode {:o} to {:o}\n", old.mode, new.mode));
        }
        if [old, new].into_iter().flatten().any(HashedContent::binary) {
            self.text.push_str(&format!("Binary files {from} and {to} differ\n"));
            return;
        }
        let shown = |content: Option<&HashedContent>| {
            let text = String::from_utf8_lossy(text(content)).into_owned();
            if content.is_some_and(|content| content.mode == LINK) { format!("-> {text}\n") } else { text }
        };
        let (old, new) = (shown(old), shown(new));
        if old == new {
            return;
        }
        let diff = TextDiff::configure().timeout(LIMIT).diff_lines(&*old, &*new);
        self.text.push_str(&diff.unified_diff().context_radius(3).header(&from, &to).to_string());
    }

    /// The text, with a last line on what is missing.
    pub(crate) fn finish(mut self) -> String {
        let cut = self.text.char_indices().nth(SHOWN).map(|(at, _)| at);
        if let Some(at) = cut {
            let at = self.text[..at].rfind('\n').map_or(at, |end| end + 1);
            self.text.truncate(at);
        }
        if cut.is_some() || self.left_out > 0 {
            self.text.push_str("[the diff is shortened here]\n");
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::content::PLAIN;

    fn content(text: &str) -> HashedContent {
        HashedContent::of(PLAIN, text.as_bytes().to_vec())
    }

    #[test]
    fn lines_are_counted_and_shown_and_binaries_are_not() {
        let (old, new) = (content("a\nb\nc\n"), content("a\nB\nc\nd"));
        let change = change(b"f", Some(&old), Some(&new)).unwrap();
        assert_eq!((change.kind, change.added, change.removed), (ChangeKind::Modified, 2, 1));
        let mut shown = ShownDiffs::default();
        shown.add(b"f", Some(&old), Some(&new));
        shown.add(b"g", None, Some(&content("x\0y")));
        insta::assert_snapshot!(shown.finish(), @r"
        --- a/f
        +++ b/f
        @@ -1,3 +1,4 @@
         a
        -b
        +B
         c
        +d
        \ No newline at end of file
        Binary files /dev/null and b/g differ
        ");
        assert_eq!(super::change(b"f", Some(&old), Some(&old)), None);
    }

    #[test]
    fn a_long_diff_is_shortened_at_a_line() {
        let mut shown = ShownDiffs::default();
        let long: String = (0..10_000).map(|n| format!("line {n}\n")).collect();
        shown.add(b"f", None, Some(&content(&long)));
        shown.add(b"g", None, Some(&content(&long)));
        let text = shown.finish();
        assert!(text.chars().count() < SHOWN + 100);
        assert!(text.ends_with("\n[the diff is shortened here]\n"));
    }
}
