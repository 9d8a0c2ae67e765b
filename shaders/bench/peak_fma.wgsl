// The peak rate of multiply-adds: x = x a + b in twelve independent chains per lane, which hide each other's latency and leave
// registers free. a, b and the chains' starts are read from memory, and their ends are written there, so the compiler can neither skip nor precompute anything.
// UNROLLED: straight-line code, for drivers that keep control flow; otherwise a loop of ROUNDS bodies that fits an instruction cache.
// Work: 24 * 64 operations a lane and body: four bodies, or ROUNDS. Reads factors. Writes sums.

@group(0) @binding(0) var<storage, read> factors: array<vec4<f32>>;          // a in x, b in y
@group(0) @binding(1) var<storage, read_write> sums: array<vec4<f32>>;       // [lane of the grid]

struct Chains {
    x: vec4<f32>,
    y: vec4<f32>,
    z: vec4<f32>,
}

@compute @workgroup_size(LANES)
fn peak_fma(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let i = group.x * LANES + lane;
    let a = factors[0].x;
    let b = factors[0].y;
    let start = sums[i];
    var chains = Chains(start, start + 1.0, start + 2.0);
    if (UNROLLED) {
        chains = times_64(times_64(times_64(times_64(chains, a, b), a, b), a, b), a, b);
    } else {
        for (var round = 0u; round < ROUNDS; round++) {
            chains = times_64(chains, a, b);
        }
    }
    sums[i] = chains.x + chains.y + chains.z;
}

fn once(c: Chains, a: f32, b: f32) -> Chains {
    return Chains(c.x * a + b, c.y * a + b, c.z * a + b);
}

fn times_4(c: Chains, a: f32, b: f32) -> Chains {
    return once(once(once(once(c, a, b), a, b), a, b), a, b);
}

fn times_16(c: Chains, a: f32, b: f32) -> Chains {
    return times_4(times_4(times_4(times_4(c, a, b), a, b), a, b), a, b);
}

fn times_64(c: Chains, a: f32, b: f32) -> Chains {
    return times_16(times_16(times_16(times_16(c, a, b), a, b), a, b), a, b);
}
