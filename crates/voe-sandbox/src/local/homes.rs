//! Home directories: what of them is seen inside (tools) and what never is (credentials).

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Roots of toolchains below a home, read-only inside. `[sandbox] read` adds to them.
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

/// Below a home and never seen inside, wherever a tool's root, `[sandbox] read` or the workspace itself would show it.
const CREDENTIALS: &[&str] = &[
    ".anthropic",
    ".aws",
    ".azure",
    ".bash_history",
    ".boto",
    ".cache/huggingface/token",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".claude",
    ".claude.json",
    ".codex",
    ".config/anthropic",
    ".config/chromium",
    ".config/gcloud",
    ".config/gh",
    ".config/git/credentials",
    ".config/glab-cli",
    ".config/google-chrome",
    ".config/hub",
    ".config/op",
    ".config/openai",
    ".config/rclone",
    ".config/voe",
    ".docker",
    ".gem/credentials",
    ".gemini",
    ".git-credentials",
    ".gnupg",
    ".huggingface",
    ".kube",
    ".local/share/keyrings",
    ".m2/settings.xml",
    ".mozilla",
    ".my.cnf",
    ".netrc",
    ".node_repl_history",
    ".npmrc",
    ".password-store",
    ".pgpass",
    ".psql_history",
    ".pypirc",
    ".python_history",
    ".s3cfg",
    ".ssh",
    ".terraform.d",
    ".vault-token",
    ".yarnrc.yml",
    ".zsh_history",
];

/// Not homes, whatever the password file says of system accounts.
const SYSTEM: &[&str] =
    &["/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/opt", "/proc", "/run", "/sbin", "/sys", "/usr"];

/// Secrets outside of homes that a privileged user could read.
pub(crate) const SYSTEM_SECRETS: &[&str] = &[
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/ssl/private",
    "/etc/kubernetes",
    "/etc/docker",
    "/etc/NetworkManager/system-connections",
    "/etc/wireguard",
    "/var/backups",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/docker",
    "/var/lib/kubelet",
    "/var/spool/cron",
    "/sys/kernel/debug",
    "/sys/kernel/tracing",
    "/sys/fs/bpf",
];

/// All home directories that are there, canonical, the user's own among them.
pub(crate) fn all(own: Option<&Path>) -> BTreeSet<PathBuf> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    from(&passwd, own).into_iter().filter_map(|home| home.canonicalize().ok()).filter(|home| is_home(home)).collect()
}

fn from(passwd: &str, own: Option<&Path>) -> BTreeSet<PathBuf> {
    let mut homes: BTreeSet<PathBuf> = passwd
        .lines()
        .filter_map(|line| line.split(':').nth(5))
        .filter(|home| home.starts_with('/'))
        .map(PathBuf::from)
        .collect();
    homes.extend(own.map(Path::to_path_buf));
    homes.insert("/root".into());
    homes.retain(|home| is_home(home));
    homes
}

fn is_home(home: &Path) -> bool {
    let depth = home.components().count();
    depth > 1
        && !SYSTEM.iter().any(|system| home.starts_with(system))
        // `/var`, `/srv` … belong to no one person.
        && !(depth == 2 && ["/var", "/srv", "/tmp", "/home", "/mnt", "/media"].iter().any(|dir| home == Path::new(dir)))
}

/// What of `homes` is read-only inside: tools, the directories of `path` (a `PATH`), and those named in `variables`.
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
        if fs::read_to_string(&config).is_ok_and(|text| !tells_secrets(&text)) {
            shown.insert(config);
        }
    }
    shown.retain(|path| path.exists());
    shown
}

/// Whether a configuration file may hold a secret: such a one stays outside.
fn tells_secrets(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["token", "secret", "password", "authorization"].iter().any(|word| text.contains(word))
}

/// Whether a path lies in one of the homes or is one.
pub(crate) fn lies_in(path: &Path, homes: &BTreeSet<PathBuf>) -> bool {
    homes.iter().any(|home| path.starts_with(home))
}

/// The credentials of all homes that are there.
pub(crate) fn credentials(homes: &BTreeSet<PathBuf>) -> impl Iterator<Item = PathBuf> {
    homes
        .iter()
        .flat_map(|home| CREDENTIALS.iter().map(move |name| home.join(name)))
        .filter(|path| path.symlink_metadata().is_ok_and(|meta| !meta.is_symlink()))
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
        assert_eq!(credentials(&homes).collect::<Vec<_>>(), [home.join(".cargo/credentials.toml")]);
    }
}
