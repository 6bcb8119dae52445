//! What is made for tasks, told as it begins, for whoever watches: it takes minutes.

use std::fmt;
use std::sync::Arc;

/// Something that begins or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// An environment is built.
    Builds {
        /// Its name.
        environment: String,
    },
    /// That has ended, however.
    Built,
}

type Each = dyn Fn(&Step) + Send + Sync;

/// The function that is called at each step.
#[derive(Clone, Default)]
pub struct Watch(Option<Arc<Each>>);

impl Watch {
    /// Tells `each` of every step.
    pub fn new(each: impl Fn(&Step) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(each)))
    }

    pub(super) fn tell(&self, step: &Step) {
        if let Some(each) = &self.0 {
            each(step);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watch").field(&self.0.is_some()).finish()
    }
}
