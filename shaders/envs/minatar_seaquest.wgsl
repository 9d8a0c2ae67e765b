// MinAtar/Seaquest-v1: shoot fish and submarines, take divers on board, and come up for air in time.
// Actions: nothing (0), left (1), up (2), right (3), down (4), fire (5). Reward: 1 for each enemy; coming up with six divers, 1 for each full cell of air.
// Coming up costs a diver, and ends the episode where there is none. After six divers MinAtar counts -1, with which coming up is free: so it is here.
// Rules: MinAtar (Young and Tian 2019), version 1.0.15, with its sticky actions; after a reset the action that may stick is nothing, where MinAtar keeps
// the last one of the episode before. Observation: 10 x 10 cells, each with boat's front, boat's back, own bullet, trail, enemy's bullet, fish, submarine,
// air, divers on board, diver.

//! import rng

const OBSERVATION: u32 = 1000u;
const OBSERVATION_SHAPE = array(10u, 10u, 10u);  // y from the top, x from the left, and the ten channels above
const ACTIONS: u32 = 6u;
const TIME_LIMIT: u32 = 0xffffffffu;

struct EnvParameters {
    sticky_action_probability: f32,  // probability that the last action is taken again
    difficulty_ramping: u32,         // 1: with each time that the boat comes up, enemies come and move faster; 0: not
}

const DEFAULT_PARAMETERS = EnvParameters(0.1, 1u);

const SEAQUEST_AIR: u32 = 200u;           // steps under water
const SEAQUEST_AIR_CELL: u32 = 20u;       // steps
const SEAQUEST_CREW: i32 = 6;             // divers on board at most
const SEAQUEST_SPAWN_INTERVAL: u32 = 20u; // steps between enemies at first
const SEAQUEST_DIVER_INTERVAL: u32 = 30u; // steps between divers
const SEAQUEST_REST: u32 = 5u;            // steps without a move between two moves, of divers, and of enemies at first
const SEAQUEST_LEAST_REST: u32 = 2u;      // the same, of the fastest enemies
const SEAQUEST_RAMPS: u32 = 19u;          // after so many an enemy comes every step
const SEAQUEST_COOL_DOWN: u32 = 5u;       // steps between own shots
const SEAQUEST_SHOT_INTERVAL: u32 = 10u;  // steps without a shot between two shots of a submarine

// Most enemies at once. At last one comes every step, rests 2 steps between moves, and is gone with its tenth move, 29 steps later, when another 29 have come.
// Before that there are fewer: 60 / 20 at first; and those that ever rested longer are gone 33 steps after the rest became 2, while the interval, which is
// shortened every other step at most, takes 26 to get from 14 to 1.
const SEAQUEST_ENEMIES: u32 = 30u;

// What moves is a word, 0 where there is nothing.
const SEAQUEST_CELL: u32 = 0xFFu;         // bits 0 to 3: x + 1, so that one beyond either edge can be told; 4 to 7: y
const SEAQUEST_RIGHTWARDS: u32 = 0x100u;
const SEAQUEST_LANE: u32 = 0x1F0u;        // y and direction
const SEAQUEST_RESTS: u32 = 0xE00u;       // steps until it moves
const SEAQUEST_ONE_REST: u32 = 0x200u;
const SEAQUEST_WAITS: u32 = 0xF000u;      // steps until it shoots
const SEAQUEST_ONE_WAIT: u32 = 0x1000u;
const SEAQUEST_SUBMARINE: u32 = 0x10000u; // not a fish

const SEAQUEST_TRAIL: u32 = 3u;           // of the observation's values of a cell

struct EnvState {
    // Fish and submarines in the order in which they came, which decides who of several in a cell is shot.
    enemies: array<u32, 30>,
    enemy_count: u32,
    // Enemies' bullets in rows 1 to 8: bit x moves right, bit 16 + x left. They only ever meet the boat, so neither order nor number matters.
    shots: array<u32, 8>,
    // Own bullets, the older one first. They fly 9 steps, 5 steps apart.
    bullets: array<u32, 2>,
    // The older one first. They are gone 59 steps after they came, 30 steps apart.
    divers: array<u32, 2>,
    x: u32,  // of the boat
    y: u32,
    rightwards: u32,  // 1 where the boat looks to the right
    up: u32,          // 1 since the boat came up, until it dives
    air: u32,         // steps
    crew: i32,        // divers on board
    spawn_timer: u32,
    diver_timer: u32,
    cool_down: u32,  // until own shots are possible
    ramps: u32,      // so far
    last_action: u32,
    // The observation, a bit each, for env_component to look up.
    observed: array<u32, 32>,
}

