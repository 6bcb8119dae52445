//! Finds where a function begins and ends by its lines: for languages without a grammar, and for texts that a grammar can't
//! parse.

use std::path::Path;

use voe_protocol::FunctionExtent;

/// Lines of the function that is defined at `line`, which is one of the text if it has any.
pub(super) fn extent(path: &Path, text: &str, line: usize) -> FunctionExtent {
    let lines: Vec<&str> = text.lines().collect();
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let (begin, end) = match extension {
        "py" | "pyi" => by_indent(&lines, line),
        "rs" => by_braces(&lines, line, true),
        _ => by_braces(&lines, line, false),
    };
    FunctionExtent { begin: begin as u64, end: end as u64 }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn by_indent(lines: &[&str], line: usize) -> (usize, usize) {
    let Some(first) = lines.get(line) else { return (0, lines.len()) };
    let own = indent(first);
    let mut begin = line;
    while begin > 0 && indent(lines[begin - 1]) == own && lines[begin - 1].trim_start().starts_with('@') {
        begin -= 1;
    }
    let (mut end, mut quoted) = (line + 1, inside_quotes(first, None));
    for (at, text) in lines.iter().enumerate().skip(line + 1) {
        let outside = quoted.is_none();
        quoted = inside_quotes(text, quoted);
        if text.trim().is_empty() {
            continue;
        }
        let closes = text.trim_start().starts_with([')', ']', '}']);
        let comment = text.trim_start().starts_with('#') && indent(text) <= own;
        if outside && indent(text) <= own && !closes {
            break;
        }
        if !comment {
            end = at + 1;
        }
    }
    (begin, end)
}

/// Which triple quote is open after `line`.
fn inside_quotes(line: &str, mut open: Option<&'static str>) -> Option<&'static str> {
    let mut rest = line;
    loop {
        match open {
            Some(quote) => match rest.find(quote) {
                Some(at) => (rest, open) = (&rest[at + 3..], None),
                None => return open,
            },
            None => {
                let next = ["\"\"\"", "'''"].into_iter().filter_map(|q| Some((rest.find(q)?, q))).min();
                match next {
                    Some((at, quote)) => (rest, open) = (&rest[at + 3..], Some(quote)),
                    None => return None,
                }
            }
        }
    }
}

/// What a character of a language with braces is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CharContext {
    Code,
    /// A quoted text, until this.
    Quotes(char),
    Comment,
}

/// `lifetimes`: a `'` may be unpaired.
fn by_braces(lines: &[&str], line: usize, lifetimes: bool) -> (usize, usize) {
    let (mut depth, mut seen, mut within) = (0_i64, false, CharContext::Code);
    for (at, text) in lines.iter().enumerate().skip(line) {
        // Only a template in backticks continues over lines.
        if matches!(within, CharContext::Quotes('"' | '\'')) {
            within = CharContext::Code;
        }
        let chars: Vec<char> = text.chars().collect();
        let mut next = 0;
        while let Some(&c) = chars.get(next) {
            let after = chars.get(next + 1).copied();
            next += 1;
            match within {
                CharContext::Comment if c == '*' && after == Some('/') => {
                    (within, next) = (CharContext::Code, next + 1)
                }
                CharContext::Comment => {}
                CharContext::Quotes(_) if c == '\\' => next += 1,
                CharContext::Quotes(quote) if c == quote => within = CharContext::Code,
                CharContext::Quotes(_) => {}
                CharContext::Code => match c {
                    '/' if after == Some('/') => break,
                    '/' if after == Some('*') => (within, next) = (CharContext::Comment, next + 1),
                    '"' | '`' => within = CharContext::Quotes(c),
                    '\'' if quotes(&chars[next..], lifetimes) => within = CharContext::Quotes(c),
                    '{' => (depth, seen) = (depth + 1, true),
                    '}' => depth -= 1,
                    _ => {}
                },
            }
        }
        if seen && depth <= 0 {
            return (line, at + 1);
        }
        if !seen && text.trim_end().ends_with(';') {
            return (line, at + 1);
        }
    }
    (line.min(lines.len()), lines.len())
}

/// Whether a `'` before `rest` of a line opens a quoted text. With lifetimes, it starts a character only if the next but one closes it.
fn quotes(rest: &[char], lifetimes: bool) -> bool {
    match rest {
        ['\\', ..] => true,
        [_, '\'', ..] => true,
        _ => !lifetimes && rest.contains(&'\''),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(path: &str, text: &str, line: usize) -> String {
        let FunctionExtent { begin, end } = extent(Path::new(path), text, line);
        let lines: Vec<&str> = text.lines().collect();
        lines[begin as usize..end as usize].join("\n")
    }

    #[test]
    fn a_python_function_ends_where_its_indentation_does() {
        let text = "class A:\n    @cached\n    def f(\n        self,\n    ):\n        \"\"\"Text\nat the margin\n        \"\"\"\n\n        return 1\n\n    # of g\n    def g(self):\n        pass\n";
        assert_eq!(
            cut("a.py", text, 2),
            "    @cached\n    def f(\n        self,\n    ):\n        \"\"\"Text\nat the margin\n        \"\"\"\n\n        return 1"
        );
    }

    #[test]
    fn a_function_with_braces_ends_with_its_last_one() {
        let text = "func a() {\n  if x { \"}\"; } // }\n}\nfunc b() {}\n";
        assert_eq!(cut("a.go", text, 0), "func a() {\n  if x { \"}\"; } // }\n}");
        assert_eq!(cut("a.go", text, 3), "func b() {}");
        assert_eq!(cut("a.c", "int a(int b);\nint c;\n", 0), "int a(int b);");
    }

    #[test]
    fn braces_in_characters_templates_and_comments_are_none() {
        let text = "int a(char *s) {\n  if (*s == '{' || *s == '\\'') { /* {\n { */ return '}'; }\n}\nint b;\n";
        assert_eq!(cut("a.c", text, 0), text.strip_suffix("\nint b;\n").unwrap());
        let text = "func a() {\n  return `{\n{`\n}\nvar b\n";
        assert_eq!(cut("a.go", text, 0), text.strip_suffix("\nvar b\n").unwrap());
        let text = "fn a<'a>(x: &'a str) -> char {\n  '{'\n}\nfn b() {}\n";
        assert_eq!(cut("a.rs", text, 0), text.strip_suffix("\nfn b() {}\n").unwrap());
    }
}
