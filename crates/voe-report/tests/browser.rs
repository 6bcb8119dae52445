//! The viewer and the report in a real browser. Skipped, with a note, where there is none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod chromium;
mod synthetic;

use std::io::Write as _;
use std::path::Path;

use chromium::{Browser, program};
use synthetic::{Shape, write_run};
use voe_report::commands::report::{ReportFormat, ReportOptions, report};
use voe_report::viewer::{ViewOptions, export::export, server::ViewServer};

/// What a model could write to get at the reader: ends of scripts, comments, attributes, styles and strings.
const HOSTILE: &str = "</script><script>window.pwned=1</script><img src=x onerror=window.pwned=2>\"'`${window.pwned=3}--><svg onload=window.pwned=4>\
                       <a href=javascript:window.pwned=5>x</a>\u{2028}</pre></style>\u{202e}\u{0}*/window.pwned=6/*";

/// A viewer in a thread of its own, until it is dropped.
struct Viewer {
    url: String,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Viewer {
    fn of(run: &Path) -> Self {
        let options = ViewOptions { inputs: vec![run.to_str().unwrap().into()], ..ViewOptions::default() };
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let server = ViewServer::bind(&options).await.unwrap();
                tell.send(server.url()).unwrap();
                server.run(async { drop(stopped.await) }).await.unwrap();
            });
        });
        Self { url: told.recv().unwrap().trim_end_matches('/').to_owned(), stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        drop(self.stop.take());
        drop(self.thread.take().map(std::thread::JoinHandle::join));
    }
}

fn run(shape: &Shape) -> (tempfile::TempDir, Viewer) {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), shape);
    let viewer = Viewer::of(dir.path());
    (dir, viewer)
}

#[test]
fn attempts_are_filtered_opened_and_walked_through_by_keyboard() {
    let Some(program) = program("the viewer driven by keyboard") else { return };
    let (_dir, viewer) = run(&Shape::default());
    let mut browser = Browser::start(&program);
    browser.look(1280, 800, false);
    browser.open(&format!("{}/#/", viewer.url));
    browser.wait("document.querySelectorAll('a.cell').length === 36");
    browser.eval("(() => { const s = document.getElementById('filter-arm'); s.value = 'prove-on-edit'; s.dispatchEvent(new Event('change')); })()");
    browser.wait("document.querySelectorAll('a.cell').length === 12");
    browser.eval("(() => { const s = document.getElementById('filter-outcome'); s.value = 'resolved'; s.dispatchEvent(new Event('change')); })()");
    browser.wait("[...document.querySelectorAll('a.cell')].every((c) => c.classList.contains('resolved'))");
    assert_eq!(browser.eval("location.hash"), "#/?arm=prove-on-edit&outcome=resolved");
    browser.key("j");
    browser.key("j");
    browser.key("k");
    let id = browser.eval("document.querySelector('a.cell.selected').dataset.id");
    browser.key("Enter");
    browser.wait(&format!(
        "location.hash === '#/attempt/{}' && document.querySelector('details.step')",
        id.as_str().unwrap()
    ));
    browser.wait(
        "[...document.querySelectorAll('pre.diff .added')].some((line) => line.textContent.includes('if not lines'))",
    );
    browser.wait("document.querySelector('.check .side .pass') && document.querySelector('.check .side .fail')");
    assert!(!browser.eval("document.body.innerText").as_str().unwrap().contains("[object"));
    browser.key("j");
    browser.key("j");
    browser.wait("document.querySelector('#step-2.selected')");
    browser.key("o");
    browser.wait("document.querySelector('#step-2').open && document.querySelector('#step-2 .result')");
    assert!(browser.eval("location.hash").as_str().unwrap().ends_with("/step/2"));
    browser.key("e");
    browser.wait("document.querySelector('details.step.edit.selected')");
    browser.key("?");
    browser.wait("document.getElementById('help').open");
    browser.key("Escape");
    browser.wait("!document.getElementById('help').open");
    browser.key("/");
    browser.wait("document.activeElement.id === 'search'");
    for key in "needle3".chars() {
        browser.key(&key.to_string());
    }
    browser.key("Enter");
    browser.wait("document.querySelectorAll('details.step:not([hidden])').length === 1");
    assert_eq!(browser.eval("document.querySelector('details.step:not([hidden])').id"), "step-3");
    browser.key("u");
    browser.wait("document.querySelector('a.cell')");
    browser.key("/");
    for key in "NEEDLE2".chars() {
        browser.key(&key.to_string());
    }
    browser.key("Enter");
    browser.wait("document.querySelectorAll('a.find').length === 36");
    browser.key("j");
    browser.key("Enter");
    browser.wait("document.querySelector('#step-2[open].selected .thought')");
    assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
}

