//! Files that builds and tests leave behind.

use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The shipped list.
const SHIPPED: &str = include_str!("byproducts.gitignore");

/// The first bytes of a tag that marks a directory as a cache (bford.info/cachedir).
const CACHE_TAG: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// The rules by name.
pub(crate) fn rules(more: &[String]) -> Gitignore {
    let mut builder = GitignoreBuilder::new(".");
    for line in SHIPPED.lines().chain(more.iter().map(String::as_str)) {
        // An invalid pattern of the user's matches nothing.
        let _ = builder.add_line(None, line);
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

/// Whether a directory is a by-product, judged by what is in it or next to it.
pub(crate) fn marked(directory: &Path) -> bool {
    let cargo = || {
        directory.file_name().is_some_and(|name| name == "target")
            && directory.parent().is_some_and(|parent| parent.join("Cargo.toml").is_file())
    };
    let tagged = || {
        use std::io::Read;
        let mut first = [0; CACHE_TAG.len()];
        let tag = directory.join("CACHEDIR.TAG");
        tag.is_file()
            && std::fs::File::open(tag)
                .and_then(|mut tag| tag.read_exact(&mut first))
                .is_ok_and(|()| first == CACHE_TAG)
    };
    cargo() || directory.join("pyvenv.cfg").is_file() || tagged()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_pattern_is_one_and_source_is_not_swallowed() {
        let mut builder = GitignoreBuilder::new(".");
        for line in SHIPPED.lines() {
            builder.add_line(None, line).unwrap();
        }
        let rules = rules(&["*.snap.new".to_owned(), "[".to_owned()]);
        let hit = |path: &str, dir: bool| rules.matched_path_or_any_parents(path, dir).is_ignore();
        for path in ["a/__pycache__", ".pytest_cache", "node_modules", "x.egg-info", "docs/_build"] {
            assert!(hit(path, true), "{path}");
        }
        for path in ["a/b.pyc", "x.o", ".coverage", ".coverage.host.1", "a.out", "x.snap.new", "node_modules/.cache/x"]
        {
            assert!(hit(path, false), "{path}");
        }
        for path in
            ["src/build/mod.py", "build/tool.py", "target/x.py", "dist/app.js", "a.py", "lib.rs", "x.log", "test/a.js"]
        {
            assert!(!hit(path, false), "{path}");
        }
    }

    #[test]
    fn a_target_is_cargos_only_next_to_a_manifest() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        std::fs::create_dir(&target).unwrap();
        assert!(!marked(&target));
        std::fs::write(dir.path().join("Cargo.toml"), "").unwrap();
        assert!(marked(&target));
        let cache = dir.path().join("anything");
        std::fs::create_dir(&cache).unwrap();
        std::fs::write(cache.join("CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n# x").unwrap();
        assert!(marked(&cache));
    }
}
