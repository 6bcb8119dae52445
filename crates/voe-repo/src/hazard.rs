//! Changes in a patch that must not reach the user's tree.

use std::collections::BTreeMap;

use voe_protocol::Export;

use crate::objects::printable;

/// git's modes that a patch may contain: regular file, executable file, symbolic link.
pub(crate) const MODES: [u32; 3] = [0o100644, 0o100755, LINK];

/// git's mode of a symbolic link.
pub(crate) const LINK: u32 = 0o120000;

/// The most links that a path may lead through, as in the kernel.
const MOST_LINKS: usize = 40;

/// A change that must not reach the user's tree. A patch with one is saved and never applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Hazard {
    /// A symbolic link that leads out of the work tree or into `.git`, directly or through other links.
    #[error("{path} is a symbolic link to {target}, which {why}")]
    Link {
        /// The path of the link, made printable.
        path: String,
        /// Its target, made printable.
        target: String,
        /// "is absolute", "leads out of the work tree", "leads into .git", "is part of a loop of links".
        why: &'static str,
    },
    /// A path with a component that some file system takes for `.git`.
    #[error("{path} is inside a git directory")]
    GitDir {
        /// The path, made printable.
        path: String,
    },
    /// An absolute path, or one with `..`, `.` or an empty part.
    #[error("{path} is not a path below the work tree")]
    Outside {
        /// The path, made printable.
        path: String,
    },
    /// A file below a symbolic link.
    #[error("{path} is below the symbolic link {link}")]
    BeyondLink {
        /// The path, made printable.
        path: String,
        /// The link, made printable.
        link: String,
    },
    /// Neither a file nor a symbolic link: a submodule, or something unknown.
    #[error("{path} has mode {mode:o}: submodules are not changed")]
    Mode {
        /// The path, made printable.
        path: String,
        /// Its mode in git.
        mode: u32,
    },
}

/// The files of an export, made printable, whose new content a diff does not show. git takes them for binary: a single byte that is
/// not text is enough.
pub fn not_text(export: &Export) -> Vec<String> {
    let binary = |content: &[u8]| content.contains(&0) || std::str::from_utf8(content).is_err();
    let files = export.files.iter().filter(|file| file.base != file.now);
    files
        .filter(|file| file.now.as_ref().is_some_and(|now| now.mode != LINK && binary(&now.content.0)))
        .map(|file| printable(&file.path.0))
        .collect()
}

/// Reads the target of the symbolic link at a path of a tree; `None` if there is none.
pub(crate) type ReadLink<'a> = dyn Fn(&[u8]) -> Option<Vec<u8>> + 'a;

/// The symbolic links of a tree after a patch.
struct Links<'a> {
    /// Known targets by path; `None` where the patch puts something else.
    known: BTreeMap<&'a [u8], Option<&'a [u8]>>,
    /// Finds the others: git does not list ignored and untracked links, and a new link may lead through them.
    found: &'a ReadLink<'a>,
}

impl Links<'_> {
    fn target(&self, path: &[u8]) -> Option<Vec<u8>> {
        match self.known.get(path) {
            Some(target) => target.map(<[u8]>::to_vec),
            None => (self.found)(path),
        }
    }
}

