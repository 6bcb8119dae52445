//! Folders and runs that somebody else prepared: nothing is written or read through what is in them, and nothing waits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod synthetic;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::time::Duration;

use synthetic::{Shape, task_id, write_run};
use voe_report::commands::compare::{CompareOptions, compare};
use voe_report::commands::report::{ReportFormat, ReportOptions, ReportOutput, report};
use voe_report::viewer::index::ViewerIndex;
use voe_report::viewer::{ViewOptions, export::export, pages, search};

fn small(dir: &Path) -> Vec<String> {
    write_run(dir, &Shape { tasks: 2, arms: &["a"], ..Shape::default() });
    vec![dir.to_str().unwrap().to_owned()]
}

/// Everything below a folder, as paths from it.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            } else {
                found.push(entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

/// Puts a link to `target` where each of `names` is to be written.
fn links(folder: &Path, names: &[String], target: &Path) {
    for name in names {
        fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
        symlink(target, folder.join(name)).unwrap();
    }
}

fn written(inputs: &[String], format: ReportFormat, out: &Path) -> Result<ReportOutput, voe_report::ReportError> {
    let (inputs, out) = (inputs.to_vec(), Some(out.to_owned()));
    report(&ReportOptions { inputs, format, out, ..ReportOptions::default() })
}

#[test]
fn an_export_replaces_links_in_its_folder_and_writes_through_none() {
    let dir = tempfile::tempdir().unwrap();
    let options = ViewOptions { inputs: small(&dir.path().join("run")), ..ViewOptions::default() };
    let (plain, site, precious) = (dir.path().join("plain"), dir.path().join("site"), dir.path().join("precious"));
    export(&options, &plain).unwrap();
    let names = files(&plain);
    fs::write(&precious, "the user's\n").unwrap();
    links(&site, &names, &precious);
    export(&options, &site).unwrap();
    assert_eq!(fs::read_to_string(&precious).unwrap(), "the user's\n");
    for name in &names {
        assert!(fs::symlink_metadata(site.join(name)).unwrap().is_file(), "{name}");
        assert_eq!(fs::read(plain.join(name)).unwrap(), fs::read(site.join(name)).unwrap(), "{name}");
    }
    // A second export into the same folder is fine, too.
    export(&options, &site).unwrap();
    assert_eq!(files(&site).len(), names.len());
}

#[test]
fn an_export_refuses_a_link_in_the_place_of_a_folder_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let options = ViewOptions { inputs: small(&dir.path().join("run")), ..ViewOptions::default() };
    let (site, elsewhere) = (dir.path().join("site"), dir.path().join("elsewhere"));
    fs::create_dir(&elsewhere).unwrap();
    fs::create_dir(&site).unwrap();
    symlink(&elsewhere, site.join("data")).unwrap();
    let error = export(&options, &site).unwrap_err().to_string();
    assert!(error.contains("site/data is a symbolic link"), "{error}");
    assert!(files(&elsewhere).is_empty());
}

#[test]
fn an_export_goes_to_a_folder_that_the_user_reaches_through_a_link_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let options = ViewOptions { inputs: small(&dir.path().join("run")), ..ViewOptions::default() };
    fs::create_dir(dir.path().join("disk")).unwrap();
    symlink("disk", dir.path().join("named")).unwrap();
    export(&options, &dir.path().join("named")).unwrap();
    assert!(dir.path().join("disk/index.html").is_file());
}

#[test]
fn a_report_of_several_files_replaces_links_and_writes_through_none() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = small(&dir.path().join("run"));
    let precious = dir.path().join("precious");
    fs::write(&precious, "the user's\n").unwrap();
    let (plain, out) = (dir.path().join("plain"), dir.path().join("out"));
    written(&inputs, ReportFormat::Csv, &plain).unwrap();
    let names = files(&plain);
    assert!(names.iter().any(|name| name.starts_with("figures/")), "{names:?}");
    links(&out, &names, &precious);
    written(&inputs, ReportFormat::Csv, &out).unwrap();
    let (plain, out) = (dir.path().join("plain-md"), dir.path().join("md"));
    written(&inputs, ReportFormat::Md, &plain.join("r.md")).unwrap();
    let figures: Vec<String> = files(&plain).into_iter().filter(|name| name != "r.md").collect();
    links(&out, &figures, &precious);
    written(&inputs, ReportFormat::Md, &out.join("r.md")).unwrap();
    assert_eq!(fs::read_to_string(&precious).unwrap(), "the user's\n");
}