fn seaquest_new(rightwards: bool, row: u32, rest: u32) -> u32 {
    return select(10u, 1u | SEAQUEST_RIGHTWARDS, rightwards) | (row << 4u) | (rest * SEAQUEST_ONE_REST);
}

// One cell on, of what need not rest any more.
fn seaquest_moved(thing: u32, rest: u32) -> u32 {
    return select(thing - 1u, thing + 1u, (thing & SEAQUEST_RIGHTWARDS) != 0u) | (rest * SEAQUEST_ONE_REST);
}

fn seaquest_gone(thing: u32) -> bool {
    return (thing & 15u) == 0u || (thing & 15u) == 11u;
}

fn seaquest_more(pair: array<u32, 2>, thing: u32) -> array<u32, 2> {
    return array(select(pair[0], thing, pair[0] == 0u), select(thing, 0u, pair[0] == 0u));
}

fn seaquest_less(pair: array<u32, 2>, place: u32) -> array<u32, 2> {
    return array(select(pair[0], pair[1], place == 0u), 0u);
}

// The place of the first fish in a cell, or else of the first submarine there; otherwise SEAQUEST_ENEMIES.
fn seaquest_target(s: ptr<function, EnvState>, cell: u32) -> u32 {
    var submarine = SEAQUEST_ENEMIES;
    for (var i = 0u; i < (*s).enemy_count; i++) {
        let enemy = (*s).enemies[i];
        if ((enemy & SEAQUEST_CELL) == cell) {
            if ((enemy & SEAQUEST_SUBMARINE) == 0u) {
                return i;
            }
            submarine = min(submarine, i);
        }
    }
    return submarine;
}

fn seaquest_remove(s: ptr<function, EnvState>, place: u32) {
    (*s).enemy_count -= 1u;
    for (var i = place; i < (*s).enemy_count; i++) {
        (*s).enemies[i] = (*s).enemies[i + 1u];
    }
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    var s: EnvState;
    s.x = 5u;
    s.up = 1u;
    s.air = SEAQUEST_AIR;
    s.spawn_timer = SEAQUEST_SPAWN_INTERVAL;
    s.diver_timer = SEAQUEST_DIVER_INTERVAL;
    seaquest_show_all(&s);
    return s;
}

