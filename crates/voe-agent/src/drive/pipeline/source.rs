//! Where a function begins and ends, and putting another in its place.

/// Lines of a function, from 0, the end not included. `line`: where it is defined, from 0.
pub(super) fn extent(path: &str, lines: &[String], line: usize) -> (usize, usize) {
    let line = line.min(lines.len().saturating_sub(1));
    if path.ends_with(".py") { by_indent(lines, line) } else { by_braces(lines, line) }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn by_indent(lines: &[String], line: usize) -> (usize, usize) {
    let Some(first) = lines.get(line) else { return (0, lines.len()) };
    let own = indent(first);
    let mut begin = line;
    while begin > 0 && indent(&lines[begin - 1]) == own && lines[begin - 1].trim_start().starts_with('@') {
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

fn by_braces(lines: &[String], line: usize) -> (usize, usize) {
    let (mut depth, mut seen) = (0_i64, false);
    for (at, text) in lines.iter().enumerate().skip(line) {
        let mut quote = None;
        let mut before = ' ';
        for c in text.chars() {
            match quote {
                Some(q) if c == q && before != '\\' => quote = None,
                Some(_) => {}
                None if c == '"' || c == '`' => quote = Some(c),
                None if c == '/' && before == '/' => break,
                None if c == '{' => (depth, seen) = (depth + 1, true),
                None if c == '}' => depth -= 1,
                None => {}
            }
            before = c;
        }
        if seen && depth <= 0 {
            return (line, at + 1);
        }
        if !seen && text.trim_end().ends_with(';') {
            return (line, at + 1);
        }
    }
    (line, lines.len())
}

/// `code` shifted to the indentation of `like`.
pub(super) fn indented_like(code: &str, like: &str) -> String {
    let Some(first) = code.lines().find(|line| !line.trim().is_empty()) else { return code.to_owned() };
    let (have, want) = (indent(first), indent(like));
    let pad = &like[..want];
    let shifted = code.lines().map(|line| match () {
        () if line.trim().is_empty() => String::new(),
        () if indent(line) >= have => format!("{pad}{}", &line[have..]),
        () => line.to_owned(),
    });
    shifted.collect::<Vec<_>>().join("\n")
}

/// A reply's code taken apart: the function `name` in it, and the lines before it that import something.
pub(super) fn function_in(path: &str, code: &str, name: &str) -> Option<(String, Vec<String>)> {
    let lines: Vec<String> = code.lines().map(str::to_owned).collect();
    let at = lines.iter().position(|line| super::place::defined(line) == Some(name))?;
    let (begin, end) = extent(path, &lines, at);
    let import = |line: &&String| {
        indent(line) == 0
            && (line.starts_with("import ")
                || line.starts_with("from ")
                || line.starts_with("use ")
                || line.contains(" = require("))
    };
    let imports = lines[..begin].iter().filter(import).cloned().collect();
    Some((lines[begin..end].join("\n"), imports))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(path: &str, text: &str, line: usize) -> String {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let (begin, end) = extent(path, &lines, line);
        lines[begin..end].join("\n")
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
        let text = "fn a() {\n  if x { \"}\"; } // }\n}\nfn b() {}\n";
        assert_eq!(cut("a.rs", text, 0), "fn a() {\n  if x { \"}\"; } // }\n}");
        assert_eq!(cut("a.rs", text, 3), "fn b() {}");
    }

    #[test]
    fn the_function_of_a_reply_is_taken_without_what_is_around_it() {
        let code = "import math\n\ndef helper(): pass\n\ndef mean(xs):\n    return 0\n\nprint(mean([]))";
        let (function, imports) = function_in("a.py", code, "mean").unwrap();
        assert_eq!((function.as_str(), imports), ("def mean(xs):\n    return 0", vec!["import math".to_owned()]));
        assert!(function_in("a.py", code, "median").is_none());
    }

    #[test]
    fn a_method_is_shifted_to_where_it_stood() {
        assert_eq!(
            indented_like("def f(self):\n    return 1", "    def f(self):"),
            "    def f(self):\n        return 1"
        );
        assert_eq!(indented_like("  x\n\n    y", "z"), "x\n\n  y");
    }
}
