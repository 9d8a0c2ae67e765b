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
