//! Which call changed what.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;

use crate::lab::{Lab, git, has, listed, listed_changes};

crate::tests!(
    edits_are_seen_however_they_are_made,
    looking_changes_nothing,
    a_change_that_is_taken_back_is_none,
    changes_are_reported_against_the_state_before_the_call,
    mode_links_and_binaries_are_changes,
    ignored_files_do_not_count_unless_the_base_has_them,
    a_changed_ignore_file_is_heeded,
    byproducts_are_listed_and_are_no_changes,
    what_a_test_run_makes_is_left_behind_and_what_a_script_writes_is_not,
    a_file_tool_can_write_what_looks_like_a_byproduct,
    a_check_of_voes_own_makes_only_byproducts,
    a_same_size_edit_within_a_second_of_an_import_is_seen_and_takes_effect,
    a_stale_cache_does_not_shadow_an_edit,
    rapid_rewrites_of_one_size_are_all_seen,
    nested_repositories_are_left_alone,
    renamed_directories_and_changed_kinds_are_reported,
    tests_do_not_count_for_the_code,
    a_flood_of_files_is_not_an_edit,
    the_users_git_is_free_to_use,
);

fn edits_are_seen_however_they_are_made() {
    let mut lab = Lab::new(&[("a.py", "x = 1\ny = 2\n"), ("b.py", "z\n")]);
    assert_eq!(lab.hello.files, 2);
    let result = lab.bash("sed -i 's/x = 1/x = 5/' a.py");
    assert_eq!(listed(&result), ["M a.py +1 -1"]);
    assert_eq!(result.diff, "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n-x = 1\n+x = 5\n y = 2\n");
    let result = lab.bash("cat > new.py <<'EOF'\na\nb\nEOF\nrm b.py");
    assert_eq!(listed(&result), ["D b.py +0 -1", "A new.py +2 -0"]);
    let result = lab.bash("echo c >> new.py");
    assert_eq!(listed(&result), ["M new.py +1 -0"]);
    let result = lab.edit("a.py", "y = 2", "y = 3");
    assert_eq!(listed(&result), ["M a.py +1 -1"]);
    assert_eq!(listed_changes(&lab.state().changes), ["M a.py +2 -2", "D b.py +0 -1", "A new.py +3 -0"]);
}

fn looking_changes_nothing() {
    let mut lab = Lab::new(&[("a.py", "x = 1\n")]);
    for command in ["cat a.py", "ls -R; git status; git diff", "touch a.py", "chmod 640 a.py", "cp a.py b && mv b a.py"]
    {
        let result = lab.bash(command);
        assert!(result.changes.is_empty() && result.state.tree.is_empty(), "{command}: {result:?}");
    }
    let result = lab.call("file_read", json!({"path": "a.py"}));
    assert_eq!(result.state.tree, "");
}

fn a_change_that_is_taken_back_is_none() {
    let mut lab = Lab::new(&[("a.py", "x = 1\n")]);
    let first = lab.bash("echo y >> a.py; echo n > n.py");
    assert!(!first.state.tree.is_empty());
    let second = lab.bash("git init -q; echo 'x = 1' > a.py; rm n.py");
    assert_eq!(listed(&second), ["M a.py +0 -1", "D n.py +0 -1"]);
    assert_eq!((&*second.state.tree, &*second.state.code_tree), ("", ""));
    let again = lab.bash("echo y >> a.py; echo n > n.py");
    assert_eq!(again.state.tree, first.state.tree, "the same state has the same hash");
}

fn changes_are_reported_against_the_state_before_the_call() {
    let mut lab = Lab::new(&[("a.py", "1\n2\n3\n")]);
    lab.bash("sed -i 's/1/one/' a.py");
    let result = lab.bash("sed -i 's/2/two/' a.py");
    assert_eq!(listed(&result), ["M a.py +1 -1"]);
    assert!(result.diff.contains(" one\n-2\n+two\n"), "{}", result.diff);
    assert_eq!(listed_changes(&lab.state().changes), ["M a.py +2 -2"]);
}

