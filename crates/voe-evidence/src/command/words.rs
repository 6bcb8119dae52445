//! Splits a line of shell into simple commands, well enough to classify them; real shells are more complex.
//!
//! It is written by hand for three reasons. The input is any text that a model writes, often truncated or with a mistake:
//! the parts that can be understood must be used, and the rest be marked as not understood, while a parser of the whole grammar
//! only gives an error. It must terminate on any text: brush-parser (0.4.0, pure Rust, kept) recurses without a bound, so that
//! 4 kB of nested `{` overflow the stack and abort the process, which can't be caught. And it leaves quotes and substitutions in
//! words unparsed, and adds 27 crates and a snapshot tester.

use super::joints::{ShellJoint, ShellOperator};

/// A parsed line of shell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ShellLine {
    pub(crate) commands: Vec<Simple>,
    /// Where its parts end, in order: outside of subshells, substitutions and compound commands.
    pub(crate) joints: Vec<ShellJoint>,
    /// Everything in it was understood.
    pub(crate) clear: bool,
    /// How many subshells it has.
    subshells: u32,
}

/// One command with its arguments, without the shell keywords around it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Simple {
    pub(crate) words: Vec<Word>,
    /// Files that its output goes to.
    pub(crate) outputs: Vec<Word>,
    /// Its input from a here-document or a here-string.
    pub(crate) input: Option<String>,
    /// The file that its input comes from.
    pub(crate) from: Option<Word>,
    /// It runs in a subshell, a substitution or a pipe: its `cd` ends with it.
    pub(crate) nested: bool,
    /// The subshells and substitutions around it, from the outside in.
    pub(crate) subshells: Vec<u32>,
    /// Its output is the next command's input.
    pub(crate) feeds: bool,
    /// It runs in a process of its own, as a part of a pipe or in the background.
    pub(crate) apart: bool,
}

/// A word, unquoted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    /// A part of it is only known at run time (a variable, a pattern).
    pub(crate) open: bool,
}

impl Simple {
    /// The command's name, without directories.
    pub(crate) fn name(&self) -> Option<&str> {
        self.words.first().map(|word| word.text.rsplit('/').next().unwrap_or_default())
    }

    /// Whether its output goes to a file.
    pub(crate) fn writes(&self) -> bool {
        !self.outputs.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.words.is_empty() && self.outputs.is_empty() && self.input.is_none()
    }
}

/// Substitutions in substitutions deeper than this are not followed.
const DEEPEST: usize = 8;

/// Parses a line.
pub(crate) fn parse(text: &str) -> ShellLine {
    let mut line = ShellLine { clear: true, ..ShellLine::default() };
    parse_into(text, &mut line, Vec::new(), 0);
    line
}

fn parse_into(text: &str, line: &mut ShellLine, subshells: Vec<u32>, depth: usize) {
    if depth > DEEPEST {
        line.clear = false;
        return;
    }
    let mut parser = ShellParser {
        text: text.chars().collect(),
        at: 0,
        line,
        now: Simple::default(),
        nested: usize::from(depth > 0),
        subshells,
        cases: 0,
        blocks: 0,
        comment: None,
        heredocs: Vec::new(),
        depth,
    };
    parser.run();
}

pub(super) struct ShellParser<'a> {
    pub(super) text: Vec<char>,
    pub(super) at: usize,
    pub(super) line: &'a mut ShellLine,
    pub(super) now: Simple,
    pub(super) nested: usize,
    subshells: Vec<u32>,
    /// `case`s that are open.
    pub(super) cases: usize,
    /// Compound commands that are open: `if`, `for`, `{` …
    pub(super) blocks: usize,
    /// Where a comment in this part begins.
    pub(super) comment: Option<usize>,
    /// Here-documents whose bodies follow the line's end: the end mark, whether tabs are dropped, whose input it is.
    heredocs: Vec<(String, bool, usize)>,
    pub(super) depth: usize,
}

/// Keywords that a command may follow.
const PREFIXES: [&str; 10] = ["if", "then", "elif", "else", "while", "until", "do", "!", "{", "time"];
/// Keywords that begin a construct; the end of `case` is counted apart.
const OPENERS: [&str; 6] = ["if", "while", "until", "for", "select", "{"];
/// Keywords that end a construct.
const ENDS: [&str; 4] = ["fi", "done", "esac", "}"];

