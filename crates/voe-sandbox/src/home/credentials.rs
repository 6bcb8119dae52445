//! Credentials, which are never visible inside: in homes, among tools, and of the system.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Paths below a home that are never visible inside, even where a tool's root, `[sandbox] read` or the workspace has them.
const BELOW_HOMES: &[&str] = &[
    ".age",
    ".anthropic",
    ".aws",
    ".azure",
    ".bash_history",
    ".bash_sessions",
    ".boto",
    ".cache/huggingface/token",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".claude",
    ".claude.json",
    ".codex",
    ".condarc",
    ".config/BraveSoftware",
    ".config/age",
    ".config/anthropic",
    ".config/chromium",
    ".config/containers",
    ".config/doctl",
    ".config/gcloud",
    ".config/gh",
    ".config/git/credentials",
    ".config/github-copilot",
    ".config/glab-cli",
    ".config/google-chrome",
    ".config/hcloud",
    ".config/heroku",
    ".config/hub",
    ".config/microsoft-edge",
    ".config/ngrok",
    ".config/op",
    ".config/openai",
    ".config/pip",
    ".config/rclone",
    ".config/sops",
    ".config/uv",
    ".config/voe",
    ".continuum",
    ".cursor/mcp.json",
    ".databricks.cfg",
    ".docker",
    ".fly",
    ".gem/credentials",
    ".gemini",
    ".git-credentials",
    ".gnupg",
    ".gradle/gradle.properties",
    ".huggingface",
    ".irb_history",
    ".kube",
    ".lesshst",
    ".local/share/fish",
    ".local/share/keyrings",
    ".local/share/uv/credentials",
    ".m2/settings-security.xml",
    ".m2/settings.xml",
    ".mozilla",
    ".my.cnf",
    ".mysql_history",
    ".netlify",
    ".netrc",
    ".ngrok2",
    ".node_repl_history",
    ".npmrc",
    ".nuget/NuGet",
    ".oci",
    ".password-store",
    ".pgpass",
    ".pip",
    ".psql_history",
    ".pulumi",
    ".pypirc",
    ".python_history",
    ".rediscli_history",
    ".s3cfg",
    ".snowflake",
    ".sqlite_history",
    ".ssh",
    ".terraform.d",
    ".terraformrc",
    ".thunderbird",
    ".vault-token",
    ".viminfo",
    ".yarnrc.yml",
    ".zsh_history",
];

/// Secrets outside of homes that root could read.
pub(crate) const SYSTEM_SECRETS: &[&str] = &[
    "/etc/NetworkManager/system-connections",
    "/etc/docker",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/krb5.keytab",
    "/etc/kubernetes",
    "/etc/letsencrypt",
    "/etc/puppetlabs",
    "/etc/rancher",
    "/etc/salt/pki",
    "/etc/security/opasswd",
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/ssl/private",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/wireguard",
    "/sys/fs/bpf",
    "/sys/kernel/debug",
    "/sys/kernel/tracing",
    "/var/backups",
    "/var/lib/NetworkManager",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/docker",
    "/var/lib/grafana",
    "/var/lib/jenkins",
    "/var/lib/kubelet",
    "/var/lib/mysql",
    "/var/lib/postgresql",
    "/var/lib/rancher",
    "/var/lib/redis",
    "/var/lib/sss",
    "/var/lib/vault",
    "/var/spool/cron",
];

/// Names of files and directories that contain credentials anywhere among tools. Lower case; a name with a slash also names
/// the entry's directory.
const NAMES: &[&str] = &[
    ".aws",
    ".azure",
    ".condarc",
    ".docker",
    ".git-credentials",
    ".gnupg",
    ".kube",
    ".netrc",
    ".npmrc",
    ".password-store",
    ".pypirc",
    ".ssh",
    ".yarnrc",
    ".yarnrc.yml",
    "_netrc",
    "auth.json",
    "auth.toml",
    "condarc",
    "corefx/cryptography",
    "credentials",
    "credentials.json",
    "credentials.tfrc.json",
    "credentials.toml",
    "gh/hosts.yml",
    "glab-cli/config.yml",
    "gradle.properties",
    "npmrc",
    "nuget.config",
    "pip.conf",
    "settings-security.xml",
    "settings.xml",
];

