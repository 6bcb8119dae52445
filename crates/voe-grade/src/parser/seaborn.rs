//! seaborn: pytest in verbose mode, of which only FAILED and PASSED results are read.

use crate::status::{Statuses, TestStatus};
use crate::text::words;

pub(super) fn parse(log: &str) -> Statuses {
    let mut statuses = Statuses::default();
    for line in log.split('\n') {
        let mut words = words(line);
        let (Some(first), Some(second)) = (words.next(), words.next()) else { continue };
        if line.starts_with("FAILED") {
            statuses.insert(second, TestStatus::Failed);
        } else if line.contains(" PASSED ") {
            // a line with PASSED in another place is not read as a summary line either
            if second == "PASSED" {
                statuses.insert(first, TestStatus::Passed);
            }
        } else if line.starts_with("PASSED") {
            statuses.insert(second, TestStatus::Passed);
        }
    }
    statuses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parser::pairs;

    #[test]
    fn results_are_before_or_after_the_id() {
        let log = "t.py::a PASSED [ 1%]\nPASSED t.py::b\nFAILED t.py::c - why\nFAILED\nSKIPPED t.py::d\nERROR t.py::e";
        assert_eq!(pairs(&parse(log)), [("t.py::a", "PASSED"), ("t.py::b", "PASSED"), ("t.py::c", "FAILED")]);
    }

    #[test]
    fn passed_in_the_wrong_place_hides_the_line() {
        assert_eq!(pairs(&parse("PASSED t.py::a PASSED x\nt.py::b\tPASSED x\nt.py::c PASSED")), []);
        assert_eq!(pairs(&parse("FAILED t PASSED x\nFAILEDu t")), [("t", "FAILED")]);
    }
}
