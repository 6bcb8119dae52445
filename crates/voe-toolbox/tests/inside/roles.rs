//! Which files of a change are check files, what goes along with a check, and what a check leaves behind.

use voe_protocol::CallResult;
use voe_trace::{CopiedContent, FileRole};

use crate::lab::{Lab, has, listed};

crate::tests!(
    a_script_that_a_command_runs_is_not_code,
    a_script_written_and_run_in_one_command_leaves_the_code_as_it_was,
    a_script_that_code_imports_later_becomes_code,
    a_file_of_the_base_never_becomes_a_check_file,
    helpers_and_data_go_along_and_have_copies,
    a_module_and_a_script_in_another_directory_are_check_files,
    another_toolbox_knows_which_files_were_run,
    what_a_builder_writes_is_a_byproduct_until_code_refers_to_it,
);

const CALC: (&str, &str) = ("calc.py", "def add(a, b):\n    return a - b\n");
const REPRO: &str = "cat > reproduce_issue.py <<'EOF'\nfrom calc import add\nassert add(1, 2) == 3\nEOF\n";
const FIX: &str = "sed -i 's/a - b/a + b/' calc.py";

fn roles(lab: &mut Lab) -> Vec<(String, FileRole)> {
    let files = lab.export().files;
    files.into_iter().map(|file| (String::from_utf8(file.path.0).unwrap(), file.role)).collect()
}

fn copied(result: &CallResult) -> Vec<&str> {
    result.check_files.iter().map(|copy| copy.path.as_str()).collect()
}

fn a_script_that_a_command_runs_is_not_code() {
    if !has("python3") {
        return;
    }
    let mut lab = Lab::new(&[CALC]);
    let written = lab.bash(REPRO);
    assert!(!written.state.code_tree.is_empty(), "it could be code");
    let red = lab.bash("python3 reproduce_issue.py");
    assert_eq!((red.exit, &*red.state.code_tree, red.code_before.as_deref()), (Some(1), "", Some("")));
    let fixed = lab.bash(FIX);
    let green = lab.bash("cd . && python3 reproduce_issue.py");
    assert_eq!((green.exit, &green.state.code_tree), (Some(0), &fixed.state.code_tree));
    assert_eq!(green.code_before, None);
    assert_eq!(
        roles(&mut lab),
        [("calc.py".to_owned(), FileRole::Code), ("reproduce_issue.py".to_owned(), FileRole::RunByCheck)]
    );
    lab.bash("rm reproduce_issue.py");
    assert_eq!(lab.state().code_tree, green.state.code_tree, "without the script the code is the same");
}

fn a_script_written_and_run_in_one_command_leaves_the_code_as_it_was() {
    if !has("python3") {
        return;
    }
    let mut lab = Lab::new(&[CALC]);
    let fixed = lab.bash(FIX);
    let green = lab.bash(&format!("{REPRO}python3 reproduce_issue.py"));
    assert_eq!((green.exit, listed(&green)), (Some(0), vec!["A reproduce_issue.py +2 -0".to_owned()]));
    assert_eq!(green.changes[0].role, FileRole::RunByCheck);
    assert_eq!(green.state.code_tree, fixed.state.code_tree);
    assert_eq!(copied(&green), ["reproduce_issue.py"]);
    let CopiedContent::Text(text) = &green.check_files[0].content else { panic!() };
    assert_eq!(text, "from calc import add\nassert add(1, 2) == 3\n");
}

fn a_script_that_code_imports_later_becomes_code() {
    let mut lab = Lab::new(&[CALC]);
    lab.bash(FIX);
    let checked = lab.bash("echo 'X = 1' > extra.py; python3 extra.py");
    assert_eq!(checked.changes[0].role, FileRole::RunByCheck);
    lab.bash("echo 'import extra' >> calc.py");
    assert!(roles(&mut lab).iter().all(|(_, role)| role.is_code()));
    // A reference in a file of the base counts as well.
    let mut lab = Lab::new(&[CALC, ("app.py", "import extra\n"), ("README.md", "extra.py\n")]);
    lab.bash("echo 'X = 1' > extra.py; python3 extra.py");
    assert_eq!(roles(&mut lab), [("extra.py".to_owned(), FileRole::Code)]);
}

