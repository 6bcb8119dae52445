//! The matrix of a cross-examination, and the choice from it.

use std::cmp::Reverse;
use std::fmt::Write as _;

use voe_trace::event::{Candidate, CheckMatrixRow, Examination};
use voe_trace::{Event, Level, Record};

/// Whether a check tells patches apart: it fails on the base and passes with its own patch.
fn counts(check: &CheckMatrixRow, candidates: &[Candidate]) -> bool {
    let own = candidates.iter().position(|candidate| by(check, candidate));
    check.base == Some(false) && own.is_some_and(|own| check.with.get(own) == Some(&Some(true)))
}

fn by(check: &CheckMatrixRow, candidate: &Candidate) -> bool {
    check.authors.iter().any(|author| candidate.attempts.contains(author))
}

/// The sort key of a candidate, the most important criterion first.
type CandidateRank = (bool, Level, u64, Reverse<usize>, usize, bool, Reverse<u64>, Reverse<u32>);

/// The examination in a record, if there is one.
pub fn of(records: &[Record]) -> Option<&Examination> {
    records.iter().rev().find_map(|record| match &record.event {
        Event::Node(node) => node.choice.as_ref(),
        _ => None,
    })
}

/// The rules for choosing a candidate.
pub trait Examine {
    /// The candidates that are equal at the top by level and cross-examination; the repository's own tests must decide among them.
    fn undecided(&self) -> Vec<usize>;
    /// Chooses by level, by the others' checks, by the repository's own tests, by agreement, by size. `None`: there is no candidate.
    fn choose(&mut self) -> Option<usize>;
    /// The matrix for people, as Markdown.
    fn render(&self) -> String;
}

/// The criteria of the choice.
trait Criteria {
    fn level(&self, at: usize) -> Level;
    fn share(&self, at: usize) -> u64;
    fn broken(&self, at: usize) -> usize;
    fn rank(&self, at: usize) -> CandidateRank;
    fn difference(&self, first: usize, second: usize) -> String;
}

impl Criteria for Examination {
    /// The level of a candidate's evidence: `proven` is lowered if its checks were all run again and none counts.
    fn level(&self, at: usize) -> Level {
        let candidate = &self.candidates[at];
        let mut own = self.checks.iter().filter(|check| by(check, candidate)).peekable();
        let known = own.peek().is_some();
        let holds = own.any(|check| counts(check, &self.candidates));
        if candidate.level == Level::Proven && known && !holds { Level::Ran } else { candidate.level }
    }

    /// The share of the others' checks that a candidate passes, in thousandths; each author counts once. Its own checks are left
    /// out: it passes those anyway.
    fn share(&self, at: usize) -> u64 {
        let candidate = &self.candidates[at];
        let (mut sum, mut authors) = (0.0, 0_u32);
        for author in &self.candidates {
            if author.attempts == candidate.attempts {
                continue;
            }
            let theirs =
                |check: &&CheckMatrixRow| by(check, author) && !by(check, candidate) && counts(check, &self.candidates);
            let with: Vec<Option<bool>> =
                self.checks.iter().filter(theirs).map(|check| check.with.get(at).copied().flatten()).collect();
            if !with.is_empty() {
                sum += with.iter().filter(|with| **with == Some(true)).count() as f64 / with.len() as f64;
                authors += 1;
            }
        }
        if authors == 0 { 0 } else { (1000.0 * sum / f64::from(authors)).round() as u64 }
    }

    /// The number of the repository's own tests that pass on the base and fail with a candidate.
    fn broken(&self, at: usize) -> usize {
        let breaks = |test: &&CheckMatrixRow| test.base == Some(true) && test.with.get(at) == Some(&Some(false));
        self.own_tests.iter().filter(breaks).count()
    }

