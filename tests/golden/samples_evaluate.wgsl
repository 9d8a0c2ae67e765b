// V(o) for every row of observations: the T steps, the one after them, and the last ones of truncated episodes.
// Rows of truncated episodes that this rollout did not write are evaluated too; `gae` does not read them.
// One of the first SAMPLES lanes: EVALUATE_ROUNDS observations. Work: one critic forward each. Reads params, observations. Writes values and, where
// layers are wide, tape. Twin: src/reference/evaluate.rs.

//! import grid
//! import network
//! import whole

@group(0) @binding(0) var<storage, read> params: array<vec4<f32>>;         // [s][P/4]
@group(0) @binding(1) var<storage, read> observations: array<u32>;         // [s][T+1+F][n][O]
@group(0) @binding(2) var<storage, read_write> values: array<f32>;         // [s][T+1+F][n]

const CRITIC: u32 = 1u;

var<private> tape_place: u32;  // the workgroup's place on the tape, where layers are wide

@compute @workgroup_size(LANES)
fn evaluate(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let place = place_of(workgroup);
    let s = place.s;
    tape_place = s * GROUPS + place.group;
    let first = place.group * EVALUATE_ROUNDS * SAMPLES + lane;
    network_begin(s * PARAMETERS + CRITIC * BLOCK, lane);
    // Software drivers do not remove a loop of one round.
    if (EVALUATE_ROUNDS == 1u) {
        evaluate_row(s, first, lane);
    } else {
        for (var i = 0u; i < EVALUATE_ROUNDS; i++) {
            evaluate_row(s, first + i * SAMPLES, lane);
        }
    }
}

// Lanes past the last observation repeat it, since all lanes must take part in the forward pass; they store nothing.
fn evaluate_row(s: u32, i: u32, lane: u32) {
    let j = s * VALUE_ROWS * ENVS + min(i, VALUE_ROWS * ENVS - 1u);
    if (!SPARE_LANES || lane < SAMPLES) {
        network_fetch(j * OBSERVATION_WORDS, lane);
    }
    let head = network_forward(s * PARAMETERS + CRITIC * BLOCK, lane);
    if (i < VALUE_ROWS * ENVS && (!SPARE_LANES || lane < SAMPLES)) {
        values[j] = whole(head[0], lane).x;
    }
}

// ---- grid

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

// ---- network

// Written for this plan's layers by src/wgsl/network/samples.rs: a lane takes a sample through the network.

var<workgroup> scratch: array<vec4<f32>, SCRATCH>;  // weights, or activations and slopes

// The lane's sample: its observation, then the outputs of each hidden layer, padded with zeros.
var<private> h0: array<vec4<f32>, 1>;  // 4 numbers
var<private> h1: array<vec4<f32>, 1>;  // 3 numbers
var<private> h2: array<vec4<f32>, 1>;  // 2 numbers
var<private> h3: array<vec4<f32>, HEAD>;  // the head's outputs

// Copies `count` vectors of params, from vector `offset` on, to scratch. Uniform control flow only.
fn stage(offset: u32, count: u32, lane: u32) {
    workgroupBarrier();
    for (var i = lane; i < count; i += LANES) {
        scratch[i] = params[offset + i];
    }
    workgroupBarrier();
}

// tanh. The built-in one costs two exponentials, and is NaN for large arguments on some drivers; this one never overflows.
fn activation(x: vec4<f32>) -> vec4<f32> {
    let e = exp(-2.0 * abs(x));
    return sign(x) * ((1.0 - e) / (1.0 + e));
}

// d activation / d x, from the activation's value h.
fn activation_slope(h: vec4<f32>) -> vec4<f32> {
    return 1.0 - h * h;
}

//! import observation

// Copies the observation of the lane's sample, which begins at word `base` of `observations`, to h0.
fn network_fetch(base: u32, lane: u32) {
    for (var k = 0u; k < OBSERVATION; k++) {
        h0[k / 4u][k % 4u] = stored_component(base, k);
    }
}

