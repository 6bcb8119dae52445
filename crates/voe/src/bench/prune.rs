//! `voe bench prune`: shows what the cache contains and frees parts of it.

use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use voe_bench::docker::retention;
use voe_sandbox::{BackendChoice, Images};

use super::args::{Part, Prune};
use super::cache_dir;
use crate::{UsageError, exit};

/// Parts of the cache: name of the directory and description.
const KEPT: [(Part, &str, &str); 5] = [
    (Part::History, "history", "files shared by tasks' repositories"),
    (Part::Environments, "environments", "Python environments"),
    (Part::Checkouts, "checkouts", "tasks' repositories at their base"),
    (Part::Repos, "repos", "clones of repositories"),
    (Part::Suites, "suites", "downloaded suites"),
];

/// A part of the cache.
struct CachePart {
    name: &'static str,
    about: &'static str,
    /// Bytes that it takes, without files that an earlier row already counted.
    bytes: u64,
    /// Bytes that removing it freed, if it was removed.
    freed: Option<u64>,
}

/// The output of `voe bench prune --json`: the parts of the cache.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Prune")]
pub(crate) struct PruneOutput(Vec<PrunedPart>);

/// A part of the cache.
#[derive(Serialize, JsonSchema)]
struct PrunedPart {
    /// Name of the part, as `--free` takes it.
    what: &'static str,
    /// Bytes on disk; files that it shares with a part before it are not counted.
    bytes: u64,
    /// Whether it was removed.
    freed: bool,
    /// Bytes that removing it freed; null if it was not removed.
    freed_bytes: Option<u64>,
}

pub(super) async fn run(args: &Prune) -> anyhow::Result<u8> {
    let cache = cache_dir()?;
    let asked = |part: Part| args.free.iter().any(|what| *what == part || *what == Part::All);
    if asked(Part::History) && !asked(Part::Checkouts) {
        let text = "freeing history alone frees nothing, since checkouts share its files; give --free checkouts, which frees both";
        return Err(UsageError(text.into()).into());
    }
    let freed = |part: Part| asked(part) || (part == Part::History && asked(Part::Checkouts));
    let mut rows = Vec::new();
    let mut seen = Seen::new();
    for (part, name, about) in KEPT {
        let dir = cache.join(name);
        let bytes = size(&dir, &mut seen);
        let mut free = None;
        if freed(part) {
            free = Some(only_there(&dir));
            if dir.exists() {
                fs::remove_dir_all(&dir).map_err(|e| anyhow::anyhow!("cannot remove {}: {e}", dir.display()))?;
            }
        }
        rows.push(CachePart { name, about, bytes, freed: free });
    }
    match images(&cache, freed(Part::Images)).await? {
        Some((bytes, gone)) => {
            let freed = freed(Part::Images).then_some(gone);
            rows.push(CachePart { name: "images", about: "images of tasks, in Docker", bytes, freed });
        }
        None if args.free.contains(&Part::Images) => {
            return Err(UsageError("no Docker engine answers; start it, or set DOCKER_HOST".into()).into());
        }
        None => {}
    }
    if args.json {
        let kept = |row: &CachePart| PrunedPart {
            what: row.name,
            bytes: row.bytes,
            freed: row.freed.is_some(),
            freed_bytes: row.freed,
        };
        crate::show::out::json(&PruneOutput(rows.iter().map(kept).collect()))?;
        return Ok(exit::OK);
    }
    outln!("{}", cache.display());
    for CachePart { name, about, bytes, freed } in &rows {
        let freed = if freed.is_some() { "  freed" } else { "" };
        outln!("{name:<14} {:>9} MiB  {about}{freed}", bytes >> 20);
    }
    if args.free.is_empty() {
        outln!("`voe bench prune --free PART` frees a part; it is made again when needed");
    } else {
        outln!("freed {} MiB", rows.iter().filter_map(|row| row.freed).sum::<u64>() >> 20);
    }
    Ok(exit::OK)
}

/// Bytes of the images that voe made or fetched, and bytes freed if `free`; `None` if no engine answers.
async fn images(cache: &Path, free: bool) -> anyhow::Result<Option<(u64, u64)>> {
    let Ok(images) = Images::connect(BackendChoice::Docker).await else { return Ok(None) };
    let kept = retention::kept(&images, cache).await?;
    let mut gone = 0;
    for image in kept.iter().filter(|_| free) {
        match image.remove(&images).await {
            Ok(_) => gone += image.bytes,
            // An image that a container uses is kept.
            Err(error) => errln!("voe: {}: {error}", crate::show::one_line(&image.name)),
        }
    }
    Ok(Some((kept.iter().map(|image| image.bytes).sum(), gone)))
}

/// Counted files that have several names, by device and inode.
type Seen = HashSet<(u64, u64)>;

/// Bytes on disk; hard-linked files are counted once, where they are first seen.
fn size(dir: &Path, seen: &mut Seen) -> u64 {
    let mut bytes = 0;
    walk(dir, |meta| {
        if meta.is_dir() || meta.nlink() < 2 || seen.insert((meta.dev(), meta.ino())) {
            bytes += meta.blocks() * 512;
        }
    });
    bytes
}

/// Bytes on disk that removing `dir` frees: without files that also have names elsewhere.
fn only_there(dir: &Path) -> u64 {
    let mut bytes = 0;
    let mut names: HashMap<(u64, u64), u64> = HashMap::new();
    walk(dir, |meta| {
        let seen = names.entry((meta.dev(), meta.ino())).or_default();
        *seen += 1;
        if meta.is_dir() || *seen == meta.nlink() {
            bytes += meta.blocks() * 512;
        }
    });
    bytes
}

fn walk(dir: &Path, mut each: impl FnMut(&Metadata)) {
    let mut stack = vec![dir.to_owned()];
    while let Some(dir) = stack.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let Ok(meta) = entry.path().symlink_metadata() else { continue };
            if meta.is_dir() {
                stack.push(entry.path());
            }
            each(&meta);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removing_a_directory_frees_what_has_no_name_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let bytes = |name: &str| only_there(&at(name));
        for name in ["history", "checkouts"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::write(at("history/pack"), vec![7; 1 << 20]).unwrap();
        let alone = bytes("history");
        assert!(alone >= 1 << 20, "{alone}");
        fs::hard_link(at("history/pack"), at("history/again")).unwrap();
        assert_eq!(bytes("history"), alone);
        fs::hard_link(at("history/pack"), at("checkouts/pack")).unwrap();
        assert_eq!((bytes("history"), bytes("checkouts")), (0, 0));
        fs::remove_dir_all(at("history")).unwrap();
        assert_eq!(bytes("checkouts"), alone);
        assert_eq!(size(&at("checkouts"), &mut Seen::new()), alone);
    }
}
