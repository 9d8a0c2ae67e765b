// MinAtar/Asterix-v1: gather treasures and avoid enemies, which come from both sides.
// Actions: nothing (0), left (1), up (2), right (3), down (4). Reward: 1 for each treasure. Both come and move faster as time goes by.
// Rules: MinAtar (Young and Tian 2019), version 1.0.15, with its sticky actions; after a reset the action that may stick is nothing, where MinAtar keeps
// the last one of the episode before. Observation: 10 x 10 cells, each with player, enemy, trail, treasure.

//! import rng

const OBSERVATION: u32 = 400u;
const OBSERVATION_SHAPE = array(10u, 10u, 4u);  // y from the top, x from the left, and player, enemy, trail, treasure
const ACTIONS: u32 = 5u;
const TIME_LIMIT: u32 = 0xffffffffu;

struct EnvParameters {
    sticky_action_probability: f32,  // probability that the last action is taken again
    difficulty_ramping: u32,         // 1: faster and faster; 0: not
}

const DEFAULT_PARAMETERS = EnvParameters(0.1, 1u);

const ASTERIX_RAMP_INTERVAL: i32 = 100;  // steps
const ASTERIX_SPAWN_SPEED: u32 = 10u;    // steps between arrivals at first
const ASTERIX_MOVE_INTERVAL: u32 = 5u;   // steps between moves at first
const ASTERIX_SLOTS: u32 = 8u;

struct EnvState {
    // What is in row i + 1: bits 0 to 3: x; 4: moves right; 5: treasure; 6: there is something.
    slots: array<u32, 8>,
    x: u32,  // of the player
    y: u32,
    spawn_interval: u32,
    spawn_timer: u32,
    move_interval: u32,
    move_timer: u32,
    ramp_timer: i32,
    ramps: u32,  // so far
    last_action: u32,
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    return EnvState(
        array<u32, 8>(), 5u, 5u, ASTERIX_SPAWN_SPEED, ASTERIX_SPAWN_SPEED, ASTERIX_MOVE_INTERVAL, ASTERIX_MOVE_INTERVAL, ASTERIX_RAMP_INTERVAL, 0u, 0u,
    );
}

fn env_step(state: ptr<function, EnvState>, chosen: u32, rng: ptr<function, Rng>) -> Outcome {
    var s = *state;
    var slots = s.slots;
    let action = select(chosen, s.last_action, rng_uniform(rng) < parameters.sticky_action_probability);
    s.last_action = action;

    // Something new, in a random one of the free rows.
    if (s.spawn_timer == 0u) {
        let rightwards = rng_uniform(rng) < 0.5;
        let treasure = rng_uniform(rng) < 1.0 / 3.0;
        let entity = select(9u, 0u, rightwards) | select(0u, 16u, rightwards) | select(0u, 32u, treasure) | 64u;
        var free = 0u;
        for (var i = 0u; i < ASTERIX_SLOTS; i++) {
            free += select(0u, 1u, slots[i] == 0u);
        }
        if (free > 0u) {
            var before = rng_below(rng, free);
            var placed = false;
            for (var i = 0u; i < ASTERIX_SLOTS; i++) {
                let is_free = slots[i] == 0u;
                if (is_free && before == 0u && !placed) {
                    slots[i] = entity;
                    placed = true;
                } else if (is_free && before > 0u) {
                    before -= 1u;
                }
            }
        }
        s.spawn_timer = s.spawn_interval;
    }

    s.x = select(s.x, max(s.x, 1u) - 1u, action == 1u);
    s.x = select(s.x, min(s.x + 1u, 9u), action == 3u);
    s.y = select(s.y, max(s.y, 2u) - 1u, action == 2u);
    s.y = select(s.y, min(s.y + 1u, 8u), action == 4u);

    // Meetings, before and after things move.
    let moves = s.move_timer == 0u;
    s.move_timer = select(s.move_timer, s.move_interval, moves);
    var reward = 0.0;
    var terminated = false;
    for (var i = 0u; i < ASTERIX_SLOTS; i++) {
        var entity = slots[i];
        let in_row = s.y == i + 1u;
        if (entity != 0u && in_row && (entity & 15u) == s.x) {
            let treasure = (entity & 32u) != 0u;
            reward += select(0.0, 1.0, treasure);
            terminated = terminated || !treasure;
            entity = select(entity, 0u, treasure);
        }
        if (entity != 0u && moves) {
            let rightwards = (entity & 16u) != 0u;
            let gone = (entity & 15u) == select(0u, 9u, rightwards);
            entity = select(select(entity - 1u, entity + 1u, rightwards), 0u, gone);
            if (!gone && in_row && (entity & 15u) == s.x) {
                let treasure = (entity & 32u) != 0u;
                reward += select(0.0, 1.0, treasure);
                terminated = terminated || !treasure;
                entity = select(entity, 0u, treasure);
            }
        }
        slots[i] = entity;
    }
    s.slots = slots;
    s.spawn_timer -= 1u;
    s.move_timer -= 1u;

    if (parameters.difficulty_ramping != 0u && (s.spawn_interval > 1u || s.move_interval > 1u)) {
        if (s.ramp_timer >= 0) {
            s.ramp_timer -= 1;
        } else {
            s.move_interval -= select(0u, 1u, s.move_interval > 1u && (s.ramps & 1u) == 1u);
            s.spawn_interval -= select(0u, 1u, s.spawn_interval > 1u);
            s.ramps += 1u;
            s.ramp_timer = ASTERIX_RAMP_INTERVAL;
        }
    }
    *state = s;
    return Outcome(reward, terminated);
}

fn env_component(state: ptr<function, EnvState>, index: u32) -> bool {
    let channel = index % 4u;
    let x = index / 4u % 10u;
    let y = index / 40u;
    let entity = select(0u, (*state).slots[clamp(y, 1u, ASTERIX_SLOTS) - 1u], y >= 1u && y <= ASTERIX_SLOTS);
    let entity_x = entity & 15u;
    let rightwards = (entity & 16u) != 0u;
    let is_behind = entity_x != select(9u, 0u, rightwards) && x == select(entity_x + 1u, entity_x - 1u, rightwards);
    let is_entity = x == entity_x && channel == select(1u, 3u, (entity & 32u) != 0u);
    let shown = select(is_entity, is_behind, channel == 2u) && entity != 0u;
    return select(shown, x == (*state).x && y == (*state).y, channel == 0u);
}

fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    var slots = state.slots;
    let cell = vec2<u32>(min(uv * 10.0, vec2(9.0)));
    var colour = vec3(0.0);
    if (cell.y >= 1u && cell.y <= 8u) {
        let entity = slots[cell.y - 1u];
        let x = entity & 15u;
        let behind = select(x + 1u, x - 1u, (entity & 16u) != 0u);
        colour = select(colour, vec3(0.25), entity != 0u && cell.x == behind);
        colour = select(colour, select(vec3(0.80, 0.35, 0.30), vec3(0.90, 0.80, 0.35), (entity & 32u) != 0u), entity != 0u && cell.x == x);
    }
    return select(colour, vec3(0.30, 0.55, 0.85), all(cell == vec2(state.x, state.y)));
}