/// The hazards of an export. `known`: the symbolic links of the base that it is applied to, with their targets, by path.
/// `found`: reads other links of the work tree.
pub(crate) fn hazards(export: &Export, known: &BTreeMap<Vec<u8>, Vec<u8>>, found: &ReadLink<'_>) -> Vec<Hazard> {
    let mut links = Links { known: known.iter().map(|(path, target)| (&path[..], Some(&target[..]))).collect(), found };
    for file in &export.files {
        let target = file.now.as_ref().filter(|now| now.mode == LINK).map(|now| &now.content.0[..]);
        links.known.insert(&file.path.0, target);
    }
    let mut found = Vec::new();
    for file in &export.files {
        let path = &file.path.0;
        let shown = printable(path);
        if path.split(|byte| *byte == b'/').any(|part| matches!(part, b"" | b"." | b"..")) || path.contains(&0) {
            found.push(Hazard::Outside { path: shown.clone() });
        }
        if path.split(|byte| *byte == b'/').any(names_git_dir) {
            found.push(Hazard::GitDir { path: shown.clone() });
        }
        for state in [&file.base, &file.now].into_iter().flatten() {
            if !MODES.contains(&state.mode) {
                found.push(Hazard::Mode { path: shown.clone(), mode: state.mode });
            }
        }
        let Some(now) = &file.now else { continue };
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        if let Some(link) =
            slashes.map(|(at, _)| &path[..at]).find(|above| matches!(links.known.get(*above), Some(Some(_))))
        {
            found.push(Hazard::BeyondLink { path: shown.clone(), link: printable(link) });
        }
        if now.mode == LINK
            && let Some(why) = leads_astray(path, &now.content.0, &links)
        {
            found.push(Hazard::Link { path: shown, target: printable(&now.content.0), why });
        }
    }
    found
}

/// Follows a link through the tree. Returns what is wrong with its destination.
fn leads_astray(path: &[u8], target: &[u8], links: &Links<'_>) -> Option<&'static str> {
    let mut at: Vec<Vec<u8>> = path.split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect();
    at.pop();
    // The components still to walk, the next one last.
    let mut todo: Vec<Vec<u8>> = Vec::new();
    let mut next = target.to_vec();
    for _ in 0..MOST_LINKS {
        if next.first() == Some(&b'/') {
            return Some("is absolute");
        }
        todo.extend(next.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec));
        loop {
            let part = todo.pop()?;
            match &part[..] {
                b"" | b"." => continue,
                b".." if at.pop().is_none() => return Some("leads out of the work tree"),
                b".." => continue,
                _ => {}
            }
            if names_git_dir(&part) {
                return Some("leads into .git");
            }
            at.push(part);
            if let Some(target) = links.target(&at.join(&b'/')) {
                at.pop();
                next = target;
                break;
            }
        }
    }
    Some("is part of a loop of links")
}

/// Whether some file system takes this name for `.git`: letter case, NTFS's ignored ends, streams and short names, HFS+'s
/// ignored characters. The rules are git's own (`is_ntfs_dotgit`, `is_hfs_dotgit`), slightly stricter.
pub(crate) fn names_git_dir(name: &[u8]) -> bool {
    // On Windows, a backslash ends a component too.
    name.split(|byte| *byte == b'\\').any(|part| {
        let text: String = String::from_utf8_lossy(part).chars().filter(|c| !ignored_by_hfs(*c)).collect();
        let text = text.split(':').next().unwrap_or_default().trim_end_matches([' ', '.']).to_lowercase();
        let short = text.strip_prefix("git~").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
        text == ".git" || (short && text.len() > 4)
    })
}

