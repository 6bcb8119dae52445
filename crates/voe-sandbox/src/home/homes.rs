//! Home directories, and the parts of them that are visible inside: tools.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Roots of toolchains below a home, which are shown read-only inside. `[sandbox] read` adds to them.
const TOOLS: &[&str] = &[
    ".asdf",
    ".bun/bin",
    ".cabal/bin",
    ".cargo/bin",
    ".cargo/env",
    ".cargo/git",
    ".cargo/registry",
    ".conda",
    ".deno/bin",
    ".dotnet",
    ".elan",
    ".ghcup",
    ".gradle/wrapper",
    ".jenv",
    ".julia",
    ".juliaup",
    ".local/bin",
    ".local/lib",
    ".local/pipx",
    ".local/share/fnm",
    ".local/share/mise",
    ".local/share/pipx",
    ".local/share/pnpm",
    ".local/share/uv",
    ".local/share/virtualenvs",
    ".m2/repository",
    ".nodenv",
    ".npm-global",
    ".nvm",
    ".opam",
    ".pyenv",
    ".rbenv",
    ".rustup",
    ".rvm",
    ".sdkman",
    ".swiftly",
    ".virtualenvs",
    ".volta",
    ".yarn/bin",
    "anaconda3",
    "go",
    "mambaforge",
    "micromamba",
    "miniconda",
    "miniconda3",
    "miniforge3",
    "sdk",
];

/// Directories that are not homes, although the password file lists them for system accounts.
const SYSTEM: &[&str] =
    &["/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/opt", "/proc", "/run", "/sbin", "/sys", "/usr"];

/// Directories that contain homes and other things of many people, and are not homes themselves.
const SHARED: &[&str] = &["/home", "/media", "/mnt", "/srv", "/tmp", "/var"];

/// The user's own home, canonical.
pub(crate) fn own() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from)?.canonicalize().ok()
}

/// All existing home directories, canonical, including the user's own.
pub(crate) fn all(own: Option<&Path>) -> BTreeSet<PathBuf> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let is_home = |home: &PathBuf| is_home(home) || (Some(&**home) == own && may_be_own(home));
    from(&passwd, own).into_iter().filter_map(|home| home.canonicalize().ok()).filter(is_home).collect()
}

fn from(passwd: &str, own: Option<&Path>) -> BTreeSet<PathBuf> {
    let mut homes: BTreeSet<PathBuf> = passwd
        .lines()
        .filter_map(|line| line.split(':').nth(5))
        .filter(|home| home.starts_with('/'))
        .map(PathBuf::from)
        .collect();
    homes.insert("/root".into());
    homes.retain(|home| is_home(home));
    homes.extend(own.filter(|home| may_be_own(home)).map(Path::to_path_buf));
    homes
}

fn is_home(home: &Path) -> bool {
    may_be_own(home) && !SYSTEM.iter().any(|system| home.starts_with(system))
}

/// The user's own home may be anywhere, except for directories that belong to no single person.
fn may_be_own(home: &Path) -> bool {
    let depth = home.components().count();
    depth > 1 && !(depth == 2 && SYSTEM.iter().chain(SHARED).any(|shared| home == Path::new(shared)))
}

/// Whether a directory is a home or contains homes. Homes of users that the password file doesn't list (a directory service)
/// are recognized by files that every home has.
pub(crate) fn is_or_has_home(path: &Path, homes: &BTreeSet<PathBuf>) -> bool {
    let unlisted = || {
        path.parent() == Some(Path::new("/home"))
            && [".bash_profile", ".bashrc", ".profile", ".ssh", ".zshrc"].iter().any(|name| path.join(name).exists())
    };
    path.parent().is_none() || path == Path::new("/home") || homes.iter().any(|h| h.starts_with(path)) || unlisted()
}

/// The parts of `homes` that are read-only inside: tools, the directories of `path` (a `PATH`), and those in `variables`.
pub(crate) fn tools(homes: &BTreeSet<PathBuf>, path: &OsStr, variables: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut shown: BTreeSet<PathBuf> =
        homes.iter().flat_map(|home| TOOLS.iter().map(move |tool| home.join(tool))).collect();
    let named = std::env::split_paths(path).chain(variables.iter().cloned());
    // A whole home is not a tool.
    shown.extend(
        named.filter(|dir| dir.is_absolute() && lies_in(dir, homes) && !homes.iter().any(|h| h.starts_with(dir))),
    );
    for home in homes {
        let config = home.join(".cargo/config.toml");
        if fs::read_to_string(&config).is_ok_and(|text| !may_contain_secret(&text)) {
            shown.insert(config);
        }
    }
    shown.retain(|path| path.exists());
    shown
}

/// Whether a configuration file may contain a secret; if so, it is not shown.
fn may_contain_secret(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["token", "secret", "password", "authorization"].iter().any(|word| text.contains(word))
}

/// Whether a path is one of the homes or in one.
pub(crate) fn lies_in(path: &Path, homes: &BTreeSet<PathBuf>) -> bool {
    homes.iter().any(|home| path.starts_with(home))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_are_those_of_people_and_services_and_no_system_directories() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nbin:x:2:2:bin:/bin:/usr/sbin/nologin\n\
                      pg:x:7:7::/var/lib/postgresql:/bin/bash\nnobody:x:65534:65534::/nonexistent:/bin/false\n\
                      ann:x:1000:1000::/home/ann:/bin/bash\nodd:x:1:1::/:/bin/false\n";
        let homes: Vec<_> = from(passwd, Some(Path::new("/data/ann"))).into_iter().collect();
        let expected = ["/data/ann", "/home/ann", "/nonexistent", "/root", "/var/lib/postgresql"];
        assert_eq!(homes, expected.map(PathBuf::from));
    }

    #[test]
    fn homes_and_their_parents_are_distinguished_from_projects() {
        let homes = BTreeSet::from([PathBuf::from("/home/ann"), PathBuf::from("/data/people/bob")]);
        for path in ["/", "/home", "/home/ann", "/data", "/data/people"] {
            assert!(is_or_has_home(Path::new(path), &homes), "{path}");
        }
        for path in ["/home/ann/project", "/data/projects", "/srv/www"] {
            assert!(!is_or_has_home(Path::new(path), &homes), "{path}");
        }
        assert!(may_be_own(Path::new("/opt/jenkins")) && !may_be_own(Path::new("/opt")) && !may_be_own(Path::new("/")));
    }

    #[test]
    fn a_home_in_path_does_not_show_the_whole_home() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("ann");
        fs::create_dir_all(home.join("bin")).unwrap();
        fs::create_dir_all(home.join(".cargo/bin")).unwrap();
        fs::write(home.join(".cargo/credentials.toml"), "").unwrap();
        let homes = BTreeSet::from([home.clone()]);
        let path = std::env::join_paths([&home, &home.join("bin"), &dir.path().to_path_buf()]).unwrap();
        let shown: Vec<_> = tools(&homes, &path, &[]).into_iter().collect();
        assert_eq!(shown, [home.join(".cargo/bin"), home.join("bin")]);
    }
}
