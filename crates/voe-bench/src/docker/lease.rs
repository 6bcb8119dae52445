//! A lease on an image.

use std::sync::Arc;

/// Keeps an image from being removed while it lives.
#[derive(Debug, Clone)]
pub struct ImageLease {
    /// The image's name.
    pub image: String,
    /// Shared by all leases on the image; the engine's images are counted by it.
    _held: Arc<()>,
}

impl ImageLease {
    pub(super) fn new(image: &str, held: Arc<()>) -> Self {
        Self { image: image.to_owned(), _held: held }
    }
}
