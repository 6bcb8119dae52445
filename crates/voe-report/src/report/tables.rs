//! The report's tables.

use super::arm_facts::{ArmFacts, ArmWork, gold_fails};
use super::build::{ArmsReport, GroupRow};
use super::table::{ReportTable, Value, some_share};
use crate::data::cell::GradeVerdict;
use crate::data::failure::FailureClass;
use crate::format::{mean_count, p_value, percent, points};
use crate::metric::{METRICS, Metric, MetricRow, MetricTable};
use crate::stats::Interval;

impl ArmsReport {
    /// All non-empty tables, in reading order; the table of all tasks is last.
    pub fn tables(&self) -> Vec<ReportTable> {
        let tables = [
            self.arms_table(),
            self.pass_table(),
            self.pairs_table(),
            self.evidence_table(),
            self.failures_table(),
            self.reasons_table(),
            self.work_table(),
            self.edits_table(),
            self.group_table("difficulty", "By difficulty", &self.by_difficulty),
            self.group_table("repositories", "By repository", self.repositories()),
            self.overlap_table(),
            self.matrix_table(),
        ];
        tables.into_iter().filter(|table| !table.rows.is_empty()).collect()
    }

    /// The repositories; empty if each has one task, since the table of tasks shows the same.
    pub(crate) fn repositories(&self) -> &[GroupRow] {
        if self.by_repo.len() < self.tasks { &self.by_repo } else { &[] }
    }

    fn arms_table(&self) -> ReportTable {
        let row = |arm: &ArmFacts| {
            vec![
                Value::from(&arm.name),
                Value::number(arm.resolved, mean_count(arm.resolved)),
                Value::number(arm.submitted, mean_count(arm.submitted)),
                arm.total.into(),
                Value::number(arm.rate, percent(arm.rate)),
                arm.interval.map_or_else(Value::missing, |Interval(l, h)| Value::number(l, range(l, h))),
                arm.verdict(GradeVerdict::Unresolved).into(),
                arm.verdict(GradeVerdict::EmptyPatch).into(),
                arm.verdict(GradeVerdict::Error).into(),
                arm.verdict(GradeVerdict::Skipped).into(),
                arm.verdict(GradeVerdict::Ungraded).into(),
            ]
        };
        ReportTable {
            id: "arms",
            title: "Arms".into(),
            note: "Resolved of all tasks of the suite, with the 95 % Wilson interval.".to_owned()
                + if self.arms.iter().any(|a| a.trials > 1) {
                    " With several trials: the mean over trials."
                } else {
                    ""
                },
            columns: owned(&[
                "arm",
                "resolved",
                "submitted",
                "total",
                "rate",
                "95 % interval",
                "unresolved",
                "empty",
                "errors",
                "skipped",
                "ungraded",
            ]),
            rows: self.arms.iter().map(row).collect(),
        }
    }

    fn pass_table(&self) -> ReportTable {
        let mut rows = Vec::new();
        for arm in &self.arms {
            for pass in &arm.pass {
                let deviation = arm.spread.and_then(|s| s.deviation).unwrap_or(0.0);
                rows.push(vec![
                    Value::from(&arm.name),
                    arm.trials.into(),
                    Value::number(arm.rate, percent(arm.rate)),
                    Value::number(deviation, format!("{:.1}", 100.0 * deviation)),
                    Value::number(pass.k as f64, pass.k.to_string()),
                    Value::number(pass.at, percent(pass.at)),
                    Value::number(pass.hat, percent(pass.hat)),
                ]);
            }
        }
        ReportTable {
            id: "trials",
            title: "Between trials".into(),
            note: "Deviation: sample standard deviation of the trials' rates, in points. pass@k: at least one of k trials resolves \
                   the task; pass^k: all k do."
                .into(),
            columns: owned(&["arm", "trials", "mean rate", "deviation", "k", "pass@k", "pass^k"]),
            rows,
        }
    }