/// Characters that HFS+ ignores when it compares names.
fn ignored_by_hfs(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_file_with_a_byte_that_is_not_text_is_listed() {
        use voe_protocol::{ExportedFile, FileState, RawBytes};
        use voe_trace::FileRole;
        let file = |path: &str, content: &[u8]| ExportedFile {
            path: RawBytes(path.into()),
            base: None,
            now: Some(FileState { mode: 0o100755, content: RawBytes(content.to_vec()) }),
            role: FileRole::Code,
        };
        let files = vec![file("a.sh", b"rm x # \xff"), file("b.sh", "rm \u{e9}".as_bytes()), file("c", b"a\0b")];
        assert_eq!(super::not_text(&super::Export { files, skipped: Vec::new() }), ["a.sh", "c"]);
    }

    use voe_protocol::{ExportedFile, FileState, RawBytes};
    use voe_trace::FileRole;

    use super::*;

    fn added(files: &[(&str, u32, &str)]) -> Export {
        let files = files.iter().map(|(path, mode, content)| ExportedFile {
            path: RawBytes(path.as_bytes().to_vec()),
            base: None,
            now: Some(FileState { mode: *mode, content: RawBytes(content.as_bytes().to_vec()) }),
            role: FileRole::Code,
        });
        Export { files: files.collect(), skipped: Vec::new() }
    }

    fn said(files: &[(&str, u32, &str)]) -> Vec<String> {
        hazards(&added(files), &BTreeMap::new(), &|_| None).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_spelling_of_the_git_directory_is_recognized() {
        for path in [
            ".git/config",
            "sub/.git/hooks/pre-commit",
            ".GIT/config",
            ".Git",
            ".git /config",
            ".git./config",
            ".git. ./x",
            ".git::$INDEX_ALLOCATION/config",
            ".git:x",
            "git~1/config",
            "GIT~1",
            "git~27",
            "a\\.git\\config",
            ".g\u{200c}it/config",
            ".git\u{feff}",
        ] {
            assert!(said(&[(path, 0o100644, "")]).iter().any(|text| text.contains("inside a git directory")), "{path}");
        }
    }

    #[test]
    fn names_that_only_resemble_the_git_directory_are_allowed() {
        for path in
            [".gitignore", ".gitattributes", ".github/x.yml", "git/x", "x.git/y", "git~x", "git~", ".gitmodules"]
        {
            assert_eq!(said(&[(path, 0o100644, "")]), [""; 0], "{path}");
        }
    }

    #[test]
    fn paths_out_of_the_tree_are_hazards() {
        for path in ["../x", "a/../../x", "/etc/passwd", "a//b", "./a", "a/.", "", "a\0b"] {
            assert!(said(&[(path, 0o100644, "")]).iter().any(|text| text.contains("below the work tree")), "{path:?}");
        }
    }

    #[test]
    fn links_that_stay_inside_are_allowed() {
        for (path, target) in
            [("a", "b"), ("a/b/c", "../../x"), ("a/b", "./c/../d"), ("a", "nothing/there"), ("d/self", "..")]
        {
            assert_eq!(said(&[(path, LINK, target)]), [""; 0], "{path} -> {target}");
        }
    }

    #[test]
    fn links_that_lead_outside_are_hazards() {
        for (path, target, why) in [
            ("a", "/etc/passwd", "is absolute"),
            ("a", "..", "leads out of the work tree"),
            ("a/b", "../../x", "leads out of the work tree"),
            ("a/b", "c/../../../x", "leads out of the work tree"),
            ("a", ".git/hooks", "leads into .git"),
            ("a/b", "../.GIT/config", "leads into .git"),
            ("a", "a", "is part of a loop of links"),
        ] {
            assert!(said(&[(path, LINK, target)])[0].ends_with(why), "{path} -> {target}");
        }
    }

    #[test]
    fn a_link_through_other_links_is_followed() {
        let chained = said(&[("deep/er/up", LINK, "../.."), ("x", LINK, "deep/er/up/../y")]);
        assert_eq!(chained, ["x is a symbolic link to deep/er/up/../y, which leads out of the work tree"]);
        let known = BTreeMap::from([(b"vendor".to_vec(), b"/opt/vendor".to_vec())]);
        let through_base = hazards(&added(&[("x", LINK, "vendor/file")]), &known, &|_| None);
        assert_eq!(through_base[0].to_string(), "x is a symbolic link to vendor/file, which is absolute");
        let below = hazards(&added(&[("vendor/x", 0o100644, "")]), &known, &|_| None);
        assert_eq!(below[0].to_string(), "vendor/x is below the symbolic link vendor");
    }

    #[test]
    fn submodules_are_hazards() {
        assert_eq!(said(&[("sub", 0o160000, "")]), ["sub has mode 160000: submodules are not changed"]);
    }
}
