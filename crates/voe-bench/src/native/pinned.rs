//! Which tasks have a pinned environment in the official repository: those of SWE-bench Verified. So a task without one is
//! known without a request.

/// One repository per line, with the numbers of its tasks; from the rows of SWE-bench Verified, whose folders
/// `swebench/resources/swebench-og/<repository>/<number>` are in the official repository.
const LIST: &str = include_str!("pinned.txt");

/// Whether the task `id` of `repo` (`owner/name`) has one.
pub(super) fn is_pinned(repo: &str, id: &str) -> bool {
    let number = id.strip_prefix(&repo.replace('/', "__")).and_then(|rest| rest.strip_prefix('-'));
    let line = LIST.lines().filter_map(|line| line.split_once(' ')).find(|(of, _)| *of == repo);
    number.zip(line).is_some_and(|(number, (_, numbers))| numbers.split(' ').any(|one| one == number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_of_verified_have_a_pinned_environment_and_no_others() {
        assert!(is_pinned("psf/requests", "psf__requests-5414"));
        assert!(!is_pinned("psf/requests", "psf__requests-541"));
        assert!(!is_pinned("psf/requests", "psf__requests"));
        assert!(!is_pinned("acme/requests", "acme__requests-5414"));
        assert_eq!(LIST.lines().map(|line| line.split(' ').count() - 1).sum::<usize>(), 500);
    }
}
