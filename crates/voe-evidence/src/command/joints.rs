//! Where the parts of a line of shell end.

/// The end of a part of a line: what stands between two commands of a list or pipeline, or the end of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShellJoint {
    /// The character after the part; a comment is not in it.
    pub(crate) from: usize,
    /// The character after the operator.
    pub(crate) to: usize,
    pub(crate) operator: ShellOperator,
    /// The number of commands before it.
    pub(crate) commands: usize,
}

/// What stands between two commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShellOperator {
    /// `;`, a line end, or the end of the text.
    Then,
    /// `&`
    Background,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `|`, `|&`
    Pipe,
}
