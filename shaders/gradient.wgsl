// PPO's losses and their gradient over one minibatch (Schulman et al. 2017, eq. 7 and 9), for the actor (network 0) and the critic (network 1):
//   policy loss = -mean min(ratio A, clip(ratio, 1 - eps, 1 + eps) A),  A normalised within the minibatch (unless normalize_advantages is off);
//   value loss = 1/2 mean max((V - target)^2, (V_old + clip(V - V_old, -eps, eps) - target)^2);
//   loss = policy loss + c_v value loss - c_e mean entropy.
// index = gradient step * PASSES + pass. Row r of `partials` sums the tiles r, r + R, r + 2R, ...: TILES_PER_PASS tiles per pass.
// One workgroup: one row of tiles of one network. Each of the first TILE lanes has one sample of each tile; in the networks, a lane is a sample or units.
// Reads agents, params, observations, actions, samples, moments. Writes partials and, where layers are wide, tape. Twin: src/reference/gradient.rs.

//! import dispatch
//! import grid
//! import agent
//! import add_tile
//! import tile

@group(0) @binding(0) var<uniform> dispatch: Dispatch;
@group(0) @binding(1) var<storage, read> agents: array<Agent>;                 // [s]
@group(0) @binding(2) var<storage, read> params: array<vec4<f32>>;             // [s][P/4]
@group(0) @binding(3) var<storage, read> observations: array<u32>;             // [s][T+1+F][n][O]
@group(0) @binding(4) var<storage, read> actions: array<u32>;                  // [s][t][n][W]
@group(0) @binding(5) var<storage, read> samples: array<Sample>;               // [s][t][n]
@group(0) @binding(6) var<storage, read> moments: array<vec2<f32>>;            // [s][e][k]
@group(0) @binding(7) var<storage, read_write> partials: array<Partial>;       // [s][r][G']

@compute @workgroup_size(LANES)
fn gradient(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let place = place_of(workgroup);
    let s = place.s;
    let network = place.network;
    let row = place.group;
    let gradient_step = dispatch.index / PASSES;
    let pass_ = dispatch.index % PASSES;
    let agent = agents[s];
    let moment = moments[s * EPOCHS * MINIBATCHES + gradient_step];

    let block = s * PARAMETERS + network * BLOCK;
    let columns = (s * GRADIENT_ROWS + row) * PARTIAL_COLUMNS;
    let accumulate = pass_ > 0u;
    network_begin(block, lane);
    gradient_begin(columns + network * PARTIAL_BLOCK, accumulate, lane);
    var losses = vec4(0.0);
    // Software drivers do not remove a loop of one round.
    if (TILES_PER_PASS == 1u) {
        losses = add_tile(pass_ * GRADIENT_ROWS + row, s, network, gradient_step, agent, moment, accumulate, lane);
    } else {
        for (var i = 0u; i < TILES_PER_PASS; i++) {
            losses += add_tile((pass_ * TILES_PER_PASS + i) * GRADIENT_ROWS + row, s, network, gradient_step, agent, moment, accumulate, lane);
        }
    }
    gradient_end(columns + network * PARTIAL_BLOCK, accumulate, lane);
    add_losses(columns + 2u * PARTIAL_BLOCK + network * 4u, losses, accumulate, lane);
}