    fn pairs_table(&self) -> ReportTable {
        let row = |pair: &super::build::Pair| {
            let c = &pair.comparison;
            let Interval(low, high) = c.interval;
            vec![
                Value::from(&c.a),
                Value::from(&c.b),
                c.won.into(),
                c.lost.into(),
                c.both.into(),
                c.neither.into(),
                Value::number(c.difference, points(c.difference)),
                Value::number(low, format!("{} to {}", points(low), points(high))),
                Value::number(c.p, p_value(c.p)),
                Value::number(pair.p_holm, p_value(pair.p_holm)),
            ]
        };
        ReportTable {
            id: "pairs",
            title: "Pairs".into(),
            note: "Won: A resolved the task and B did not. Difference in points, with its 95 % interval; p: exact McNemar, two-sided, \
                   alone and after Holm's correction over all pairs."
                .into(),
            columns: owned(&["A", "B", "won", "lost", "both", "neither", "difference", "95 % interval", "p", "p (Holm)"]),
            rows: self.pairs.iter().map(row).collect(),
        }
    }

    fn worked(&self) -> impl Iterator<Item = (&ArmFacts, &ArmWork)> {
        self.arms.iter().filter_map(|arm| Some((arm, arm.work.as_ref()?)))
    }

    fn evidence_table(&self) -> ReportTable {
        let mut rows = Vec::new();
        for (arm, work) in self.worked() {
            for c in &work.calibration {
                let rate = f64::from(c.resolved) / f64::from(c.attempts);
                rows.push(vec![
                    Value::from(&arm.name),
                    c.level.word().into(),
                    c.attempts.into(),
                    c.resolved.into(),
                    Value::number(rate, percent(rate)),
                    c.interval.map_or_else(Value::missing, |Interval(l, h)| Value::number(l, range(l, h))),
                ]);
            }
        }
        ReportTable {
            id: "evidence",
            title: "Evidence".into(),
            note: "Share resolved of the graded attempts that ended with each level of evidence. A proven patch that is not \
                   resolved is a false proof."
                .into(),
            columns: owned(&["arm", "level", "attempts", "resolved", "rate", "95 % interval"]),
            rows,
        }
    }

    /// Rows with a name and a count for each arm; rows of zeros are left out.
    fn by_arm(&self, names: &[(String, Vec<u32>)]) -> Vec<Vec<Value>> {
        let shown = names.iter().filter(|(_, counts)| counts.iter().any(|&n| n > 0));
        shown
            .map(|(name, counts)| [Value::from(name)].into_iter().chain(counts.iter().map(|&n| n.into())).collect())
            .collect()
    }

    fn headed(&self, first: &str) -> Vec<String> {
        [first.to_owned()].into_iter().chain(self.arms.iter().map(|arm| arm.name.clone())).collect()
    }

    fn failures_table(&self) -> ReportTable {
        let count = |failure| self.arms.iter().map(|a| a.failures.get(&failure).copied().unwrap_or(0)).collect();
        let names: Vec<_> = FailureClass::ALL.iter().map(|&f| (f.words().to_owned(), count(f))).collect();
        ReportTable {
            id: "failures",
            title: "Failure classes".into(),
            note: "Unresolved tasks, by the first class that applies.".to_owned() + &gold_fails(&self.arms),
            columns: self.headed("class"),
            rows: self.by_arm(&names),
        }
    }

    fn reasons_table(&self) -> ReportTable {
        let mut reasons: Vec<&str> = self.worked().flat_map(|(_, w)| w.reasons.keys().copied()).collect();
        reasons.sort_unstable();
        reasons.dedup();
        let count = |of: &dyn Fn(&ArmWork) -> u32| self.arms.iter().map(|a| a.work.as_ref().map_or(0, of)).collect();
        let mut names: Vec<(String, Vec<u32>)> =
            reasons.iter().map(|&r| (r.to_owned(), count(&|w| w.reasons.get(r).copied().unwrap_or(0)))).collect();
        names.push(("running or cut off".to_owned(), count(&|w| w.unfinished)));
        ReportTable {
            id: "reasons",
            title: "Finish reasons".into(),
            note: String::new(),
            columns: self.headed("reason"),
            rows: self.by_arm(&names),
        }
    }

