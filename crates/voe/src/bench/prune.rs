//! `voe bench prune`: what is kept, what it costs, and freeing it.

use std::fs;
use std::path::Path;

use super::args::Prune;
use super::cache_dir;
use crate::{Usage, exit};

/// What voe keeps, by the directory's name in the cache.
const KEPT: [(&str, &str); 4] = [
    ("checkouts", "tasks' repositories at their base"),
    ("environments", "Python environments"),
    ("repos", "clones of repositories"),
    ("suites", "downloaded suites"),
];

pub(super) fn run(args: &Prune) -> anyhow::Result<u8> {
    let cache = cache_dir()?;
    for what in &args.free {
        if what != "all" && !KEPT.iter().any(|(name, _)| name == what) {
            let known = KEPT.map(|(name, _)| name).join(", ");
            return Err(Usage(format!("{what:?} is nothing that voe keeps; --free takes {known} or all")).into());
        }
    }
    let mut rows = Vec::new();
    for (name, about) in KEPT {
        let dir = cache.join(name);
        let bytes = size(&dir);
        let freed = args.free.iter().any(|what| what == name || what == "all");
        if freed && dir.exists() {
            fs::remove_dir_all(&dir).map_err(|e| anyhow::anyhow!("cannot remove {}: {e}", dir.display()))?;
        }
        rows.push((name, about, bytes, freed));
    }
    if args.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(name, _, bytes, freed)| serde_json::json!({"what": name, "bytes": bytes, "freed": freed}))
            .collect();
        println!("{}", serde_json::to_string(&rows)?);
        return Ok(exit::OK);
    }
    println!("{}", cache.display());
    for (name, about, bytes, freed) in rows {
        let freed = if freed { "  freed" } else { "" };
        println!("{name:<14} {:>9} MiB  {about}{freed}", bytes >> 20);
    }
    if args.free.is_empty() {
        println!("`voe bench prune --free WHAT` frees a part; all of it is made anew when it is needed");
    }
    Ok(exit::OK)
}

/// Bytes on disk; what shares blocks by hard links is counted once.
fn size(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let mut seen = std::collections::HashSet::new();
    let mut stack = vec![dir.to_owned()];
    let mut bytes = 0;
    while let Some(dir) = stack.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let Ok(meta) = entry.path().symlink_metadata() else { continue };
            if meta.is_dir() {
                stack.push(entry.path());
            }
            if meta.nlink() < 2 || meta.is_dir() || seen.insert((meta.dev(), meta.ino())) {
                bytes += meta.blocks() * 512;
            }
        }
    }
    bytes
}
