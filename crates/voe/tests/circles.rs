//! No files of a crate use each other in a circle: what is needed by two of them stands below both. A file may use what its direct
//! parent defines (`super::`), and nothing else above it.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree};

/// A module's path in its crate; the root is empty.
type Module = Vec<String>;

/// The modules of a crate that are files, and which each uses.
#[derive(Default)]
struct Graph {
    modules: BTreeSet<Module>,
    uses: BTreeMap<Module, BTreeSet<Module>>,
}

/// The paths that a file names, as they are written, with the inline module they stand in left out.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|name| name == "test")
    })
}

fn leaves(tree: &UseTree, before: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            leaves(&path.tree, before, found);
            before.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, before, found)),
        UseTree::Name(name) => found.push([&before[..], &[name.ident.to_string()]].concat()),
        UseTree::Rename(name) => found.push([&before[..], &[name.ident.to_string()]].concat()),
        UseTree::Glob(_) => found.push(before.clone()),
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        // `super` means something else in there.
        let mut inner = Self::default();
        visit::visit_item_mod(&mut inner, item);
        self.0.extend(inner.0.into_iter().filter(|path| path.first().is_some_and(|first| first == "crate")));
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        // What a file hands on it does not use.
        if matches!(item.vis, syn::Visibility::Inherited) {
            leaves(&item.tree, &mut Vec::new(), &mut self.0);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }
}

impl Graph {
    fn of(src: &Path) -> Self {
        let mut files = Vec::new();
        collect(src, &mut files);
        let mut graph = Self::default();
        let modules: BTreeMap<PathBuf, Module> =
            files.into_iter().map(|file| (file.clone(), name(src, &file))).collect();
        graph.modules = modules.values().cloned().collect();
        for (file, module) in &modules {
            let mut paths = Paths::default();
            paths.visit_file(&syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap());
            // `use crate::a::b;` and then `b::c()` leads into `b`.
            let full = |path: &Vec<String>| {
                let import = paths.0.iter().find(|import| import.len() > 1 && import.last() == path.first());
                let import =
                    import.filter(|import| graph.resolved(module, import).is_some_and(|m| m.last() == path.first()));
                import.map(|import| [&import[..], &path[1..]].concat())
            };
            let all = paths.0.iter().flat_map(|path| [Some(path.clone()), full(path)]).flatten();
            let used = all.filter_map(|path| graph.resolved(module, &path)).filter(|used| used != module);
            let used: BTreeSet<Module> = used.collect();
            graph.uses.insert(module.clone(), used);
        }
        graph
    }

    /// The file in which a path that is written in `module` leads; `None` for other crates.
    fn resolved(&self, module: &Module, path: &[String]) -> Option<Module> {
        let mut at = match path.first()?.as_str() {
            "crate" => Vec::new(),
            "self" => module.clone(),
            "super" => module[..module.len().checked_sub(1)?].to_vec(),
            first => {
                let child = [&module[..], &[first.to_owned()]].concat();
                return self.modules.contains(&child).then(|| self.deepest(child, &path[1..]));
            }
        };
        let mut rest = &path[1..];
        while rest.first().is_some_and(|word| word == "super") {
            at.pop()?;
            rest = &rest[1..];
        }
        Some(self.deepest(at, rest)).filter(|module| !module.is_empty())
    }

    fn deepest(&self, mut at: Module, rest: &[String]) -> Module {
        for word in rest {
            at.push(word.clone());
            if !self.modules.contains(&at) {
                at.pop();
                break;
            }
        }
        at
    }

    /// Files that use each other in a circle, apart from what children take from their parent.
    fn circles(&self) -> Vec<BTreeSet<Module>> {
        let reach = |from: &Module| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![from.clone()]);
            while let Some(at) = open.pop() {
                let up = |used: &Module| !at.is_empty() && *used == at[..at.len() - 1];
                for used in self.uses.get(&at).into_iter().flatten().filter(|used| !up(used)) {
                    if seen.insert(used.clone()) {
                        open.push(used.clone());
                    }
                }
            }
            seen
        };
        let reached: BTreeMap<&Module, BTreeSet<Module>> = self.modules.iter().map(|m| (m, reach(m))).collect();
        let mut circles: Vec<BTreeSet<Module>> = Vec::new();
        for module in self.modules.iter().filter(|module| reached[module].contains(*module)) {
            if !circles.iter().any(|circle| circle.contains(module)) {
                let both = |other: &&Module| reached[module].contains(*other) && reached[*other].contains(module);
                circles.push(self.modules.iter().filter(both).cloned().collect());
            }
        }
        circles
    }
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn name(src: &Path, file: &Path) -> Module {
    let path = file.strip_prefix(src).unwrap().with_extension("");
    let mut name: Module = path.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if name.last().is_some_and(|last| last == "mod") || matches!(&name[..], [one] if one == "lib" || one == "main") {
        name.pop();
    }
    name
}

#[test]
fn no_files_of_a_crate_use_each_other_in_a_circle() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let mut found = Vec::new();
    for entry in fs::read_dir(&crates).unwrap() {
        let src = entry.unwrap().path().join("src");
        let graph = Graph::of(&src);
        for circle in graph.circles() {
            let shown = |module: &Module| if module.is_empty() { "(root)".to_owned() } else { module.join("::") };
            let ties = circle.iter().flat_map(|from| {
                let to = graph.uses[from].iter().filter(|to| circle.contains(*to));
                to.map(move |to| format!("    {} -> {}", shown(from), shown(to)))
            });
            let name = src.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
            found.push(format!("{name}: {} files\n{}", circle.len(), ties.collect::<Vec<_>>().join("\n")));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