fn env_step(state: ptr<function, EnvState>, chosen: u32, rng: ptr<function, Rng>) -> Outcome {
    let action = select(chosen, (*state).last_action, rng_uniform(rng) < parameters.sticky_action_probability);
    (*state).last_action = action;
    let rest = max(SEAQUEST_REST - min((*state).ramps / 2u, SEAQUEST_REST), SEAQUEST_LEAST_REST);

    // An enemy comes, unless it would meet others of its row; a diver comes.
    if ((*state).spawn_timer == 0u) {
        (*state).spawn_timer = SEAQUEST_SPAWN_INTERVAL - (*state).ramps;
        let rightwards = rng_uniform(rng) < 0.5;
        let submarine = rng_uniform(rng) < 1.0 / 3.0;
        let enemy = seaquest_new(rightwards, 1u + rng_below(rng, 8u), rest)
            | select(0u, SEAQUEST_SUBMARINE | (SEAQUEST_SHOT_INTERVAL * SEAQUEST_ONE_WAIT), submarine);
        var free = (*state).enemy_count < SEAQUEST_ENEMIES;
        for (var i = 0u; i < (*state).enemy_count; i++) {
            free = free && (((*state).enemies[i] ^ enemy) & SEAQUEST_LANE) != SEAQUEST_RIGHTWARDS;
        }
        if (free) {
            (*state).enemies[(*state).enemy_count] = enemy;
            (*state).enemy_count += 1u;
        }
    }
    if ((*state).diver_timer == 0u) {
        (*state).diver_timer = SEAQUEST_DIVER_INTERVAL;
        let rightwards = rng_uniform(rng) < 0.5;
        (*state).divers = seaquest_more((*state).divers, seaquest_new(rightwards, 1u + rng_below(rng, 8u), SEAQUEST_REST));
    }

    (*state).x = select((*state).x, max((*state).x, 1u) - 1u, action == 1u);
    (*state).x = select((*state).x, min((*state).x + 1u, 9u), action == 3u);
    (*state).y = select((*state).y, max((*state).y, 1u) - 1u, action == 2u);
    (*state).y = select((*state).y, min((*state).y + 1u, 8u), action == 4u);
    (*state).rightwards = select(select((*state).rightwards, 0u, action == 1u), 1u, action == 3u);
    let here = ((*state).x + 1u) | ((*state).y << 4u);
    if (action == 5u && (*state).cool_down == 0u) {
        (*state).cool_down = SEAQUEST_COOL_DOWN;
        (*state).bullets = seaquest_more((*state).bullets, here | ((*state).rightwards * SEAQUEST_RIGHTWARDS));
    }

    // Own bullets, divers, submarines and fish move one after the other, of each kind the last first. MinAtar removes the first of a list that is equal to the
    // one meant. That is the same one: an equal enemy would be where the bullet was before, and have been hit; of two equal bullets either may go.
    var hits = 0u;
    for (var i = 2u; i > 0u; i--) {
        let place = i - 1u;
        if ((*state).bullets[place] != 0u) {
            let bullet = seaquest_moved((*state).bullets[place], 0u);
            (*state).bullets[place] = bullet;
            let struck = seaquest_target(state, bullet & SEAQUEST_CELL);
            let hit = struck < SEAQUEST_ENEMIES;
            if (hit) {
                hits += 1u;
                seaquest_remove(state, struck);
            }
            if (hit || seaquest_gone(bullet)) {
                (*state).bullets = seaquest_less((*state).bullets, place);
            }
        }
    }

    for (var i = 2u; i > 0u; i--) {
        let place = i - 1u;
        var diver = (*state).divers[place];
        if (diver != 0u) {
            var boards = (*state).crew < SEAQUEST_CREW && (diver & SEAQUEST_CELL) == here;
            if (boards || (diver & SEAQUEST_RESTS) != 0u) {
                diver -= select(SEAQUEST_ONE_REST, 0u, boards);
            } else {
                diver = seaquest_moved(diver, SEAQUEST_REST);
                boards = (*state).crew < SEAQUEST_CREW && (diver & SEAQUEST_CELL) == here;
            }
            (*state).divers[place] = diver;
            (*state).crew += select(0, 1, boards);
            if (boards || seaquest_gone(diver)) {
                (*state).divers = seaquest_less((*state).divers, place);
            }
        }
    }

    var terminated = false;
    for (var kind = 0u; kind < 2u; kind++) {
        for (var i = (*state).enemy_count; i > 0u; i--) {
            let place = i - 1u;
            var enemy = (*state).enemies[place];
            if (((enemy & SEAQUEST_SUBMARINE) != 0u) != (kind == 0u)) {
                continue;
            }
            terminated = terminated || (enemy & SEAQUEST_CELL) == here;
            var stays = true;
            if ((enemy & SEAQUEST_RESTS) == 0u) {
                enemy = seaquest_moved(enemy, rest);
                let cell = enemy & SEAQUEST_CELL;
                let first_hits = ((*state).bullets[0] & SEAQUEST_CELL) == cell;
                let hit = first_hits || ((*state).bullets[1] & SEAQUEST_CELL) == cell;
                if (cell == here) {
                    terminated = true;
                } else if (hit || seaquest_gone(enemy)) {
                    if (hit) {
                        hits += 1u;
                        (*state).bullets = seaquest_less((*state).bullets, select(1u, 0u, first_hits));
                    }
                    seaquest_remove(state, place);
                    stays = false;
                }
            } else {
                enemy -= SEAQUEST_ONE_REST;
            }
            if (kind == 0u) {
                // Also a submarine that has just been hit shoots once more, if it was about to.
                if ((enemy & SEAQUEST_WAITS) == 0u) {
                    enemy |= SEAQUEST_SHOT_INTERVAL * SEAQUEST_ONE_WAIT;
                    if (!seaquest_gone(enemy)) {
                        (*state).shots[((enemy >> 4u) & 15u) - 1u] |= select(65536u, 1u, (enemy & SEAQUEST_RIGHTWARDS) != 0u) << ((enemy & 15u) - 1u);
                    }
                } else {
                    enemy -= SEAQUEST_ONE_WAIT;
                }
            }
            if (stays) {
                (*state).enemies[place] = enemy;
            }
        }
    }

    // Enemies' bullets fly; they hit where they were and where they are.
    for (var i = 0u; i < 8u; i++) {
        let before = (*state).shots[i];
        let after = ((before << 1u) & 0x3FFu) | ((before >> 1u) & 0x3FF0000u);
        (*state).shots[i] = after;
        terminated = terminated || ((*state).y == i + 1u && ((before | after) & (65537u << (*state).x)) != 0u);
    }

    (*state).spawn_timer = max((*state).spawn_timer, 1u) - 1u;
    (*state).diver_timer = max((*state).diver_timer, 1u) - 1u;
    (*state).cool_down = max((*state).cool_down, 1u) - 1u;
    terminated = terminated || (*state).air == 0u;
    if ((*state).y > 0u) {
        (*state).air = max((*state).air, 1u) - 1u;
        (*state).up = 0u;
    } else if ((*state).up == 0u && (*state).crew == 0) {
        terminated = true;
    } else if ((*state).up == 0u) {
        let full = (*state).crew == SEAQUEST_CREW;
        hits += select(0u, (*state).air / SEAQUEST_AIR_CELL, full);
        (*state).crew = select((*state).crew, 0, full) - 1;
        (*state).air = SEAQUEST_AIR;
        (*state).up = 1u;
        (*state).ramps += select(0u, 1u, parameters.difficulty_ramping != 0u && (*state).ramps < SEAQUEST_RAMPS);
    }
    seaquest_show_all(state);
    return Outcome(f32(hits), terminated);
}