fn mode_links_and_binaries_are_changes() {
    let mut lab = Lab::new(&[("a.sh", "x\n"), ("b", "b\n")]);
    let result = lab.bash("chmod +x a.sh");
    assert_eq!(listed(&result), ["M a.sh +0 -0"]);
    assert_eq!(result.diff, "a.sh: mode 100644 to 100755\n");
    let result = lab.bash("ln -s a.sh link; printf 'a\\0b' > data");
    assert_eq!(listed(&result), ["A data +0 -0 binary", "A link +1 -0"]);
    let result = lab.bash("ln -sf b link; rm b; ln -s a.sh b");
    assert_eq!(listed(&result), ["M b +1 -1", "M link +1 -1"]);
}

fn ignored_files_do_not_count_unless_the_base_has_them() {
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    let work = dir.path().join("my work");
    fs::create_dir_all(work.join("out/deep")).unwrap();
    fs::write(work.join("out/deep/kept.txt"), "k\n").unwrap();
    let mut lab = Lab::at(dir, |_| {});
    // Ignored from here on, but the base has it.
    lab.bash(
        "printf 'out/\\n*.log\\n!keep.log\\n/top\\n' > .gitignore; mkdir -p sub; printf 'local\\n' > sub/.gitignore",
    );
    let result = lab
        .bash("echo x > out/deep/kept.txt; echo x > out/deep/new.txt; echo x > a.log; echo x > keep.log; echo x > top");
    assert_eq!(listed(&result), ["A keep.log +1 -0", "M out/deep/kept.txt +1 -1"]);
    assert!(result.byproducts.is_empty());
    let result = lab.bash("echo x > sub/local; echo x > local; mkdir sub/top; echo x > sub/top/y");
    assert_eq!(listed(&result), ["A local +1 -0", "A sub/top/y +1 -0"]);
    let result = lab.bash("mkdir -p .git/info; echo secret >> .git/info/exclude; echo x > secret");
    assert!(result.changes.is_empty(), "{:?}", listed(&result));
    let result = lab.call("file_write", json!({"path": "b.log", "content": "x"}));
    assert!(result.ok && result.changes.is_empty());
}

fn a_changed_ignore_file_is_heeded() {
    let mut lab = Lab::new(&[(".gitignore", "*.tmp\n"), ("a.py", "x\n")]);
    lab.bash("echo 1 > before.tmp; echo 1 > new.dat");
    let result = lab.bash("printf '*.dat\\n' > .gitignore");
    assert_eq!(listed(&result), ["M .gitignore +1 -1", "A before.tmp +1 -0"], "what the agent made comes to light");
    assert_eq!(listed_changes(&lab.state().changes), ["M .gitignore +1 -1", "A before.tmp +1 -0"]);
    // That does not make the user's own ignored files edits.
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    let work = dir.path().join("my work");
    fs::create_dir_all(work.join("data")).unwrap();
    fs::write(work.join(".gitignore"), "data/\n").unwrap();
    fs::write(work.join("data/huge"), "h\n").unwrap();
    let mut lab = Lab::at(dir, |_| {});
    // Its change time is older than the attempt by more than a clock tick.
    let result = lab.bash("sleep 0.1; rm .gitignore; echo x > data/new");
    assert_eq!(listed(&result), ["D .gitignore +0 -1", "A data/new +1 -0"]);
}

fn byproducts_are_listed_and_are_no_changes() {
    let mut lab =
        Lab::with(&[("a.py", "x = 1\n"), ("Cargo.toml", "")], |setup| setup.byproducts = vec!["*.rpt".into()]);
    let result = lab.bash("mkdir -p __pycache__ p/.pytest_cache target/debug; touch __pycache__/a.pyc p/.pytest_cache/x target/debug/y a.o r.rpt");
    assert!(result.changes.is_empty(), "{:?}", listed(&result));
    assert_eq!(result.byproducts, ["__pycache__/", "a.o", "p/.pytest_cache/", "r.rpt", "target/"]);
    assert_eq!(result.state.tree, "");
    assert!(lab.bash("touch __pycache__/b.pyc").byproducts.is_empty(), "it is listed once");
    assert_eq!(lab.state().byproducts.len(), 5);
    let result = lab.bash("rm -r __pycache__ a.o");
    assert!(result.changes.is_empty());
    assert_eq!(lab.state().byproducts.len(), 3);
}