impl ShellParser<'_> {
    fn run(&mut self) {
        while let Some(c) = self.peek(0) {
            match c {
                ' ' | '\t' | '\r' => self.at += 1,
                '\\' if self.peek(1) == Some('\n') => self.at += 2,
                '#' => {
                    self.comment = Some(self.at);
                    self.skip_comment();
                }
                '\n' => {
                    self.at += 1;
                    self.end(false);
                    self.joint(1, ShellOperator::Then);
                    let before = self.at;
                    self.bodies();
                    // Their text is not part of the next command.
                    if let Some(joint) = self.line.joints.last_mut().filter(|joint| joint.to == before) {
                        joint.to = self.at;
                    }
                }
                ';' => {
                    self.at += 1;
                    self.end(false);
                    self.joint(1, ShellOperator::Then);
                    if matches!(self.peek(0), Some(';' | '&')) {
                        self.end_branch();
                    }
                }
                '&' => self.ampersand(),
                '|' => {
                    let begin = self.at;
                    self.at += 1;
                    self.at += usize::from(matches!(self.peek(0), Some('|' | '&')));
                    let pipe = self.text[self.at - 1] != '|' || self.at < 2 || self.text[self.at - 2] != '|';
                    self.now.feeds = pipe;
                    self.end(pipe);
                    let or = self.at - begin == 2 && self.text[begin + 1] == '|';
                    self.joint(self.at - begin, if or { ShellOperator::Or } else { ShellOperator::Pipe });
                }
                '(' => self.open_bracket(),
                ')' => {
                    self.at += 1;
                    self.end(true);
                    self.line.clear &= self.nested > 0;
                    self.nested = self.nested.saturating_sub(1);
                    self.subshells.pop();
                }
                '<' | '>' => self.redirect(),
                _ => self.argument(),
            }
        }
        self.end(false);
        self.joint(0, ShellOperator::Then);
        self.bodies();
        self.line.clear &= self.heredocs.is_empty() && self.cases == 0 && self.nested <= usize::from(self.depth > 0);
    }

    pub(super) fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    pub(super) fn skip_comment(&mut self) {
        while self.peek(0).is_some_and(|c| c != '\n') {
            self.at += 1;
        }
    }

    /// Ends the simple command.
    fn end(&mut self, piped: bool) {
        let mut command = std::mem::take(&mut self.now);
        if command.is_empty() {
            return;
        }
        command.apart = piped;
        command.subshells.clone_from(&self.subshells);
        command.nested = self.nested > 0 || self.cases > 0 || piped;
        self.line.commands.push(command);
    }

    fn ampersand(&mut self) {
        match (self.peek(1), self.peek(2)) {
            (Some('&'), _) => {
                self.at += 2;
                self.end(false);
                self.joint(2, ShellOperator::And);
            }
            (Some('>'), after) => {
                self.at += 2 + usize::from(after == Some('>'));
                self.output();
            }
            _ => {
                self.at += 1;
                self.end(true);
                self.joint(1, ShellOperator::Background);
            }
        }
    }

    fn redirect(&mut self) {
        let rest: String = self.text[self.at..].iter().take(3).collect();
        let is = |operator: &str| rest.starts_with(operator);
        if is("<<<") {
            self.at += 3;
            let word = self.target();
            self.now.input = Some(word.text);
        } else if is("<<") {
            let tabs = is("<<-");
            self.at += if tabs { 3 } else { 2 };
            let mark = self.target().text;
            // Its command is the one that is being read, or will be.
            self.heredocs.push((mark, tabs, self.line.commands.len()));
        } else if is("<(") || is(">(") {
            self.at += 1;
            self.argument();
        } else if is(">&") {
            self.at += 2;
            let before = self.at;
            let target = self.target();
            if target.text != "-" && !target.text.bytes().all(|b| b.is_ascii_digit()) {
                self.at = before;
                self.output();
            }
        } else if is("<&") || is("<>") {
            self.at += 2;
            self.target();
        } else if is(">") {
            self.at += if is(">>") || is(">|") { 2 } else { 1 };
            self.output();
        } else {
            self.at += 1;
            self.now.from = Some(self.target());
        }
    }

    /// The commands of a substitution are commands of this line too.
    pub(super) fn substituted(&mut self, inner: &str) {
        let mut subshells = self.subshells.clone();
        subshells.push(self.next_subshell());
        parse_into(inner, self.line, subshells, self.depth + 1);
    }

    pub(super) fn enter_subshell(&mut self) {
        self.nested += 1;
        let number = self.next_subshell();
        self.subshells.push(number);
    }

    fn next_subshell(&mut self) -> u32 {
        self.line.subshells += 1;
        self.line.subshells
    }

    fn output(&mut self) {
        let target = self.target();
        if !matches!(&*target.text, "/dev/null" | "/dev/stderr" | "/dev/stdout" | "/dev/tty") {
            self.now.outputs.push(target);
        }
    }

    pub(super) fn target(&mut self) -> Word {
        while matches!(self.peek(0), Some(' ' | '\t')) {
            self.at += 1;
        }
        self.word()
    }

    /// Reads the bodies of here-documents, at the start of the line after the one that has them.
    fn bodies(&mut self) {
        for (mark, tabs, whose) in std::mem::take(&mut self.heredocs) {
            let mut body = String::new();
            loop {
                if self.at >= self.text.len() {
                    // bash accepts the end of the text as the end mark; so does this, but marks the line as not understood.
                    self.line.clear = false;
                    break;
                }
                let end = self.text[self.at..].iter().position(|&c| c == '\n').map_or(self.text.len(), |n| self.at + n);
                let text: String = self.text[self.at..end].iter().collect();
                self.at = (end + 1).min(self.text.len());
                let text = if tabs { text.trim_start_matches('\t') } else { &text };
                if text == mark {
                    break;
                }
                body.push_str(text);
                body.push('\n');
            }
            if let Some(command) = self.line.commands.get_mut(whose) {
                command.input = Some(body);
            }
        }
    }

    /// Reads a word into the simple command, or handles it as a keyword.
    fn argument(&mut self) {
        let start = self.at;
        let word = self.word();
        if self.at == start {
            // A character that can't begin a word: skip it.
            self.line.clear = false;
            self.at += 1;
            return;
        }
        let quoted = self.text[start..self.at].iter().any(|c| matches!(c, '\'' | '"' | '\\'));
        // The number of a file before a redirection: `2>`.
        if matches!(self.peek(0), Some('<' | '>')) && word.text.bytes().all(|b| b.is_ascii_digit()) {
            return;
        }
        if self.now.words.is_empty() && !quoted {
            let text = word.text.as_str();
            self.blocks += usize::from(OPENERS.contains(&text));
            if PREFIXES.contains(&text) {
                return;
            }
            if text == "esac" {
                self.line.clear &= self.cases > 0;
                self.cases = self.cases.saturating_sub(1);
            }
            if ENDS.contains(&text) {
                self.blocks = self.blocks.saturating_sub(usize::from(text != "esac"));
                return;
            }
            match text {
                "for" | "select" => return self.skip_words(),
                "case" => return self.case(),
                "function" => return self.function(),
                "coproc" => self.line.clear = false,
                "[[" => return self.skip_condition(),
                _ => {}
            }
            if assignment(text) {
                return;
            }
        }
        self.now.words.push(word);
    }

    /// `for x in a b c` and `for ((…))`: not a command.
    fn skip_words(&mut self) {
        while let Some(c) = self.peek(0) {
            match c {
                ' ' | '\t' => self.at += 1,
                '\n' | ';' => return,
                '(' if self.arithmetic() => {}
                _ => {
                    let before = self.at;
                    self.word();
                    if self.at == before {
                        self.line.clear = false;
                        return;
                    }
                }
            }
        }
    }

    /// `[[ … ]]`, in which `<`, `>`, `(` and `&&` mean other things.
    fn skip_condition(&mut self) {
        self.now.words.push(Word { text: "[[".into(), open: false });
        while let Some(c) = self.peek(0) {
            match c {
                '\n' => break,
                ' ' | '\t' | '<' | '>' | '(' | ')' | '&' | '|' | ';' | '#' => self.at += 1,
                _ => {
                    if self.word().text == "]]" {
                        return;
                    }
                }
            }
        }
        self.line.clear = false;
    }
}