    fn rank(&self, at: usize) -> CandidateRank {
        let candidate = &self.candidates[at];
        (
            !candidate.empty,
            self.level(at),
            self.share(at),
            Reverse(self.broken(at)),
            candidate.attempts.len(),
            candidate.completed,
            Reverse(candidate.lines),
            // Makes the order total.
            Reverse(candidate.attempts.first().copied().unwrap_or(0)),
        )
    }

    /// How the first is better than the second.
    fn difference(&self, first: usize, second: usize) -> String {
        let (a, b) = (self.rank(first), self.rank(second));
        let next = self.candidates[second].attempts.first().copied().unwrap_or(0);
        if a.0 != b.0 {
            return "it changes something".into();
        }
        if a.1 != b.1 {
            return format!("it is {}, the next (of attempt {next}) {}", a.1, b.1);
        }
        if a.2 != b.2 {
            let percent = |share: u64| share / 10;
            return format!(
                "it passes {} % of the others' checks, the next (of attempt {next}) {} %",
                percent(a.2),
                percent(b.2)
            );
        }
        if a.3 != b.3 {
            return format!(
                "it breaks {} of the repository's own tests, the next (of attempt {next}) {}",
                a.3.0, b.3.0
            );
        }
        if a.4 != b.4 {
            return format!("{} attempts agree on it, {} on the next", a.4, b.4);
        }
        if a.5 != b.5 {
            return format!("its attempt finished, that of the next ({next}) did not");
        }
        if a.6 != b.6 {
            return format!("it is the smaller patch: {} lines, the next (of attempt {next}) {}", a.6.0, b.6.0);
        }
        "it is equal to the next in every respect and came first".into()
    }
}

impl Examine for Examination {
    fn undecided(&self) -> Vec<usize> {
        let key = |at: usize| (!self.candidates[at].empty, self.level(at), self.share(at));
        let best = (0..self.candidates.len()).map(key).max();
        (0..self.candidates.len()).filter(|at| Some(key(*at)) == best).collect()
    }

    fn choose(&mut self) -> Option<usize> {
        let mut order: Vec<usize> = (0..self.candidates.len()).collect();
        order.sort_by_key(|at| Reverse(self.rank(*at)));
        let first = *order.first()?;
        self.chosen = Some(first);
        self.why = match order.get(1) {
            None => "it is the only patch".into(),
            Some(second) => self.difference(first, *second),
        };
        Some(first)
    }

    fn render(&self) -> String {
        let mut out = String::from("### Cross-examination\n\n");
        let attempts = |ids: &[u32]| ids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        let heads: Vec<String> =
            self.candidates.iter().map(|candidate| format!("patch of {}", attempts(&candidate.attempts))).collect();
        let _ = writeln!(out, "| | base | {} |", heads.join(" | "));
        let _ = writeln!(out, "|---|---|{}", "---|".repeat(heads.len()));
        let levels: Vec<&str> = (0..self.candidates.len()).map(|at| self.level(at).word()).collect();
        let _ = writeln!(out, "| evidence | | {} |", levels.join(" | "));
        let word = |passed: Option<bool>| match passed {
            Some(true) => "pass",
            Some(false) => "fail",
            None => "?",
        };
        for (check, own) in self.checks.iter().map(|c| (c, false)).chain(self.own_tests.iter().map(|c| (c, true))) {
            let name = match own {
                true => "the repository's".to_owned(),
                false => format!("check of {}", attempts(&check.authors)),
            };
            let void = if own || counts(check, &self.candidates) { "" } else { ", not counted" };
            let with: Vec<&str> = check.with.iter().map(|with| word(*with)).collect();
            let command = one_line(&check.command);
            let _ = writeln!(out, "| {name}{void}: `{command}` | {} | {} |", word(check.base), with.join(" | "));
        }
        if let Some(chosen) = self.chosen.and_then(|at| self.candidates.get(at)) {
            let _ = writeln!(out, "\nChosen: the patch of {}; {}.", attempts(&chosen.attempts), self.why);
        }
        out
    }
}

