//! The official report of one task: `report.json`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::infra::{InfraFailure, Tier};
use crate::official_json;

/// The verdict on one prediction, with the official names and order of fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceReport {
    /// The prediction had no patch at all.
    #[serde(rename = "patch_is_None", default)]
    pub patch_is_none: bool,
    /// The prediction had a patch.
    #[serde(default)]
    pub patch_exists: bool,
    /// The patch was applied and the log of the tests could be read.
    #[serde(default)]
    pub patch_successfully_applied: bool,
    /// All tests that had to pass passed.
    #[serde(default)]
    pub resolved: bool,
    /// No tests were found, and the environment is the likely cause. Reports before 5.x lack it.
    #[serde(default)]
    pub infra_failure: bool,
    /// The sign of another cause than the patch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub infra_failure_reason: Option<String>,
    /// The results by test; absent if no tests were found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests_status: Option<TestsStatus>,
}

/// The tests that decide, by what was expected of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestsStatus {
    /// Tests that failed before and had to pass.
    #[serde(rename = "FAIL_TO_PASS", default)]
    pub fail_to_pass: Outcomes,
    /// Tests that passed before and had to pass again.
    #[serde(rename = "PASS_TO_PASS", default)]
    pub pass_to_pass: Outcomes,
    /// Always empty; part of the official report.
    #[serde(rename = "FAIL_TO_FAIL", default)]
    pub fail_to_fail: Outcomes,
    /// Always empty; part of the official report.
    #[serde(rename = "PASS_TO_FAIL", default)]
    pub pass_to_fail: Outcomes,
}

/// Test ids as the suite has them, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcomes {
    /// Tests with the expected result.
    #[serde(default)]
    pub success: Vec<String>,
    /// Tests without it. A test with a result that the verdict does not know is in neither list.
    #[serde(default)]
    pub failure: Vec<String>,
}

/// One task's report in the form in which it is saved: under the task's id.
pub type InstanceFile = std::collections::BTreeMap<String, InstanceReport>;

impl InstanceReport {
    /// All of FAIL_TO_PASS succeed and some of PASS_TO_PASS fail: the patch fixes the problem and breaks something else.
    pub fn is_regression(&self) -> bool {
        let fixed = |tests: &Outcomes| tests.failure.is_empty() && !tests.success.is_empty();
        self.tests_status.as_ref().is_some_and(|t| fixed(&t.fail_to_pass) && !t.pass_to_pass.failure.is_empty())
    }

    /// The report on a prediction without a patch.
    pub fn without_patch() -> Self {
        Self { patch_is_none: true, ..Self::default() }
    }

    /// The report on a patch whose tests left no readable result.
    pub fn not_found(cause: Option<InfraFailure>) -> Self {
        Self {
            patch_exists: true,
            infra_failure: cause.is_some_and(|sign| sign.tier == Tier::Environment),
            infra_failure_reason: cause.map(|sign| sign.reason.to_owned()),
            ..Self::default()
        }
    }

    /// The text of `report.json`: the report under the task's id, as the official package writes it.
    ///
    /// # Errors
    /// Does not happen: a report is always valid JSON.
    pub fn to_file(&self, instance_id: &str) -> serde_json::Result<String> {
        official_json::indented(&IndexMap::from([(instance_id, self)]))
    }

    /// Reads a `report.json`: reports by task id, usually one.
    ///
    /// # Errors
    /// The text is not JSON, or is not a report.
    pub fn from_file(text: &str) -> serde_json::Result<IndexMap<String, Self>> {
        serde_json::from_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_json_has_the_official_fields_in_the_official_order() {
        let found = InstanceReport {
            patch_exists: true,
            patch_successfully_applied: true,
            tests_status: Some(TestsStatus {
                fail_to_pass: Outcomes { success: vec!["t[ä]".to_owned()], failure: Vec::new() },
                ..TestsStatus::default()
            }),
            ..InstanceReport::default()
        };
        let text = found.to_file("a__b-1").unwrap();
        insta::assert_snapshot!(text, @r#"
        {
            "a__b-1": {
                "patch_is_None": false,
                "patch_exists": true,
                "patch_successfully_applied": true,
                "resolved": false,
                "infra_failure": false,
                "tests_status": {
                    "FAIL_TO_PASS": {
                        "success": [
                            "t[\u00e4]"
                        ],
                        "failure": []
                    },
                    "PASS_TO_PASS": {
                        "success": [],
                        "failure": []
                    },
                    "FAIL_TO_FAIL": {
                        "success": [],
                        "failure": []
                    },
                    "PASS_TO_FAIL": {
                        "success": [],
                        "failure": []
                    }
                }
            }
        }
        "#);
        assert_eq!(InstanceReport::from_file(&text).unwrap()["a__b-1"], found);
    }

    #[test]
    fn a_report_without_patch_or_tests_has_no_tests_status() {
        let text = serde_json::to_string(&InstanceReport::without_patch()).unwrap();
        insta::assert_snapshot!(text, @r#"{"patch_is_None":true,"patch_exists":false,"patch_successfully_applied":false,"resolved":false,"infra_failure":false}"#);
        let cause = InfraFailure { reason: "missing_module", tier: Tier::Ambiguous };
        let text = serde_json::to_string(&InstanceReport::not_found(Some(cause))).unwrap();
        insta::assert_snapshot!(text, @r#"{"patch_is_None":false,"patch_exists":true,"patch_successfully_applied":false,"resolved":false,"infra_failure":false,"infra_failure_reason":"missing_module"}"#);
    }

    #[test]
    fn a_report_of_an_older_version_can_be_read() {
        let old =
            r#"{"x":{"patch_is_None":false,"patch_exists":true,"patch_successfully_applied":true,"resolved":true}}"#;
        assert!(InstanceReport::from_file(old).unwrap()["x"].resolved);
    }
}