/// Large directories of tools with published content only.
const NOT_SEARCHED: &[&str] = &[
    "lib",
    "lib64",
    "site-packages",
    "node_modules",
    "registry/src",
    "registry/cache",
    "registry/index",
    ".git",
    "pkgs",
];

/// Directories in which agents keep credentials, and work trees next to them.
const OF_AGENTS: &[&str] = &[".claude", ".codex", ".gemini"];

/// The directory of credentials in a home that contains `path`, if one does. A work tree that an agent made in its own
/// directory does not count.
pub(crate) fn place_of(path: &Path, homes: &BTreeSet<PathBuf>) -> Option<PathBuf> {
    let work_tree = |secret: &Path| {
        path != secret && OF_AGENTS.iter().any(|name| homes.iter().any(|home| home.join(name) == secret))
    };
    in_homes(homes).into_iter().find(|secret| path.starts_with(secret) && !work_tree(secret))
}

/// How many directories below a tool's root are searched for credentials.
const MOST_DEPTH: usize = 4;
/// At most this many entries are checked, shallow ones first.
const MOST_ENTRIES: usize = 20_000;
/// At most this many paths of a kind are masked: all must fit into one message to the helper.
const MOST_MASKED: usize = 400;

/// The existing credentials of all homes, with links resolved.
pub(crate) fn in_homes(homes: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let all = homes.iter().flat_map(|home| BELOW_HOMES.iter().map(move |name| home.join(name)));
    // A link to a home (or above one) has no credentials of its own, and masking it would hide the home.
    all.filter(|path| path.symlink_metadata().is_ok())
        .filter_map(|path| path.canonicalize().ok())
        .filter(|path| !homes.iter().any(|home| home.starts_with(path)))
        .collect()
}

/// Credentials in tools' roots, found by name.
pub(crate) fn in_tools<'r>(roots: impl IntoIterator<Item = &'r PathBuf>) -> Vec<PathBuf> {
    let mut level: Vec<PathBuf> = roots.into_iter().cloned().collect();
    let (roots, mut found, mut left) = (level.clone(), Vec::new(), MOST_ENTRIES);
    for _ in 0..=MOST_DEPTH {
        let mut next = Vec::new();
        for dir in level {
            // A root may be a single file.
            for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
                if left == 0 || found.len() == MOST_MASKED {
                    return found;
                }
                left -= 1;
                let Ok(kind) = entry.file_type() else { continue };
                let name = entry.file_name().to_string_lossy().to_ascii_lowercase();
                if named(&dir, &name, NAMES) || (!kind.is_dir() && names_a_token(&name)) {
                    // The target of a link is hidden unless it is among the tools as well.
                    let target = entry.path().canonicalize().ok();
                    found.extend(target.filter(|path| roots.iter().any(|root| path.starts_with(root) && path != root)));
                } else if kind.is_dir() && !named(&dir, &name, NOT_SEARCHED) {
                    next.push(entry.path());
                }
            }
        }
        level = next;
    }
    found
}

fn named(dir: &Path, name: &str, names: &[&str]) -> bool {
    names.iter().any(|known| match known.split_once('/') {
        Some((parent, known)) => known == name && dir.file_name().is_some_and(|dir| dir.eq_ignore_ascii_case(parent)),
        None => *known == name,
    })
}

/// Whether a data file is named after a token (`anaconda-token.json`); programs and sources (`tokenize.py`) don't count.
fn names_a_token(name: &str) -> bool {
    let (stem, extension) = name.trim_start_matches('.').rsplit_once('.').unwrap_or((name, ""));
    let data = matches!(extension, "" | "json" | "toml" | "txt" | "token" | "yaml" | "yml");
    let words = || stem.split(|c: char| !c.is_ascii_alphanumeric());
    extension == "token" || (data && words().any(|word| matches!(word, "token" | "tokens" | "secret" | "secrets")))
}

