//! Fetching an image, with patience.

use std::time::Duration;

use voe_sandbox::Images;

/// How often an image is asked for.
const TRIES: u32 = 6;
/// The wait before the second try; before each further one it is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// Fetches `image`; the error says what to do.
pub(super) async fn pull(images: &Images, image: &str) -> Result<(), String> {
    let mut wait = FIRST_WAIT;
    for attempt in 1.. {
        let error = match images.pull(image).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if !error.passing {
            return Err(format!("the image {image} can't be fetched ({}); {}", error.why, remedy(&error.why)));
        }
        if attempt == TRIES {
            return Err(format!(
                "the image {image} can't be fetched ({}; tried {TRIES} times); log in (docker login) or run the same command later",
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
        return "free some of the engine's disk (voe bench prune --free images, docker system prune) or keep fewer (--keep-images N)";
    }
    if ["no such host", "unreachable", "refused", "no route"].iter().any(|word| why.contains(word)) {
        return "connect to its registry, load it (docker load), or run without Docker (--backend native)";
    }
    "check its name, or name another with --image"
}