#[test]
fn a_link_to_a_step_opens_it() {
    let Some(program) = program("deep links") else { return };
    let (_dir, viewer) = run(&Shape { steps: 60, ..Shape::default() });
    let mut browser = Browser::start(&program);
    browser.open(&format!("{}/#/attempt/4/step/30", viewer.url));
    browser.wait("document.querySelector('#step-30[open].selected .result')");
    let text = browser.eval("document.querySelector('#step-30 .thought').textContent");
    assert!(text.as_str().unwrap().contains("needle30 "), "{text}");
    assert_eq!(browser.eval("(() => { const r = document.getElementById('step-30').getBoundingClientRect(); return r.top >= 0 && r.top < innerHeight; })()"), true);
}

#[test]
fn a_running_attempt_grows_before_the_readers_eyes() {
    let Some(program) = program("live update") else { return };
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), &Shape { tasks: 2, ..Shape::default() });
    let path = dir.path().join(format!("tasks/{}/prove-on-edit-1/trajectory.jsonl", synthetic::task_id(0)));
    let whole = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let half = lines.iter().enumerate().filter(|(_, l)| l.contains("\"event\":\"reply\"")).nth(3).unwrap().0;
    std::fs::write(&path, lines[..half].join("\n") + "\n").unwrap();
    std::fs::remove_file(dir.path().join("grades/prove-on-edit-1.json")).unwrap();
    let viewer = Viewer::of(dir.path());
    let mut browser = Browser::start(&program);
    browser.open(&format!("{}/#/", viewer.url));
    browser.wait("document.querySelectorAll('a.cell.running').length === 1");
    let id = browser.eval("document.querySelector('a.cell.running').dataset.id");
    browser.open(&format!("{}/#/attempt/{}/step/2", viewer.url, id.as_str().unwrap()));
    browser.wait("document.querySelectorAll('details.step').length === 3 && document.querySelector('#step-2').open");
    browser.wait("!document.getElementById('live').hidden");
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    writeln!(file, "{}", lines[half]).unwrap();
    browser.wait("document.querySelectorAll('details.step').length === 4 && document.querySelector('#step-2').open");
    for line in &lines[half + 1..] {
        writeln!(file, "{line}").unwrap();
    }
    browser
        .wait("document.querySelector('.badge.completed, .badge.max_steps') && document.getElementById('live').hidden");
    assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
}

#[test]
fn an_export_opens_from_disk_and_can_be_searched() {
    let Some(program) = program("the exported viewer") else { return };
    let dir = tempfile::tempdir().unwrap();
    write_run(&dir.path().join("run"), &Shape { hostile: HOSTILE, ..Shape::default() });
    let out = dir.path().join("out");
    let options =
        ViewOptions { inputs: vec![dir.path().join("run").to_str().unwrap().into()], ..ViewOptions::default() };
    assert_eq!(export(&options, &out).unwrap(), 36);
    let mut browser = Browser::start(&program);
    let page = format!("file://{}/index.html", out.display());
    browser.open(&format!("{page}#/"));
    browser.wait("document.querySelectorAll('a.cell').length === 36");
    browser.wait("[...document.querySelectorAll('figure img')].some((i) => i.complete && i.naturalWidth > 0)");
    browser.open(&format!("{page}#/attempt/5/step/3"));
    browser.wait("document.querySelector('#step-3[open] .result')");
    browser.open(&format!("{page}#/search?q=needle2"));
    browser.wait("document.querySelectorAll('a.find').length === 36");
    assert_eq!(browser.eval("String(window.pwned)"), "undefined");
    assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
}

