//! Progress of builds, which take minutes.

use std::fmt;
use std::sync::Arc;

/// A build that begins or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildStep {
    /// The build of an environment begins.
    Builds {
        /// Name of the environment.
        environment: String,
    },
    /// The build ended, successfully or not.
    Built,
}

type Each = dyn Fn(&BuildStep) + Send + Sync;

/// The function to call at each step.
#[derive(Clone, Default)]
pub struct BuildWatch(Option<Arc<Each>>);

impl BuildWatch {
    /// Calls `each` at every step.
    pub fn new(each: impl Fn(&BuildStep) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(each)))
    }

    pub(super) fn tell(&self, step: &BuildStep) {
        if let Some(each) = &self.0 {
            each(step);
        }
    }
}

impl fmt::Debug for BuildWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watch").field(&self.0.is_some()).finish()
    }
}