    fn work_table(&self) -> ReportTable {
        let mut table =
            self.metric_table(MetricTable::ArmWork, "work", "Work", "Means over attempts with a trajectory.");
        if !table.rows.is_empty() {
            table.rows.insert(0, self.work_row("attempts", |work| Some(work.attempts.into())));
        }
        table
    }

    fn edits_table(&self) -> ReportTable {
        let mut table = self.metric_table(
            MetricTable::Edits,
            "edits",
            "Edits, checks and nudges",
            "An edit is a tool call that changed the workspace, whatever the tool. Checked at once: a check ran on exactly that code. \
             Heeded: a check followed within two steps, or later on the same code.",
        );
        if table.rows.is_empty() {
            return table;
        }
        table.rows.push(self.work_row("false proofs", |work| Some(work.false_proofs.into())));
        let mut named = |prefix: &str, names: Vec<String>, of: &dyn Fn(&ArmWork, &str) -> Option<Value>| {
            let rows = names.iter().map(|name| self.work_row(&format!("{prefix}{name}"), |work| of(work, name)));
            table.rows.extend(rows);
        };
        let names = |of: &dyn Fn(&ArmWork) -> Vec<String>| {
            let mut names: Vec<String> = self.worked().flat_map(|(_, w)| of(w)).collect();
            names.sort();
            names.dedup();
            names
        };
        named("edits by ", names(&|w| w.edits.keys().cloned().collect()), &|w, tool| {
            some_share(w.edits.get(tool).copied().unwrap_or(0), w.edits.values().sum())
        });
        named("checks: ", names(&|w| w.checks.keys().map(|&k| k.to_owned()).collect()), &|w, level| {
            Some(w.checks.get(level).copied().unwrap_or(0).into())
        });
        named("nudges: ", names(&|w| w.nudges.keys().map(|kind| (*kind).to_owned()).collect()), &|w, kind| {
            Some(w.nudges.get(kind).map_or(0, |n| n.given).into())
        });
        named(
            "nudges heeded: ",
            names(&|w| w.nudges.iter().filter(|(_, n)| n.heeded.is_some()).map(|(k, _)| (*k).to_owned()).collect()),
            &|w, kind| {
                let nudges = w.nudges.get(kind)?;
                some_share(nudges.heeded?, nudges.given)
            },
        );
        table
    }

    /// A row of a count from each arm's trajectories.
    fn work_row(&self, label: &str, of: impl Fn(&ArmWork) -> Option<Value>) -> Vec<Value> {
        let cell = |arm: &ArmFacts| arm.work.as_ref().and_then(&of).unwrap_or_else(Value::missing);
        [Value::from(label)].into_iter().chain(self.arms.iter().map(cell)).collect()
    }

