// MinAtar/Breakout-v1: break the bricks with a ball, and do not let it fall.
// Actions: nothing (0), left (1), right (2). Reward: 1 for each brick. A new wall comes when the last brick is gone and the ball gets down.
// Rules: MinAtar (Young and Tian 2019), version 1.0.15, with its sticky actions; after a reset the action that may stick is nothing, where MinAtar keeps
// the last one of the episode before. Observation: 10 x 10 cells, each with paddle, ball, trail, brick.

//! import rng

const OBSERVATION: u32 = 400u;
const OBSERVATION_SHAPE = array(10u, 10u, 4u);  // y from the top, x from the left, and paddle, ball, trail, brick
const ACTIONS: u32 = 3u;
const TIME_LIMIT: u32 = 0xffffffffu;

const BREAKOUT_WALL: u32 = 0x3FFFFFFFu;  // rows 1, 2 and 3, ten bits each

struct EnvParameters {
    sticky_action_probability: f32,  // probability that the last action is taken again
}

const DEFAULT_PARAMETERS = EnvParameters(0.1);

struct EnvState {
    ball: vec2<i32>,   // x, y
    trail: vec2<i32>,  // where the ball was
    direction: u32,    // 0 up left, 1 up right, 2 down right, 3 down left
    paddle: i32,       // x
    bricks: u32,       // bit 10 (y - 1) + x
    strike: u32,       // 1 where the ball hit a brick in the step before
    last_action: u32,
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    let from_right = rng_below(rng, 2u) == 1u;
    let ball = vec2(select(0, 9, from_right), 3);
    return EnvState(ball, ball, select(2u, 3u, from_right), 4, BREAKOUT_WALL, 0u, 0u);
}

fn env_step(state: ptr<function, EnvState>, chosen: u32, rng: ptr<function, Rng>) -> Outcome {
    var s = *state;
    let action = select(chosen, s.last_action, rng_uniform(rng) < parameters.sticky_action_probability);
    s.last_action = action;
    s.paddle = clamp(s.paddle + select(0, 1, action == 2u) - select(0, 1, action == 1u), 0, 9);

    let old = s.ball;
    s.trail = old;
    var x = old.x + select(-1, 1, s.direction == 1u || s.direction == 2u);
    var y = old.y + select(-1, 1, s.direction >= 2u);
    if (x < 0 || x > 9) {
        x = clamp(x, 0, 9);
        s.direction ^= 1u;
    }
    var reward = 0.0;
    var terminated = false;
    var struck = false;
    let bit = select(0u, 1u << (u32(clamp(y - 1, 0, 2)) * 10u + u32(x)), y >= 1 && y <= 3);
    if (y < 0) {
        y = 0;
        s.direction = 3u - s.direction;
    } else if ((s.bricks & bit) != 0u) {
        struck = true;
        if (s.strike == 0u) {
            reward = 1.0;
            s.bricks &= ~bit;
            y = old.y;
            s.direction = 3u - s.direction;
        }
    } else if (y == 9) {
        s.bricks = select(s.bricks, BREAKOUT_WALL, s.bricks == 0u);
        if (old.x == s.paddle) {
            s.direction = 3u - s.direction;
            y = old.y;
        } else if (x == s.paddle) {
            s.direction ^= 2u;
            y = old.y;
        } else {
            terminated = true;
        }
    }
    // Between two bricks that are not struck there is a step without one.
    s.strike = select(0u, 1u, struck);
    s.ball = vec2(x, y);
    *state = s;
    return Outcome(reward, terminated);
}

fn env_component(state: ptr<function, EnvState>, index: u32) -> bool {
    let cell = index / 4u;
    let place = vec2(i32(cell % 10u), i32(cell / 10u));
    let brick = cell >= 10u && cell < 40u && (((*state).bricks >> ((cell + 22u) % 32u)) & 1u) != 0u;
    let first = select(all(place == vec2((*state).paddle, 9)), all(place == (*state).ball), index % 4u == 1u);
    let second = select(all(place == (*state).trail), brick, index % 4u == 3u);
    return select(first, second, index % 4u >= 2u);
}

fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let cell = vec2<i32>(min(uv * 10.0, vec2(9.0)));
    var colour = vec3(0.0);
    if (cell.y >= 1 && cell.y <= 3 && ((state.bricks >> u32(10 * (cell.y - 1) + cell.x)) & 1u) != 0u) {
        colour = vec3(0.80, 0.55, 0.45);
    }
    colour = select(colour, vec3(0.35, 0.45, 0.35), all(cell == state.trail));
    colour = select(colour, vec3(0.90, 0.85, 0.95), all(cell == state.ball));
    return select(colour, vec3(0.25, 0.45, 0.70), all(cell == vec2(state.paddle, 9)));
}
