//! `voe bench prune`: what is kept, what it costs, and freeing it.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use voe_bench::docker::keep;
use voe_sandbox::{Choice, Images};

use super::args::Prune;
use super::cache_dir;
use crate::{Usage, exit};

/// What voe keeps, by the directory's name in the cache.
const KEPT: [(&str, &str); 5] = [
    ("history", "what tasks' repositories share"),
    ("environments", "Python environments"),
    ("checkouts", "tasks' repositories at their base"),
    ("repos", "clones of repositories"),
    ("suites", "downloaded suites"),
];

/// The word for what lies at the engine and not in the cache.
const IMAGES: &str = "images";

pub(super) async fn run(args: &Prune) -> anyhow::Result<u8> {
    let cache = cache_dir()?;
    for what in &args.free {
        if what != "all" && what != IMAGES && !KEPT.iter().any(|(name, _)| name == what) {
            let known = KEPT.map(|(name, _)| name).join(", ");
            return Err(
                Usage(format!("{what:?} is nothing that voe keeps; --free takes {known}, images or all")).into()
            );
        }
    }
    let freed = |name: &str| args.free.iter().any(|what| what == name || what == "all");
    let mut rows = Vec::new();
    let mut seen = Seen::new();
    for (name, about) in KEPT {
        let dir = cache.join(name);
        let bytes = size(&dir, &mut seen);
        if freed(name) && dir.exists() {
            fs::remove_dir_all(&dir).map_err(|e| anyhow::anyhow!("cannot remove {}: {e}", dir.display()))?;
        }
        rows.push((name, about, bytes, freed(name)));
    }
    match images(&cache, freed(IMAGES)).await? {
        Some(bytes) => rows.push((IMAGES, "images of tasks, at Docker", bytes, freed(IMAGES))),
        None if args.free.iter().any(|what| what == IMAGES) => {
            return Err(Usage("no Docker engine answers; start it, or set DOCKER_HOST".into()).into());
        }
        None => {}
    }
    if args.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(name, _, bytes, freed)| serde_json::json!({"what": name, "bytes": bytes, "freed": freed}))
            .collect();
        crate::show::out::json(&rows)?;
        return Ok(exit::OK);
    }
    outln!("{}", cache.display());
    for (name, about, bytes, freed) in rows {
        let freed = if freed { "  freed" } else { "" };
        outln!("{name:<14} {:>9} MiB  {about}{freed}", bytes >> 20);
    }
    if args.free.is_empty() {
        outln!("`voe bench prune --free WHAT` frees a part; all of it is made anew when it is needed");
    }
    Ok(exit::OK)
}

/// What the images take that voe made or fetched, which are removed if `free`; `None` if no engine answers.
async fn images(cache: &Path, free: bool) -> anyhow::Result<Option<u64>> {
    let Ok(images) = Images::connect(Choice::Docker).await else { return Ok(None) };
    let kept = keep::kept(&images, cache).await?;
    for image in kept.iter().filter(|_| free) {
        // One that a container uses stays.
        if let Err(error) = image.remove(&images).await {
            errln!("voe: {}: {error}", crate::show::one_line(&image.name));
        }
    }
    Ok(Some(kept.iter().map(|image| image.bytes).sum()))
}

/// Files with several names that were counted, by device and number.
pub(super) type Seen = HashSet<(u64, u64)>;

/// Bytes on disk; what shares blocks by hard links is counted once, where it is seen first.
pub(super) fn size(dir: &Path, seen: &mut Seen) -> u64 {
    use std::os::unix::fs::MetadataExt;
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
