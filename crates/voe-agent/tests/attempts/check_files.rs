//! Checks by scripts of the agent's own in the workspace, as most agents make them.

use serde_json::{Value, json};
use voe_testkit::Lab;
use voe_testkit::replies::{bash, done};

const CALC: (&str, &str) = ("calc.py", "def add(a, b):\n    return a - b\n");
const REPRO: &str = "cat > reproduce_issue.py <<'EOF'\nfrom calc import add\nassert add(1, 2) == 3, add(1, 2)\nEOF";
const RUN: &str = "python3 reproduce_issue.py";

fn fix() -> Value {
    bash("sed -i 's/a - b/a + b/' calc.py")
}

pub(crate) fn a_script_in_the_workspace_that_fails_before_the_fix_and_passes_after_it_is_a_proof() {
    let lab = Lab::new(&[CALC]);
    let played = lab.play("prove-on-edit", &[bash(REPRO), bash(RUN), fix(), bash(RUN), done()]);
    assert_eq!(played.finish()["evidence"]["level"], "proven", "{played}");
    let check = played.check(RUN);
    assert_eq!(check["files"][0]["path"], "reproduce_issue.py", "{check}");
    assert_eq!(check["files"][0]["role"], "run_by_check");
    let copies = played.events_of("check_files");
    assert_eq!(copies.len(), 1, "a copy is recorded once: {played}");
    assert_eq!(copies[0]["files"][0]["hash"], check["files"][0]["hash"]);
}

pub(crate) fn a_script_written_and_run_in_one_command_is_a_proof() {
    let lab = Lab::new(&[CALC]);
    let both = format!("{REPRO}\n{RUN}");
    let played = lab.play("prove-on-edit", &[fix(), bash(&both), done()]);
    assert_eq!(played.finish()["evidence"]["level"], "proven", "{played}");
}

pub(crate) fn helpers_and_data_of_a_script_go_along() {
    let lab = Lab::new(&[CALC]);
    let helper = "mkdir repro; echo 'import json; CASE = json.load(open(\"repro/case.json\"))' > repro/helper.py; echo '[1, 2]' > repro/case.json";
    let script = "printf 'import sys; sys.path.insert(0, \".\")\\nimport helper\\nfrom calc import add\\nassert add(*helper.CASE) == 3\\n' > repro/run.py";
    let run = "python3 repro/run.py";
    let played = lab.play("prove-on-edit", &[fix(), bash(helper), bash(script), bash(run), done()]);
    assert_eq!(played.finish()["evidence"]["level"], "proven", "{played}");
}

pub(crate) fn a_script_that_the_agent_deletes_keeps_its_proof_also_for_a_later_edit() {
    let lab = Lab::new(&[CALC]);
    let replies = [bash(REPRO), fix(), bash(RUN), bash("rm reproduce_issue.py"), done()];
    let played = lab.play("prove-on-edit", &replies);
    assert_eq!(played.finish()["evidence"]["level"], "proven", "{played}");
    let later = bash("echo '# adds two numbers' >> calc.py");
    let replies = [bash(REPRO), fix(), bash(RUN), bash("rm reproduce_issue.py"), later, done(), done(), done()];
    let lab = Lab::new(&[CALC]);
    let played = lab.play("prove-on-edit", &replies);
    assert_eq!(played.finish()["evidence"]["level"], "proven", "{played}");
    let changes = played.finish()["changes"].as_array().unwrap().len();
    assert_eq!(changes, 1, "the script stays deleted: {played}");
}

pub(crate) fn a_script_that_code_imports_is_part_of_what_is_proven() {
    let lab = Lab::new(&[CALC]);
    let write = bash("echo 'def plus(a, b): return a + b' > plus.py");
    let using = bash("printf 'from plus import plus\\ndef add(a, b):\\n    return plus(a, b)\\n' > calc.py");
    let run = "python3 plus.py && python3 -c 'from calc import add; assert add(1, 2) == 3'";
    let played = lab.play("prove-on-edit", &[write, using, bash(run), done(), done(), done()]);
    let files = &played.check(run)["files"];
    assert!(files.as_array().is_none_or(Vec::is_empty), "{files}");
    assert_eq!(played.check(run)["level"], "inconclusive", "{played}");
}

pub(crate) fn a_check_that_builds_something_stays_a_check() {
    let build = "import os\nos.makedirs('site', exist_ok=True)\nfrom calc import add\nopen('site/' + 'conf.py', 'w').write(str(add(1, 2)))\nopen('run' + '.db', 'w').write('x')\nassert add(1, 2) == 3\n";
    let lab = Lab::new(&[CALC, ("build_docs.py", build)]);
    let run = "python3 build_docs.py";
    let played = lab.play("prove-on-edit", &[fix(), bash(run), done()]);
    assert_eq!(played.finish()["evidence"]["level"], "proven", "{played}");
    assert_eq!(played.finish()["byproducts"], json!(["run.db", "site/conf.py"]));
}

pub(crate) fn check_files_are_dropped_from_the_patch_if_the_strategy_wants_that() {
    let lab = Lab::new(&[CALC]);
    let replies = [bash(REPRO), fix(), bash(RUN), done()];
    let kept = lab.play("prove-on-edit", &replies);
    let paths = |finish: Value| {
        let changes = finish["changes"].as_array().unwrap().iter();
        changes.map(|change| change["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(paths(kept.finish()), ["calc.py", "reproduce_issue.py"]);
    assert_eq!(kept.finish()["changes"][1]["role"], "run_by_check");
    let lab = Lab::new(&[CALC]);
    let dropping = "extends = \"prove-on-edit\"\nname = \"dropping\"\n[evidence]\ncheck_files = \"drop\"\n";
    let dropped = lab.play(dropping, &replies);
    assert_eq!(paths(dropped.finish()), ["calc.py"], "{dropped}");
    assert_eq!(dropped.finish()["evidence"]["level"], "proven");
}
