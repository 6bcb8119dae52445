//! Folders and runs that somebody else prepared: nothing is written or read through what is in them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod synthetic;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use synthetic::{Shape, write_run};
use voe_report::commands::report::{Format, Options as ReportOptions, Output, report};
use voe_report::viewer::{Options, export::export};

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

fn written(inputs: &[String], format: Format, out: &Path) -> Result<Output, voe_report::Error> {
    let (inputs, out) = (inputs.to_vec(), Some(out.to_owned()));
    report(&ReportOptions { inputs, format, out, ..ReportOptions::default() })
}

#[test]
fn an_export_replaces_links_in_its_folder_and_writes_through_none() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { inputs: small(&dir.path().join("run")), ..Options::default() };
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
    let options = Options { inputs: small(&dir.path().join("run")), ..Options::default() };
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
    let options = Options { inputs: small(&dir.path().join("run")), ..Options::default() };
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
    written(&inputs, Format::Csv, &plain).unwrap();
    let names = files(&plain);
    assert!(names.iter().any(|name| name.starts_with("figures/")), "{names:?}");
    links(&out, &names, &precious);
    written(&inputs, Format::Csv, &out).unwrap();
    let (plain, out) = (dir.path().join("plain-md"), dir.path().join("md"));
    written(&inputs, Format::Md, &plain.join("r.md")).unwrap();
    let figures: Vec<String> = files(&plain).into_iter().filter(|name| name != "r.md").collect();
    links(&out, &figures, &precious);
    written(&inputs, Format::Md, &out.join("r.md")).unwrap();
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
    for (format, name) in
        [(Format::Json, "r.json"), (Format::Md, "r.md"), (Format::Csv, "r.csv"), (Format::Html, "run")]
    {
        let error = written(&inputs, format, &dir.path().join(name)).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("leave out --out"), "{error}");
    }
    assert_eq!(fs::read_to_string(&precious).unwrap(), "the user's\n");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink() && !dir.path().join("nothing-there-yet").exists());
    // A file is replaced, and one in the current directory needs no folder in its name.
    fs::remove_file(&link).unwrap();
    fs::write(&link, "an old report").unwrap();
    written(&inputs, Format::Json, &link).unwrap();
    assert!(fs::read_to_string(&link).unwrap().starts_with('{'));
}
