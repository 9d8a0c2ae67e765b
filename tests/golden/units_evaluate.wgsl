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

// Written for this plan's layers by src/wgsl/network/units: a lane has units of each layer.
// A workgroup's 8 lanes take 8 samples at a time; a vector holds one unit's values for four of them.

// Component `i` mod 4.
fn component(x: vec4<f32>, i: u32) -> f32 {
    return select(select(x.x, x.y, i % 4u == 1u), select(x.z, x.w, i % 4u == 3u), i % 4u > 1u);
}

// The observation of the lane's sample, filled up to whole vectors.
var<private> h0: array<vec4<f32>, INPUT>;
// Of the lane's units, b counting them: activations h of each vector v of samples, biases, weights from each input m (`in`) and to each vector k of
// outputs (`out`); and the biases of the head.
var<private> h1: array<vec4<f32>, 2>;  // [b][v]
var<private> in1: array<f32, 3>;  // [b][m]
var<private> h2: array<vec4<f32>, 2>;  // [b][v]
var<private> bias0: array<f32, 1>;  // [b]
var<private> in0: array<f32, 4>;  // [b][m]
var<private> bias1: array<f32, 1>;  // [b]
var<private> out1: array<vec4<f32>, 1>;  // [b][k]
var<private> out2: array<vec4<f32>, 1>;  // [b][k]
var<private> head_bias: array<vec4<f32>, 1>;  // [k]

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

// Float `index` of params.
fn parameter(index: u32) -> f32 {
    return params[index / 4u][index % 4u];
}

// Fetches the lane's weights of the network whose block begins at float `base` of params.
fn network_begin(base: u32, lane: u32) {
    bias0[0] = select(0.0, parameter(base + 0u + min((0u + lane), 2u)), (0u + lane) < 3u);
    for (var m = 0u; m < 4u; m++) {
        let w0 = select(0.0, parameter(base + 4u + m * 4u + min((0u + lane), 2u)), (0u + lane) < 3u);
        in0[0] = select(in0[0], w0, m == 0u);
        in0[1] = select(in0[1], w0, m == 1u);
        in0[2] = select(in0[2], w0, m == 2u);
        in0[3] = select(in0[3], w0, m == 3u);
    }
    bias1[0] = select(0.0, parameter(base + 20u + min((0u + lane), 1u)), (0u + lane) < 2u);
    for (var c = 0u; c < 1u; c++) {
        let w0 = select(vec4(0.0), params[base / 4u + 6u + c + min((0u + lane), 2u) * 1u], (0u + lane) < 3u);
        let x0 = component(subgroupBroadcast(w0, 0u), lane);
        in1[0] = select(in1[0], x0, c == 0u + lane / 4u);
        let x1 = component(subgroupBroadcast(w0, 1u), lane);
        in1[1] = select(in1[1], x1, c == 0u + lane / 4u);
        let x2 = component(subgroupBroadcast(w0, 2u), lane);
        in1[2] = select(in1[2], x2, c == 0u + lane / 4u);
    }
    for (var c = 0u; c < 1u; c++) {
        let w0 = select(vec4(0.0), params[base / 4u + 10u + c + min((0u + lane), 1u) * 1u], (0u + lane) < 2u);
        out2[0] = select(out2[0], w0, c == 0u);
    }
    head_bias[0] = params[base / 4u + 9u];
}

// h1 from 4 inputs.
fn forward_0() {
    {
        var y0 = vec4(bias0[0]);
        let x0 = vec4(subgroupBroadcast(h0[0].x, 0u), subgroupBroadcast(h0[0].x, 1u), subgroupBroadcast(h0[0].x, 2u), subgroupBroadcast(h0[0].x, 3u));
        y0 += in0[0] * x0;
        let x1 = vec4(subgroupBroadcast(h0[0].y, 0u), subgroupBroadcast(h0[0].y, 1u), subgroupBroadcast(h0[0].y, 2u), subgroupBroadcast(h0[0].y, 3u));
        y0 += in0[1] * x1;
        let x2 = vec4(subgroupBroadcast(h0[0].z, 0u), subgroupBroadcast(h0[0].z, 1u), subgroupBroadcast(h0[0].z, 2u), subgroupBroadcast(h0[0].z, 3u));
        y0 += in0[2] * x2;
        let x3 = vec4(subgroupBroadcast(h0[0].w, 0u), subgroupBroadcast(h0[0].w, 1u), subgroupBroadcast(h0[0].w, 2u), subgroupBroadcast(h0[0].w, 3u));
        y0 += in0[3] * x3;
        h1[0] = activation(y0);
    }
    {
        var y0 = vec4(bias0[0]);
        let x0 = vec4(subgroupBroadcast(h0[0].x, 4u), subgroupBroadcast(h0[0].x, 5u), subgroupBroadcast(h0[0].x, 6u), subgroupBroadcast(h0[0].x, 7u));
        y0 += in0[0] * x0;
        let x1 = vec4(subgroupBroadcast(h0[0].y, 4u), subgroupBroadcast(h0[0].y, 5u), subgroupBroadcast(h0[0].y, 6u), subgroupBroadcast(h0[0].y, 7u));
        y0 += in0[1] * x1;
        let x2 = vec4(subgroupBroadcast(h0[0].z, 4u), subgroupBroadcast(h0[0].z, 5u), subgroupBroadcast(h0[0].z, 6u), subgroupBroadcast(h0[0].z, 7u));
        y0 += in0[2] * x2;
        let x3 = vec4(subgroupBroadcast(h0[0].w, 4u), subgroupBroadcast(h0[0].w, 5u), subgroupBroadcast(h0[0].w, 6u), subgroupBroadcast(h0[0].w, 7u));
        y0 += in0[3] * x3;
        h1[1] = activation(y0);
    }
}

