//! Selects a part of a suite's tasks.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use voe_grade::Instance;

use super::Suite;

/// Which tasks of a suite to take. Empty or `None` means all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// Repositories: `owner/name`, or either of the two.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub repos: Vec<String>,
    /// Difficulties, as the suite spells them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub difficulty: Vec<String>,
    /// Ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// Sample size; the tasks are chosen by `seed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<usize>,
    /// Seed of the sample; gives the same tasks on every machine.
    pub seed: u64,
    /// The k-th of n parts, as (k, n), k from 1: to run one experiment on several machines.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "read_shard")]
    #[schemars(with = "Option<(usize, usize)>")]
    pub shard: Option<(usize, usize)>,
}

impl Filter {
    /// Keeps the matching tasks, in the suite's order, and returns a message for each id and word that matched nothing.
    pub fn apply(&self, suite: &mut Suite) -> Vec<String> {
        let problems = self.unmatched(suite);
        suite.tasks.retain(|task| self.takes(task));
        if let Some(sample) = self.sample.filter(|n| *n < suite.tasks.len()) {
            let mut drawn: Vec<_> = suite
                .tasks
                .iter()
                .map(|task| (draw(self.seed, &[&task.instance_id]), task.instance_id.clone()))
                .collect();
            drawn.sort();
            let kept: BTreeSet<_> = drawn.into_iter().take(sample).map(|(_, id)| id).collect();
            suite.tasks.retain(|task| kept.contains(&task.instance_id));
        }
        if let Some((k, n)) = self.shard {
            let mut at = 0;
            suite.tasks.retain(|_| {
                at += 1;
                (at - 1) % n.max(1) + 1 == k
            });
        }
        problems
    }

    fn takes(&self, task: &Instance) -> bool {
        let difficulty = task.difficulty.as_deref().unwrap_or_default();
        (self.repos.is_empty() || self.repos.iter().any(|repo| is_repo(task, repo)))
            && (self.difficulty.is_empty() || self.difficulty.iter().any(|d| d == difficulty))
            && (self.ids.is_empty() || self.ids.contains(&task.instance_id))
    }

    fn unmatched(&self, suite: &Suite) -> Vec<String> {
        let none = |what: &str, found: &dyn Fn(&Instance) -> bool| !what.is_empty() && !suite.tasks.iter().any(found);
        let mut problems = Vec::new();
        for id in self.ids.iter().filter(|id| none(id, &|task| task.instance_id == **id)) {
            problems.push(format!("{id}: not in the suite {}; left out", suite.name));
        }
        for repo in self.repos.iter().filter(|repo| none(repo, &|task| is_repo(task, repo))) {
            problems.push(format!("no task of {repo} in the suite {}", suite.name));
        }
        for word in self.difficulty.iter().filter(|d| none(d, &|task| task.difficulty.as_ref() == Some(*d))) {
            let known: BTreeSet<_> = suite.tasks.iter().filter_map(|task| task.difficulty.as_deref()).collect();
            let known = known.into_iter().collect::<Vec<_>>().join("\", \"");
            problems.push(format!("no task of difficulty \"{word}\" in the suite {} (known: \"{known}\")", suite.name));
        }
        problems
    }
}

fn is_repo(task: &Instance, wanted: &str) -> bool {
    task.repo == wanted || task.repo.split('/').any(|part| part == wanted)
}

/// A pseudorandom number for `words` and `seed`: the same on every machine, whatever else is drawn.
pub(crate) fn draw(seed: u64, words: &[&str]) -> [u8; 32] {
    let mut hash = blake3::Hasher::new();
    hash.update(&seed.to_le_bytes());
    for word in words {
        hash.update(word.as_bytes());
        hash.update(&[0]);
    }
    *hash.finalize().as_bytes()
}

/// Reads `[K, N]`. By default serde would accept a longer list and ignore its end.
fn read_shard<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<(usize, usize)>, D::Error> {
    match Vec::deserialize(deserializer)?[..] {
        [k, n] if k >= 1 && k <= n => Ok(Some((k, n))),
        _ => Err(D::Error::custom("invalid shard: expected [K, N] with K from 1 to N")),
    }
}

/// Reads `K/N`.
///
/// # Errors
/// A message: not of the form `K/N`, or K is not between 1 and N.
pub fn shard(text: &str) -> Result<(usize, usize), String> {
    let numbers = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    match numbers {
        Some((k, n)) if k >= 1 && k <= n => Ok((k, n)),
        _ => Err(format!("invalid shard {text:?}: expected K/N, such as 1/4 for the first of four")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(filter: &Filter) -> (Vec<String>, Vec<String>) {
        let mut suite = Suite::shipped("mini").unwrap();
        let problems = filter.apply(&mut suite);
        (suite.tasks.into_iter().map(|task| task.instance_id).collect(), problems)
    }

    #[test]
    fn shards_are_disjoint_and_make_the_whole() {
        let whole = left(&Filter::default()).0;
        let mut parts: Vec<_> =
            (1..=4).flat_map(|k| left(&Filter { shard: Some((k, 4)), ..Filter::default() }).0).collect();
        assert_eq!(parts.len(), whole.len());
        parts.sort();
        assert_eq!(parts, whole);
    }

    #[test]
    fn a_sample_is_the_same_for_the_same_seed_and_grows_by_adding() {
        let sample = |n, seed| left(&Filter { sample: Some(n), seed, ..Filter::default() }).0;
        assert_eq!(sample(5, 1), sample(5, 1));
        assert_ne!(sample(5, 1), sample(5, 2));
        assert!(sample(5, 1).iter().all(|id| sample(9, 1).contains(id)));
        assert_eq!(sample(500, 1).len(), left(&Filter::default()).0.len());
    }

    #[test]
    fn what_matches_nothing_is_named() {
        let filter = Filter {
            ids: vec!["mini__pages-1".into(), "x__y-1".into()],
            repos: vec!["mini".into(), "nobody/none".into()],
            difficulty: vec!["<15 min fix".into(), "ages".into()],
            ..Filter::default()
        };
        let (ids, problems) = left(&filter);
        assert_eq!(ids, ["mini__pages-1"]);
        insta::assert_snapshot!(problems.join("\n"), @r#"
        x__y-1: not in the suite mini; left out
        no task of nobody/none in the suite mini
        no task of difficulty "ages" in the suite mini (known: "1-4 hours", "15 min - 1 hour", "<15 min fix")
        "#);
    }

    #[test]
    fn a_shard_in_a_file_has_two_numbers_that_make_sense() {
        let read = |text: &str| toml::from_str::<Filter>(text).map(|filter| filter.shard);
        assert_eq!(read("shard = [2, 4]").unwrap(), Some((2, 4)));
        assert_eq!(read("").unwrap(), None);
        for wrong in ["[1, 2, 3]", "[1]", "[]", "[0, 4]", "[5, 4]", "\"1/4\""] {
            assert!(read(&format!("shard = {wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_part_is_written_k_of_n() {
        assert_eq!(shard("2/4"), Ok((2, 4)));
        for wrong in ["0/4", "5/4", "1", "a/b", "", "1/0"] {
            assert!(shard(wrong).is_err(), "{wrong}");
        }
    }
}
