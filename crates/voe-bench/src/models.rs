//! The models that answer: one for each name that an experiment gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use voe_agent::Strategy;
use voe_grade::Instance;
use voe_model::Model;

use crate::script::{AttemptsScriptError, Scripts};

/// A model that attempts are made with.
pub enum Answers {
    /// A model on a server, shared by all attempts.
    Shared(Arc<dyn Model>),
    /// Replies from a file, by task, strategy, trial and step.
    Scripted(Scripts),
}

/// The models of a run, by the names that its arms use.
pub type Models = BTreeMap<String, Answers>;

impl Answers {
    /// The model for one attempt whose record has `served` replies. The attempts of a search share it, so a scripted model
    /// then counts the replies in the conversation of each request.
    ///
    /// # Errors
    /// The script has no replies for it.
    pub fn open(
        &self,
        task: &Instance,
        strategy: &Strategy,
        trial: u32,
        served: u32,
    ) -> Result<Arc<dyn Model>, AttemptsScriptError> {
        match self {
            Self::Shared(model) => Ok(Arc::clone(model)),
            Self::Scripted(scripts) => {
                let served = strategy.search.is_none().then_some(served);
                Ok(Arc::new(scripts.model(task, &strategy.name, trial, served)?))
            }
        }
    }
}
