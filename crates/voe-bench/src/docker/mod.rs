//! Tasks in containers: each row's official image, fetched once, its repository sealed, and removed when space is needed.
//!
//! - [`retention`]: how many images are kept; `index`: which of them voe made or fetched
//! - `pull`: fetches an image; `seal`: removes from its repository everything after the base commit

mod index;
pub(crate) mod lease;
mod pull;
pub mod retention;
mod seal;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use voe_grade::Instance;
use voe_sandbox::{BackendChoice, Images, SandboxError};

use crate::native;
use crate::shipped;
use crate::workspace::error::{PrepareError, Remedy};
use crate::workspace::prepared::PreparedTask;
use index::{ImageEntry, Index};
pub use lease::ImageLease;
pub use retention::Retention;

/// Prepares tasks in containers.
#[derive(Debug)]
pub struct Docker {
    images: Images,
    /// The image of all tasks, instead of each row's own.
    image: Option<String>,
    retention: Retention,
    /// Which images this process uses, and when each was last used.
    used: Mutex<HashMap<String, Use>>,
    /// One image is fetched or sealed at a time: the disk and the registry are the bottlenecks.
    one: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Use {
    /// Cloned into each [`PreparedTask`]; an image whose count is one is unused.
    held: Arc<()>,
    last: u64,
}

impl Docker {
    /// Connects to the engine of `choice`. `image`: one image for all tasks, instead of each row's own.
    ///
    /// # Errors
    /// No Docker or Podman engine answers, or it refuses the connection.
    pub async fn connect(
        choice: BackendChoice,
        image: Option<String>,
        retention: Retention,
    ) -> Result<Self, SandboxError> {
        let images = Images::connect(choice).await?;
        Ok(Self { images, image, retention, used: Mutex::default(), one: tokio::sync::Mutex::default() })
    }

    /// Prepares the task's workspace. Images can be removed between two calls, so each call looks for the image again.
    pub(crate) async fn prepare(&self, task: &Instance, cache: &Path) -> Result<PreparedTask, PrepareError> {
        if shipped::is_of(task) { self.shipped(task, cache).await } else { self.official(task, cache).await }
    }

    /// Prepares a task that ships with voe: its repository is copied into the image that the user names.
    async fn shipped(&self, task: &Instance, cache: &Path) -> Result<PreparedTask, PrepareError> {
        let id = &task.instance_id;
        let failed = |why: String| PrepareError::Environment { id: id.clone(), why, remedy: Remedy::Image };
        let image = self.image.clone().ok_or_else(|| {
            failed("tasks that ship with voe have no image of their own; give one that has git, bash and python3 with --image".into())
        })?;
        let held = {
            let _one = self.one.lock().await;
            let held = self.hold(&image);
            if self.images.find(&image).await?.is_none() {
                pull::pull(&self.images, &image).await.map_err(failed)?;
            }
            held
        };
        let image_id = self.images.find(&image).await?.map(|found| found.id).unwrap_or_default();
        let found = shipped::of_row(task)?;
        let look = "for p in git bash \"$@\"; do command -v $p > /dev/null || echo $p; done; true";
        let script = format!("set -- {}; {look}", found.about.needs.join(" "));
        let (exit, missing) = self.images.run(&image, &script).await?;
        if exit != 0 {
            let said = missing.trim();
            return Err(failed(format!("the image {image} cannot run a shell: {said}; give another one with --image")));
        }
        if !missing.is_empty() {
            let what = format!("{} (in {image})", missing.split_whitespace().collect::<Vec<_>>().join(", "));
            return Err(PrepareError::Missing { id: id.clone(), what });
        }
        let (place, id) = (cache.to_owned(), id.clone());
        let checkout = tokio::task::spawn_blocking(move || shipped::checkout(&place, &id, &found));
        let checkout = checkout.await.map_err(|error| failed(error.to_string()))??;
        let origin = format!("{} in the image {image_id}", shipped::origin(task));
        Ok(PreparedTask { image: Some(held), env: shipped::variables(), origin, ..PreparedTask::new(checkout) })
    }

    async fn official(&self, task: &Instance, cache: &Path) -> Result<PreparedTask, PrepareError> {
        let id = &task.instance_id;
        let failed = |why: String| PrepareError::Environment { id: id.clone(), why, remedy: Remedy::Image };
        let image = self.image.clone().or_else(|| task.image.clone()).unwrap_or_else(|| official_name(id));
        let name = seal::name(&image);
        let held = self.hold(&name);
        let _one = self.one.lock().await;
        let mut original = self.images.find(&image).await?;
        let index = Index::new(cache, self.images.engine().await);
        let known = index.find(&name);
        // Only an image in voe's own index counts as sealed, and only while the official image is unchanged.
        let sealed = self.images.find(&name).await?.filter(|found| {
            known.as_ref().is_some_and(|known| {
                known.id == found.id && original.as_ref().is_none_or(|original| original.id == known.of_id)
            })
        });
        let mut fetched = sealed.is_none() && original.is_none();
        if fetched {
            retention::make_room(self, &index).await.map_err(failed)?;
            pull::pull(&self.images, &image).await.map_err(failed)?;
            original = self.images.find(&image).await?;
        }
        let of_id = match (&sealed, &known) {
            (Some(_), Some(known)) => known.of_id.clone(),
            _ => original.map(|original| original.id).unwrap_or_default(),
        };
        fetched |= known.is_some_and(|known| known.fetched && known.of_id == of_id);
        let key = format!("{id}-image-{:.12}", of_id.trim_start_matches("sha256:"));
        let source = if sealed.is_some() { &name } else { &image };
        let checkout = seal::checkout(&self.images, source, cache, &key, &task.base_commit).await;
        let checkout = checkout.map_err(|error| match error {
            PrepareError::Environment { why, .. } => failed(format!("the image {image}: {why}")),
            other => other,
        })?;
        if sealed.is_none() {
            seal::derive(&self.images, &image, &name, &checkout).await?;
            let made = self.images.find(&name).await?.map(|made| made.id).unwrap_or_default();
            let entry = ImageEntry { engine: String::new(), name, id: made, of: image, of_id: of_id.clone(), fetched };
            index.put(entry).map_err(PrepareError::io("write", cache.join("images.json")))?;
        }
        Ok(PreparedTask {
            image: Some(held),
            // The image's own checkout; files built in it are not part of the repository.
            checkout_in_image: true,
            env: native::variables(),
            origin: format!("the image {of_id}"),
            ..PreparedTask::new(checkout)
        })
    }

    fn hold(&self, image: &str) -> ImageLease {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let now = used.values().map(|one| one.last).max().unwrap_or(0) + 1;
        let one = used.entry(image.to_owned()).or_default();
        one.last = now;
        ImageLease::new(image, Arc::clone(&one.held))
    }

    /// Whether this process uses an image now, and when it last did (0: never).
    fn use_of(&self, image: &str) -> (bool, u64) {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.get(image).map_or((false, 0), |one| (Arc::strong_count(&one.held) > 1, one.last))
    }
}

/// The official image's name, for rows without one.
fn official_name(id: &str) -> String {
    format!("swebench/sweb.eval.x86_64.{}:latest", id.replace("__", "_1776_").to_lowercase())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_row_without_an_image_has_the_official_one() {
        assert_eq!(
            super::official_name("scikit-learn__scikit-learn-10297"),
            "swebench/sweb.eval.x86_64.scikit-learn_1776_scikit-learn-10297:latest"
        );
    }
}