/// `NAME=value` before a command.
fn assignment(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, _)| {
        let name = name.strip_suffix('+').unwrap_or(name);
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_alphanumeric() || c == '_')
    })
}

/// The commands of a line as one text, for tests.
#[cfg(test)]
pub(super) fn shown(text: &str) -> String {
    let line = parse(text);
    let commands: Vec<String> = line
        .commands
        .iter()
        .map(|c| {
            let mut text: Vec<String> = c.words.iter().map(|w| w.text.clone()).collect();
            text.extend(c.outputs.iter().map(|w| format!(">{}", w.text)));
            text.extend(c.input.iter().map(|input| format!("<<{input:?}")));
            text.join(" ")
        })
        .collect();
    format!("{}{}", commands.join(" | "), if line.clear { "" } else { " ?" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_apart() {
        assert_eq!(shown("a 'b c' \"d e\" f\\ g; h && i || j | k & l"), "a b c d e f g | h | i | j | k | l");
        assert_eq!(shown("a > b 2>&1 2>/dev/null &> c >>d"), "a >b >c >d");
        assert_eq!(shown("cat > f <<'EOF' && g\nrm -rf x\nEOF\nh"), "cat >f <<\"rm -rf x\\n\" | g | h");
        assert_eq!(shown("a <<-X <<Y\n\t1\n\tX\n2\nY\n"), "a <<\"2\\n\"");
        assert_eq!(shown("echo $(a $(b)) `c`"), "b | a  | c | echo  ");
        assert_eq!(shown("X=1 Y= a b=c # d"), "a b=c");
        assert_eq!(shown("for x in a b; do c $x; done > f"), "c  | >f");
        assert_eq!(shown("a \\\n b"), "a b");
        assert_eq!(shown("echo \"a"), "echo a ?");
        assert_eq!(shown("cat <<EOF\nx"), "cat <<\"x\\n\" ?");
        assert_eq!(shown("[[ a > b && c ]] && d"), "[[ | d");
    }
}
