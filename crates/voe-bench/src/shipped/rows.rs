//! The tasks that ship as rows in SWE-bench's shape.

use voe_grade::{EvalType, Instance};

use super::{ShippedTask, commit};

/// What ends the test patch in the eval script; the word of the official scripts.
const HERE: &str = "EOF_114329324912";

impl ShippedTask {
    /// The task as a row.
    pub fn row(&self) -> Instance {
        let base = commit::id(&self.files);
        let (suite, name) = self.about.id.split_once("__").unwrap_or_default();
        Instance {
            repo: format!("{suite}/{}", name.trim_end_matches("-1")),
            instance_id: self.about.id.clone(),
            patch: self.gold.clone(),
            test_patch: self.test_patch.clone(),
            problem_statement: self.statement.clone(),
            hints_text: String::new(),
            created_at: "2025-01-01T00:00:00Z".to_owned(),
            version: "1".to_owned(),
            fail_to_pass: self.about.fail_to_pass.clone(),
            pass_to_pass: self.about.pass_to_pass.clone(),
            environment_setup_commit: None,
            difficulty: Some(self.about.difficulty.clone()),
            eval_script: Some(self.eval_script(&base)),
            log_parser: Some(format!("mini-{}", self.about.log_parser)),
            eval_type: Some(EvalType::PassAndFail),
            image: None,
            extra: Default::default(),
            base_commit: base,
        }
    }

    /// The commands that the task needs and `PATH` lacks.
    pub fn missing(&self) -> Vec<&str> {
        self.about.needs.iter().map(String::as_str).filter(|name| !on_path(name)).collect()
    }

    fn eval_script(&self, base: &str) -> String {
        let files = self.about.test_files.join(" ");
        let newline = if self.test_patch.ends_with('\n') { "" } else { "\n" };
        format!(
            "#!/bin/bash\n\
             set -uxo pipefail\n\
             cd /testbed\n\
             git config --global --add safe.directory /testbed\n\
             git status\n\
             git show\n\
             git -c core.fileMode=false diff {base}\n\
             git checkout {base} {files}\n\
             git apply -v - <<'{HERE}'\n\
             {patch}{newline}{HERE}\n\
             : '>>>>> Start Test Output'\n\
             {test}\n\
             : '>>>>> End Test Output'\n\
             git checkout {base} {files}\n",
            patch = self.test_patch,
            test = self.about.test_command,
        )
    }
}

fn on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(name).is_file())
}

#[cfg(test)]
mod tests {
    #[test]
    fn rows_have_the_shape_of_the_official_ones() {
        for task in crate::shipped::tasks("mini").unwrap() {
            let row = task.row();
            assert_eq!(row.base_commit.len(), 40);
            row.parser().unwrap();
            let script = row.eval_script.as_deref().unwrap();
            let order = ["git checkout", "git apply", ">>>>> Start Test Output", ">>>>> End Test Output"];
            let places: Vec<_> = order.iter().map(|word| script.find(word).unwrap()).collect();
            assert!(places.is_sorted(), "{script}");
            let back = voe_grade::Instance::from_value(serde_json::to_value(&row).unwrap()).unwrap();
            assert_eq!(back, row);
        }
    }
}
