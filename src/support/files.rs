//! Atomic writes of files, and digests.

use crate::support::error::{Error, Result};
use atomic_write_file::AtomicWriteFile;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::Path;

/// Writes a file atomically: after any failure, even a crash of the system, it holds either `bytes` or its previous contents.
///
/// # Errors
/// [`Error::File`] when it cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = AtomicWriteFile::open(path).and_then(|mut file| file.write_all(bytes).and_then(|()| file.commit()));
    written.map_err(|error| Error::file("write", path, error))
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
