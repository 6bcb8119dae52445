//! Reads one word: quotes, variables, substitutions.

use super::compound::{is_arithmetic, substitutes};
use super::words::{ShellParser, Word};

impl ShellParser<'_> {
    /// Reads a word.
    pub(super) fn word(&mut self) -> Word {
        let mut word = Word::default();
        while let Some(c) = self.peek(0) {
            match c {
                ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | ')' => break,
                '<' | '>' | '(' if c == '(' || self.peek(1) != Some('(') || !word.text.is_empty() => break,
                '<' | '>' => {
                    self.at += 1;
                    self.substitution();
                    word.open = true;
                }
                '\\' => {
                    self.at += 1;
                    match self.peek(0) {
                        Some('\n') | None => {}
                        Some(c) => word.text.push(c),
                    }
                    self.at = (self.at + 1).min(self.text.len());
                }
                '\'' => {
                    self.at += 1;
                    match self.text[self.at..].iter().position(|&c| c == '\'') {
                        Some(length) => {
                            word.text.extend(&self.text[self.at..self.at + length]);
                            self.at += length + 1;
                        }
                        None => {
                            self.line.clear = false;
                            self.at = self.text.len();
                        }
                    }
                }
                '"' => self.quoted(&mut word),
                '$' | '`' => self.dollar(&mut word),
                c => {
                    word.open |= matches!(c, '*' | '?' | '[' | '{' | '~');
                    word.text.push(c);
                    self.at += 1;
                }
            }
        }
        word
    }

    fn quoted(&mut self, word: &mut Word) {
        self.at += 1;
        loop {
            match self.peek(0) {
                None => {
                    self.line.clear = false;
                    return;
                }
                Some('"') => {
                    self.at += 1;
                    return;
                }
                Some('\\') => {
                    if let Some(c) = self.peek(1) {
                        if !matches!(c, '"' | '\\' | '$' | '`' | '\n') {
                            word.text.push('\\');
                        }
                        word.text.push(c);
                    }
                    self.at = (self.at + 2).min(self.text.len());
                }
                Some('$' | '`') => self.dollar(word),
                Some(c) => {
                    word.text.push(c);
                    self.at += 1;
                }
            }
        }
    }

    /// A variable or a substitution; the commands in the latter are commands of this line too.
    fn dollar(&mut self, word: &mut Word) {
        if self.peek(0) == Some('`') {
            word.open = true;
            self.at += 1;
            let Some(length) = self.text[self.at..].iter().position(|&c| c == '`') else {
                self.line.clear = false;
                self.at = self.text.len();
                return;
            };
            let inner: String = self.text[self.at..self.at + length].iter().collect();
            self.at += length + 1;
            self.substituted(&inner);
            return;
        }
        self.at += 1;
        match self.peek(0) {
            Some('(') => {
                word.open = true;
                self.substitution();
            }
            Some('{') => {
                word.open = true;
                match self.text[self.at..].iter().position(|&c| c == '}') {
                    // A substitution in a default value is not followed.
                    Some(length) => {
                        let inner = &self.text[self.at..self.at + length];
                        self.line.clear &= !inner.iter().any(|c| matches!(c, '`' | '('));
                        self.at += length + 1;
                    }
                    None => {
                        self.line.clear = false;
                        self.at = self.text.len();
                    }
                }
            }
            Some('\'') => {
                // $'…' has escapes of its own: close enough.
                word.open = true;
            }
            Some(c) if c.is_alphanumeric() || "_@*#?$!-".contains(c) => {
                word.open = true;
                self.at += 1;
                while c.is_alphabetic() && self.peek(0).is_some_and(|c| c.is_alphanumeric() || c == '_') {
                    self.at += 1;
                }
            }
            _ => word.text.push('$'),
        }
    }

    /// `(…)` after `$`, `<` or `>`.
    fn substitution(&mut self) {
        let (mut depth, mut end) = (0, self.at);
        while let Some(&c) = self.text.get(end) {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                '\\' => end += 1,
                // Brackets in quotes do not count.
                '\'' | '"' => match self.text[end + 1..].iter().position(|&other| other == c) {
                    Some(length) => end += length + 1,
                    None => break,
                },
                _ => {}
            }
            if depth == 0 {
                break;
            }
            end += 1;
        }
        if depth != 0 || end >= self.text.len() {
            self.line.clear = false;
            self.at = self.text.len();
            return;
        }
        let bracketed = &self.text[self.at..=end];
        let inner: String = bracketed[1..bracketed.len() - 1].iter().collect();
        let arithmetic = is_arithmetic(bracketed);
        // Commands in arithmetic are not followed.
        self.line.clear &= !(arithmetic && substitutes(bracketed));
        self.at = end + 1;
        if !arithmetic {
            self.substituted(&inner);
        }
    }
}
