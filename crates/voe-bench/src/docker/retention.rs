//! Limits how many fetched images are kept: all official ones together take some 280 GB.

use std::path::Path;

use voe_sandbox::{Images, SandboxError};

use super::Docker;
use super::index::{ImageEntry, Index};

/// Free bytes that the engine's disk must have before an image is fetched; the largest official ones take about as much.
const NEEDED: u64 = 8 << 30;

/// How many fetched images are kept when another one is needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Retention {
    /// As many as fit on the disk.
    #[default]
    All,
    /// At most this many images.
    Number(usize),
    /// As many images as fit in this many bytes.
    Bytes(u64),
}

/// An image that voe made from an official one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetainedImage {
    /// The image's name.
    pub name: String,
    /// Bytes that both images take.
    pub bytes: u64,
    entry: ImageEntry,
    index: Index,
}

impl RetainedImage {
    /// Removes it, and the official image if voe fetched that.
    ///
    /// # Errors
    /// A container uses it, or the engine or the disk failed.
    pub async fn remove(&self, images: &Images) -> Result<(), SandboxError> {
        images.remove(&self.name).await?;
        let of = &self.entry;
        // The user may have fetched another image under the same name since.
        if of.fetched && images.find(&of.of).await?.is_some_and(|there| there.id == of.of_id) {
            images.remove(&of.of).await?;
        }
        self.index
            .forget(&self.name)
            .map_err(|error| SandboxError::Failed(format!("cannot record the removal of {}: {error}", self.name)))
    }
}

/// The images that voe made from official ones, the oldest first: those that its own file in `cache` names and that the
/// engine still has unchanged.
///
/// # Errors
/// The engine could not inspect an image.
pub async fn kept(images: &Images, cache: &Path) -> Result<Vec<RetainedImage>, SandboxError> {
    of_index(images, &Index::new(cache, images.engine().await)).await
}

async fn of_index(images: &Images, index: &Index) -> Result<Vec<RetainedImage>, SandboxError> {
    let mut kept = Vec::new();
    for entry in index.entries() {
        if let Some(found) = images.find(&entry.name).await?.filter(|found| found.id == entry.id) {
            kept.push(RetainedImage { name: entry.name.clone(), bytes: found.bytes, entry, index: index.clone() });
        }
    }
    Ok(kept)
}

/// Removes unused images, the least recently used first, until there is room for another one.
pub(super) async fn make_room(docker: &Docker, index: &Index) -> Result<(), String> {
    let mut all: Vec<RetainedImage> = of_index(&docker.images, index).await.map_err(|error| error.to_string())?;
    all.retain(|image| image.entry.fetched);
    // The last one is removed first.
    all.reverse();
    all.sort_by_key(|image| std::cmp::Reverse(docker.use_of(&image.name).1));
    loop {
        let left = docker.images.disk_left().await;
        let short = left.as_ref().is_some_and(|(free, _)| *free < NEEDED);
        if !short && within(docker.retention, &all) {
            return Ok(());
        }
        let Some(at) = all.iter().rposition(|image| !docker.use_of(&image.name).0) else {
            // Keeping more than asked for is better than failing, unless the disk is too full.
            return match left {
                Some((free, place)) if short => Err(format!(
                    "the engine's disk ({}) has {} GB left, and an image may take {}; free some space (voe bench prune --free images, docker system prune)",
                    place.display(),
                    free / 1_000_000_000,
                    NEEDED / 1_000_000_000
                )),
                _ => Ok(()),
            };
        };
        let image = all.remove(at);
        // A container of another voe may use it; then it is kept.
        let _ = image.remove(&docker.images).await;
    }
}

/// Whether there is room for one more image.
fn within(retention: Retention, all: &[RetainedImage]) -> bool {
    match retention {
        Retention::All => true,
        Retention::Number(most) => all.len() < most.max(1),
        Retention::Bytes(most) => all.iter().map(|image| image.bytes).sum::<u64>() < most,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_image_comes_while_the_policy_has_room_for_it() {
        let text = String::new;
        let entry = ImageEntry { engine: text(), name: text(), id: text(), of: text(), of_id: text(), fetched: true };
        let index = Index::new(Path::new("/nowhere"), text());
        let image = |bytes| RetainedImage { name: text(), bytes, entry: entry.clone(), index: index.clone() };
        let two = [image(3), image(4)];
        assert!(
            within(Retention::All, &two) && within(Retention::Number(3), &two) && within(Retention::Bytes(8), &two)
        );
        assert!(!within(Retention::Number(2), &two) && !within(Retention::Bytes(7), &two));
        // With a limit of 0 the image in use is still kept.
        assert!(within(Retention::Number(0), &[]));
    }
}