#[test]
fn a_report_is_not_written_through_a_link_or_a_pipe_at_the_path_that_was_named() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = small(&dir.path().join("run"));
    let (precious, link) = (dir.path().join("precious"), dir.path().join("r.json"));
    fs::write(&precious, "the user's\n").unwrap();
    symlink(&precious, &link).unwrap();
    symlink("nothing-there-yet", dir.path().join("r.md")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(dir.path().join("r.csv")).status().unwrap();
    assert!(made.success());
    for (format, name) in [
        (ReportFormat::Json, "r.json"),
        (ReportFormat::Md, "r.md"),
        (ReportFormat::Csv, "r.csv"),
        (ReportFormat::Html, "run"),
    ] {
        let error = written(&inputs, format, &dir.path().join(name)).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("leave out --out"), "{error}");
    }
    assert_eq!(fs::read_to_string(&precious).unwrap(), "the user's\n");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink() && !dir.path().join("nothing-there-yet").exists());
    // A file is replaced, and one in the current directory needs no folder in its name.
    fs::remove_file(&link).unwrap();
    fs::write(&link, "an old report").unwrap();
    written(&inputs, ReportFormat::Json, &link).unwrap();
    assert!(fs::read_to_string(&link).unwrap().starts_with('{'));
}

/// Stands in everything of the user's that a sent run must not get at.
const PRIVATE: &str = "PRIVATE-WORDS";

/// A folder of the user's with records, grades and lists in it, and a run of somebody else's.
fn private_and_sent(dir: &Path) {
    let shape = Shape { tasks: 2, arms: &["a"], hostile: PRIVATE, ..Shape::default() };
    write_run(&dir.join("private"), &shape);
    let host = dir.join(format!("private/tasks/{}/a-1", task_id(0)));
    fs::create_dir_all(host.join("attempts/1")).unwrap();
    fs::copy(host.join("trajectory.jsonl"), host.join("attempts/1/trajectory.jsonl")).unwrap();
    fs::create_dir(dir.join("private/predictions")).unwrap();
    let prediction = format!("{{\"instance_id\":\"{PRIVATE}-1\",\"model_patch\":\"x\"}}\n");
    fs::write(dir.join("private/predictions/a-1.jsonl"), prediction).unwrap();
    write_run(&dir.join("run"), &Shape { hostile: "", ..shape });
    fs::create_dir(dir.join("run/predictions")).unwrap();
}

