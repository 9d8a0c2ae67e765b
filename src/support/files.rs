//! Atomic writes of files, and digests.

use crate::support::error::{Error, Result};
use atomic_write_file::AtomicWriteFile;
use sha2::{Digest, Sha256};
use std::io::{ErrorKind, Write};
use std::path::Path;

/// Writes a file atomically: after any failure, even a crash of the system, it holds either `bytes` or its previous contents. A device or a pipe, such as
/// /dev/stdout, takes them as they come. A link stays one.
///
/// # Errors
/// [`Error::File`] when it cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = match std::fs::metadata(path) {
        // A new file could not take its place, and would be left.
        Ok(there) if there.is_dir() => Err(ErrorKind::IsADirectory.into()),
        Ok(there) if !there.is_file() => std::fs::write(path, bytes),
        Ok(_) => path.canonicalize().and_then(|path| replace(&path, bytes)),
        Err(_) => replace(path, bytes),
    };
    written.map_err(|error| Error::file("write", path, error))
}

fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = AtomicWriteFile::open(path)?;
    file.write_all(bytes)?;
    file.commit()
}

/// Reads a text, without the byte order mark that some editors put at its beginning.
///
/// # Errors
/// [`Error::Unreadable`] when it cannot be read or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    let mut text = std::fs::read_to_string(path).map_err(|error| Error::unreadable(path, error))?;
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(text)
}

/// SHA-256 in hexadecimal digits.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// Two digits for each byte.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
