//! The cause of a task's not being resolved, by voe's own rules (docs/bench.md). The official fields are those of
//! [`infra`](crate::infra) and don't depend on it.
//!
//! Anything in a log can be the patch's own output. So a test result always outranks a sign, a sign whose text is in the
//! patch is ignored, and what a patch can cause as well as the machine is unclear.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cause_sign::{Blame, CauseSign};
use crate::instance::Instance;
use crate::log::{BadCode, START_MARKER};
use crate::log_parts::{LogPart, LogParts, Numbered};
use crate::parser::parse_log;
use crate::patch_names::PatchNames;
use crate::signs::{LogLine, Sign};
use crate::status::{Statuses, TestStatus};
use crate::text::universal_newlines;
use crate::verdict::{Graded, NotFound};

/// The place of a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct SignPlace {
    /// The part of the log.
    pub part: LogPart,
    /// The line number, from 1.
    pub line: usize,
}

/// The cause of a task's not being resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct FailureCause {
    /// The party that the failure is attributed to.
    pub blame: Blame,
    /// The evidence.
    pub sign: CauseSign,
    /// Where the log shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<SignPlace>,
}

impl std::fmt::Display for FailureCause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.blame.word(), self.sign.words())?;
        match self.seen {
            Some(place) => write!(f, ", line {} of the log", place.line),
            None => Ok(()),
        }
    }
}

impl From<CauseSign> for FailureCause {
    fn from(sign: CauseSign) -> Self {
        Self { blame: sign.blame(), sign, seen: None }
    }
}

impl FailureCause {
    fn at(self, part: LogPart, line: usize) -> Self {
        Self { seen: Some(SignPlace { part, line }), ..self }
    }

    fn with(self, blame: Blame) -> Self {
        Self { blame, ..self }
    }

    /// The cause for a graded log; `None` if the task is resolved. `patch` is the graded one.
    pub fn of(row: &Instance, patch: &str, log: &str, graded: &Graded) -> Option<Self> {
        if graded.report.resolved {
            return None;
        }
        let log = universal_newlines(log);
        let parts = LogParts::of(row, &log);
        if graded.found && graded.statuses.is_empty() || ran(row, &graded.statuses) {
            return Some(CauseSign::TestsFailed.into());
        }
        let Some(tests) = &parts.tests else { return Some(before_tests(patch, &parts, &log, graded)) };
        // What a test prints may end the slice that the verdict reads, or claim that there is no verdict.
        let begin = log.find(START_MARKER).unwrap_or_default();
        let statuses = row.parser().ok().and_then(|parser| parse_log(parser, &log[begin..]).ok()).unwrap_or_default();
        if ran(row, &statuses) {
            return Some(CauseSign::TestsFailed.into());
        }
        let names = PatchNames::of(row, patch);
        Some(if timed_out(&log) {
            CauseSign::TimeLimit.into()
        } else if let Some(cause) = of_tests(&names, patch, tests, &parts.install) {
            cause
        } else if let Some(cause) = of_install(&names, patch, &parts.install) {
            cause
        } else if graded.not_found == Some(NotFound::NoMarkers) {
            CauseSign::LogCut.into()
        } else {
            CauseSign::NoTestRan.into()
        })
    }
}

/// Whether a test ran: one that decides has a status, or any test has one that a failed collection does not give.
fn ran(row: &Instance, statuses: &Statuses) -> bool {
    let decides = |test: &str| row.fail_to_pass.iter().chain(&row.pass_to_pass).any(|known| known == test);
    statuses.iter().any(|(test, status)| *status != TestStatus::Error || decides(test))
}

fn timed_out(log: &str) -> bool {
    let last = log.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    LogLine::of(last).shown == Some(Sign::Plain(CauseSign::TimeLimit))
}

/// The cause where the tests never began.
fn before_tests(patch: &str, parts: &LogParts<'_>, log: &str, graded: &Graded) -> FailureCause {
    match graded.not_found {
        Some(NotFound::BadCode(BadCode::PatchApplyFailed)) => CauseSign::NotApplied.into(),
        Some(NotFound::BadCode(BadCode::TestsTimedOut)) => CauseSign::TimeLimit.into(),
        _ if timed_out(log) => CauseSign::TimeLimit.into(),
        Some(NotFound::BadCode(_)) => FailureCause::from(CauseSign::Harness).with(Blame::Unclear),
        _ => of_install(&PatchNames::default(), patch, &parts.install).unwrap_or(CauseSign::LogCut.into()),
    }
}