/// The places of a run that are read, as they are in both.
fn places() -> Vec<String> {
    let attempt = format!("tasks/{}/a-1", task_id(0));
    let grade = format!("grades/a-1/{}.json", task_id(0));
    [
        "tasks",
        attempt.rsplit_once('/').unwrap().0,
        &attempt,
        &format!("{attempt}/trajectory.jsonl"),
        &format!("{attempt}/attempts"),
        &format!("{attempt}/attempts/1"),
        &format!("{attempt}/attempts/1/trajectory.jsonl"),
        "predictions",
        "predictions/a-1.jsonl",
        "grades",
        "grades/a-1.json",
        "grades/a-1",
        &grade,
        "suite.jsonl",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Removes what is in the run at this place, and makes room for something else.
fn cleared(run: &Path, place: &str) -> std::path::PathBuf {
    let path = run.join(place);
    let _ = fs::remove_dir_all(&path);
    let _ = fs::remove_file(&path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    path
}

/// What the viewer's files and a report say of a run, errors included.
fn told(dir: &Path) -> String {
    let run = dir.join("run").to_str().unwrap().to_owned();
    let (inputs, site) = (vec![run.clone()], dir.join("site"));
    let mut told = match export(&ViewOptions { inputs: inputs.clone(), ..ViewOptions::default() }, &site) {
        Ok(_) => files(&site).iter().map(|name| fs::read_to_string(site.join(name)).unwrap()).collect(),
        Err(error) => error.to_string(),
    };
    for format in [ReportFormat::Json, ReportFormat::Csv] {
        told += &match report(&ReportOptions { inputs: inputs.clone(), format, ..ReportOptions::default() }) {
            Ok(ReportOutput::Text(text)) => text,
            Ok(ReportOutput::Files(_)) => unreachable!(),
            Err(error) => error.to_string(),
        };
    }
    let options = CompareOptions { a: run.clone(), b: run, ..CompareOptions::default() };
    told + &compare(&options).map_or_else(|error| error.to_string(), |made| made.text() + &made.json())
}

#[test]
fn a_run_with_a_link_in_it_is_refused_and_shows_nothing_of_where_it_leads() {
    for place in places() {
        let dir = tempfile::tempdir().unwrap();
        private_and_sent(dir.path());
        assert!(!told(dir.path()).contains(PRIVATE));
        fs::remove_dir_all(dir.path().join("site")).unwrap();
        let link = cleared(&dir.path().join("run"), &place);
        symlink(dir.path().join("private").join(&place), link).unwrap();
        let inputs = vec![dir.path().join("run").to_str().unwrap().to_owned()];
        let refused = report(&ReportOptions { inputs, ..ReportOptions::default() }).unwrap_err().to_string();
        assert!(refused.contains("symbolic link") && !refused.contains('\n'), "{place}: {refused}");
        assert!(!told(dir.path()).contains(PRIVATE), "{place}");
    }
}

#[test]
fn a_link_that_is_put_into_a_run_while_it_is_viewed_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    private_and_sent(dir.path());
    let (run, private) = (dir.path().join("run"), dir.path().join("private"));
    let mut index = ViewerIndex::build(&[run.to_str().unwrap().to_owned()]).unwrap();
    let path = index.entries[0].place.path();
    let own = path.strip_prefix(&run).unwrap().to_owned();
    fs::remove_file(&path).unwrap();
    symlink(private.join(&own), &path).unwrap();
    let shown = |index: &ViewerIndex| {
        let chunk =
            pages::chunk(&index.entries[0], 0).map_or_else(|error| error.to_string(), |value| value.to_string());
        let found = search::search(&search::targets(index), PRIVATE, &AtomicBool::new(false));
        assert_eq!(found["hits"].as_array().unwrap().len(), 0);
        pages::attempt(index, 0).unwrap().to_string() + &chunk
    };
    let _ = index.refresh();
    assert!(!shown(&index).contains(PRIVATE) && shown(&index).contains("symbolic link"), "{}", shown(&index));
    // The whole run is exchanged: the viewer stays with the one that it opened.
    fs::rename(&run, dir.path().join("away")).unwrap();
    symlink(&private, &run).unwrap();
    let _ = index.refresh();
    assert!(!shown(&index).contains(PRIVATE));
}

#[test]
fn neither_a_pipe_nor_a_file_without_end_in_a_run_holds_voe_up() {
    let holes = ["predictions/a-1.jsonl", "grades/a-1.json", "suite.jsonl", "run.toml"].map(str::to_owned);
    let pipes = places().into_iter().filter(|place| place.contains(".json")).chain(["run.toml".to_owned()]);
    let pipes = pipes.map(|place| (place, true));
    for (place, is_pipe) in pipes.chain(holes.map(|place| (place, false))) {
        let dir = tempfile::tempdir().unwrap();
        private_and_sent(dir.path());
        let path = cleared(&dir.path().join("run"), &place);
        if is_pipe {
            assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
        } else {
            // No blocks on the disk, and more than is read of any such file.
            fs::File::create(path).unwrap().set_len((256 << 20) + 1).unwrap();
        }
        let (done, wait) = mpsc::channel();
        let root = dir.path().to_owned();
        std::thread::spawn(move || done.send(told(&root)));
        let told = wait.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("voe waits at {place}"));
        let said = if is_pipe { "not a regular file" } else { "larger than" };
        assert!(place == "run.toml" || told.contains(said) || told.contains("special file"), "{place}: {told}");
    }
}

#[test]
fn a_pipe_named_as_report_suite_or_trajectory_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("r.json");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (done, wait) = mpsc::channel();
    let name = pipe.to_str().unwrap().to_owned();
    std::thread::spawn(move || {
        let report = report(&ReportOptions { inputs: vec![name.clone()], ..ReportOptions::default() });
        let suite = voe_report::data::suite::TaskSet::read(name.as_ref());
        let view = ViewerIndex::build(&[name]);
        let _ = done.send([report.is_err(), suite.is_err(), view.is_err()]);
    });
    assert_eq!(wait.recv_timeout(Duration::from_secs(60)).expect("voe waits"), [true; 3]);
}

#[test]
fn a_trajectory_that_the_user_names_through_a_link_of_their_own_is_viewed() {
    let dir = tempfile::tempdir().unwrap();
    small(&dir.path().join("run"));
    let link = dir.path().join("last.jsonl");
    symlink(dir.path().join(format!("run/tasks/{}/a-1/trajectory.jsonl", task_id(0))), &link).unwrap();
    let index = ViewerIndex::build(&[link.to_str().unwrap().to_owned()]).unwrap();
    assert!(index.attempts() == 1 && !index.entries[0].steps.is_empty());
}

