//! Fetches an image, with retries.

use std::time::Duration;

use voe_sandbox::Images;

/// How many times fetching an image is tried.
const TRIES: u32 = 6;
/// The wait before the second try; it doubles before each further one.
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// Fetches `image`. The error includes a remedy.
pub(super) async fn pull(images: &Images, image: &str) -> Result<(), String> {
    let mut wait = FIRST_WAIT;
    for attempt in 1.. {
        let error = match images.pull(image).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if !error.passing {
            return Err(format!("cannot fetch the image {image}: {}; {}", error.why, remedy(&error.why)));
        }
        if attempt == TRIES {
            return Err(format!(
                "cannot fetch the image {image}: {} (tried {TRIES} times); log in (docker login) or run the same command later",
                error.why
            ));
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
    Ok(())
}

fn remedy(why: &str) -> &'static str {
    if why.contains("no space left") {
        return "free space on the engine's disk (voe bench prune --free images, docker system prune) or keep fewer (--keep-images N)";
    }
    if ["no such host", "unreachable", "refused", "no route"].iter().any(|word| why.contains(word)) {
        return "connect to its registry, load it (docker load), or run without Docker (--backend native)";
    }
    "check its name, or give another one with --image"
}
