//! JSON as models write it: strictly where possible, else with faults that can be read in only one way.
//!
//! Repaired: line breaks and tabs within a string, single quotes, `True`/`False`/`None`, a comma before a closing brace.
//! Not repaired, because a guess could change a command: quotes within a string, escapes that JSON does not have, a value
//! that breaks off.

use serde_json::{Map, Number, Value};

/// Deeper nesting is not a call.
const DEEPEST: usize = 64;

/// A value and where it ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Literal {
    pub(crate) value: Value,
    /// Bytes of the text that belong to it.
    pub(crate) end: usize,
    /// What had to be repaired.
    pub(crate) repairs: Vec<&'static str>,
}

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LiteralError {
    /// The text ends before the value does. With `closers`, only these brackets are missing.
    Cut { closers: Option<String> },
    /// The text is wrong at this byte.
    Wrong { at: usize, why: String },
}

impl LiteralError {
    /// One line, for the model.
    pub(crate) fn why(&self) -> String {
        match self {
            Self::Cut { closers: Some(_) } => "closing brackets are missing".to_owned(),
            Self::Cut { closers: None } => "it breaks off, or a string is not closed".to_owned(),
            Self::Wrong { at, why } => format!("{why} (at byte {at})"),
        }
    }
}

/// Which rules apply to escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EscapeRules {
    Json,
    /// Unknown escapes stand for themselves; triple quotes are allowed.
    Python,
}

/// Reads the value that `text` begins with.
pub(crate) fn parse(text: &str, syntax: EscapeRules) -> Result<Literal, LiteralError> {
    if syntax == EscapeRules::Json {
        let mut strict = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        if let Some(Ok(value)) = strict.next() {
            return Ok(Literal { value, end: strict.byte_offset(), repairs: Vec::new() });
        }
    }
    let mut parser = LiteralParser { text, at: 0, open: Vec::new(), after_value: false, repairs: Vec::new(), syntax };
    match parser.value() {
        Ok(value) => Ok(Literal { value, end: parser.at, repairs: parser.repairs }),
        Err(Some((at, why))) => Err(LiteralError::Wrong { at, why }),
        Err(None) => {
            let closers = parser.open.iter().rev().collect();
            Err(LiteralError::Cut { closers: (parser.after_value && !parser.open.is_empty()).then_some(closers) })
        }
    }
}

/// Reads the value that `text` is, to its end; what is known to be whole may lack its closing brackets or have too many.
pub(crate) fn parse_whole(text: &str) -> Result<Literal, LiteralError> {
    let text = text.trim_end();
    let literal = match parse(text, EscapeRules::Json) {
        Err(LiteralError::Cut { closers: Some(closers) }) => {
            let mut literal = parse(&format!("{text}{closers}"), EscapeRules::Json)?;
            literal.repairs.push("closing brackets were missing");
            literal.end = text.len();
            literal
        }
        other => other?,
    };
    drop_extra_closers(text, literal)
}

/// Ignores surplus closing brackets right after a value.
pub(crate) fn drop_extra_closers(text: &str, mut literal: Literal) -> Result<Literal, LiteralError> {
    let rest = text.get(literal.end..).unwrap_or_default();
    let extra = rest.len() - rest.trim_start_matches(['}', ']']).len();
    if extra > 0 {
        literal.end += extra;
        literal.repairs.push("closing brackets too many");
    }
    Ok(literal)
}

/// `None`: the text ended.
type ParseFailure = Option<(usize, String)>;

struct LiteralParser<'a> {
    text: &'a str,
    at: usize,
    /// The closers of what is open.
    open: Vec<char>,
    /// Whether the last token ended a value.
    after_value: bool,
    repairs: Vec<&'static str>,
    syntax: EscapeRules,
}

