// TMaze-v0: walk to the end of a corridor, and turn to the side that was shown at its beginning.
// Actions: north (0), east (1), south (2), west (3). Observation, three bits: where the corridor begins 011 if the goal is in the north and 110 if it is in the south,
// within it 101, and at its end 010. Reward: 4 for the goal, -0.1 for the other side, either of which ends the episode, and -0.1 for walking into a wall.
// Rules: Bakker (2001), "Reinforcement Learning with Long Short-Term Memory". The time limit is ours.

//! import rng

const OBSERVATION: u32 = 3u;
const ACTIONS: u32 = 4u;
const TIME_LIMIT: u32 = 1000u;
const SOLVED_RETURN: f32 = 3.9;

struct EnvParameters {
    corridor_length: u32,  // steps from its beginning to its end
}

const DEFAULT_PARAMETERS = EnvParameters(10u);

struct EnvState {
    place: u32,  // steps from the beginning
    goal: u32,   // the action that leads to it from the end
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    return EnvState(0u, 2u * rng_below(rng, 2u));
}

fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {
    let place = (*state).place;
    let turns = action % 2u == 0u;
    if (turns && place == parameters.corridor_length) {
        return Outcome(select(-0.1, 4.0, action == (*state).goal), true);
    }
    let is_wall = turns || place == select(0u, parameters.corridor_length, action == 1u);
    (*state).place = select(select(place - 1u, place + 1u, action == 1u), place, is_wall);
    return Outcome(select(0.0, -0.1, is_wall), false);
}

fn env_component(state: ptr<function, EnvState>, index: u32) -> bool {
    let signal = select(select(5u, 2u, (*state).place == parameters.corridor_length), select(6u, 3u, (*state).goal == 2u), (*state).place == 0u);
    return ((signal >> index) & 1u) == 1u;
}

// The maze from above; the goal is green.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let cells = f32(parameters.corridor_length + 1u);
    let point = vec2(uv.x * cells, (uv.y - 0.5) * cells);
    let is_end = u32(point.x) == parameters.corridor_length;
    let is_corridor = abs(point.y) < 0.5;
    let is_side = is_end && abs(point.y) < 1.5;
    let goal = select(vec3(0.88, 0.62, 0.55), vec3(0.45, 0.75, 0.45), (point.y < 0.0) == (state.goal == 0u));
    let floor = select(select(vec3(0.35), goal, is_side), vec3(0.93), is_corridor);
    return select(floor, vec3(0.20, 0.45, 0.75), distance(point, vec2(f32(state.place) + 0.5, 0.0)) < 0.4);
}