// h1[3] from h0[4]; the weights begin at vector `base` + 0 of params.
fn forward_0(base: u32, lane: u32) {
    stage(base + 0u, 5u, lane);
    h1[0] = scratch[0];
    for (var m = 0u; m < 1u; m++) {
        let x4 = h0[0u + m];
        let row = 1u + m * 4u;
        h1[0] += x4.x * scratch[row + 0u + 0u];
        h1[0] += x4.y * scratch[row + 1u + 0u];
        h1[0] += x4.z * scratch[row + 2u + 0u];
        h1[0] += x4.w * scratch[row + 3u + 0u];
    }
    h1[0] = activation(h1[0]);
}

// h2[2] from h1[3]; the weights begin at vector `base` + 5 of params.
fn forward_1(base: u32, lane: u32) {
    stage(base + 5u, 4u, lane);
    h2[0] = scratch[0];
    h2[0] += h1[0].x * scratch[1u + 0u];
    h2[0] += h1[0].y * scratch[2u + 0u];
    h2[0] += h1[0].z * scratch[3u + 0u];
    h2[0] = activation(h2[0]);
}

// h3[2] from h2[2]; the weights begin at vector `base` + 9 of params.
fn forward_2(base: u32, lane: u32) {
    stage(base + 9u, 3u, lane);
    h3[0] = scratch[0];
    h3[0] += h2[0].x * scratch[1u + 0u];
    h3[0] += h2[0].y * scratch[2u + 0u];
}

// Weights are fetched by each layer.
fn network_begin(base: u32, lane: u32) {
}

// The head's outputs for the observation in h0; keeps the hidden activations.
fn network_forward(base: u32, lane: u32) -> array<vec4<f32>, HEAD> {
    forward_0(base / 4u, lane);
    forward_1(base / 4u, lane);
    forward_2(base / 4u, lane);
    return h3;
}

// ---- whole

// The value itself, hidden from compilers. LLVM, which software drivers use, splits a store lane by lane, and if nothing else uses the value, it
// recomputes the whole expression for each lane: `evaluate` would take three times as long.

fn whole(value: vec4<f32>, lane: u32) -> vec4<f32> {
    return select(value, vec4(0.0), lane == 0xffffffffu);
}

// ---- part

// What tells the parts of a dispatch apart; see grid.wgsl.

struct Part {
    first: u32,
}

@group(1) @binding(0) var<uniform> part: Part;

// 0, which compilers do not know: a dispatch has few parts, but their number comes from memory.
fn hidden_zero() -> u32 {
    return part.first >> 31u;
}

// ---- observation

// Component k, as input of the networks, of the observation at `base` in `observations`: stored as a bit if all components are 0 or 1, else as a float.

//! import network_input

fn stored_component(base: u32, k: u32) -> f32 {
    if (PACKED_OBSERVATIONS) {
        return f32((observations[base + k / 32u] >> (k % 32u)) & 1u);
    }
    return network_input(bitcast<f32>(observations[base + k]));
}

// ---- network_input

// The networks' input for a component of an observation.

fn network_input(x: f32) -> f32 {
    return select(x, clamp(x, -OBSERVATION_CLIP, OBSERVATION_CLIP), NORMALIZE_OBSERVATIONS);
}

// ---- constants of the plan

const OBSERVATION_WORDS: u32 = 4u;
const PACKED_OBSERVATIONS: bool = false;
const HEAD: u32 = 1u;
const ONE_AGENT: bool = true;
const ENVS: u32 = 8u;
const VALUE_ROWS: u32 = 6u;
const BLOCK: u32 = 48u;
const PARAMETERS: u32 = 96u;
const EVALUATE_ROUNDS: u32 = 1u;
const SPARE_LANES: bool = false;
const SCRATCH: u32 = 2048u;
const NORMALIZE_OBSERVATIONS: bool = false;
const OBSERVATION_CLIP: f32 = 1e1;
const LANES: u32 = 64u;
const SAMPLES: u32 = 64u;
const GROUPS: u32 = 1u;
const GRID_NETWORKS: u32 = 1u;
const GRAIN: u32 = 1u;
const OBSERVATION: u32 = 4u;