impl LiteralParser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&mut self) -> Result<char, ParseFailure> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        self.rest().chars().next().ok_or(None)
    }

    fn wrong<T>(&self, why: impl Into<String>) -> Result<T, ParseFailure> {
        Err(Some((self.at, why.into())))
    }

    fn repair(&mut self, what: &'static str) {
        if !self.repairs.contains(&what) {
            self.repairs.push(what);
        }
    }

    fn value(&mut self) -> Result<Value, ParseFailure> {
        let c = self.peek()?;
        self.after_value = false;
        let value = match c {
            '{' => self.object()?,
            '[' => self.array()?,
            '"' | '\'' => Value::String(self.string()?),
            '-' | '0'..='9' => self.number()?,
            _ => self.word()?,
        };
        self.after_value = true;
        Ok(value)
    }

    fn enter(&mut self, closer: char) -> Result<(), ParseFailure> {
        if self.open.len() >= DEEPEST {
            return self.wrong("nested too deeply");
        }
        self.at += 1;
        self.open.push(closer);
        Ok(())
    }

    /// After an element: whether another follows.
    fn more(&mut self, closer: char) -> Result<bool, ParseFailure> {
        let mut c = self.peek()?;
        if c == ',' {
            self.at += 1;
            self.after_value = false;
            c = self.peek()?;
            if c != closer {
                return Ok(true);
            }
            self.repair("a comma too many");
        }
        if c == closer {
            self.at += 1;
            self.open.pop();
            return Ok(false);
        }
        self.wrong(format!("expected ',' or '{closer}'; a quote within a string must be written \\\""))
    }

    fn object(&mut self) -> Result<Value, ParseFailure> {
        self.enter('}')?;
        let mut map = Map::new();
        self.after_value = true;
        if self.peek()? == '}' {
            self.at += 1;
            self.open.pop();
            return Ok(Value::Object(map));
        }
        loop {
            self.after_value = false;
            if !matches!(self.peek()?, '"' | '\'') {
                return self.wrong("expected a name in quotes");
            }
            let key = self.string()?;
            if self.peek()? != ':' {
                return self.wrong("expected ':'");
            }
            self.at += 1;
            let value = self.value()?;
            if map.insert(key, value).is_some() {
                return self.wrong("the same name twice");
            }
            if !self.more('}')? {
                return Ok(Value::Object(map));
            }
        }
    }

    fn array(&mut self) -> Result<Value, ParseFailure> {
        self.enter(']')?;
        let mut list = Vec::new();
        self.after_value = true;
        if self.peek()? == ']' {
            self.at += 1;
            self.open.pop();
            return Ok(Value::Array(list));
        }
        loop {
            list.push(self.value()?);
            if !self.more(']')? {
                return Ok(Value::Array(list));
            }
        }
    }

    fn word(&mut self) -> Result<Value, ParseFailure> {
        let word: String = self.rest().chars().take_while(char::is_ascii_alphabetic).collect();
        let ended = self.at + word.len() == self.text.len();
        let value = match word.as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            "None" => Value::Null,
            _ if ended && !word.is_empty() => return Err(None),
            _ => return self.wrong("expected a value"),
        };
        if word.starts_with(char::is_uppercase) && self.syntax == EscapeRules::Json {
            self.repair("a word of Python's for one of JSON's");
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, ParseFailure> {
        let token: String =
            self.rest().chars().take_while(|c| matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')).collect();
        if self.at + token.len() == self.text.len() {
            // More digits could have followed.
            return Err(None);
        }
        match serde_json::from_str::<Number>(&token) {
            Ok(number) => {
                self.at += token.len();
                Ok(Value::Number(number))
            }
            Err(_) => self.wrong("no number"),
        }
    }

    fn string(&mut self) -> Result<String, ParseFailure> {
        let Some(quote) = self.rest().chars().next() else { return Err(None) };
        let triple: String = [quote; 3].iter().collect();
        let long = self.syntax == EscapeRules::Python && self.rest().starts_with(&triple);
        self.at += if long { 3 } else { 1 };
        if quote == '\'' && self.syntax == EscapeRules::Json {
            self.repair("single quotes");
        }
        let mut out = String::new();
        loop {
            let Some(c) = self.rest().chars().next() else { return Err(None) };
            if long && self.rest().starts_with(&triple) {
                self.at += 3;
                return Ok(out);
            }
            if c == quote && !long {
                self.at += 1;
                return Ok(out);
            }
            if c == '\\' {
                self.escape(&mut out)?;
                continue;
            }
            if c < ' ' && !long {
                self.repair("line breaks or tabs within a string");
            }
            out.push(c);
            self.at += c.len_utf8();
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), ParseFailure> {
        let Some(c) = self.rest().chars().nth(1) else { return Err(None) };
        let plain = match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            '"' | '\\' | '\'' => c,
            '/' if self.syntax == EscapeRules::Json => c,
            'u' => return self.unicode(out),
            '\n' if self.syntax == EscapeRules::Python => {
                self.at += 2;
                return Ok(());
            }
            'x' | 'a' | 'v' | 'N' | 'U' | '0'..='7' if self.syntax == EscapeRules::Python => {
                return self.wrong(format!("the escape \\{c} is not read; write the character itself"));
            }
            _ if self.syntax == EscapeRules::Python => {
                out.push('\\');
                c
            }
            _ => return self.wrong(format!("no escape \\{c} in JSON: a backslash is written \\\\")),
        };
        out.push(plain);
        self.at += 1 + c.len_utf8();
        Ok(())
    }

    fn unicode(&mut self, out: &mut String) -> Result<(), ParseFailure> {
        let unit = |at: usize| {
            let hex = self.text.get(at + 2..at + 6).filter(|_| self.text[at..].starts_with("\\u"))?;
            u32::from_str_radix(hex, 16).ok()
        };
        if self.rest().len() < 6 {
            return Err(None);
        }
        let Some(first) = unit(self.at) else { return self.wrong("no escape: four hexadecimal digits follow \\u") };
        if let Some(c) = char::from_u32(first) {
            out.push(c);
            self.at += 6;
            return Ok(());
        }
        let paired = (0xD800..0xDC00).contains(&first) && self.text.is_char_boundary(self.at + 6);
        let second = if paired { unit(self.at + 6) } else { None };
        let joined = second
            .filter(|low| (0xDC00..0xE000).contains(low))
            .and_then(|low| char::from_u32(0x10000 + ((first - 0xD800) << 10) + (low - 0xDC00)));
        match joined {
            Some(c) => {
                out.push(c);
                self.at += 12;
                Ok(())
            }
            None => self.wrong("half of a surrogate pair"),
        }
    }
}

#[cfg(test)]
mod tests;
