//! Which files are documentation, by their paths.

/// Names of documents without an extension.
const NAMES: &[&str] = &[
    "AUTHORS",
    "CHANGELOG",
    "CHANGES",
    "CONTRIBUTING",
    "CONTRIBUTORS",
    "COPYING",
    "HISTORY",
    "LICENCE",
    "LICENSE",
    "NEWS",
    "NOTICE",
    "README",
    "TODO",
];

/// Extensions of documents. `txt` is not among them by itself: `requirements.txt` and `CMakeLists.txt` are part of a build.
const EXTENSIONS: &[&str] = &["adoc", "asciidoc", "md", "markdown", "org", "rst"];

/// Whether a file is documentation: it is read by people, and no program's behaviour depends on it.
pub fn is_documentation(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let extension = extension.to_lowercase();
    if EXTENSIONS.contains(&extension.as_str()) {
        return true;
    }
    let named = NAMES.contains(&stem.to_uppercase().as_str());
    let below_docs = path.split('/').rev().skip(1).any(|part| matches!(part, "doc" | "docs" | "changelog" | "changes"));
    match extension.as_str() {
        "" => named,
        "txt" => named || below_docs,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_documentation;

    #[test]
    fn documents_are_told_from_what_a_build_reads() {
        for path in ["README.md", "docs/a.rst", "LICENSE", "CHANGES.txt", "docs/ref/x.txt", "a/CHANGELOG", "notes.org"]
        {
            assert!(is_documentation(path), "{path}");
        }
        for path in
            ["requirements.txt", "CMakeLists.txt", "docs/conf.py", "src/readme.rs", "Makefile", "data/words.txt"]
        {
            assert!(!is_documentation(path), "{path}");
        }
    }
}