fn seaquest_show(s: ptr<function, EnvState>, x: u32, y: u32, channel: u32) {
    let k = 100u * y + 10u * x + channel;
    (*s).observed[k / 32u] |= 1u << (k % 32u);
}

// What moves, and the trail behind it.
fn seaquest_show_thing(s: ptr<function, EnvState>, thing: u32, channel: u32) {
    let x = (thing & 15u) - 1u;
    let y = (thing >> 4u) & 15u;
    seaquest_show(s, x, y, channel);
    let rightwards = (thing & SEAQUEST_RIGHTWARDS) != 0u;
    if (x != select(9u, 0u, rightwards)) {
        seaquest_show(s, select(x + 1u, x - 1u, rightwards), y, SEAQUEST_TRAIL);
    }
}

fn seaquest_show_all(s: ptr<function, EnvState>) {
    for (var i = 0u; i < 32u; i++) {
        (*s).observed[i] = 0u;
    }
    seaquest_show(s, (*s).x, (*s).y, 0u);
    seaquest_show(s, select((*s).x + 1u, (*s).x - 1u, (*s).rightwards == 1u), (*s).y, 1u);
    for (var i = 0u; i < 2u; i++) {
        let bullet = (*s).bullets[i];
        if (bullet != 0u) {
            seaquest_show(s, (bullet & 15u) - 1u, (bullet >> 4u) & 15u, 2u);
        }
        let diver = (*s).divers[i];
        if (diver != 0u) {
            seaquest_show_thing(s, diver, 9u);
        }
    }
    for (var i = 0u; i < 8u; i++) {
        for (var pending = ((*s).shots[i] | ((*s).shots[i] >> 16u)) & 0x3FFu; pending != 0u; pending &= pending - 1u) {
            seaquest_show(s, firstTrailingBit(pending), i + 1u, 4u);
        }
    }
    for (var i = 0u; i < (*s).enemy_count; i++) {
        let enemy = (*s).enemies[i];
        seaquest_show_thing(s, enemy, select(5u, 6u, (enemy & SEAQUEST_SUBMARINE) != 0u));
    }
    for (var x = 0u; x < (*s).air / SEAQUEST_AIR_CELL; x++) {
        seaquest_show(s, x, 9u, 7u);
    }
    for (var i = 0; i < (*s).crew; i++) {
        seaquest_show(s, 8u - u32(i), 9u, 8u);
    }
}

fn env_component(state: ptr<function, EnvState>, index: u32) -> bool {
    return (((*state).observed[index / 32u] >> (index % 32u)) & 1u) != 0u;
}

fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    var s = state;
    var colours = array(
        vec3(0.30, 0.55, 0.85), vec3(0.15, 0.28, 0.45), vec3(0.95, 0.90, 0.60), vec3(0.25), vec3(0.85, 0.40, 0.35), vec3(0.55, 0.75, 0.45),
        vec3(0.70, 0.45, 0.70), vec3(0.45, 0.70, 0.75), vec3(0.90, 0.80, 0.35), vec3(0.90, 0.80, 0.35),
    );
    let cell = vec2<u32>(min(uv * 10.0, vec2(9.0)));
    let first = 100u * cell.y + 10u * cell.x;
    var colour = select(vec3(0.0), colours[SEAQUEST_TRAIL], env_component(&s, first + SEAQUEST_TRAIL));
    for (var k = 10u; k > 0u; k--) {
        let channel = k - 1u;
        colour = select(colour, colours[channel], channel != SEAQUEST_TRAIL && env_component(&s, first + channel));
    }
    return colour;
}
