//! Files and modules that patches name.

use std::collections::BTreeSet;

use crate::instance::Instance;

/// Files that define how a Python project is installed.
const PACKAGING: [&str; 6] = ["setup.py", "setup.cfg", "pyproject.toml", "MANIFEST.in", "tox.ini", "conftest.py"];

/// Extensions of files that are compiled when a project is installed.
const COMPILED: [&str; 10] = ["pyx", "pxd", "pxi", "c", "cc", "cpp", "cxx", "h", "hpp", "f"];

/// The names in a task's patches.
#[derive(Debug, Clone, Default)]
pub(crate) struct PatchNames {
    /// Files that the graded patch touches.
    touched: BTreeSet<String>,
    /// Words of its added lines.
    added: BTreeSet<String>,
    /// The project's own packages and modules, as far as the patches' paths show them.
    own: BTreeSet<String>,
}

impl PatchNames {
    pub(crate) fn of(row: &Instance, patch: &str) -> Self {
        let mut own: BTreeSet<String> = row.repo.rsplit('/').next().map(str::to_owned).into_iter().collect();
        for path in [patch, &row.patch, &row.test_patch].into_iter().flat_map(paths) {
            own.extend(path.split('/').map(|name| name.strip_suffix(".py").unwrap_or(name).to_owned()));
        }
        let added = patch.lines().filter_map(|line| line.strip_prefix('+')).filter(|line| !line.starts_with("++"));
        let words = added.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'));
        let added = words.filter(|word| !word.is_empty()).map(str::to_owned).collect();
        Self { touched: paths(patch).map(str::to_owned).collect(), added, own }
    }

    /// Whether a module is the project's own.
    pub(crate) fn is_own(&self, module: &str) -> bool {
        module.split('.').next().is_some_and(|top| self.own.contains(top))
    }

    /// Whether the graded patch adds the name of a module.
    pub(crate) fn adds(&self, module: &str) -> bool {
        module.split('.').all(|name| self.added.contains(name))
    }

    /// Whether lines of a log name a file that the graded patch touches, by its path or, where an import fails, as a module.
    pub(crate) fn named_in(&self, lines: &[(usize, &str)]) -> bool {
        let has = |name: &str| !name.is_empty() && lines.iter().any(|(_, line)| line.contains(name));
        self.touched.iter().any(|path| has(path) || dotted(path).is_some_and(|name| has(&name)))
    }

    /// Whether the graded patch touches the file of a module, or one that could have its name; for a package, also the files in it.
    pub(crate) fn touches(&self, module: &str) -> bool {
        let whole = module.replace('.', "/");
        // The last component may be a name in the module.
        let within = whole.rsplit_once('/').map_or(whole.as_str(), |(within, _)| within);
        self.touched.iter().any(|path| {
            let path = format!("/{path}");
            let stem = path.rsplit_once('.').map_or(path.as_str(), |(stem, _)| stem);
            let stem = stem.strip_suffix("/__init__").unwrap_or(stem);
            let ends = |name: &str| stem.ends_with(&format!("/{name}"));
            ends(&whole) || ends(within) || path.contains(&format!("/{whole}/"))
        })
    }

    /// Whether the graded patch touches what is compiled at installation, or how the project is installed.
    pub(crate) fn compiled(&self) -> bool {
        let is_compiled = |path: &String| path.rsplit_once('.').is_some_and(|(_, ending)| COMPILED.contains(&ending));
        self.packaging() || self.touched.iter().any(is_compiled)
    }

    /// Whether the graded patch may have changed how the project is installed.
    pub(crate) fn packaging(&self) -> bool {
        self.touched.iter().any(|path| {
            let name = path.rsplit('/').next().unwrap_or_default();
            PACKAGING.contains(&name) || name.starts_with("requirements")
        })
    }
}

/// The last two components of a Python file's module: `own.core` for `src/own/core.py`; none without a folder.
fn dotted(path: &str) -> Option<String> {
    let (folders, file) = path.strip_suffix(".py")?.rsplit_once('/')?;
    (file != "__init__").then(|| format!("{}.{file}", folders.rsplit('/').next().unwrap_or_default()))
}

/// The files of a patch, by its headers.
fn paths(patch: &str) -> impl Iterator<Item = &str> {
    patch.lines().filter_map(|line| {
        let path = line.strip_prefix("+++ ").or_else(|| line.strip_prefix("--- "));
        let path = path.or_else(|| line.strip_prefix("rename to ")).or_else(|| line.strip_prefix("rename from "))?;
        let path = path.strip_prefix("a/").or_else(|| path.strip_prefix("b/")).unwrap_or(path);
        let path = path.split('\t').next().unwrap_or_default().trim();
        (!path.is_empty() && path != "/dev/null").then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PATCH: &str =
        "--- a/src/own/a.py\n+++ b/src/own/a.py\n@@ -1 +1 @@\n-import gone\n+from far.away import thing\n";

    fn names(patch: &str) -> PatchNames {
        let row = json!({
            "repo": "who/project", "instance_id": "a__b-1", "base_commit": "c", "problem_statement": "", "version": "1",
            "patch": "--- /dev/null\n+++ b/src/own/new.py\n", "test_patch": "--- a/tests/queries/t.py\n",
            "FAIL_TO_PASS": [], "PASS_TO_PASS": [],
        });
        PatchNames::of(&Instance::from_value(row).unwrap(), patch)
    }

    #[test]
    fn own_modules_are_found_from_the_paths_of_patches_and_the_repository() {
        let names = names(PATCH);
        for own in ["own", "own.new", "project.x", "queries.models", "a"] {
            assert!(names.is_own(own), "{own}");
        }
        assert!(!names.is_own("numpy") && !names.is_own("far.own"));
    }

    #[test]
    fn a_module_is_added_only_by_its_full_name() {
        let names = names(PATCH);
        assert!(names.adds("far.away") && names.adds("thing"));
        assert!(!names.adds("gone") && !names.adds("far.off") && !names.adds("own"));
    }

    #[test]
    fn a_module_is_touched_by_its_own_file_and_by_those_of_the_packages_that_name_it() {
        let names = names(PATCH);
        for touched in ["own.a", "own.a.thing", "own.a.b.c"] {
            assert_eq!(names.touches(touched), touched != "own.a.b.c", "{touched}");
        }
        assert!(!names.touches("own.__check._check") && !names.touches("own._path") && !names.touches("far.a"));
        let package = self::names("--- a/own/__init__.py\n--- a/own/sub/deep.py\n");
        assert!(package.touches("own._path") && package.touches("own.sub") && !package.touches("own.other.name"));
    }

    #[test]
    fn files_are_named_by_path_and_as_modules() {
        let names = names(PATCH);
        for line in ["/testbed/src/own/a.py:3: in <module>", "    from own.a import thing"] {
            assert!(names.named_in(&[(1, line)]), "{line}");
        }
        assert!(!names.named_in(&[(1, "src/own/b.py:3"), (2, "import own")]));
        assert!(!names.compiled() && self::names("+++ b/src/own/_path.cpp\n").compiled());
    }

    #[test]
    fn installation_files_are_recognized_in_any_directory() {
        assert!(!names(PATCH).packaging());
        assert!(names("+++ b/sub/setup.cfg\n").packaging() && names("rename to requirements-dev.txt\n").packaging());
    }
}
