// Clips the gradient by its global norm and makes one step of Adam (Kingma and Ba 2015, algorithm 1):
//   g *= min(1, max_norm / |g|);  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
//   p -= lr (m / (1 - b1^n)) / (sqrt(v / (1 - b2^n)) + eps).
// With target_kl, the update's remaining steps are skipped once a minibatch's approximate KL divergence exceeds 1.5 * target_kl (Achiam 2018, Spinning Up).
// index = gradient step of the update. One lane: four parameters. Nothing is written once the agent has stopped, or if the gradient or an earlier quantity
// is not finite. A new parameter that is not finite keeps only its own vector of four parameters from being written.
// Reads agents, gradients, norms, losses. Writes params, first_moments, second_moments, losses (gradient norm, mark of skipped steps), faults.
// Twin: src/reference/adam.rs.

//! import dispatch
//! import grid
//! import agent
//! import rng
//! import adam_step
//! import fault
//! import squared_norm
//! import whole

@group(0) @binding(0) var<uniform> dispatch: Dispatch;
@group(0) @binding(1) var<storage, read> agents: array<Agent>;                      // [s]
@group(0) @binding(2) var<storage, read> gradients: array<vec4<f32>>;               // [s][G/4]
@group(0) @binding(3) var<storage, read> norms: array<f32>;                         // [s][parts]
@group(0) @binding(4) var<storage, read_write> params: array<vec4<f32>>;            // [s][P/4]
@group(0) @binding(5) var<storage, read_write> first_moments: array<vec4<f32>>;     // [s][P/4]
@group(0) @binding(6) var<storage, read_write> second_moments: array<vec4<f32>>;    // [s][P/4]
@group(0) @binding(7) var<storage, read_write> losses: array<f32>;                  // [s][e][k][8]
@group(0) @binding(8) var<storage, read_write> faults: array<atomic<u32>>;          // [s]

const APPROX_KL: u32 = 2u;
const GRAD_NORM: u32 = 5u;
const SKIPPED: u32 = 6u;

@compute @workgroup_size(LANES)
fn adam(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let place = place_of(workgroup);
    let s = place.s;
    let column = place.group * LANES + lane;
    let agent = agents[s];

    let norm = sqrt(squared_norm(s, lane));
    let of_step = (s * EPOCHS * MINIBATCHES + dispatch.index) * LOSSES;
    var skipped = false;
    if (TARGET_KL) {
        // An earlier step's mark was written by another dispatch; this dispatch never reads its own.
        skipped = dispatch.index > 0u && losses[of_step - LOSSES + SKIPPED] != 0.0;
        skipped = skipped || !(losses[of_step + APPROX_KL] <= 1.5 * agent.target_kl);
    }
    if (column == 0u) {
        losses[of_step + GRAD_NORM] = norm;
        if (TARGET_KL) {
            losses[of_step + SKIPPED] = select(0.0, 1.0, skipped);
        }
        if (!is_finite(norm)) {
            atomicMin(&faults[s], FAULT_GRADIENT);
        }
    }

    // Faults of a parameter must not affect other lanes: whether they see it would be a race.
    let fault = atomicLoad(&faults[s]);
    let learns = agent.stopped == 0u && !skipped && fault > FAULT_GRADIENT && is_finite(norm);
    if (!learns || column >= PARAMETERS / 4u) {
        return;
    }
    let p = s * PARAMETERS / 4u + column;
    let step = adam_step(agent, dispatch.index, norm);
    let gradient = gradients[s * GRADIENT_COLUMNS / 4u + column];
    // Each is fetched once, since software drivers do not merge repeated fetches.
    let value = params[p];
    let first = first_moments[p];
    let second = second_moments[p];
    let after = adam_moved(step, value, first, second, gradient);
    if (are_finite(after.value)) {
        first_moments[p] = whole(after.first, lane);
        second_moments[p] = whole(after.second, lane);
        params[p] = whole(after.value, lane);
    } else {
        atomicMin(&faults[s], FAULT_PARAMETER);
    }
}