    /// The rows of a table that come from the table of metrics; rows unknown for all arms are left out.
    fn metric_table(&self, wanted: MetricTable, id: &'static str, title: &str, note: &str) -> ReportTable {
        let row = |metric: &Metric, MetricRow { label, combine, .. }: &MetricRow| {
            let cell = |arm: &ArmFacts| {
                let resolved = arm.resolved * arm.trials as f64;
                combine.cell(metric, &arm.work.as_ref()?.metrics, resolved)
            };
            let cells: Vec<Option<Value>> = self.arms.iter().map(cell).collect();
            let known = cells.iter().any(Option::is_some);
            let cells = cells.into_iter().map(|cell| cell.unwrap_or_else(Value::missing));
            known.then(|| [Value::from(*label)].into_iter().chain(cells).collect())
        };
        let of_metric = |metric: &'static Metric| {
            metric.rows.iter().filter(|row| row.table == wanted).filter_map(move |entry| row(metric, entry))
        };
        ReportTable {
            id,
            title: title.to_owned(),
            note: note.to_owned(),
            columns: self.headed("measure"),
            rows: METRICS.iter().flat_map(of_metric).collect(),
        }
    }

    fn group_table(&self, id: &'static str, title: &str, groups: &[GroupRow]) -> ReportTable {
        let line = |name: Value, tasks: usize, resolved: &[f64], any: usize| {
            let mut row = vec![name, tasks.into()];
            row.extend(resolved.iter().map(|&n| {
                let rate = n / tasks.max(1) as f64;
                Value::number(rate, format!("{} ({:.0} %)", mean_count(n), 100.0 * rate))
            }));
            row.push(any.into());
            row
        };
        let mut rows: Vec<_> = groups.iter().map(|g| line((&g.group).into(), g.tasks, &g.resolved, g.by_any)).collect();
        if !groups.is_empty() {
            let sums: Vec<f64> = (0..self.arms.len()).map(|a| groups.iter().map(|g| g.resolved[a]).sum()).collect();
            rows.push(line("all".into(), self.tasks, &sums, groups.iter().map(|g| g.by_any).sum()));
        }
        let mut columns = self.headed("group");
        columns.insert(1, "tasks".to_owned());
        columns.push("any arm".to_owned());
        ReportTable {
            id,
            title: title.to_owned(),
            note: "Tasks resolved, and their share of the group's.".into(),
            columns,
            rows,
        }
    }

    fn overlap_table(&self) -> ReportTable {
        let row = |(i, arm): (usize, &ArmFacts)| {
            let o = &self.overlap;
            let pair = |j: usize| match i == j {
                true => o.both[i][i].into(),
                false => Value::number(o.both[i][j] as f64, format!("{} / {}", o.both[i][j], o.union[i][j])),
            };
            let mut row = vec![Value::from(&arm.name)];
            row.extend((0..self.arms.len()).map(pair));
            row.push(o.exclusive[i].len().into());
            row
        };
        let mut columns = self.headed("arm");
        columns.push("alone".to_owned());
        ReportTable {
            id: "overlap",
            title: "Overlap".into(),
            note: format!(
                "Tasks resolved by both / by at least one of the two; alone: by no other arm. At least one arm resolves {} of {}, all arms {}.",
                self.overlap.union_of_all, self.tasks, self.overlap.all
            ),
            columns,
            rows: if self.arms.len() > 1 { self.arms.iter().enumerate().map(row).collect() } else { Vec::new() },
        }
    }

    fn matrix_table(&self) -> ReportTable {
        let outcome = |(&[resolved, submitted], arm): (&[usize; 2], &ArmFacts)| match (resolved, submitted) {
            (_, 0) => Value::number(-1.0, "–"),
            (r, _) if arm.trials > 1 => Value::number(r as f64, format!("{r}/{}", arm.trials)),
            (0, _) => Value::number(0.0, "·"),
            _ => Value::number(1.0, "✓"),
        };
        let row = |row: &super::build::TaskRow| {
            let mut values = vec![Value::from(&row.task), Value::from(&row.repo), Value::from(&row.difficulty)];
            values.extend(row.outcomes.iter().zip(&self.arms).map(outcome));
            values
        };
        let mut columns = self.headed("task");
        columns.splice(1..1, owned(&["repository", "difficulty"]));
        ReportTable {
            id: "tasks",
            title: "Tasks".into(),
            note: "✓ resolved, · not resolved, – not submitted; with several trials: the number of trials that resolved it.".into(),
            columns,
            rows: self.matrix.iter().map(row).collect(),
        }
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn range(low: f64, high: f64) -> String {
    format!("{:.1}–{:.1} %", 100.0 * low, 100.0 * high)
}