fn a_file_of_the_base_never_becomes_a_check_file() {
    let mut lab = Lab::new(&[CALC, ("tool.py", "print(1)\n")]);
    lab.bash("echo 'print(2)' > tool.py; python3 tool.py; sh calc.py");
    assert_eq!(roles(&mut lab), [("tool.py".to_owned(), FileRole::Code)]);
}

fn helpers_and_data_go_along_and_have_copies() {
    let mut lab = Lab::new(&[CALC]);
    lab.bash(FIX);
    lab.bash("echo 'import json; CASE = json.load(open(\"case.json\"))' > helper.py; echo '[1, 2]' > case.json");
    lab.bash("printf 'import helper\\nfrom calc import add\\nassert add(*helper.CASE) == 3\\n' > repro.py");
    let green = lab.bash("python3 repro.py");
    let role = |path: &str| green.check_files.iter().find(|copy| copy.path == path).map(|copy| copy.role);
    assert_eq!(copied(&green), ["case.json", "helper.py", "repro.py"]);
    assert_eq!((role("repro.py"), role("helper.py")), (Some(FileRole::RunByCheck), Some(FileRole::NeededByCheck)));
    assert_eq!(roles(&mut lab)[0], ("calc.py".to_owned(), FileRole::Code));
    let large = lab.bash("head -c 300000 /dev/zero | tr '\\0' '#' >> helper.py; python3 repro.py");
    let helper = large.check_files.iter().find(|copy| copy.path == "helper.py").unwrap();
    assert!(helper.hash.is_empty() && helper.content == CopiedContent::Text(String::new()), "it is too large");
}

fn a_module_and_a_script_in_another_directory_are_check_files() {
    let mut lab = Lab::new(&[CALC]);
    lab.bash(FIX);
    lab.bash("mkdir tools sub; echo 'print(1)' > tools/check.py; echo 'echo 1' > sub/x.sh; echo 'print(2)' > y.py");
    let workspace = lab.setup.workspace.display().to_string();
    lab.bash(&format!("python3 -m tools.check && cd sub && sh x.sh && python3 '{workspace}/y.py'"));
    let run: Vec<String> =
        roles(&mut lab).into_iter().filter(|(_, role)| *role == FileRole::RunByCheck).map(|(path, _)| path).collect();
    assert_eq!(run, ["sub/x.sh", "tools/check.py", "y.py"]);
}

fn another_toolbox_knows_which_files_were_run() {
    let mut lab = Lab::new(&[CALC]);
    lab.bash(FIX);
    let before = lab.bash(&format!("{REPRO}python3 reproduce_issue.py")).state.code_tree;
    lab.drop_pipe();
    lab.restart();
    assert_eq!(lab.state().code_tree, before);
    // Without what the first one kept, the commands in the record are enough.
    lab.drop_pipe();
    std::fs::remove_dir_all(lab.setup.scratch.join("toolbox")).unwrap();
    lab.setup.earlier_commands = vec!["python3 reproduce_issue.py".into()];
    lab.restart();
    assert_eq!(lab.state().code_tree, before);
}

fn what_a_builder_writes_is_a_byproduct_until_code_refers_to_it() {
    if !has("python3") {
        return;
    }
    let build = "import os, sys\nos.makedirs(sys.argv[1], exist_ok=True)\nfor n in ('index.html', 'conf' + '.py'):\n    open(os.path.join(sys.argv[1], n), 'w').write('x')\nopen('run' + '.db', 'w').write('y')\nopen('made' + '_up.py', 'w').write('Z = 1')\n";
    let mut lab = Lab::new(&[CALC, ("build_docs.py", build)]);
    let fixed = lab.bash(FIX);
    let built = lab.bash("python3 build_docs.py site");
    assert!(built.changes.is_empty(), "{:?}", listed(&built));
    assert_eq!(built.byproducts, ["made_up.py", "run.db", "site/conf.py", "site/index.html"]);
    assert_eq!(built.state.code_tree, fixed.state.code_tree);
    let used = lab.bash("echo 'from made_up import Z' >> calc.py");
    assert_eq!(listed(&used), ["M calc.py +1 -0", "A made_up.py +1 -0"]);
    let redirected = lab.bash("python3 build_docs.py other > table.py");
    assert_eq!(listed(&redirected), ["A table.py +0 -0"]);
}