fn what_a_test_run_makes_is_left_behind_and_what_a_script_writes_is_not() {
    if !has("python3") {
        return;
    }
    let test = "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        open('report.txt', 'w').write('x')\n        open('made.py', 'w').write('x')\n";
    let mut lab = Lab::new(&[
        ("test_a.py", test),
        ("gen.py", "open('table.py', 'w').write('x = 1\\n')\nopen('out.bin', 'w').write('y')\n"),
    ]);
    let result = lab.bash("python3 -m unittest -q");
    assert_eq!(result.exit, Some(0), "{}", result.text());
    assert!(result.changes.is_empty(), "{:?}", listed(&result));
    assert_eq!(result.byproducts, ["made.py", "report.txt"]);
    let result = lab.bash("python3 gen.py");
    assert_eq!(listed(&result), ["A table.py +1 -0"]);
    assert_eq!(result.byproducts, ["out.bin"]);
    let result = lab.bash("python3 - <<'EOF'\nopen('notes.txt', 'w').write('n\\n')\nEOF");
    assert_eq!(listed(&result), ["A notes.txt +1 -0"]);
    // What was left behind becomes an edit once it is written on purpose.
    let result = lab.bash("echo 1 > report.txt");
    assert_eq!(listed(&result), ["A report.txt +1 -0"]);
    assert!(lab.bash("python3 -m unittest -q").changes.len() == 1, "it is the agent's file from then on");
}

fn a_file_tool_can_write_what_looks_like_a_byproduct() {
    let mut lab = Lab::new(&[("a.py", "x\n")]);
    lab.bash("mkdir -p node_modules; touch node_modules/x.js");
    let result = lab.call("file_write", json!({"path": "node_modules/fix.js", "content": "x\n"}));
    assert_eq!(listed(&result), ["A node_modules/fix.js +1 -0"]);
    let result = lab.bash("echo y >> node_modules/fix.js; touch node_modules/z.js");
    assert_eq!(listed(&result), ["M node_modules/fix.js +1 -0"]);
    assert_eq!(lab.export().files.len(), 1);
}

fn a_check_of_voes_own_makes_only_byproducts() {
    let mut lab = Lab::new(&[("a.py", "x\n")]);
    let result = lab.check("echo new > new.py; echo out; exit 4");
    assert_eq!((result.exit, &*result.text()), (Some(4), "out\nexit code: 4"));
    assert!(result.changes.is_empty());
    assert_eq!(result.byproducts, ["new.py"]);
    let result = lab.check("echo y > a.py");
    assert_eq!(listed(&result), ["M a.py +1 -1"], "a file of the base cannot be left behind");
}

fn a_same_size_edit_within_a_second_of_an_import_is_seen_and_takes_effect() {
    if !has("python3") {
        return;
    }
    let mut lab = Lab::new(&[("m.py", "def f(a, b):\n    return a + b\n")]);
    let run = "python3 -c 'import m; print(m.f(6, 2))'";
    assert!(lab.bash(run).text().starts_with("8\n"));
    for (operator, answer) in [('-', "4"), ('*', "12"), ('&', "2"), ('+', "8")] {
        // In place, the same size, and all of this within a second or two.
        let result = lab.bash(&format!("printf 'def f(a, b):\\n    return a {operator} b\\n' > m.py"));
        assert_eq!(listed(&result), ["M m.py +1 -1"]);
        let result = lab.bash(run);
        assert!(result.text().starts_with(&format!("{answer}\n")), "{operator}: {}", result.text());
        assert!(result.byproducts.is_empty());
    }
    assert_eq!(lab.state().tree, "");
}

