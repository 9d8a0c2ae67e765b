// The position of a workgroup in its kernel's grid. A dispatch may be cut into parts of GRAIN workgroups (src/device/pace.rs); the host passes the number of
// the first part.

//! import part

struct Place {
    s: u32,        // agent
    network: u32,  // 0 if the grid has no axis for networks
    group: u32,
}

fn place_of(workgroup: vec3<u32>) -> Place {
    let i = part.first * GRAIN + workgroup.x;
    // Software drivers load an agent's numbers once, rather than for each lane, if their address is a constant.
    let s = select(i / (GROUPS * GRID_NETWORKS), 0u, ONE_AGENT);
    return Place(s, i / GROUPS % GRID_NETWORKS, i % GROUPS);
}
