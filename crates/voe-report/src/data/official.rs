//! SWE-bench's own report files.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::arm::Failed;

/// A run's report, schema 2. The counts in it are those of the lists; voe counts for itself.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct RunReport {
    /// Always there in a report; what makes a file one.
    pub resolved_ids: Vec<String>,
    /// Every task that had a prediction.
    #[serde(default)]
    pub submitted_ids: Vec<String>,
    /// Graded and not resolved.
    #[serde(default)]
    pub unresolved_ids: Vec<String>,
    /// Graded at all.
    #[serde(default)]
    pub completed_ids: Vec<String>,
    /// Nothing to grade.
    #[serde(default)]
    pub empty_patch_ids: Vec<String>,
    /// Could not be graded: the patch did not apply, or grading broke off.
    #[serde(default)]
    pub error_ids: Vec<String>,
    /// voe's own: tasks that can't run on the machine that graded.
    #[serde(default)]
    pub skipped_ids: Vec<String>,
    /// [`SCHEMA`]; some tools leave it out.
    #[serde(default)]
    pub schema_version: Option<u32>,
}

/// The version of the report's form that is read here.
pub const SCHEMA: u32 = 2;

impl RunReport {
    /// Refuses a form of which nothing is known. The error says what to do.
    pub(super) fn check_schema(&self) -> Result<(), String> {
        match self.schema_version {
            None | Some(SCHEMA) => Ok(()),
            Some(other) => Err(format!(
                "its schema_version is {other}, and this voe reads {SCHEMA}; grade the predictions again with voe bench grade --predictions"
            )),
        }
    }
}

/// One task's report: `{id: {…}}`.
pub type InstanceFile = BTreeMap<String, InstanceReport>;

/// What grading said of one task.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, serde::Serialize)]
pub struct InstanceReport {
    /// The verdict.
    #[serde(default)]
    pub resolved: bool,
    /// Whether there was a patch.
    #[serde(default)]
    pub patch_exists: bool,
    /// Whether it applied.
    #[serde(default)]
    pub patch_successfully_applied: bool,
    /// Whether the machine was at fault.
    #[serde(default)]
    pub infra_failure: bool,
    /// What was at fault.
    #[serde(default)]
    pub infra_failure_reason: Option<String>,
    /// The tests, by what was asked of them.
    #[serde(default)]
    pub tests_status: BTreeMap<String, Tests>,
}

/// Test names, by what came of them.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, serde::Serialize)]
pub struct Tests {
    /// As wanted.
    #[serde(default)]
    pub success: Vec<String>,
    /// Not as wanted.
    #[serde(default)]
    pub failure: Vec<String>,
}

impl InstanceReport {
    /// What it says of a failure.
    pub(crate) fn failed(&self) -> Failed {
        Failed { cause: None, regression: self.is_regression(), suspected: self.infra_failure }
    }

    /// All of FAIL_TO_PASS succeed and some of PASS_TO_PASS fail: the fix is there, and it broke something.
    pub fn is_regression(&self) -> bool {
        let of = |name: &str| self.tests_status.get(name);
        of("FAIL_TO_PASS").is_some_and(|t| t.failure.is_empty() && !t.success.is_empty())
            && of("PASS_TO_PASS").is_some_and(|t| !t.failure.is_empty())
    }
}
