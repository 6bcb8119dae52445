//! Parses text with the tree-sitter grammars of Python, JavaScript, TypeScript and Rust: whether a file still parses after an
//! edit, and where a function begins and ends ([`extent()`]; [`lines`] where there is no grammar).

mod extent;
mod lines;

use std::path::Path;

use tree_sitter::{Language, Node, Parser};

pub(crate) use extent::extent;

/// Files larger than this are not parsed. Bytes.
const LARGEST: usize = 2 << 20;

/// Where a file that parsed before an edit no longer parses: one line. `None`: it still does, or it did not before, or its
/// language is unknown.
pub(crate) fn broken(path: &Path, before: &[u8], after: &[u8]) -> Option<String> {
    if before.len() > LARGEST || after.len() > LARGEST {
        return None;
    }
    let (mut parser, name) = parser(path)?;
    let tree = parser.parse(after, None)?;
    if !tree.root_node().has_error() || parser.parse(before, None)?.root_node().has_error() {
        return None;
    }
    let node = first_error(tree.root_node());
    let (line, column) = (node.start_position().row, node.start_position().column);
    let text = after.split(|&b| b == b'\n').nth(line).unwrap_or_default();
    let text: String = String::from_utf8_lossy(text).trim().chars().take(120).collect();
    let what = if node.is_missing() { format!("{:?} is missing", node.kind()) } else { "it does not parse".into() };
    Some(format!("the file is no longer valid {name}: {what} at line {}, column {}: {text}", line + 1, column + 1))
}

/// A parser of the language that a file is written in, and the language's name.
fn parser(path: &Path) -> Option<(Parser, &'static str)> {
    let (language, name) = language(path)?;
    let mut parser = Parser::new();
    parser.set_language(&language).ok()?;
    Some((parser, name))
}

fn language(path: &Path) -> Option<(Language, &'static str)> {
    Some(match path.extension()?.to_str()? {
        "py" | "pyi" => (tree_sitter_python::LANGUAGE.into(), "Python"),
        "js" | "mjs" | "cjs" | "jsx" => (tree_sitter_javascript::LANGUAGE.into(), "JavaScript"),
        "ts" | "mts" | "cts" => (tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(), "TypeScript"),
        "tsx" => (tree_sitter_typescript::LANGUAGE_TSX.into(), "TypeScript"),
        "rs" => (tree_sitter_rust::LANGUAGE.into(), "Rust"),
        _ => return None,
    })
}

/// The first place that did not parse. An error node spans what was skipped; the deepest one is the most exact.
fn first_error(root: Node<'_>) -> Node<'_> {
    let mut node = root;
    loop {
        let mut cursor = node.walk();
        let next = node.children(&mut cursor).find(|child| child.has_error() || child.is_missing());
        match next {
            Some(child) => node = child,
            None => return node,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, before: &str, after: &str) -> Option<String> {
        broken(Path::new(path), before.as_bytes(), after.as_bytes())
    }

    #[test]
    fn an_edit_that_breaks_a_file_is_reported_with_the_place() {
        let note = check("a.py", "def f():\n    return 1\n", "def f(:\n    return 1\n").unwrap();
        assert!(note.contains("no longer valid Python") && note.contains("line 1"), "{note}");
        assert!(check("a.rs", "fn f() {}\n", "fn f() {\n").unwrap().contains("Rust"));
        assert!(check("a.js", "f(1);\n", "f(1;\n").unwrap().contains("JavaScript"));
        assert!(check("a.ts", "let a: number = 1;\n", "let a: = 1;\n").unwrap().contains("TypeScript"));
        assert!(check("a.tsx", "let a = <p>x</p>;\n", "let a = <p>x</q;\n").unwrap().contains("TypeScript"));
    }

    #[test]
    fn valid_already_broken_and_unknown_files_are_not_reported() {
        assert_eq!(check("a.py", "x = 1\n", "x = 2\n"), None);
        assert_eq!(check("a.py", "def f(:\n", "def g(:\n"), None);
        assert_eq!(check("a.txt", "x", "("), None);
    }
}