/// Directories in which the system and its services keep their files, with the depth to which they are searched.
const SERVICES: &[(&str, usize)] = &[
    ("/", 1),
    ("/etc", 2),
    ("/opt", 2),
    ("/srv", 2),
    ("/usr/local", 2),
    ("/var", 1),
    ("/var/cache", 2),
    ("/var/lib", 2),
    ("/var/log", 2),
    ("/var/spool", 2),
];

/// Paths outside of homes that only their owner or group may read, and root. `keep`: paths that stay visible all the same.
pub(crate) fn closed_to_others(keep: &[PathBuf]) -> Vec<PathBuf> {
    let (mut found, mut left) = (Vec::new(), MOST_ENTRIES);
    for (top, depth) in SERVICES {
        look(Path::new(top), *depth, keep, &mut left, &mut found);
    }
    found.sort();
    found.dedup();
    found
}

fn look(dir: &Path, depth: usize, keep: &[PathBuf], left: &mut usize, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if *left == 0 || found.len() >= MOST_MASKED {
            return;
        }
        *left -= 1;
        let (path, Ok(meta)) = (entry.path(), entry.metadata()) else { continue };
        let closed = match (meta.is_dir(), meta.is_file()) {
            (true, _) => meta.mode() & 0o001 == 0,
            (_, true) => meta.mode() & 0o004 == 0,
            _ => false,
        };
        if closed && !keep.iter().any(|keep| keep.starts_with(&path) || path.starts_with(keep)) {
            found.push(path);
        } else if meta.is_dir() && depth > 1 {
            look(&path, depth - 1, keep, left, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn write(path: PathBuf) -> PathBuf {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "secret").unwrap();
        path
    }

    #[test]
    fn credentials_among_tools_are_found_by_name_and_libraries_are_not_searched() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap();
        let secrets = [
            ".conda/anaconda-token.json",
            ".conda/envs/x/.condarc",
            ".dotnet/NuGet.Config",
            ".dotnet/corefx/cryptography/x509stores",
            ".julia/servers/pkg.example.org/auth.toml",
            ".local/share/uv/credentials/credentials.toml",
            ".npm-global/etc/npmrc",
            ".nvm/versions/node/v20/.npmrc",
            ".pyenv/versions/3.12/pip.conf",
        ];
        for name in secrets {
            write(home.join(name));
        }
        for name in [".pyenv/versions/3.12/lib/.npmrc", ".pyenv/tokenize.py", ".pyenv/versions/3.12/bin/python"] {
            write(home.join(name));
        }
        let roots = [".conda", ".dotnet", ".julia", ".local/share/uv", ".npm-global", ".nvm", ".pyenv"];
        let roots = roots.map(|root| home.join(root));
        let found: BTreeSet<PathBuf> = in_tools(&roots).into_iter().collect();
        for secret in secrets {
            assert!(found.iter().any(|path| home.join(secret).starts_with(path)), "{secret} is not in {found:?}");
        }
        assert_eq!(found.len(), secrets.len(), "{found:?}");
    }

    #[test]
    fn credentials_of_a_home_are_found_where_links_lead() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap();
        let key = write(home.join("dotfiles/ssh/id_rsa"));
        symlink("dotfiles/ssh", home.join(".ssh")).unwrap();
        symlink(".", home.join(".aws")).unwrap();
        let found = in_homes(&BTreeSet::from([home]));
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [key.parent().unwrap()]);
    }

    #[test]
    fn paths_that_others_may_not_read_are_found_and_those_needed_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        for (name, mode) in [("open/key", 0o600), ("open/text", 0o644), ("closed/x", 0o644), ("work/closed/y", 0o600)] {
            let path = write(top.join(name));
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        for name in ["closed", "work"] {
            fs::set_permissions(top.join(name), fs::Permissions::from_mode(0o750)).unwrap();
        }
        let mut found = Vec::new();
        look(&top, 2, &[top.join("work/tree")], &mut 100, &mut found);
        found.sort();
        assert_eq!(found, [top.join("closed"), top.join("open/key")]);
    }
}
