//! Finds where a function begins and ends: by its language's grammar, else by indentation or braces.

use std::path::Path;

use tree_sitter::{Node, TreeCursor};
use voe_protocol::FunctionExtent;

use super::{LARGEST, lines, parser};

/// Lines of the function that is defined at `line` (from 0) of a text. If the grammar finds none there, or can't parse it,
/// the form of the lines decides.
pub(crate) fn extent(path: &Path, text: &str, line: u64) -> FunctionExtent {
    let line = usize::try_from(line).unwrap_or(usize::MAX).min(text.lines().count().saturating_sub(1));
    by_grammar(path, text, line).unwrap_or_else(|| lines::extent(path, text, line))
}

fn by_grammar(path: &Path, text: &str, line: usize) -> Option<FunctionExtent> {
    if text.len() > LARGEST {
        return None;
    }
    let (mut parser, _) = parser(path)?;
    let tree = parser.parse(text, None)?;
    let function = at_line(tree.walk(), line)?;
    if function.has_error() {
        return None;
    }
    let (begin, end) = (function.start_position(), function.end_position());
    // A node that ends at a line's start does not include that line.
    let end = if end.column == 0 && end.row > begin.row { end.row } else { end.row + 1 };
    Some(FunctionExtent { begin: begin.row as u64, end: end as u64 })
}

/// The outermost function whose head is at `line`, with what belongs to it. Nodes that end before the line or begin after it are not
/// entered, and there is no recursion: source text can nest without limit.
fn at_line(mut cursor: TreeCursor<'_>, line: usize) -> Option<Node<'_>> {
    loop {
        let node = cursor.node();
        let covers = node.start_position().row <= line && line <= node.end_position().row;
        if covers && is_function(node) && heads(node, line) {
            return Some(whole(node));
        }
        if covers && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return None;
            }
        }
    }
}

/// Whether a node is a function, or a variable that is one.
fn is_function(node: Node<'_>) -> bool {
    match node.kind() {
        "function_definition" | "function_item" | "function_signature_item" => true,
        "function_declaration" | "generator_function_declaration" | "method_definition" => true,
        "function_signature" | "method_signature" | "abstract_method_signature" => true,
        "variable_declarator" => node.child_by_field_name("value").is_some_and(|value| {
            matches!(value.kind(), "arrow_function" | "function_expression" | "generator_function")
        }),
        _ => false,
    }
}

/// Whether the name of a function is at `line`.
fn heads(node: Node<'_>, line: usize) -> bool {
    node.child_by_field_name("name").is_some_and(|name| name.start_position().row == line)
}

/// A function with its decorators, its `export` and its `const`.
fn whole(function: Node<'_>) -> Node<'_> {
    let mut node = function;
    while let Some(parent) = node.parent() {
        if !matches!(
            parent.kind(),
            "decorated_definition" | "export_statement" | "lexical_declaration" | "variable_declaration"
        ) {
            break;
        }
        node = parent;
    }
    node
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(path: &str, text: &str, line: u64) -> String {
        let FunctionExtent { begin, end } = extent(Path::new(path), text, line);
        let lines: Vec<&str> = text.lines().collect();
        lines[begin as usize..end as usize].join("\n")
    }

    #[test]
    fn a_python_function_has_its_decorators_and_whatever_is_in_its_strings() {
        let text = "class A:\n    @cached\n    def f(\n        self,\n    ):\n        \"\"\"Text\nat the margin\n        \"\"\"\n\n        return 1\n\n    # of g\n    def g(self):\n        pass\n";
        assert_eq!(
            cut("a.py", text, 2),
            "    @cached\n    def f(\n        self,\n    ):\n        \"\"\"Text\nat the margin\n        \"\"\"\n\n        return 1"
        );
        assert_eq!(cut("a.py", text, 12), "    def g(self):\n        pass");
    }

    #[test]
    fn braces_in_strings_characters_and_comments_are_none() {
        let text = "fn a() {\n  let b = '{'; /* {\n { */ let c = r#\"{\"#;\n  if x { \"}\"; } // }\n}\nfn b() {}\n";
        assert_eq!(cut("a.rs", text, 0), text.rsplit_once("\nfn b").unwrap().0);
        assert_eq!(cut("a.rs", text, 5), "fn b() {}");
        let text = "const a = (x) => {\n  return `{\n${x}`;\n};\nfunction b() {\n  return /}/;\n}\n";
        assert_eq!(cut("a.js", text, 0), "const a = (x) => {\n  return `{\n${x}`;\n};");
        assert_eq!(cut("a.js", text, 4), "function b() {\n  return /}/;\n}");
    }

    #[test]
    fn a_typescript_method_and_an_exported_function_are_found() {
        let text = "class A {\n  f(x: { a: string }): string {\n    return `}`;\n  }\n}\nexport default async function g() {\n}\n";
        assert_eq!(cut("a.ts", text, 1), "  f(x: { a: string }): string {\n    return `}`;\n  }");
        assert_eq!(cut("a.ts", text, 5), "export default async function g() {\n}");
    }

    #[test]
    fn a_method_alone_or_a_broken_text_falls_back_to_the_lines() {
        assert_eq!(cut("a.js", "mean(xs) {\n  return 1;\n}\nx();\n", 0), "mean(xs) {\n  return 1;\n}");
        assert_eq!(cut("a.py", "def f(x):\n    return (1\n\ndef g():\n    pass\n", 0), "def f(x):\n    return (1");
        assert_eq!(cut("a.py", "  def f(x):\n      return 1\n", 0), "  def f(x):\n      return 1");
    }

    #[test]
    fn a_deeply_nested_text_is_walked_without_recursion() {
        let text = format!("{}1{}\ndef f():\n    pass\n", "(".repeat(50_000), ")".repeat(50_000));
        assert_eq!(cut("a.py", &text, 1), "def f():\n    pass");
    }

    proptest! {
        #[test]
        fn any_text_has_an_extent_within_it(
            text in proptest::collection::vec(prop_oneof![
                Just("def f(x):\n"), Just("    "), Just("pass\n"), Just("\"\"\""), Just("fn f() {"), Just("}"), Just("\n"),
                Just("'"), Just("\""), Just("`"), Just("/*"), Just("*/"), Just("//"), Just("\\"), Just("é"), Just("@a\n"),
                Just("const f = () => {"), Just("#"), Just(";")
            ], 0..30),
            line in 0_u64..40,
        ) {
            let text = text.concat();
            for path in ["a.py", "a.rs", "a.js", "a.tsx", "a.go", "a"] {
                let FunctionExtent { begin, end } = extent(Path::new(path), &text, line);
                prop_assert!(begin <= end && end <= text.lines().count() as u64, "{path}: {begin}..{end} of {text:?}");
            }
        }
    }
}
