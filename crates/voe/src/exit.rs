//! Exit codes that scripts can rely on, for every command. `docs/exit-codes.md` has the same table, and a test compares both.

/// Done what was asked.
pub(crate) const OK: u8 = 0;
/// voe failed, or what was tested is not as it must be.
pub(crate) const INTERNAL: u8 = 1;
/// The call cannot be right: flags, files, settings.
pub(crate) const USAGE: u8 = 2;
/// Ended before everything was done: an attempt at a limit (a patch may be there), a run or a grading with something left out.
pub(crate) const PARTLY: u8 = 3;
/// The model or its server failed for good.
pub(crate) const MODEL: u8 = 4;
/// `voe prove`: the change is not proven, or with `--strict` there was nothing to prove.
pub(crate) const NOT_PROVEN: u8 = 5;
/// `voe prove`: something passes without the change and fails with it.
pub(crate) const REGRESSED: u8 = 6;
/// The user stopped it.
pub(crate) const INTERRUPTED: u8 = 130;

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_in_the_documentation_has_every_code_and_no_other() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/exit-codes.md");
        let text = std::fs::read_to_string(path).unwrap();
        let codes: Vec<u8> =
            text.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok()).collect();
        let all = [
            super::OK,
            super::INTERNAL,
            super::USAGE,
            super::PARTLY,
            super::MODEL,
            super::NOT_PROVEN,
            super::REGRESSED,
            super::INTERRUPTED,
        ];
        assert_eq!(codes, all);
    }
}
