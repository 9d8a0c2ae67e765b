//! Compiled kernels kept on disk, on backends that can hand them out (Vulkan).
//!
//! One file for each program version, adapter and driver, in the user's cache directory. It begins with the SHA-256 of the rest, since drivers may not
//! withstand damaged data. A damaged, foreign or unreadable file is ignored and replaced.

use crate::device::gpu::Gpu;
use crate::support::error::{Error, Result};
use crate::support::files;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

const DIGEST_BYTES: usize = 32;

/// The driver's cache and its file.
pub struct KernelCache {
    cache: wgpu::PipelineCache,
    path: PathBuf,
    /// Contents of the file when it was loaded.
    loaded: Option<Vec<u8>>,
}

impl KernelCache {
    /// The cache of `gpu`, filled from its file. None if the backend has none, or the system names no cache directory.
    pub fn open(gpu: &Gpu) -> Option<KernelCache> {
        if !gpu.device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let key = wgpu::util::pipeline_cache_key(&gpu.info)?;
        let driver = files::sha256(format!("{} {}", gpu.info.driver, gpu.info.driver_info));
        let path = directory()?.join(format!("{}-{key}-{}.bin", env!("CARGO_PKG_VERSION"), &driver[..8]));
        let loaded = std::fs::read(&path).ok().and_then(|bytes| unpack(&bytes).map(<[u8]>::to_vec));
        let descriptor = wgpu::PipelineCacheDescriptor { label: Some("kernels"), data: loaded.as_deref(), fallback: true };
        // SAFETY: the data is what `get_data` returned for this adapter and driver, which the file's name and digest vouch for; wgpu checks its header.
        let cache = unsafe { gpu.device.create_pipeline_cache(&descriptor) };
        Some(KernelCache { cache, path, loaded })
    }

    /// The cache to create pipelines with.
    pub fn pipelines(&self) -> &wgpu::PipelineCache {
        &self.cache
    }

    /// Writes the file if kernels were added. A cache that cannot be written only costs time.
    pub fn save(&self) {
        if let Some(data) = self.cache.get_data().filter(|data| self.loaded.as_ref() != Some(data)) {
            let _ = write(&self.path, &data);
        }
    }
}

/// The user's cache directory for this program.
pub fn directory() -> Option<PathBuf> {
    let from = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = if cfg!(windows) { from("LOCALAPPDATA") } else { from("XDG_CACHE_HOME").or_else(|| from("HOME").map(|home| home.join(".cache"))) };
    Some(base?.join("ppo-gpu"))
}

/// The data after the digest, if the digest matches.
fn unpack(bytes: &[u8]) -> Option<&[u8]> {
    let (digest, data) = bytes.split_at_checked(DIGEST_BYTES)?;
    (Sha256::digest(data)[..] == *digest).then_some(data)
}

/// Writes a file, creating its directory if needed.
fn write(path: &Path, data: &[u8]) -> Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(|error| Error::file("create", directory, error))?;
    }
    files::write(path, &[&Sha256::digest(data), data].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_caches_are_read_and_damaged_ones_ignored() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("new").join("kernels.bin");
        write(&path, b"compiled").expect("written");
        write(&path, b"compiled again").expect("written over");
        let bytes = std::fs::read(&path).expect("read");
        assert_eq!(unpack(&bytes), Some(&b"compiled again"[..]));
        for damage in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[damage] ^= 1;
            assert_eq!(unpack(&damaged), None, "byte {damage}");
        }
        assert_eq!(unpack(&bytes[..bytes.len() - 1]), None);
        assert_eq!(unpack(&bytes[..9]), None);
        assert_eq!(std::fs::read_dir(path.parent().expect("a directory")).expect("listed").count(), 1, "nothing unfinished is left");
    }
}