// h2 from 3 inputs.
fn forward_1() {
    {
        var y0 = vec4(bias1[0]);
        let x0 = subgroupBroadcast(h1[0], 0u);
        y0 += in1[0] * x0;
        let x1 = subgroupBroadcast(h1[0], 1u);
        y0 += in1[1] * x1;
        let x2 = subgroupBroadcast(h1[0], 2u);
        y0 += in1[2] * x2;
        h2[0] = activation(y0);
    }
    {
        var y0 = vec4(bias1[0]);
        let x0 = subgroupBroadcast(h1[1], 0u);
        y0 += in1[0] * x0;
        let x1 = subgroupBroadcast(h1[1], 1u);
        y0 += in1[1] * x1;
        let x2 = subgroupBroadcast(h1[1], 2u);
        y0 += in1[2] * x2;
        h2[1] = activation(y0);
    }
}

// The head's outputs for the lane's sample: what the lane's units contribute to each sample (`share`), added over the lanes.
fn forward_head(lane: u32) -> array<vec4<f32>, HEAD> {
    var head = head_bias;
    {
        var y = 0.0;
        let share0 = h2[0] * out2[0].x;
        var sum0 = subgroupBroadcast(share0, 0u);
        sum0 += subgroupBroadcast(share0, 1u);
        sum0 += subgroupBroadcast(share0, 2u);
        sum0 += subgroupBroadcast(share0, 3u);
        sum0 += subgroupBroadcast(share0, 4u);
        sum0 += subgroupBroadcast(share0, 5u);
        sum0 += subgroupBroadcast(share0, 6u);
        sum0 += subgroupBroadcast(share0, 7u);
        y = select(y, sum0.x, lane == 0u);
        y = select(y, sum0.y, lane == 1u);
        y = select(y, sum0.z, lane == 2u);
        y = select(y, sum0.w, lane == 3u);
        let share1 = h2[1] * out2[0].x;
        var sum1 = subgroupBroadcast(share1, 0u);
        sum1 += subgroupBroadcast(share1, 1u);
        sum1 += subgroupBroadcast(share1, 2u);
        sum1 += subgroupBroadcast(share1, 3u);
        sum1 += subgroupBroadcast(share1, 4u);
        sum1 += subgroupBroadcast(share1, 5u);
        sum1 += subgroupBroadcast(share1, 6u);
        sum1 += subgroupBroadcast(share1, 7u);
        y = select(y, sum1.x, lane == 4u);
        y = select(y, sum1.y, lane == 5u);
        y = select(y, sum1.z, lane == 6u);
        y = select(y, sum1.w, lane == 7u);
        head[0].x += y;
    }
    {
        var y = 0.0;
        let share0 = h2[0] * out2[0].y;
        var sum0 = subgroupBroadcast(share0, 0u);
        sum0 += subgroupBroadcast(share0, 1u);
        sum0 += subgroupBroadcast(share0, 2u);
        sum0 += subgroupBroadcast(share0, 3u);
        sum0 += subgroupBroadcast(share0, 4u);
        sum0 += subgroupBroadcast(share0, 5u);
        sum0 += subgroupBroadcast(share0, 6u);
        sum0 += subgroupBroadcast(share0, 7u);
        y = select(y, sum0.x, lane == 0u);
        y = select(y, sum0.y, lane == 1u);
        y = select(y, sum0.z, lane == 2u);
        y = select(y, sum0.w, lane == 3u);
        let share1 = h2[1] * out2[0].y;
        var sum1 = subgroupBroadcast(share1, 0u);
        sum1 += subgroupBroadcast(share1, 1u);
        sum1 += subgroupBroadcast(share1, 2u);
        sum1 += subgroupBroadcast(share1, 3u);
        sum1 += subgroupBroadcast(share1, 4u);
        sum1 += subgroupBroadcast(share1, 5u);
        sum1 += subgroupBroadcast(share1, 6u);
        sum1 += subgroupBroadcast(share1, 7u);
        y = select(y, sum1.x, lane == 4u);
        y = select(y, sum1.y, lane == 5u);
        y = select(y, sum1.z, lane == 6u);
        y = select(y, sum1.w, lane == 7u);
        head[0].y += y;
    }
    return head;
}

// The head's outputs for the observation of the lane's sample; keeps the hidden activations.
fn network_forward(base: u32, lane: u32) -> array<vec4<f32>, HEAD> {
    forward_0();
    forward_1();
    return forward_head(lane);
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
const INPUT: u32 = 1u;
const HEAD: u32 = 1u;
const ONE_AGENT: bool = true;
const ENVS: u32 = 8u;
const VALUE_ROWS: u32 = 6u;
const BLOCK: u32 = 48u;
const PARAMETERS: u32 = 96u;
const EVALUATE_ROUNDS: u32 = 32u;
const SPARE_LANES: bool = false;
const NORMALIZE_OBSERVATIONS: bool = false;
const OBSERVATION_CLIP: f32 = 1e1;
const LANES: u32 = 8u;
const SAMPLES: u32 = 8u;
const GROUPS: u32 = 1u;
const GRID_NETWORKS: u32 = 1u;
const GRAIN: u32 = 1u;
const OBSERVATION: u32 = 4u;
