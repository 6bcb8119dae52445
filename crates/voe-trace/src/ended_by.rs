//! What ended a command early.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What ended a command, or a part of it, early.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum EndedBy {
    /// It ran longer than allowed.
    TimeLimit {
        /// The limit in seconds.
        seconds: f64,
    },
    /// It printed more than is kept of any command's output.
    OutputLimit {
        /// The limit in bytes.
        bytes: u64,
    },
    /// Its processes took more memory than allowed.
    MemoryLimit {
        /// The limit in bytes.
        bytes: u64,
    },
    /// The sandbox wrote more than allowed.
    DiskLimit {
        /// The limit in bytes.
        bytes: u64,
    },
    /// It wrote a larger file than allowed.
    FileSizeLimit {
        /// The limit in bytes.
        bytes: u64,
    },
    /// It started more processes than allowed.
    ProcessLimit {
        /// The limit, processes at a time.
        processes: u64,
    },
    /// It got SIGKILL from an unknown sender: mostly the kernel, out of memory.
    Killed {
        /// The limit on memory in bytes.
        memory_bytes: u64,
    },
    /// voe stopped it: the attempt ended or was interrupted.
    Canceled,
}

impl EndedBy {
    /// Whether the command was ended because it took too long.
    pub fn is_time_limit(self) -> bool {
        matches!(self, Self::TimeLimit { .. })
    }
}

impl std::fmt::Display for EndedBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TimeLimit { seconds } => write!(f, "time limit {seconds} s"),
            Self::OutputLimit { bytes } => write!(f, "output limit {}", whole(*bytes)),
            Self::MemoryLimit { bytes } => write!(f, "memory limit {}", size(*bytes)),
            Self::DiskLimit { bytes } => write!(f, "disk limit {}", size(*bytes)),
            Self::FileSizeLimit { bytes } => write!(f, "file size limit {}", whole(*bytes)),
            Self::ProcessLimit { processes } => write!(f, "process limit {processes}"),
            Self::Killed { memory_bytes } => {
                write!(f, "SIGKILL, probably out of memory (limit {})", whole(*memory_bytes))
            }
            Self::Canceled => f.write_str("nobody waits for it any more"),
        }
    }
}

/// Bytes in binary units, with one decimal at most.
pub fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    for (unit, size) in UNITS {
        if bytes >= size {
            let tenths = u128::from(bytes) * 10 / u128::from(size);
            return match tenths % 10 {
                0 => format!("{} {unit}", tenths / 10),
                rest => format!("{}.{rest} {unit}", tenths / 10),
            };
        }
    }
    format!("{bytes} bytes")
}

/// Bytes in the largest binary unit that leaves a whole number.
fn whole(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units.into_iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{bytes} bytes"), |(unit, name)| format!("{} {name}", bytes / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_named_with_its_size() {
        let shown = |by: EndedBy| by.to_string();
        assert_eq!(shown(EndedBy::TimeLimit { seconds: 120.0 }), "time limit 120 s");
        assert_eq!(shown(EndedBy::TimeLimit { seconds: 0.5 }), "time limit 0.5 s");
        assert_eq!(shown(EndedBy::DiskLimit { bytes: 1536 << 20 }), "disk limit 1.5 GiB");
        assert_eq!(
            shown(EndedBy::Killed { memory_bytes: 1536 << 20 }),
            "SIGKILL, probably out of memory (limit 1536 MiB)"
        );
        assert_eq!([size(2 << 30), size(100), size(u64::MAX)], ["2 GiB", "100 bytes", "17179869183.9 GiB"]);
    }
}
