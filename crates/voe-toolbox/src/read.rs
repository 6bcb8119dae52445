//! A file's content for voe, which needs the raw bytes and not the model's view.

use std::fs;
use std::io::{self, Read};

use voe_protocol::{FileContent, FileRead, RawBytes};

use crate::place::{Access, Places};

/// Size limit of a file, in bytes: an answer is one line, in memory at both ends.
const MOST: u64 = 64 << 20;

/// Reads at most `most` bytes of a file that `file_read` may read too. `whole`: refuse a larger file.
pub(crate) fn file(places: &Places, path: &[u8], most: u64, whole: bool) -> FileRead {
    let place = match places.resolve_bytes(path, Access::Read) {
        Ok(place) => place,
        Err(why) => return FileRead::Refused { why },
    };
    let read = || -> io::Result<FileRead> {
        // Checked before opening: opening a device can have effects.
        if !fs::symlink_metadata(&place.path)?.is_file() {
            return Ok(FileRead::NotAFile);
        }
        let mut file = place.open()?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Ok(FileRead::NotAFile);
        }
        let most = most.min(MOST);
        if whole && meta.len() > most {
            return Ok(FileRead::TooLarge { size: meta.len() });
        }
        let mut content = Vec::new();
        // One byte more shows whether it has grown meanwhile.
        (&mut file).take(most + 1).read_to_end(&mut content)?;
        let size = meta.len().max(content.len() as u64);
        if content.len() as u64 > most {
            if whole {
                return Ok(FileRead::TooLarge { size });
            }
            content.pop();
        }
        Ok(FileRead::Content(FileContent { content: RawBytes(content), size }))
    };
    read().unwrap_or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => FileRead::Missing,
        _ => FileRead::Unreadable { why: format!("{}: {error}", place.shown()) },
    })
}
