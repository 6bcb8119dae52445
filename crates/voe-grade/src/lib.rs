//! SWE-bench's verdict: a test log becomes statuses, statuses become a verdict. Pure.