#[test]
fn names_are_shown_without_characters_that_hide_or_turn_text() {
    let Some(program) = program("names with hidden characters") else { return };
    let (_dir, viewer) = run(&Shape { tasks: 2, arms: &["a\u{202e}b\u{3164}c"], ..Shape::default() });
    let mut browser = Browser::start(&program);
    for (page, ready) in [("#/", "a.cell"), ("#/attempt/0", "details.step")] {
        browser.open(&format!("{}/{page}", viewer.url));
        browser.wait(&format!("document.querySelector('{ready}')"));
        let told = "[document.title, document.body.innerText, \
                    ...[...document.querySelectorAll('[title], [aria-label]')].flatMap((e) => [e.title, e.ariaLabel ?? ''])].join('')";
        assert_eq!(browser.eval(&format!("/[\\u202e\\u3164]/.test({told})")), false, "{page}");
        assert_eq!(browser.eval(&format!("{told}.includes('a\\ufffdb\\ufffdc')")), true, "{page}");
    }
}

#[test]
fn hostile_text_is_shown_and_never_run() {
    let Some(program) = program("hostile trajectories") else { return };
    let (dir, viewer) = run(&Shape { tasks: 3, hostile: HOSTILE, ..Shape::default() });
    let mut browser = Browser::start(&program);
    browser.open(&format!("{}/#/", viewer.url));
    browser.wait("document.querySelectorAll('a.cell').length === 9");
    for id in 0..9 {
        browser.open(&format!("{}/#/attempt/{id}", viewer.url));
        browser.wait("document.querySelector('details.step')");
        browser.eval("document.querySelectorAll('details').forEach((d) => { d.open = true; })");
        browser.wait("[...document.querySelectorAll('details.step .body')].every((b) => b.childNodes.length && b.textContent !== '…')");
        let shown = browser.eval("document.body.textContent.includes('<script>window.pwned=1</script>')");
        assert_eq!(shown, true, "the text itself can be read");
        let made = browser.eval("document.querySelectorAll('main script, main img, main svg, main iframe, main a[href^=javascript]').length");
        assert_eq!(made, 0);
    }
    browser.open(&format!("{}/#/search?q={}", viewer.url, "onerror%3Dwindow"));
    browser.wait("document.querySelectorAll('a.find').length > 0");
    assert_eq!(browser.eval("String(window.pwned)"), "undefined");
    // Even a script that got into the page would be refused.
    browser.eval("(() => { const s = document.createElement('script'); s.textContent = 'window.pwned = 7'; document.body.append(s); \
                  const i = document.createElement('img'); i.setAttribute('onerror', 'window.pwned = 8'); i.src = 'x'; document.body.append(i); })()");
    browser.wait("document.querySelector('body > img').complete");
    assert_eq!(browser.eval("String(window.pwned)"), "undefined");
    let page = dir.path().join("r.html");
    let options = ReportOptions {
        inputs: vec![dir.path().to_str().unwrap().into()],
        format: ReportFormat::Html,
        out: Some(page.clone()),
        ..ReportOptions::default()
    };
    report(&options).unwrap();
    browser.complaints.clear();
    browser.open(&format!("file://{}", page.display()));
    browser.eval("document.querySelector('#arms th:nth-child(2) button').click()");
    browser.wait("document.querySelector('#arms th:nth-child(2)').getAttribute('aria-sort') === 'descending'");
    let order =
        browser.eval("[...document.querySelectorAll('#arms td:nth-child(2)')].map((c) => Number(c.textContent))");
    let order: Vec<f64> = serde_json::from_value(order).unwrap();
    assert!(order.is_sorted_by(|a, b| a >= b), "{order:?}");
    assert_eq!(browser.eval("String(window.pwned)"), "undefined");
    assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
}

