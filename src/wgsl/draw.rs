//! The kernel that draws environments.

use crate::program::kernel::Grid;
use crate::program::plan::Plan;
use crate::wgsl::compose;

/// Its file.
pub(crate) const SOURCE: &str = include_str!("../../shaders/draw.wgsl");
/// Its workgroups take some pixels each, and are counted by whoever dispatches them.
pub(crate) const GRID: Grid = Grid { lanes: 256, groups: 1, networks: 1 };

/// Constants that it has besides those of the plan, for pictures of `size` x `size` pixels.
pub(crate) fn constants(size: u32) -> String {
    format!("const PICTURE_SIZE: u32 = {size}u;\n")
}

/// The whole WGSL for environments of `plan`.
pub(crate) fn composed(plan: &Plan) -> String {
    compose::compose_source(SOURCE, GRID, plan).text + &constants(1)
}
