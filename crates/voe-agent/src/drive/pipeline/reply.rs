//! Parses a small model's reply: code in a fence, or blocks of search and replace.

/// The first non-empty block of code: fenced, or the whole text if there is no fence and `bare` accepts it as code.
pub(super) fn code(text: &str, bare: impl Fn(&str) -> bool) -> Option<String> {
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(fence) = fence(line) else { continue };
        let mut block = Vec::new();
        for line in lines.by_ref() {
            if line.trim().starts_with(fence) && line.trim().chars().all(|c| fence.starts_with(c)) {
                break;
            }
            block.push(line);
        }
        let block = block.join("\n");
        if !block.trim().is_empty() {
            return Some(block);
        }
    }
    let text = text.trim_matches('\n');
    (!text.contains("```") && bare(text)).then(|| text.to_owned())
}

fn fence(line: &str) -> Option<&'static str> {
    let line = line.trim_start();
    ["```", "~~~"].into_iter().find(|mark| line.starts_with(mark))
}

/// Pairs of a text to search for and what replaces it.
pub(super) fn replacements(text: &str) -> Vec<(String, String)> {
    let mark = |line: &str, c: char| {
        let line = line.trim();
        let run = line.chars().take_while(|&other| other == c).count();
        (5..=9).contains(&run) && line.len() >= run
    };
    let (mut found, mut old, mut new) = (Vec::new(), Vec::new(), Vec::new());
    let mut within = 0;
    for line in text.lines() {
        match within {
            0 if mark(line, '<') => within = 1,
            1 if mark(line, '=') => within = 2,
            2 if mark(line, '>') => {
                found.push((old.join("\n"), new.join("\n")));
                (old, new, within) = (Vec::new(), Vec::new(), 0);
            }
            1 => old.push(line),
            2 => new.push(line),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_fence_that_is_not_empty_is_the_code() {
        assert_eq!(code("Sure:\n```python\n\n```\n```py\nx = 1\n```\nDone.", |_| false).unwrap(), "x = 1");
        assert_eq!(code("```\ncut off", |_| false).unwrap(), "cut off");
        assert_eq!(code("def f():\n    pass", |t| t.starts_with("def ")).unwrap(), "def f():\n    pass");
        assert_eq!(code("I can't.", |t| t.starts_with("def ")), None);
    }

    #[test]
    fn blocks_of_search_and_replace_are_read() {
        let text = "a\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n  y\n>>>>>>> REPLACE\nb\n<<<<<<<\nlost";
        assert_eq!(replacements(text), [("x = 1".to_owned(), "x = 2\n  y".to_owned())]);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(?s)[`~<=>a\n ]{0,80}") {
            let _ = code(&text, |_| true);
            let _ = replacements(&text);
        }

        #[test]
        fn a_block_is_found_as_it_was_written(old in "[a-z ]{1,9}", new in "[a-z ]{0,9}") {
            let text = format!("x\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n");
            prop_assert_eq!(replacements(&text), vec![(old, new)]);
        }
    }
}
