//! Who answers: a model for each name that an experiment gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use voe_agent::Strategy;
use voe_grade::Instance;
use voe_model::Model;

use crate::script::{ScriptError, Scripts};

/// A model that attempts are made with.
pub enum Answers {
    /// A server's, shared by all attempts.
    Shared(Arc<dyn Model>),
    /// From a file, by task, strategy, trial and step.
    Scripted(Scripts),
}

/// The models of a run, by the names that its arms have for them.
pub type Models = BTreeMap<String, Answers>;

impl Answers {
    /// The model for one attempt, of which `served` replies are in its record. The attempts of a search share it, so a scripted one
    /// then goes by how many replies are in the conversation that it is asked about.
    ///
    /// # Errors
    /// The script has nothing for it.
    pub fn open(
        &self,
        task: &Instance,
        strategy: &Strategy,
        trial: u32,
        served: u32,
    ) -> Result<Arc<dyn Model>, ScriptError> {
        match self {
            Self::Shared(model) => Ok(Arc::clone(model)),
            Self::Scripted(scripts) => {
                let served = strategy.search.is_none().then_some(served);
                Ok(Arc::new(scripts.model(task, &strategy.name, trial, served)?))
            }
        }
    }
}
