//! Pictures as PNG files.

use crate::cli::call;
use crate::play::picture::Picture;
use crate::support::error::Result;
use png::{BitDepth, ColorType, Encoder};
use std::path::Path;

/// Writes a picture of an environment.
///
/// # Errors
/// [`crate::Error::File`] when it cannot be written.
pub fn write(picture: &Picture, path: &Path) -> Result<()> {
    call::write(path, &encode(&picture.rgba, [picture.size; 2], ColorType::Rgba))
}

/// `pixels`, row by row from the top left, of a picture of this width and height, one byte for each part of a colour.
pub(super) fn encode(pixels: &[u8], [width, height]: [u32; 2], color: ColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(pixels));
    written.expect("memory takes what is written, and the sizes agree");
    bytes
}
