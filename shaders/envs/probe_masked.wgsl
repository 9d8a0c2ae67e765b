// Probe/Masked: one step in which the actions that would pay most are illegal.
// Actions: 0 to 4; legal are 2 in situation 0, 0 and 3 in situation 1, 1, 2 and 4 in situation 2, all but 2 in situation 3.
// Observation: one-hot of the situation. Twin: src/reference/environments/probes.rs.
//
// Isolates masks. Action a pays ((a + s) mod 5) / 4 in situation s if it is legal and 100 if not, so one illegal action in any of many episodes shows.
// Best are 2, 3, 2 and 1, with V* = 1/2, 1, 1 and 1 for any discount, 7/8 in the mean; uniform over legal actions, V = 1/2, 5/8, 2/3 and 5/8.
// In situation 0 there is nothing to choose: the entropy is 0 and no gradient comes from it.

//! import rng

const OBSERVATION: u32 = 4u;
const ACTIONS: u32 = 5u;
const TIME_LIMIT: u32 = 1u;
const SOLVED_RETURN: f32 = 0.83;

const MASKED_ILLEGAL_PAY: f32 = 100.0;
const MASKED_LEGAL = array(0x04u, 0x09u, 0x16u, 0x1Bu);  // by situation, a bit for each action

struct EnvState {
    situation: f32,  // 0 to 3
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    return EnvState(f32(rng_below(rng, 4u)));
}

fn masked_legal(state: EnvState) -> u32 {
    var legal = MASKED_LEGAL;
    return legal[u32(state.situation)];
}

fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {
    let legal = ((masked_legal(*state) >> action) & 1u) == 1u;
    return Outcome(select(MASKED_ILLEGAL_PAY, f32((action + u32((*state).situation)) % 5u) / 4.0, legal), true);
}

fn env_observe(state: EnvState) -> array<f32, OBSERVATION> {
    var observation: array<f32, OBSERVATION>;
    observation[u32(state.situation)] = 1.0;
    return observation;
}

fn env_action_mask(state: EnvState) -> array<bool, ACTIONS> {
    let legal = masked_legal(state);
    var mask: array<bool, ACTIONS>;
    for (var a = 0u; a < ACTIONS; a++) {
        mask[a] = ((legal >> a) & 1u) == 1u;
    }
    return mask;
}

// A row for each situation, a column for each action; the present situation's legal actions are blue, the others red.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let place = uv * vec2(5.0, 4.0);
    let legal = ((masked_legal(state) >> u32(place.x)) & 1u) == 1u;
    let colour = select(vec3(0.80, 0.25, 0.20), vec3(0.20, 0.45, 0.75), legal);
    let inside = all(abs(fract(place) - 0.5) < vec2(0.42));
    return select(vec3(0.96, 0.96, 0.95), select(vec3(0.85, 0.86, 0.88), colour, floor(place.y) == state.situation), inside);
}