/// Pictures of every page, for a person to look at: VOE_SHOTS names the folder.
#[test]
fn every_page_fits_a_laptop_and_a_phone_light_and_dark() {
    let Some(program) = program("pictures of every page") else { return };
    let (dir, viewer) = run(&Shape { tasks: 40, steps: 40, ..Shape::default() });
    let page = dir.path().join("r.html");
    let options = ReportOptions {
        inputs: vec![dir.path().to_str().unwrap().into()],
        format: ReportFormat::Html,
        out: Some(page.clone()),
        ..ReportOptions::default()
    };
    report(&options).unwrap();
    let shots = std::env::var_os("VOE_SHOTS").map(std::path::PathBuf::from);
    let mut browser = Browser::start(&program);
    for (size, width, height) in [("laptop", 1280, 1600), ("phone", 390, 1600)] {
        for dark in [false, true] {
            browser.look(width, height, dark);
            for (name, url, ready) in [
                ("overview", format!("{}/#/", viewer.url), "document.querySelector('figure img')?.complete"),
                ("attempt", format!("{}/#/attempt/3", viewer.url), "document.querySelector('details.step')"),
                ("step", format!("{}/#/attempt/3/step/9", viewer.url), "document.querySelector('#step-9 .result')"),
                ("search", format!("{}/#/search?q=needle7", viewer.url), "document.querySelector('a.find')"),
                ("report", format!("file://{}", page.display()), "document.querySelector('th button')"),
            ] {
                browser.open(&url);
                browser.wait(ready);
                let wide = browser.eval("document.documentElement.scrollWidth - innerWidth");
                assert!(wide.as_f64().unwrap() <= 1.0, "{name} on a {size} is {wide} px too wide");
                if let Some(shots) = &shots {
                    std::fs::create_dir_all(shots).unwrap();
                    browser.shot(&shots.join(format!("{name}-{size}-{}.png", if dark { "dark" } else { "light" })));
                }
            }
        }
    }
    assert!(browser.complaints.is_empty(), "{:?}", browser.complaints);
}

/// Bytes of memory that this process, the viewer within, has held at most.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Takes a minute and two gigabytes of disk: only with VOE_SCALE=1, alone in its process (name it, `--test-threads 1`). Times are
/// printed, not judged: machines differ. Memory is judged.
#[test]
fn fifteen_hundred_attempts_of_200_steps_stay_quick_and_small() {
    if std::env::var_os("VOE_SCALE").is_none_or(|v| v != "1") {
        chromium::skip("1 500 attempts of 200 steps in the viewer", "set VOE_SCALE=1; .ci/soak viewer does");
        return;
    }
    let Some(program) = program("1 500 attempts of 200 steps") else { return };
    let dir = tempfile::tempdir().unwrap();
    write_run(
        dir.path(),
        &Shape { tasks: 500, trials: 3, arms: &["prove-on-edit"], steps: 200, result_bytes: 6000, hostile: "" },
    );
    let began = std::time::Instant::now();
    let viewer = Viewer::of(dir.path());
    println!("indexed in {:.1?}", began.elapsed());
    let mut browser = Browser::start(&program);
    let took = |browser: &mut Browser, url: &str, ready: &str| {
        browser.open(url);
        browser.wait(ready);
        browser.eval("performance.now()").as_f64().unwrap()
    };
    let first =
        took(&mut browser, &format!("{}/#/", viewer.url), "document.querySelectorAll('a.cell').length === 1500");
    println!("first page, from navigation to 1 500 cells: {first:.0} ms (processor {:.0} ms)", browser.page_cpu());
    let cpu = browser.page_cpu();
    let began = "window.began = performance.now(); location.hash = '#/attempt/700'";
    browser.eval(began);
    browser.wait("document.querySelectorAll('details.step').length > 90");
    let attempt = browser.eval("performance.now() - window.began").as_f64().unwrap();
    let cpu = browser.page_cpu() - cpu;
    println!("an attempt, from the click to its steps: {attempt:.0} ms (processor {cpu:.0} ms)");
    browser.open(&format!("{}/#/search?q=needle199%20", viewer.url));
    browser.wait("document.querySelectorAll('a.find').length > 0");
    println!("search over all: {:.0} ms", browser.eval("performance.now()").as_f64().unwrap());
    let memory = peak_memory();
    println!("peak memory of the viewer's process: {} MB", memory / 1_000_000);
    assert!(memory < 200_000_000, "{memory} bytes");
}
