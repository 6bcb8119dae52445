//! A function's text: extracted from a reply, and put in place of the old one.

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
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

/// A reply's code taken apart: the function at lines `begin` to `end` of it, and the lines before it that import something.
pub(super) fn taken_out(code: &str, (begin, end): (usize, usize)) -> (String, Vec<String>) {
    let lines: Vec<&str> = code.lines().collect();
    let import = |line: &&&str| {
        indent(line) == 0
            && (line.starts_with("import ")
                || line.starts_with("from ")
                || line.starts_with("use ")
                || line.contains(" = require("))
    };
    let imports = lines[..begin].iter().filter(import).map(|line| (*line).to_owned()).collect();
    (lines[begin..end].join("\n"), imports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_of_a_reply_is_taken_without_what_is_around_it() {
        let code = "import math\n\ndef helper(): pass\n\ndef mean(xs):\n    return 0\n\nprint(mean([]))";
        let (function, imports) = taken_out(code, (4, 6));
        assert_eq!((function.as_str(), imports), ("def mean(xs):\n    return 0", vec!["import math".to_owned()]));
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
