//! Removes from an official image's repository everything after the task's base: makes a checkout of it on this machine, and
//! an image with that checkout in place of its own.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use tokio::process::Command;
use voe_repo::sealed_checkout;
use voe_sandbox::Images;
use voe_untrusted::FileKind;

use crate::workspace::checkout::{self, Checkout};
use crate::workspace::error::{PrepareError, Remedy};
use crate::workspace::prepared::TESTBED;

/// Temporary path of the sealed repository in the image.
const PASSAGE: &str = "/voe-sealed-git";

/// The sealed image's name.
pub(super) fn name(image: &str) -> String {
    let plain: String = image.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let short = plain.rsplit("x86-64-").next().unwrap_or(&plain).trim_matches('-').to_lowercase();
    let short: String = short.chars().take(60).collect();
    format!("voe-sealed:{}-{:.8}", short.trim_matches('-'), blake3::hash(image.as_bytes()).to_hex())
}

/// Makes the checkout called `key` of the repository that `image` has at `/testbed`: its commit (the base, or the commit that official images
/// add on top of it), its ancestors and the tags among them.
pub(super) async fn checkout(
    images: &Images,
    image: &str,
    cache: &Path,
    key: &str,
    base: &str,
) -> Result<Checkout, PrepareError> {
    if let Some(there) = checkout::there(cache, key) {
        return Ok(there);
    }
    std::fs::create_dir_all(cache).map_err(PrepareError::io("make", cache))?;
    let out = tempfile::tempdir_in(cache).map_err(PrepareError::io("make", cache))?;
    images.take_out(image, &format!("{TESTBED}/.git"), out.path(), belongs).await.map_err(|error| {
        let why = format!("{error}; give an image with the layout of the official ones with --image");
        PrepareError::Environment { id: String::new(), why, remedy: Remedy::Image }
    })?;
    let (place, key, source) = (cache.to_owned(), key.to_owned(), out.path().join(".git"));
    let made = tokio::task::spawn_blocking(move || {
        checkout::get(&place, &key, |dir| Ok(sealed_checkout(&source, "HEAD", dir, None).map(drop)?))
    });
    let made = made.await.map_err(|error| PrepareError::io("prepare", cache)(std::io::Error::other(error)))??;
    if let Err(why) = stands_at(&made.dir, base).await {
        let _ = std::fs::remove_file(made.dir.with_file_name("base.json"));
        return Err(PrepareError::Environment { id: String::new(), why, remedy: Remedy::Image });
    }
    Ok(made)
}

/// Which files of an image's repository are read on this machine: objects and refs. Its configuration, hooks and
/// alternates come from the image's author and can't be trusted.
fn belongs(path: &Path, kind: FileKind) -> bool {
    let names: Vec<&[u8]> = path.iter().map(OsStrExt::as_bytes).collect();
    match (&names[..], kind) {
        ([b".git", rest @ ..], FileKind::Dir) => !matches!(rest, [b"objects", b"info", ..]),
        ([b".git", b"HEAD" | b"packed-refs" | b"shallow"], FileKind::File) => true,
        ([b".git", b"objects", dir, _, ..], FileKind::File) => *dir != b"info",
        ([b".git", b"refs", ..], FileKind::File) => true,
        _ => false,
    }
}

/// Checks that a checkout is at `base`, or one commit later.
async fn stands_at(dir: &Path, base: &str) -> Result<(), String> {
    let mut command = Command::from(voe_untrusted::program("git"));
    command.arg("-C").arg(dir).args(["rev-list", "--max-count=2", "--first-parent", "HEAD"]);
    let said = command.stdin(std::process::Stdio::null()).output().await.map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    if said.split_whitespace().any(|commit| commit == base) {
        return Ok(());
    }
    let head = said.split_whitespace().next().unwrap_or("nothing");
    Err(format!("its {TESTBED} is at {head:.12}, not at the task's base {base:.12}; give the right image with --image"))
}

/// Makes the sealed image.
pub(super) async fn derive(images: &Images, image: &str, name: &str, checkout: &Checkout) -> Result<(), PrepareError> {
    let script = format!(
        "set -e; rm -rf {TESTBED}/.git; mv {PASSAGE} {TESTBED}/.git; chown -R 0:0 {TESTBED}/.git; cd {TESTBED}; \
         git -c safe.directory={TESTBED} update-index -q --refresh > /dev/null 2>&1 || true"
    );
    let git = checkout.dir.join(".git");
    Ok(images.derive(image, name, (&git, Path::new(PASSAGE)), &script).await?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn of_an_images_repository_only_objects_and_names_are_taken() {
        use voe_untrusted::FileKind::{Dir, File, Link};
        let takes = |path: &str, kind| super::belongs(std::path::Path::new(path), kind);
        for path in
            [".git/HEAD", ".git/packed-refs", ".git/objects/ab/cd", ".git/objects/pack/x.pack", ".git/refs/heads/a"]
        {
            assert!(takes(path, File), "{path}");
            assert!(!takes(path, Link), "{path}");
        }
        for path in
            [".git/config", ".git/hooks/post-checkout", ".git/objects/info/alternates", ".git/info/grafts", "HEAD"]
        {
            assert!(!takes(path, File), "{path}");
        }
        assert!(takes(".git/refs", Dir) && !takes(".git/objects/info", Dir));
    }

    #[test]
    fn the_sealed_images_name_tells_which_it_was_made_of() {
        let name = super::name("swebench/sweb.eval.x86_64.django_1776_django-16877:latest");
        assert!(name.starts_with("voe-sealed:django-1776-django-16877-latest-"), "{name}");
        assert_ne!(super::name("a"), super::name("b"));
    }
}