#[test]
fn nothing_in_a_markdown_report_is_markup_of_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let evil = "<img src=x>![y](z)`|\u{202e}&lt;";
    let run = dir.path().join("run");
    write_run(&run, &Shape { tasks: 2, arms: &["a"], ..Shape::default() });
    // Its grades are gone, so that a note names the arm; its tasks and arms are called what somebody else likes.
    fs::remove_dir_all(run.join("grades")).unwrap();
    fs::create_dir_all(run.join(format!("tasks/{evil}/{evil}-1"))).unwrap();
    let record = format!("tasks/{}/a-1/trajectory.jsonl", task_id(0));
    fs::rename(run.join(record), run.join(format!("tasks/{evil}/{evil}-1/trajectory.jsonl"))).unwrap();
    let inputs = vec![run.to_str().unwrap().to_owned()];
    let ReportOutput::Text(text) =
        report(&ReportOptions { inputs, format: ReportFormat::Md, ..ReportOptions::default() }).unwrap()
    else {
        panic!("not text")
    };
    let notes: Vec<&str> = text.lines().filter(|line| line.starts_with("- ") && line.contains("img")).collect();
    assert!(!notes.is_empty(), "{text}");
    assert!(text.lines().filter(|line| line.contains("img")).count() > notes.len(), "tables name it, too: {text}");
    let plain = text.replace("\\\\", "");
    for mark in ["<", "[", "!", "`", "&", "\u{202e}"] {
        for (at, _) in plain.match_indices(mark) {
            assert!(plain[..at].ends_with('\\'), "{mark} is markup: {}", &plain[at..]);
        }
    }
}

#[test]
fn numbers_of_any_size_in_a_record_are_shown_and_end_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    write_run(&run, &Shape { tasks: 2, arms: &["a"], ..Shape::default() });
    let attempt = run.join(format!("tasks/{}", task_id(0)));
    let path = attempt.join("a-1/trajectory.jsonl");
    let start = fs::read_to_string(&path).unwrap().lines().next().unwrap().to_owned();
    let (big, small) = (u64::MAX, u32::MAX);
    let reply = format!(
        r#"{{"at":1e308,"event":"reply","step":{small},"message":{{"role":"assistant"}},"finish_reason":"stop","usage":{{"prompt":{big},"output":{big},"cached":{big}}},"seconds":1e308}}"#
    );
    let change = format!(r#"{{"path":"x","kind":"added","added":{big},"removed":{big}}}"#);
    let result = format!(
        r#"{{"at":1e308,"event":"result","step":{small},"call_id":"c","tool":"bash","arguments":{{}},"output":"","ok":true,"seconds":-1e308,"changes":[{change},{change}],"code_tree":"t"}}"#
    );
    let nudge = format!(r#"{{"at":1.0,"event":"nudge","step":{small},"kind":"verify","text":"x"}}"#);
    let check = format!(
        r#"{{"at":1.0,"event":"check","command":"x","step":{small},"code_tree":"t","level":"ran","with":{{"exit":0,"seconds":1e308}}}}"#
    );
    let record =
        [&start, &reply, &result, &nudge, &check, &reply, &result, &check].map(|line| format!("{line}\n")).concat();
    fs::write(&path, &record).unwrap();
    let other = attempt.join(format!("a-{small}"));
    fs::create_dir_all(other.join("attempts/1")).unwrap();
    fs::create_dir_all(other.join("attempts/2")).unwrap();
    for place in ["", "attempts/1", "attempts/2"] {
        fs::write(other.join(place).join("trajectory.jsonl"), &record).unwrap();
    }
    let inputs = vec![run.to_str().unwrap().to_owned()];
    assert_eq!(
        export(&ViewOptions { inputs: inputs.clone(), ..ViewOptions::default() }, &dir.path().join("site")).unwrap(),
        3
    );
    for format in [ReportFormat::Table, ReportFormat::Md, ReportFormat::Json, ReportFormat::Csv, ReportFormat::Html] {
        let made = report(&ReportOptions { inputs: inputs.clone(), format, ..ReportOptions::default() });
        assert!(matches!(made, Ok(ReportOutput::Text(_))), "{format:?}");
    }
}
