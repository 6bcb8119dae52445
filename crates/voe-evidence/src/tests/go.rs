//! `go test`, plain, with `-v` and with `-json`. Names begin with the package. Without `-v` only failures are named, so the package is
//! reported by its own name as well.

use serde::Deserialize;

use super::report::RunnerReport;

pub(super) fn read(output: &str) -> Option<RunnerReport> {
    let mut report = RunnerReport::default();
    let (mut ended, mut tests) = (false, Vec::new());
    for line in output.lines() {
        if let Some(event) = line.strip_prefix('{').and_then(|_| serde_json::from_str::<GoTestEvent>(line).ok()) {
            ended |= event.add_to(&mut report);
        } else if let Some(test) = test_line(line) {
            tests.push(test);
        } else if let Some((passed, package, rest)) = package_line(line) {
            let verbose = tests.iter().any(|(_, passed)| *passed != Some(false));
            let failures = tests.iter().any(|(_, passed)| *passed == Some(false));
            for (name, passed) in tests.drain(..) {
                report.add(format!("{package} {name}"), passed);
            }
            if (!verbose || !passed && !failures) && !rest.ends_with("[no tests to run]") {
                report.add(package, Some(passed));
            }
            ended = true;
        }
    }
    ended.then_some(report)
}

/// A line of `go test -json`. <https://pkg.go.dev/cmd/test2json>
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GoTestEvent<'a> {
    action: &'a str,
    #[serde(default)]
    package: Option<String>,
    #[serde(default)]
    test: Option<String>,
    #[serde(default)]
    failed_build: Option<String>,
}

impl GoTestEvent<'_> {
    /// Adds the result of a test, or of a package that could not be built; whether a package has ended.
    fn add_to(self, report: &mut RunnerReport) -> bool {
        let passed = match self.action {
            "pass" => Some(true),
            "fail" => Some(false),
            _ => return false,
        };
        let Some(package) = self.package else { return false };
        match self.test {
            Some(test) => report.add(format!("{package} {test}"), passed),
            None if self.failed_build.is_some() => report.add(package, passed),
            None => return true,
        }
        true
    }
}

/// `    --- FAIL: TestRest/a_rest (0.00s)`
fn test_line(line: &str) -> Option<(&str, Option<bool>)> {
    let (word, rest) = line.trim_start().strip_prefix("--- ")?.split_once(": ")?;
    let passed = match word {
        "PASS" => Some(true),
        "FAIL" => Some(false),
        "SKIP" => None,
        _ => return None,
    };
    Some((rest.rsplit_once(" (").map_or(rest, |(name, _)| name), passed))
}

/// `ok  \texample.com/pages\t0.03s`, `FAIL\texample.com/pages\t0.03s`, `FAIL\texample.com/pages [build failed]`
fn package_line(line: &str) -> Option<(bool, &str, &str)> {
    let passed = line.strip_prefix("ok  \t");
    let rest = passed.or_else(|| line.strip_prefix("FAIL\t"))?;
    let (package, rest) = rest.split_once(['\t', ' ']).unwrap_or((rest, ""));
    let rest = rest.rsplit_once('\t').map_or(rest, |(_, last)| last);
    (!package.is_empty()).then_some((passed.is_some(), package, rest))
}
