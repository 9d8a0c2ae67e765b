// Several gradient steps, each on one minibatch: losses and gradient (shaders/gradient.wgsl), clipping and Adam (shaders/adam.wgsl). For minibatches so
// small that one subgroup per network can compute the gradient. Parameters, moments and gradients stay in registers.
// index = LEARN_STEPS gradient steps of the update. One workgroup: an agent; its first subgroup is the actor's, its second the critic's.
// Parameters and moments do not change once the agent has stopped, or if the gradient, an earlier quantity or the new
// parameter is not finite.
// Reads agents, observations, actions, samples, moments, losses. Writes params, first_moments, second_moments, losses, faults. Twin: src/reference/learn.rs.

//! import dispatch
//! import grid
//! import agent
//! import add_tile
//! import adam_step
//! import fault
//! import learner

@group(0) @binding(0) var<uniform> dispatch: Dispatch;
@group(0) @binding(1) var<storage, read> agents: array<Agent>;                      // [s]
@group(0) @binding(2) var<storage, read> observations: array<u32>;                  // [s][T+1+F][n][O]
@group(0) @binding(3) var<storage, read> actions: array<u32>;                       // [s][t][n][W]
@group(0) @binding(4) var<storage, read> samples: array<Sample>;                    // [s][t][n]
@group(0) @binding(5) var<storage, read> moments: array<vec2<f32>>;                 // [s][e][k]
@group(0) @binding(6) var<storage, read_write> params: array<vec4<f32>>;            // [s][P/4]
@group(0) @binding(7) var<storage, read_write> first_moments: array<vec4<f32>>;     // [s][P/4]
@group(0) @binding(8) var<storage, read_write> second_moments: array<vec4<f32>>;    // [s][P/4]
@group(0) @binding(9) var<storage, read_write> losses: array<vec4<f32>>;            // [s][e][k][8/4]
@group(0) @binding(10) var<storage, read_write> faults: array<atomic<u32>>;         // [s]

// Data of a step that the two networks exchange.
struct Said {
    squares: f32,    // squared norm of its gradient
    approx_kl: f32,  // the actor's
    fault: u32,      // of its losses
}

var<workgroup> said: array<Said, 2>;
var<private> learns: bool;       // in this step
var<private> lane_fault: u32;    // the first quantity that is not finite, in this lane

@compute @workgroup_size(LANES)
fn learn(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {
    let s = place_of(workgroup).s;
    let network = invocation / SUBGROUP;
    let lane = invocation % SUBGROUP;
    let agent = agents[s];
    let block = s * PARAMETERS + network * BLOCK;
    let first_step = dispatch.index * LEARN_STEPS;
    let of_first = s * EPOCHS * MINIBATCHES + first_step;

    network_begin(block, lane);
    lane_fault = atomicLoad(&faults[s]);
    var skipped = false;
    if (TARGET_KL && first_step > 0u) {
        skipped = losses[(of_first - 1u) * LOSSES / 4u + 1u].z != 0.0;
    }
    for (var i = 0u; i < LEARN_STEPS; i++) {
        let moment = moments[of_first + i];
        sums_begin();
        var loss_sums = vec4(0.0);
        for (var tile = 0u; tile < TILES_PER_PASS; tile++) {
            loss_sums += add_tile(tile, s, network, first_step + i, agent, moment, false, lane);
        }
        let mean = of_all(loss_sums) / f32(MINIBATCH);
        let squares = sums_end(network);

        // An overflow of the KL estimate, caused by the ratio of the probabilities, is not a fault by itself.
        var fault = select(FAULT_ENTROPY, NO_FAULT, is_finite(mean.y));
        fault = select(select(FAULT_VALUE_LOSS, FAULT_POLICY_LOSS, network == 0u), fault, is_finite(mean.x));
        workgroupBarrier();
        if (lane == 0u) {
            said[network] = Said(squares, mean.z, fault);
        }
        workgroupBarrier();
        let norm = sqrt(said[0].squares + said[1].squares);
        fault = min(said[0].fault, said[1].fault);
        lane_fault = min(lane_fault, min(fault, select(FAULT_GRADIENT, NO_FAULT, is_finite(norm))));
        if (TARGET_KL) {
            skipped = skipped || !(said[0].approx_kl <= 1.5 * agent.target_kl);
        }
        if (lane == 0u) {
            let of_critic = vec4(mean.x, norm, select(0.0, 1.0, skipped), 0.0);
            losses[(of_first + i) * LOSSES / 4u + network] = whole(select(of_critic, mean, network == 0u), lane);
        }
        learns = agent.stopped == 0u && !skipped && lane_fault > FAULT_GRADIENT;
        parameters_step(adam_step(agent, first_step + i, norm));
        transpose_weights(lane);
    }
    network_end(block, lane);
    atomicMin(&faults[s], lane_fault);
}

// The parameters after a step, or the old ones if the step is skipped.
fn moved(step: AdamStep, value: vec4<f32>, first: vec4<f32>, second: vec4<f32>, gradient: vec4<f32>) -> AdamMoved {
    let after = adam_moved(step, value, first, second, gradient);
    let finite = are_finite(after.value);
    lane_fault = min(lane_fault, select(FAULT_PARAMETER, NO_FAULT, finite || !learns));
    let moves = learns && finite;
    return AdamMoved(select(value, after.value, moves), select(first, after.first, moves), select(second, after.second, moves));
}
