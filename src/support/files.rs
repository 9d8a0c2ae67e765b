//! Atomic writes of files, and digests.

use crate::support::error::{Error, Result};
use atomic_write_file::AtomicWriteFile;
use sha2::{Digest, Sha256};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

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

/// The contents of a file.
///
/// # Errors
/// The operating system's reason.
pub fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    std::fs::read(path)
}

/// The file itself that `path` leads to: the same for every path to it.
///
/// # Errors
/// The operating system's reason when there is none; also when it is no file, but a directory or device.
pub fn resolve(path: &Path) -> std::io::Result<PathBuf> {
    let file = std::fs::canonicalize(path)?;
    if std::fs::metadata(&file)?.is_file() { Ok(file) } else { Err(std::io::Error::other("it is not a file")) }
}

/// Bytes of a file.
///
/// # Errors
/// The operating system's reason.
pub fn size(path: &Path) -> std::io::Result<u64> {
    Ok(std::fs::metadata(path)?.len())
}

/// The names in the directory of `path`, sorted; none if it cannot be read, or they are not UTF-8.
pub fn neighbours(path: &Path) -> Vec<String> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// SHA-256 in hexadecimal digits.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// Two digits for each byte.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