fn a_stale_cache_does_not_shadow_an_edit() {
    if !has("python3") {
        return;
    }
    let mut lab = Lab::new(&[("m.py", "X = 1\n")]);
    // A cache is written and the source is changed without a trace in size and second.
    let result = lab.bash(
        "touch -d '2024-01-01 00:00:00' m.py; env -u PYTHONDONTWRITEBYTECODE python3 -c 'import m'; ls __pycache__ | wc -l",
    );
    assert!(result.text().starts_with("1\n"), "{}", result.text());
    let result = lab.bash("printf 'X = 2\\n' > m.py; touch -d '2024-01-01 00:00:00' m.py");
    assert_eq!(listed(&result), ["M m.py +1 -1"]);
    assert!(lab.bash("python3 -c 'import m; print(m.X)'").text().starts_with("2\n"));
}

fn rapid_rewrites_of_one_size_are_all_seen() {
    let mut lab = Lab::new(&[("a", "0\n")]);
    for n in 1..=9 {
        let result = lab.bash(&format!("echo {n} > a"));
        assert_eq!(listed(&result), ["M a +1 -1"], "rewrite {n}");
    }
}

fn nested_repositories_are_left_alone() {
    let mut lab = Lab::new(&[("a.py", "x\n")]);
    let result = lab.bash("git init -q inner && echo x > inner/f && echo y > b.py");
    assert_eq!(listed(&result), ["A b.py +1 -0"]);
    assert_eq!(result.byproducts, ["inner/"]);
}

fn renamed_directories_and_changed_kinds_are_reported() {
    let mut lab = Lab::new(&[("d/a", "1\n"), ("d/e/b", "2\n"), ("f", "3\n")]);
    let result = lab.bash("mv d g");
    assert_eq!(listed(&result), ["D d/a +0 -1", "D d/e/b +0 -1", "A g/a +1 -0", "A g/e/b +1 -0"]);
    let result = lab.bash("rm f; mkdir f; echo x > f/x");
    assert_eq!(listed(&result), ["D f +0 -1", "A f/x +1 -0"]);
    let result = lab.bash("rm -r f; echo 3 > f; mv g d");
    assert_eq!(result.state.tree, "", "{:?}", listed(&result));
}

fn tests_do_not_count_for_the_code() {
    let mut lab = Lab::new(&[("a.py", "x\n"), ("tests/test_a.py", "y\n")]);
    let result = lab.bash("echo z >> tests/test_a.py");
    assert!(!result.state.tree.is_empty());
    assert_eq!(result.state.code_tree, "");
    let result = lab.bash("echo z >> a.py");
    assert_ne!(result.state.code_tree, "");
    assert_ne!(result.state.code_tree, result.state.tree);
}

fn a_flood_of_files_is_not_an_edit() {
    let mut lab = Lab::new(&[("a.py", "x\n")]);
    let result = lab.bash("mkdir many && cd many && seq 1 6000 | xargs touch; echo y > ../a.py");
    assert_eq!(listed(&result), ["M a.py +1 -1"]);
    assert_eq!(result.byproducts, ["many/ (6000 files)"]);
}

fn the_users_git_is_free_to_use() {
    let mut lab = Lab::new(&[("a.py", "x\n"), ("b.py", "y\n")]);
    lab.bash("git add -A && git -c user.name=a -c user.email=a@a commit -qm base");
    let result = lab.bash("echo z > a.py && git stash -q && cat a.py");
    assert!(result.changes.is_empty(), "{:?}", listed(&result));
    let result = lab.bash("git stash pop -q && git add -A && git -c user.name=a -c user.email=a@a commit -qm work");
    assert_eq!(listed(&result), ["M a.py +1 -1"]);
    let result = lab.bash("git checkout -q HEAD~1");
    assert_eq!(result.state.tree, "");
    assert!(git(&lab.setup.workspace, &["log", "--oneline"]).contains("base"));
    symlink("/nowhere", lab.path("dangling")).unwrap();
    assert_eq!(listed(&lab.bash("true")), ["A dangling +1 -0"]);
}
