// What tells the parts of a dispatch apart; see grid.wgsl.

struct Part {
    first: u32,
}

@group(1) @binding(0) var<uniform> part: Part;

// 0, which compilers do not know: a dispatch has few parts, but their number comes from memory.
fn hidden_zero() -> u32 {
    return part.first >> 31u;
}