/// A command in a table cell.
fn one_line(command: &str) -> String {
    let line = command.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|").replace('`', "'");
    match line.char_indices().nth(80) {
        Some((at, _)) => format!("{} …", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(attempt: u32, level: Level, lines: u64) -> Candidate {
        Candidate { attempts: vec![attempt], level, completed: true, lines, empty: false }
    }

    fn check(author: u32, base: bool, with: &[bool]) -> CheckMatrixRow {
        let with = with.iter().map(|with| Some(*with)).collect();
        CheckMatrixRow { authors: vec![author], command: format!("check {author}"), base: Some(base), with }
    }

    /// 1 is right; 2 is wrong with a check that asks for the wrong thing; 3 special-cases the example; 4 has a vacuous check.
    fn planted() -> Examination {
        Examination {
            candidates: vec![
                candidate(1, Level::Proven, 9),
                candidate(2, Level::Proven, 2),
                candidate(3, Level::Proven, 2),
                candidate(4, Level::Vacuous, 1),
            ],
            checks: vec![
                check(1, false, &[true, false, false, false]),
                check(2, false, &[false, true, false, false]),
                check(3, false, &[true, false, true, false]),
            ],
            ..Examination::default()
        }
    }

    #[test]
    fn the_right_patch_is_chosen_over_wrong_overfitted_and_vacuously_tested_ones() {
        let mut examination = planted();
        assert_eq!(examination.choose(), Some(0));
        assert_eq!(examination.why, "it passes 50 % of the others' checks, the next (of attempt 2) 0 %");
    }

    #[test]
    fn the_order_of_the_attempts_does_not_matter() {
        let mut examination = planted();
        examination.candidates.rotate_left(1);
        for check in &mut examination.checks {
            check.with.rotate_left(1);
        }
        assert_eq!(examination.choose(), Some(3));
    }

    #[test]
    fn a_proof_that_is_not_confirmed_by_a_rerun_does_not_count() {
        let mut examination = planted();
        for at in [0, 2] {
            examination.checks[at].base = Some(true);
        }
        assert_eq!(examination.choose(), Some(1));
        assert_eq!(examination.level(0), Level::Ran);
    }

    #[test]
    fn the_repositorys_own_tests_agreement_and_size_decide_in_this_order() {
        let both = || Examination {
            candidates: vec![candidate(1, Level::Ran, 1), candidate(2, Level::Ran, 9)],
            ..Examination::default()
        };
        let mut examination = both();
        assert_eq!((examination.choose(), examination.why.contains("smaller")), (Some(0), true));
        examination.candidates[1].attempts.push(3);
        assert_eq!((examination.choose(), examination.why.contains("agree")), (Some(1), true));
        examination.own_tests = vec![CheckMatrixRow { authors: Vec::new(), ..check(0, true, &[true, false]) }];
        assert_eq!((examination.choose(), examination.why.contains("own tests")), (Some(0), true));
    }

    #[test]
    fn a_patch_is_better_than_none_and_a_refuted_one_too_where_all_else_is_empty() {
        let empty = Candidate { empty: true, ..candidate(1, Level::None, 0) };
        let mut examination =
            Examination { candidates: vec![empty, candidate(2, Level::Refuted, 4)], ..Examination::default() };
        assert_eq!(examination.choose(), Some(1));
        assert_eq!(Examination::default().choose(), None);
    }

    #[test]
    fn the_matrix_is_a_table() {
        let mut examination = planted();
        examination.candidates.truncate(2);
        examination.checks.truncate(2);
        examination.checks.iter_mut().for_each(|check| check.with.truncate(2));
        examination.choose();
        assert_eq!(
            examination.render(),
            "### Cross-examination\n\n| | base | patch of 1 | patch of 2 |\n|---|---|---|---|\n| evidence | | proven | proven |\n| check of 1: \
             `check 1` | fail | pass | fail |\n| check of 2: `check 2` | fail | fail | pass |\n\nChosen: the patch of 2; it is the smaller \
             patch: 2 lines, the next (of attempt 1) 9.\n"
        );
    }
}
