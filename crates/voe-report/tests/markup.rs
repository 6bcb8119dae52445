//! Foreign text on the page of a report: whatever it is, it stays text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use voe_report::commands::report::{Made, ReportFormat};
use voe_report::data::arm::{ArmResults, Trial};
use voe_report::data::attempt::{AttemptFacts, Nudges};
use voe_report::data::cell::{GradeVerdict, TrialCell};
use voe_report::data::suite::{TaskFacts, TaskSet};

#[test]
fn whatever_stands_in_a_field_the_page_has_it_as_text() {
    let evil = |field: &str| {
        format!("{field}</td></script><script>alert(\"x\")</script>'\" onclick=y <img src=z> & &lt;{field}")
    };
    let attempt = AttemptFacts {
        strategy: evil("strategy"),
        model: evil("model"),
        began: evil("2026-11-2"),
        error: Some(evil("error")),
        edits: [(evil("tool"), 1)].into(),
        nudges: [("verify", Nudges { given: 1, heeded: Some(1) })].into(),
        files: vec![evil("file")],
        ..AttemptFacts::default()
    };
    let cell = |verdict| TrialCell { verdict, attempt: Some(Box::new(attempt.clone())), ..TrialCell::default() };
    let arm = |name: &str, verdict| ArmResults {
        name: evil(name),
        trials: vec![Trial { number: 1, cells: [(evil("task"), cell(verdict))].into(), ..Trial::default() }],
        notes: vec![evil("note")],
        ..ArmResults::default()
    };
    let task =
        |id: &str| (evil(id), TaskFacts { repo: evil("repo"), difficulty: evil("difficulty"), ..TaskFacts::default() });
    let suite = TaskSet { name: evil("suite"), tasks: [task("task"), task("other")].into() };
    let made = Made::of(&[arm("a", GradeVerdict::Resolved), arm("b", GradeVerdict::Unresolved)], Some(&suite));
    let page = made.text(ReportFormat::Html).unwrap();

    for field in ["strategy", "tool", "a", "b", "note", "task", "repo", "difficulty", "suite", "model"] {
        // A strategy's name is not shown; everything else is, and whole where a figure doesn't shorten it.
        let text = format!(
            "{field}&lt;/td&gt;&lt;/script&gt;&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39;&quot; onclick=y"
        );
        assert!(field == "strategy" || page.contains(&text), "{field} is not on the page");
        assert!(!page.contains(&evil(field)), "{field}");
    }
    assert_eq!((page.matches("<script").count(), page.matches("</script").count()), (1, 1), "the page's own");
    for markup in ["<img", "alert(\"", "\" onclick", "& &"] {
        let at = page.find(markup);
        assert!(at.is_none(), "{markup}: {}", &page[at.unwrap()..][..200]);
    }
}
