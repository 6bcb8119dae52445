//! `cargo test`: each binary prints `running 2 tests`, `test tests::a ... ok`, and `test result: FAILED. 1 passed; 1 failed; …`. With `-q` only
//! failures are named. Names begin with the binary's, where cargo prints it.

use super::report::{RunnerReport, counted};

/// The state within one binary's output.
#[derive(Default)]
struct TestBinary<'a> {
    name: &'a str,
    running: bool,
    /// In the list of failures, which ends with an empty line.
    listing: bool,
    /// A test that has printed something before its result.
    open: Option<&'a str>,
}

impl TestBinary<'_> {
    fn named(&self, test: &str) -> String {
        let test = test.trim_end();
        let test = test.strip_suffix(" - should panic").unwrap_or(test);
        if self.name.is_empty() { test.to_owned() } else { format!("{}::{test}", self.name) }
    }
}

pub(super) fn read(output: &str) -> Option<RunnerReport> {
    let mut report = RunnerReport::default();
    let (mut binary, mut ended) = (TestBinary::default(), false);
    for line in output.lines() {
        if let Some(name) = started(line) {
            binary = TestBinary { name, ..TestBinary::default() };
        } else if line
            .strip_prefix("running ")
            .is_some_and(|rest| counted(rest, "tests").or(counted(rest, "test")).is_some())
        {
            binary.running = true;
        } else if let Some((passed, failed)) = line.strip_prefix("test result: ").and_then(totals) {
            report.count(passed, failed);
            (binary.running, binary.listing, ended) = (false, false, true);
        } else if line.starts_with("error: test failed") {
            if std::mem::take(&mut binary.running) {
                // It crashed: there is no result of its tests.
                report.fail(if binary.name.is_empty() { "test binary" } else { binary.name });
                report.count(0, 1);
                ended = true;
            }
        } else if line == "failures:" {
            binary.listing = true;
        } else if binary.listing {
            match line.strip_prefix("    ").filter(|name| !name.starts_with(' ')) {
                Some(name) => report.fail(binary.named(name)),
                None => binary.listing = false,
            }
        } else if binary.running {
            test_line(line, &mut binary, &mut report);
        }
    }
    (ended && !binary.running).then_some(report)
}

fn test_line<'a>(line: &'a str, binary: &mut TestBinary<'a>, report: &mut RunnerReport) {
    let result = match line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) {
        Some((name, result)) => {
            binary.open = Some(name);
            result
        }
        None => line,
    };
    let passed = match result.split([' ', ',']).next() {
        Some("ok") => Some(true),
        Some("FAILED") => Some(false),
        Some("ignored") => None,
        _ => return,
    };
    if let Some(name) = binary.open.take() {
        report.add(binary.named(name), passed);
    }
}

/// `     Running unittests src/lib.rs (target/debug/deps/pages-3ac49bcbd94df144)`, `   Doc-tests pages`
fn started(line: &str) -> Option<&str> {
    let text = line.trim_start();
    if let Some(name) = text.strip_prefix("Doc-tests ").filter(|_| line.starts_with("   ")) {
        return Some(name.trim_end());
    }
    let (_, path) = text.strip_prefix("Running ").filter(|_| line.starts_with("    "))?.rsplit_once(" (")?;
    let file = path.strip_suffix(')')?.rsplit(['/', '\\']).next()?;
    Some(file.rsplit_once('-').map_or(file, |(name, _)| name))
}

/// `FAILED. 1 passed; 1 failed; 0 ignored; …`
fn totals(text: &str) -> Option<(u32, u32)> {
    let (_, counts) = text.split_once(". ")?;
    let number = |word: &str| counts.split(';').find_map(|part| counted(part, word));
    Some((number("passed")?, number("failed")?))
}