/// The cause where the test command ran no test.
fn of_tests(names: &PatchNames, patch: &str, tests: &Numbered<'_>, install: &Numbered<'_>) -> Option<FailureCause> {
    let lines: Vec<LogLine> = tests.iter().map(|(_, text)| LogLine::of(text)).collect();
    let raised_by_patch = names.named_in(tests);
    let mut found: Vec<(Strength, FailureCause)> = Vec::new();
    for (at, ((number, _), line)) in tests.iter().zip(&lines).enumerate() {
        // Frames are before the exception, or after it.
        let near = names.named_in(&tests[at.saturating_sub(4)..tests.len().min(at + 4)]);
        let mut cause = match line.shown.as_ref().filter(|_| !line.quoted_in(patch)) {
            Some(Sign::Module(module)) => of_module(names, module, near, install),
            Some(Sign::Plain(CauseSign::BinaryMismatch)) if names.compiled() => {
                FailureCause::from(CauseSign::BinaryMismatch).with(Blame::Unclear)
            }
            Some(Sign::Plain(sign)) => (*sign).into(),
            None if line.raised && is_explained(names, patch, tests, &lines, at) => continue,
            None if line.raised && raised_by_patch => CauseSign::CodeBroken.into(),
            None if line.raised => FailureCause::from(CauseSign::CodeBroken).with(Blame::Unclear),
            None => continue,
        };
        if cause.blame == Blame::Environment && near {
            cause = cause.with(Blame::Unclear);
        }
        found.push((Strength::of(cause, line), cause.at(LogPart::Tests, *number)));
    }
    found.into_iter().min_by_key(|(strength, _)| *strength).map(|(_, cause)| cause)
}

/// How much a sign counts if there are several; the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    /// It points to the patch.
    Patch,
    /// An import failed because something outside of the project is missing.
    ImportFailed,
    /// The code can't be loaded, and nothing shows that the patch caused it.
    CodeBroken,
    /// Another sign of the environment.
    Environment,
    /// Something that the patch can cause as well.
    Unclear,
    /// Nothing collected, which every other sign leads to.
    NothingCollected,
}

impl Strength {
    fn of(cause: FailureCause, line: &LogLine) -> Self {
        match (cause.blame, cause.sign) {
            (Blame::Patch, _) => Self::Patch,
            (_, CauseSign::CodeBroken) => Self::CodeBroken,
            (Blame::Environment, CauseSign::MissingModule | CauseSign::MissingLibrary) => Self::ImportFailed,
            (Blame::Environment, _) if line.raised => Self::ImportFailed,
            (Blame::Environment, _) => Self::Environment,
            (Blame::Unclear, CauseSign::NoTestsCollected) => Self::NothingCollected,
            (Blame::Unclear, _) => Self::Unclear,
        }
    }
}

/// Whether the message of an exception continues with a sign of the environment: "Unable to import required dependencies:",
/// then "pytz: No module named 'pytz'".
fn is_explained(names: &PatchNames, patch: &str, tests: &Numbered<'_>, lines: &[LogLine], at: usize) -> bool {
    let indented = tests[at].1.starts_with("E ");
    let most = if indented { 40 } else { 1 };
    let rest = tests.iter().zip(lines).skip(at + 1).take(most);
    let mut message = rest.take_while(|((_, text), line)| !line.raised && text.starts_with("E ") == indented);
    message.any(|(_, line)| match line.shown.as_ref().filter(|_| !line.quoted_in(patch)) {
        Some(Sign::Module(module)) => !names.is_own(module) && !names.adds(module),
        Some(Sign::Plain(sign)) => sign.blame() == Blame::Environment,
        None => false,
    })
}

/// A module is missing. The patch may have named it, or may have broken the project's own. `near`: a file that the patch
/// touches is named next to it.
fn of_module(names: &PatchNames, module: &str, near: bool, install: &Numbered<'_>) -> FailureCause {
    let missing = FailureCause::from(CauseSign::MissingModule);
    if names.adds(module) {
        return missing.with(Blame::Patch);
    }
    if !names.is_own(module) {
        return missing;
    }
    if module.contains('.') {
        // Part of the project is also missing if the project was not compiled.
        let broken = FailureCause::from(CauseSign::CodeBroken);
        return if near || names.touches(module) { broken } else { broken.with(Blame::Unclear) };
    }
    let offline = |text: &str| LogLine::of(text).shown == Some(Sign::Plain(CauseSign::NetworkUnreachable));
    let uninstalled = FailureCause::from(CauseSign::NotInstalled);
    if !names.packaging() && install.iter().any(|(_, text)| offline(text)) {
        uninstalled
    } else {
        uninstalled.with(Blame::Unclear)
    }
}

/// Signs of the install step other than those of an installation without a network.
fn of_install(names: &PatchNames, patch: &str, install: &Numbered<'_>) -> Option<FailureCause> {
    let blame = if names.packaging() { Blame::Unclear } else { Blame::Environment };
    install.iter().find_map(|(number, text)| {
        let line = LogLine::of(text);
        let shown = line.shown.clone().filter(|_| !line.quoted_in(patch));
        let sign = match shown? {
            Sign::Plain(sign @ (CauseSign::OutOfMemory | CauseSign::DiskFull | CauseSign::ContainerUnavailable)) => {
                sign
            }
            _ => return None,
        };
        Some(FailureCause::from(sign).with(blame).at(LogPart::Install, *number))
    })
}
