// Where a workgroup stands in its kernel's grid. A dispatch may be cut into parts of GRAIN workgroups each (src/device/pace.rs); the host names the first part
// of those that it dispatches.

struct Part {
    first: u32,
}

@group(1) @binding(0) var<uniform> part: Part;

struct Place {
    s: u32,        // agent
    network: u32,  // 0 where the grid tells no networks apart
    group: u32,
}

fn place_of(workgroup: vec3<u32>) -> Place {
    let i = part.first * GRAIN + workgroup.x;
    return Place(i / (GROUPS * GRID_NETWORKS), i / GROUPS % GRID_NETWORKS, i % GROUPS);
}
