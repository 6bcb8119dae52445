//! A prepared workspace, and why one can't be prepared.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::checkout::Checkout;
use super::reason::Lacks;
use crate::docker::lease::ImageLease;

/// Where the official eval scripts expect the checkout.
pub const TESTBED: &str = "/testbed";

/// A task's workspace, ready to be opened any number of times.
#[derive(Debug, Clone)]
pub struct PreparedTask {
    /// The repository at its base.
    pub checkout: Checkout,
    /// Variables of commands, besides those that the sandbox sets.
    pub env: BTreeMap<String, String>,
    /// Directories that commands may change in a private copy, with their paths inside the sandbox.
    pub overlays: Vec<(PathBuf, PathBuf)>,
    /// Directories that commands may read.
    pub read: Vec<PathBuf>,
    /// Commands to run before the eval script, for what the official image has and the host lacks.
    pub before: String,
    /// What its environment lacks.
    pub lacks: Lacks,
    /// The image, for containers.
    pub image: Option<ImageLease>,
    /// Whether the image already contains the checkout.
    pub checkout_in_image: bool,
    /// Name of its environment by content: equal if and only if the environment is the same.
    pub origin: String,
}

impl PreparedTask {
    /// A checkout and nothing else.
    pub(crate) fn new(checkout: Checkout) -> Self {
        Self {
            checkout,
            env: BTreeMap::new(),
            overlays: Vec::new(),
            read: Vec::new(),
            before: String::new(),
            lacks: Lacks::default(),
            image: None,
            checkout_in_image: false,
            origin: String::new(),
        }
    }
}
