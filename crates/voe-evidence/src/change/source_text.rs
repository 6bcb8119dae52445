//! Source texts without their comments, well enough to look for names in them. In doubt a comment stays.

/// How a language marks comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Comments {
    /// What starts one that ends with the line.
    line: &'static [&'static str],
    /// What starts and ends one of several lines.
    block: Option<(&'static str, &'static str)>,
}

/// The comments of a language, by the extension of a file.
pub(super) fn comments(path: &str) -> Comments {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let line = |line| Comments { line, block: None };
    match extension {
        "py" | "pyi" | "pyx" | "pxd" | "sh" | "bash" | "zsh" | "fish" | "rb" | "rake" | "gemspec" | "pl" | "pm"
        | "t" | "r" | "R" | "jl" | "yaml" | "yml" | "toml" | "cfg" | "conf" | "mk" | "am" | "cmake" | "ex" | "exs"
        | "nix" | "tcl" | "env" | "txt" | "in" => line(&["#"]),
        "ini" => line(&["#", ";"]),
        "js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "cts" | "tsx" | "vue" | "svelte" | "rs" | "go" | "c" | "h"
        | "cc" | "cpp" | "cxx" | "hpp" | "hh" | "hxx" | "cu" | "java" | "kt" | "kts" | "scala" | "groovy"
        | "gradle" | "swift" | "m" | "mm" | "cs" | "fs" | "dart" | "zig" | "proto" | "scss" | "less" | "css" => {
            Comments { line: &["//"], block: Some(("/*", "*/")) }
        }
        "php" => Comments { line: &["//", "#"], block: Some(("/*", "*/")) },
        "tf" | "hcl" => Comments { line: &["#", "//"], block: Some(("/*", "*/")) },
        "sql" => Comments { line: &["--"], block: Some(("/*", "*/")) },
        "lua" | "hs" | "elm" | "ada" => line(&["--"]),
        "html" | "htm" | "xml" | "svg" => Comments { line: &[], block: Some(("<!--", "-->")) },
        "erl" | "tex" => line(&["%"]),
        "el" | "lisp" | "clj" | "cljs" | "scm" => line(&[";"]),
        _ if matches!(
            name,
            "Makefile" | "makefile" | "GNUmakefile" | "Dockerfile" | "Rakefile" | "Gemfile" | "Justfile"
        ) =>
        {
            line(&["#"])
        }
        _ => Comments::default(),
    }
}

/// Calls `each` with the lines of `text`, without comments.
pub(super) fn lines(text: &str, comments: Comments, mut each: impl FnMut(&str)) {
    let mut in_block = false;
    for line in text.lines() {
        let mut rest = line;
        let mut kept = String::new();
        loop {
            if in_block {
                let Some(end) = comments.block.and_then(|(_, end)| rest.find(end).map(|at| at + end.len())) else {
                    break;
                };
                in_block = false;
                rest = &rest[end..];
                kept.push(' ');
            }
            let marks = comments.line.iter().filter_map(|mark| comment_at(&kept, rest, mark)).min();
            let block = comments.block.and_then(|(start, _)| comment_at(&kept, rest, start));
            match (marks, block) {
                (Some(line), block) if block.is_none_or(|block| line <= block) => {
                    kept.push_str(&rest[..line]);
                    break;
                }
                (_, Some(block)) => {
                    kept.push_str(&rest[..block]);
                    rest = &rest[block + comments.block.map_or(0, |(start, _)| start.len())..];
                    in_block = true;
                }
                _ => {
                    kept.push_str(rest);
                    break;
                }
            }
        }
        if !kept.trim().is_empty() {
            each(&kept);
        }
    }
}

/// Where a comment starts in `rest`: at a mark that begins the line or follows white space or the end of something, and that is not in
/// a string. `before`: the part of the line before it.
fn comment_at(before: &str, rest: &str, mark: &str) -> Option<usize> {
    rest.match_indices(mark).map(|(at, _)| at).find(|at| {
        let ahead = [before, &rest[..*at]];
        let open = |quote: char| ahead.iter().map(|part| part.matches(quote).count()).sum::<usize>() % 2 == 1;
        let last = ahead[1].chars().next_back().or_else(|| ahead[0].chars().next_back());
        let apart = last.is_none_or(|c| c.is_whitespace() || matches!(c, ';' | '{' | '}' | ')' | ',' | '(' | '>'));
        apart && !open('"') && !open('\'') && !open('`')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(path: &str, text: &str) -> String {
        let mut kept = Vec::new();
        lines(text, comments(path), |line| kept.push(line.trim().to_owned()));
        kept.join("|")
    }

    #[test]
    fn comments_are_left_out_and_what_only_looks_like_one_stays() {
        assert_eq!(code("a.py", "# x\na = '#b'  # y\nc = 1\n"), "a = '#b'|c = 1");
        assert_eq!(code("a.ts", "/* x\n y */ a // z\nb = 'http://c'\n/** d */\n"), "a|b = 'http://c'");
        assert_eq!(code("a.js", "glob('src/**/*.js', x)\ny"), "glob('src/**/*.js', x)|y");
        assert_eq!(code("Makefile", "a:\n\tb # c\n"), "a:|b");
        assert_eq!(code("a.html", "<a><!-- b\nc --><d>"), "<a>|<d>");
        assert_eq!(code("a.unknown", "# a\n"), "# a");
    }
}
