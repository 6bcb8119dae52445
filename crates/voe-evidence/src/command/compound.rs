//! `case`, functions and arithmetic: constructs that are not lists of simple commands; and where the parts of a list end.

use super::joints::{ShellJoint, ShellOperator};
use super::words::ShellParser;

/// Subshells in subshells deeper than this are not followed.
const MOST_NESTED: usize = 64;

impl ShellParser<'_> {
    /// Notes the end of a part, whose operator of `length` characters was just read.
    pub(super) fn joint(&mut self, length: usize, operator: ShellOperator) {
        let comment = self.comment.take();
        if self.depth == 0 && self.nested == 0 && self.cases == 0 && self.blocks == 0 {
            let from = comment.unwrap_or(self.at - length);
            self.line.joints.push(ShellJoint { from, to: self.at, operator, commands: self.line.commands.len() });
        }
    }

    /// A construct that begins with `(`: arithmetic, a function's definition, or a subshell.
    pub(super) fn open_bracket(&mut self) {
        if self.now.words.is_empty() && self.arithmetic() {
            return;
        }
        // `f()`: the body that follows is read like any other commands. A call of it is an unknown command: it runs something.
        if self.peek(1) == Some(')')
            && let [name] = &self.now.words[..]
        {
            self.line.clear &= !name.open;
            self.now.words.clear();
            self.at += 2;
            return;
        }
        self.line.clear &= self.now.words.is_empty();
        self.at += 1;
        self.enter_subshell();
        if self.nested > MOST_NESTED {
            self.line.clear = false;
            self.at = self.text.len();
        }
    }

    /// Skips `((…))`, if it comes next. It contains no commands except in substitutions, which are not followed.
    pub(super) fn arithmetic(&mut self) -> bool {
        if self.peek(1) != Some('(') {
            return false;
        }
        let Some(length) = arithmetic(&self.text[self.at..]) else { return false };
        self.line.clear &= !substitutes(&self.text[self.at..self.at + length]);
        self.at += length;
        true
    }

    /// `function NAME`, with or without `()`.
    pub(super) fn function(&mut self) {
        let name = self.target();
        self.line.clear &= !name.open && !name.text.is_empty();
        while matches!(self.peek(0), Some(' ' | '\t')) {
            self.at += 1;
        }
        if self.peek(0) == Some('(') && self.peek(1) == Some(')') {
            self.at += 2;
        }
    }

    /// `case WORD in`: patterns come next.
    pub(super) fn case(&mut self) {
        self.target();
        self.skip_blanks();
        let keyword = self.word();
        if keyword.text == "in" && !keyword.open {
            self.cases += 1;
            self.patterns();
        } else {
            self.line.clear = false;
        }
    }

    /// The patterns before the commands of one branch of `case`, or its end.
    fn patterns(&mut self) {
        self.skip_blanks();
        let start = self.at;
        if self.word().text == "esac" && self.at - start == 4 {
            self.cases -= 1;
            return;
        }
        self.at = start + usize::from(self.text.get(start) == Some(&'('));
        loop {
            self.skip_blanks();
            let start = self.at;
            self.word();
            let empty = self.at == start;
            self.skip_blanks();
            match self.peek(0) {
                Some('|') if !empty => self.at += 1,
                Some(')') if !empty => {
                    self.at += 1;
                    return;
                }
                _ => {
                    self.line.clear = false;
                    self.at = self.text.len();
                    return;
                }
            }
        }
    }

    /// The end of a branch: `;;`, `;&` or `;;&`.
    pub(super) fn end_branch(&mut self) {
        while matches!(self.peek(0), Some(';' | '&')) {
            self.at += 1;
        }
        if self.cases > 0 {
            self.patterns();
        } else {
            self.line.clear = false;
        }
    }

    fn skip_blanks(&mut self) {
        while let Some(c) = self.peek(0) {
            match c {
                ' ' | '\t' | '\r' | '\n' => self.at += 1,
                '\\' if self.peek(1) == Some('\n') => self.at += 2,
                '#' => self.skip_comment(),
                _ => return,
            }
        }
    }
}

/// The length of `((…))` at the start of `text`. Brackets that are only adjacent, as in `((a); (b))`, are subshells.
fn arithmetic(text: &[char]) -> Option<usize> {
    let (mut depth, mut inner_end) = (0_usize, None);
    for (at, c) in text.iter().enumerate() {
        match c {
            '(' => depth += 1,
            ')' => {
                depth = depth.checked_sub(1)?;
                match depth {
                    0 => return (inner_end == at.checked_sub(1)).then_some(at + 1),
                    1 if inner_end.is_none() => inner_end = Some(at),
                    // The brackets that began together do not end together.
                    1 => return None,
                    _ => {}
                }
            }
            // Quotes may contain brackets; arithmetic has no quotes.
            '\'' | '"' => return None,
            _ => {}
        }
    }
    None
}

/// Whether the content of `$(…)` is arithmetic.
pub(super) fn is_arithmetic(bracketed: &[char]) -> bool {
    bracketed.get(1) == Some(&'(') && arithmetic(bracketed) == Some(bracketed.len())
}

/// Whether there are commands in an arithmetic text.
pub(super) fn substitutes(text: &[char]) -> bool {
    text.contains(&'`') || text.windows(2).any(|pair| pair == ['$', '('])
}

#[cfg(test)]
mod tests {
    use super::super::words::{parse, shown};

    #[test]
    fn branches_of_case_are_commands() {
        assert_eq!(shown("case $x in a|'b c') d e;; (*) f > g ;; esac && h"), "d e | f >g | h");
        assert_eq!(shown("case a in\n# all\n  *.py)\n    b\n    ;;&\n  c) ;;\nesac\nd"), "b | d");
        assert_eq!(shown("case a in b) case c in d) e ;; esac; esac | f"), "e | f");
        assert_eq!(shown("case a in esac"), "");
        assert_eq!(shown("case $(a) in b) ;; esac"), "a");
        for text in
            ["case a in b) c", "case a in b", "case a b) c;; esac", "case a in @(b|c)) d;; esac", "a;; b", "esac"]
        {
            assert!(!parse(text).clear, "{text}");
        }
    }

    #[test]
    fn bodies_of_functions_are_commands() {
        assert_eq!(shown("f() { a; b > c; }; f d"), "a | b >c | f d");
        assert_eq!(shown("function f {\n a\n}\nfunction g() ( b )"), "a | b");
        assert_eq!(shown("f()\n{ a; }"), "a");
        assert!(!parse("$f() { a; }").clear);
    }

    #[test]
    fn arithmetic_is_not_a_command_and_hides_none() {
        assert_eq!(shown("((a += 1)) && b; for ((i = 0; i < 3; i++)); do c; done"), "b | c");
        assert_eq!(shown("echo $((1 + (2 * 3))) $((x < 1 ? 2 : 3))"), "echo  ");
        assert_eq!(shown("((a); (b)); c"), "a | b | c");
        assert_eq!(shown("echo $((a) ; (b))"), "a | b | echo ");
        for text in ["echo $(( $(make) ))", "((x = `make`))", "((a"] {
            assert!(!parse(text).clear, "{text}");
        }
    }

    #[test]
    fn deep_nesting_ends_soon() {
        for text in ["(".repeat(200_000), "$(".repeat(200_000), "(a ".repeat(100_000) + &")".repeat(100_000)] {
            assert!(!parse(&text).clear);
        }
        for text in ["case a in b) ".repeat(50_000), "f() { ".repeat(50_000), "if a; then ".repeat(50_000)] {
            parse(&text);
        }
    }
}
