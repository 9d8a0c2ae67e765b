// MinAtar/Freeway-v1: walk across a road of eight lanes, as often as 2,500 steps allow.
// Actions: nothing (0), up (1), down (2); a step is possible every third time. Reward: 1 for each crossing, after which cars have new speeds.
// Being hit takes the walker back to the start.
// Rules: MinAtar (Young and Tian 2019), version 1.0.15, with its sticky actions; after a reset the action that may stick is nothing, where MinAtar keeps
// the last one of the episode before. Observation: 10 x 10 cells, each with walker, car, and five channels of cars' tails, one for each speed.

//! import rng

const OBSERVATION: u32 = 700u;
const OBSERVATION_SHAPE = array(10u, 10u, 7u);  // y from the top, x from the left, and walker, car, five tails
const ACTIONS: u32 = 3u;
const TIME_LIMIT: u32 = 0xffffffffu;  // the game has a clock of its own, whose end terminates

struct EnvParameters {
    sticky_action_probability: f32,  // probability that the last action is taken again
    clock: u32,                      // steps, less one, after which the game ends
}

const DEFAULT_PARAMETERS = EnvParameters(0.1, 2500u);

const FREEWAY_CARS: u32 = 8u;
const FREEWAY_WALK: u32 = 3u;    // steps between those of the walker
const FREEWAY_COLUMN: u32 = 4u;  // the walker's

struct EnvState {
    // Of the car in row i + 1: bits 0 to 3: x; 4 to 6: steps until it moves; 8 to 10: steps between moves, less one; 11: 1 to the right.
    cars: array<u32, 8>,
    walker: u32,   // y
    walk_timer: u32,
    elapsed: u32,  // steps
    last_action: u32,
}

// New speeds and directions.
fn freeway_randomize(cars: ptr<function, array<u32, 8>>, rng: ptr<function, Rng>) {
    for (var i = 0u; i < FREEWAY_CARS; i++) {
        let speed = 1u + rng_below(rng, 5u);
        (*cars)[i] = ((*cars)[i] & 15u) | (speed << 4u) | (speed << 8u);
    }
    for (var i = 0u; i < FREEWAY_CARS; i++) {
        (*cars)[i] |= select(0u, 1u << 11u, rng_uniform(rng) > 0.5);
    }
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    var cars: array<u32, 8>;
    freeway_randomize(&cars, rng);
    return EnvState(cars, 9u, FREEWAY_WALK, 0u, 0u);
}

fn env_step(state: ptr<function, EnvState>, chosen: u32, rng: ptr<function, Rng>) -> Outcome {
    var s = *state;
    let action = select(chosen, s.last_action, rng_uniform(rng) < parameters.sticky_action_probability);
    s.last_action = action;
    if (action != 0u && s.walk_timer == 0u) {
        s.walk_timer = FREEWAY_WALK;
        s.walker = select(min(s.walker + 1u, 9u), max(s.walker, 1u) - 1u, action == 1u);
    }
    var cars = s.cars;
    let crossed = s.walker == 0u;
    if (crossed) {
        freeway_randomize(&cars, rng);
        s.walker = 9u;
    }
    for (var i = 0u; i < FREEWAY_CARS; i++) {
        var car = cars[i];
        var x = car & 15u;
        var hit = x == FREEWAY_COLUMN;
        let timer = (car >> 4u) & 7u;
        let speed = (car >> 8u) & 7u;
        if (timer == 0u) {
            x = select(select(x - 1u, 9u, x == 0u), select(x + 1u, 0u, x == 9u), (car >> 11u) == 1u);
            hit = hit || x == FREEWAY_COLUMN;
        }
        cars[i] = x | (select(timer - 1u, speed, timer == 0u) << 4u) | (car & 0xF00u);
        s.walker = select(s.walker, 9u, hit && s.walker == i + 1u);
    }
    s.cars = cars;
    s.walk_timer = max(s.walk_timer, 1u) - 1u;
    s.elapsed += 1u;
    *state = s;
    return Outcome(select(0.0, 1.0, crossed), s.elapsed > parameters.clock);
}

fn env_component(state: ptr<function, EnvState>, index: u32) -> bool {
    let channel = index % 7u;
    let x = index / 7u % 10u;
    let y = index / 70u;
    let on_road = y >= 1u && y <= FREEWAY_CARS;
    let car = (*state).cars[clamp(y, 1u, FREEWAY_CARS) - 1u];
    let car_x = car & 15u;
    let tail = select(select(car_x + 1u, 0u, car_x == 9u), select(car_x - 1u, 9u, car_x == 0u), (car >> 11u) == 1u);
    let shown = select(x == tail && channel == 1u + ((car >> 8u) & 7u), x == car_x, channel == 1u) && on_road;
    return select(shown, x == FREEWAY_COLUMN && y == (*state).walker, channel == 0u);
}

fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    var cars = state.cars;
    let cell = vec2<u32>(min(uv * 10.0, vec2(9.0)));
    var colour = select(vec3(0.0), vec3(0.12), cell.y == 0u || cell.y == 9u);
    if (cell.y >= 1u && cell.y <= 8u) {
        let car = cars[cell.y - 1u];
        let x = car & 15u;
        let tail = select(select(x + 1u, 0u, x == 9u), select(x - 1u, 9u, x == 0u), (car >> 11u) == 1u);
        let slow = f32((car >> 8u) & 7u) / 5.0;
        colour = select(colour, mix(vec3(0.85, 0.45, 0.30), vec3(0.30, 0.30, 0.45), slow), cell.x == tail);
        colour = select(colour, vec3(0.85, 0.75, 0.55), cell.x == x);
    }
    return select(colour, vec3(0.35, 0.65, 0.85), all(cell == vec2(FREEWAY_COLUMN, state.walker)));
}
