// MinAtar/SpaceInvaders-v1: shoot aliens before they land or hit you.
// Actions: nothing (0), left (1), right (2), fire (3). Reward: 1 for each alien. Aliens are the faster the fewer they are, and each new wave is faster.
// Rules: MinAtar (Young and Tian 2019), version 1.0.15, with its sticky actions; after a reset the action that may stick is nothing, where MinAtar keeps
// the last one of the episode before. Observation: 10 x 10 cells, each with cannon, alien, alien moving left, alien moving right, own bullet, alien's bullet.

//! import rng

const OBSERVATION: u32 = 600u;
const OBSERVATION_SHAPE = array(10u, 10u, 6u);  // y from the top, x from the left, and the six channels above
const ACTIONS: u32 = 4u;
const TIME_LIMIT: u32 = 0xffffffffu;

struct EnvParameters {
    sticky_action_probability: f32,  // probability that the last action is taken again
    difficulty_ramping: u32,         // 1: each new wave moves faster; 0: all move alike
}

const DEFAULT_PARAMETERS = EnvParameters(0.1, 1u);

const INVADERS_COOL_DOWN: u32 = 5u;       // steps between own shots
const INVADERS_MOVE_INTERVAL: u32 = 12u;  // steps between moves of the first wave, while it is large
const INVADERS_SHOT_INTERVAL: u32 = 10u;  // steps between aliens' shots
const INVADERS_FASTEST: u32 = 6u;         // least move interval of a wave
const INVADERS_WAVE: u32 = 0xFCu;         // columns 2 to 7, of rows 0 to 3

struct EnvState {
    aliens: array<u32, 10>,   // a row each, bit x
    bullets: array<u32, 10>,  // own
    shots: array<u32, 10>,    // aliens'
    cannon: u32,              // x
    leftwards: u32,           // 1 where aliens move left
    move_interval: u32,
    move_timer: u32,
    shot_timer: u32,          // until aliens shoot
    cool_down: u32,           // until own shots are possible
    last_action: u32,
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    var s: EnvState;
    for (var y = 0u; y < 4u; y++) {
        s.aliens[y] = INVADERS_WAVE;
    }
    s.cannon = 5u;
    s.leftwards = 1u;
    s.move_interval = INVADERS_MOVE_INTERVAL;
    s.move_timer = INVADERS_MOVE_INTERVAL;
    s.shot_timer = INVADERS_SHOT_INTERVAL;
    return s;
}

fn env_step(state: ptr<function, EnvState>, chosen: u32, rng: ptr<function, Rng>) -> Outcome {
    var s = *state;
    let action = select(chosen, s.last_action, rng_uniform(rng) < parameters.sticky_action_probability);
    s.last_action = action;
    let fires = action == 3u && s.cool_down == 0u;
    s.cool_down = select(s.cool_down, INVADERS_COOL_DOWN, fires);
    s.cannon = select(s.cannon, max(s.cannon, 1u) - 1u, action == 1u);
    s.cannon = select(s.cannon, min(s.cannon + 1u, 9u), action == 2u);
    let own = 1u << s.cannon;

    // Bullets fly; a new one begins above the cannon.
    for (var y = 0u; y < 9u; y++) {
        s.bullets[y] = s.bullets[y + 1u];
    }
    s.bullets[9] = 0u;
    s.bullets[8] |= select(0u, own, fires);
    for (var y = 9u; y > 0u; y--) {
        s.shots[y] = s.shots[y - 1u];
    }
    s.shots[0] = 0u;
    var terminated = ((s.shots[9] | s.aliens[9]) & own) != 0u;

    // Aliens move.
    var columns = 0u;
    var count = 0u;
    for (var y = 0u; y < 10u; y++) {
        columns |= s.aliens[y];
        count += countOneBits(s.aliens[y]);
    }
    if (s.move_timer == 0u) {
        s.move_timer = min(count, s.move_interval);
        let edge = select((columns & 512u) != 0u, (columns & 1u) != 0u, s.leftwards == 1u);
        if (edge) {
            s.leftwards = 1u - s.leftwards;
            terminated = terminated || s.aliens[9] != 0u;
            let landed = s.aliens[9];
            for (var y = 9u; y > 0u; y--) {
                s.aliens[y] = s.aliens[y - 1u];
            }
            s.aliens[0] = landed;
        } else {
            for (var y = 0u; y < 10u; y++) {
                s.aliens[y] = select(s.aliens[y] << 1u, s.aliens[y] >> 1u, s.leftwards == 1u);
            }
            columns = select(columns << 1u, columns >> 1u, s.leftwards == 1u);
        }
        terminated = terminated || (s.aliens[9] & own) != 0u;
    }

    // The lowest alien of the nearest column shoots; of two columns equally near, the left one.
    if (s.shot_timer == 0u) {
        s.shot_timer = INVADERS_SHOT_INTERVAL;
        let left = columns & ((2u << s.cannon) - 1u);
        let right = columns >> s.cannon;
        let to_left = select(100u, s.cannon - firstLeadingBit(left), left != 0u);
        let to_right = select(100u, firstTrailingBit(right), right != 0u);
        let shooter = 1u << select(s.cannon + to_right, s.cannon - min(to_left, s.cannon), to_left <= to_right);
        var pending = shooter;
        for (var i = 0u; i < 10u; i++) {
            let y = 9u - i;
            let here = s.aliens[y] & pending;
            s.shots[y] |= here;
            pending &= ~here;
        }
    }

    // Bullets hit.
    var hits = 0u;
    for (var y = 0u; y < 10u; y++) {
        let hit = s.aliens[y] & s.bullets[y];
        hits += countOneBits(hit);
        s.aliens[y] ^= hit;
        s.bullets[y] ^= hit;
    }
    s.cool_down = max(s.cool_down, 1u) - 1u;
    // The timers were above 0, or have been set again: a wave has at least one alien.
    s.move_timer -= 1u;
    s.shot_timer -= 1u;
    if (hits == count) {
        s.move_interval -= select(0u, 1u, s.move_interval > INVADERS_FASTEST && parameters.difficulty_ramping != 0u);
        for (var y = 0u; y < 4u; y++) {
            s.aliens[y] = INVADERS_WAVE;
        }
    }
    *state = s;
    return Outcome(f32(hits), terminated);
}

fn env_component(state: ptr<function, EnvState>, index: u32) -> bool {
    let channel = index % 6u;
    let x = index / 6u % 10u;
    let y = index / 60u;
    let alien = ((*state).aliens[y] >> x) & 1u;
    let moving = select(alien, alien & select(1u - (*state).leftwards, (*state).leftwards, channel == 2u), channel >= 2u);
    let bullet = (select((*state).shots[y], (*state).bullets[y], channel == 4u) >> x) & 1u;
    let cannon = select(0u, 1u, y == 9u && x == (*state).cannon);
    return select(select(moving, bullet, channel >= 4u), cannon, channel == 0u) != 0u;
}

fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    var s = state;
    let cell = vec2<u32>(min(uv * 10.0, vec2(9.0)));
    var colour = vec3(0.0);
    colour = select(colour, vec3(0.55, 0.75, 0.45), ((s.aliens[cell.y] >> cell.x) & 1u) != 0u);
    colour = select(colour, vec3(0.95, 0.90, 0.60), ((s.bullets[cell.y] >> cell.x) & 1u) != 0u);
    colour = select(colour, vec3(0.85, 0.40, 0.35), ((s.shots[cell.y] >> cell.x) & 1u) != 0u);
    return select(colour, vec3(0.25, 0.45, 0.70), all(cell == vec2(s.cannon, 9u)));
}
