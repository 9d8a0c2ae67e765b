// 2048: slide the numbered tiles of a 4 x 4 board so that equal ones meet and merge.
// Actions: slide up (0), right (1), down (2), left (3); those that would change nothing are illegal.
//
// Rules: Gabriele Cirulli's game (2014), with actions and rewards as in Jumanji's Game2048. All tiles slide as far as they can. Of a row's equal neighbours
// the pair that is farthest in the direction of the move merges first, and a tile merges once a move. A merge pays the value of the new tile. Then a 2 or,
// with probability 0.1, a 4 appears in a random empty cell; two such tiles begin the game (in Jumanji one). It is over when no move is left; 2048 does
// not end it. The difference: 32768 is the largest tile, and two of them do not merge. An illegal move does nothing and pays nothing.
//
// Observation: for each cell, row by row from the top left, a one-hot of 16: empty, 2, 4, ..., 32768. Not logarithms in 16 floats, because what matters is
// whether tiles are equal: the methods known to play well look a cell's tile up, be it in the tables of n-tuple networks (Szubert and Jaskowski 2014), in
// the planes of convolutional networks (Kondo and Matsuzaki 2019), or in Pgx's 31 planes (Koyamada et al. 2023).
//
// A standard game's return is its score. It grows to thousands; a `reward_unit` of 256 or so keeps values of order 10 without further scaling.

//! import rng

const OBSERVATION: u32 = 256u;
const OBSERVATION_SHAPE = array(4u, 4u, 16u);  // row from the top, column from the left, and the exponent of the tile
const ACTIONS: u32 = 4u;
const TIME_LIMIT: u32 = 0xffffffffu;

struct EnvParameters {
    four_probability: f32,  // probability that a new tile is a 4
    reward_unit: f32,       // score that is a reward of 1
}

const DEFAULT_PARAMETERS = EnvParameters(0.1, 1.0);

const TILES_LOW_BIT: u32 = 0x1111u;  // lowest bit of each of a line's four cells
const TILES_LARGEST: u32 = 0xFFFFu;  // four cells with the largest tile

// A cell is 4 bits, the tile's binary logarithm or 0; a row is the low 16 bits of a word, its leftmost cell the lowest ones.
struct EnvState {
    rows: vec4<u32>,  // from the top
}

fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    return EnvState(tiles_with_new(tiles_with_new(vec4(0u), rng), rng));
}

fn env_step(state: ptr<function, EnvState>, action: u32, rng: ptr<function, Rng>) -> Outcome {
    var legal = env_action_mask(*state);
    if (!legal[action]) {
        return Outcome(0.0, false);
    }
    var score = 0u;
    let moved = tiles_moved((*state).rows, action, &score);
    (*state).rows = tiles_with_new(moved, rng);
    return Outcome(f32(score) * (1.0 / parameters.reward_unit), !any(tiles_movable((*state).rows)));
}

fn env_component(state: ptr<function, EnvState>, index: u32) -> bool {
    return tiles_at((*state).rows, index / 16u) == index % 16u;
}

fn env_action_mask(state: EnvState) -> array<bool, ACTIONS> {
    let movable = tiles_movable(state.rows);
    return array<bool, ACTIONS>(movable.x, movable.y, movable.z, movable.w);
}

// Rows and columns exchanged: single cells first, then blocks of 2 x 2.
fn tiles_transposed(rows: vec4<u32>) -> vec4<u32> {
    let cells = ((rows.xz >> vec2(4u)) ^ rows.yw) & vec2(0x0F0Fu);
    let even = rows.xz ^ (cells << vec2(4u));
    let odd = rows.yw ^ cells;
    let upper = vec2(even.x, odd.x);
    let lower = vec2(even.y, odd.y);
    let blocks = ((upper >> vec2(8u)) ^ lower) & vec2(0x00FFu);
    return vec4(upper ^ (blocks << vec2(8u)), lower ^ blocks);
}

// The cell's exponent; cells are counted row by row from the top left.
fn tiles_at(rows: vec4<u32>, cell: u32) -> u32 {
    return (rows[cell / 4u] >> (4u * (cell % 4u))) & 15u;
}

// The lowest bits of a line's cells that are not empty.
fn tiles_filled(line: u32) -> u32 {
    let halves = line | (line >> 1u);
    return (halves | (halves >> 2u)) & TILES_LOW_BIT;
}

// The lowest bits of the cells whose tiles in two neighbouring lines can merge.
fn tiles_merging(near: u32, far: u32) -> u32 {
    return tiles_filled(near) & ~tiles_filled(near ^ far) & tiles_filled(near ^ TILES_LARGEST);
}

// What a move towards the nearer of two lines, and one towards the farther, would change. (No line is picked by an index: Microsoft's older compiler unrolls
// everything around a vector whose components are.)
fn tiles_changes(near: u32, far: u32) -> vec2<u32> {
    let from_far = tiles_filled(far);
    let from_near = tiles_filled(near);
    return vec2(from_far & ~from_near, from_near & ~from_far) | vec2(tiles_merging(near, far));
}

// Whether a move towards the first line, and one towards the last, would change anything.
fn tiles_movable_across(lines: vec4<u32>) -> vec2<bool> {
    return (tiles_changes(lines.x, lines.y) | tiles_changes(lines.y, lines.z) | tiles_changes(lines.z, lines.w)) != vec2(0u);
}

// Whether each of the four moves would change anything.
fn tiles_movable(rows: vec4<u32>) -> vec4<bool> {
    let vertical = tiles_movable_across(rows);
    let horizontal = tiles_movable_across(tiles_transposed(rows));
    return vec4(vertical.x, horizontal.y, vertical.y, horizontal.x);
}

// Two lines after the tiles of the farther one slid into the gaps of the nearer.
fn tiles_closed(near: u32, far: u32) -> vec2<u32> {
    let into_gaps = far & ~(tiles_filled(near) * 15u);
    return vec2(near | into_gaps, far ^ into_gaps);
}

// Two lines after the equal tiles of the farther one merged with those of the nearer; `score` grows by what merges.
fn tiles_merged(near: u32, far: u32, score: ptr<function, u32>) -> vec2<u32> {
    let merging = tiles_merging(near, far);
    let merged = (near + merging) & (merging * 15u);
    for (var shift = 0u; shift < 16u; shift += 4u) {
        *score += (1u << ((merged >> shift) & 15u)) & ~1u;
    }
    return vec2(near + merging, far & ~(merging * 15u));
}

// All tiles slide towards the first line, four cells at a time; `score` grows by what merges.
fn tiles_slid(lines: vec4<u32>, score: ptr<function, u32>) -> vec4<u32> {
    var l = lines;
    l = vec4(tiles_closed(l.x, l.y), l.zw);
    l = vec4(l.x, tiles_closed(l.y, l.z), l.w);
    l = vec4(l.xy, tiles_closed(l.z, l.w));
    l = vec4(tiles_closed(l.x, l.y), l.zw);
    l = vec4(l.x, tiles_closed(l.y, l.z), l.w);
    l = vec4(tiles_closed(l.x, l.y), l.zw);
    l = vec4(tiles_merged(l.x, l.y, score), l.zw);
    l = vec4(l.x, tiles_merged(l.y, l.z, score), l.w);
    l = vec4(l.xy, tiles_merged(l.z, l.w, score));
    // No two gaps follow each other, and none comes first.
    l = vec4(l.x, tiles_closed(l.y, l.z), l.w);
    return vec4(l.xy, tiles_closed(l.z, l.w));
}

fn tiles_moved(rows: vec4<u32>, direction: u32, score: ptr<function, u32>) -> vec4<u32> {
    let sideways = direction % 2u == 1u;
    let backward = direction == 1u || direction == 2u;
    let lines = select(rows, tiles_transposed(rows), sideways);
    let slid = tiles_slid(select(lines, lines.wzyx, backward), score);
    let back = select(slid, slid.wzyx, backward);
    return select(back, tiles_transposed(back), sideways);
}

// The board with a new tile in a random empty cell.
fn tiles_with_new(rows: vec4<u32>, rng: ptr<function, Rng>) -> vec4<u32> {
    let filled = vec4(tiles_filled(rows.x), tiles_filled(rows.y), tiles_filled(rows.z), tiles_filled(rows.w));
    let counts = countOneBits(filled);
    var gaps_before = rng_below(rng, 16u - (counts.x + counts.y + counts.z + counts.w));
    let tile = select(1u, 2u, rng_uniform(rng) < parameters.four_probability);
    var place = 0u;
    for (var cell = 0u; cell < 16u; cell++) {
        if (tiles_at(rows, cell) == 0u) {
            place = select(place, cell, gaps_before == 0u);
            gaps_before--;  // past 0 it stays large
        }
    }
    return rows | select(vec4(0u), vec4(tile << (4u * (place % 4u))), vec4(place / 4u) == vec4(0u, 1u, 2u, 3u));
}

// Whether the decimal `number`'s digits, 3 x 5 dots each, cover a point; the text is centred in [-1, 1]^2.
fn tiles_inked(number: u32, point: vec2<f32>) -> bool {
    // Rows of three dots from the top, the highest bit first.
    var digits = array(0x7B6Fu, 0x2C97u, 0x73E7u, 0x73CFu, 0x5BC9u, 0x79CFu, 0x79EFu, 0x7292u, 0x7BEFu, 0x7BCFu);
    var powers = array(1u, 10u, 100u, 1000u, 10000u);
    let count = 1u + select(0u, 1u, number >= 10u) + select(0u, 1u, number >= 100u) + select(0u, 1u, number >= 1000u) + select(0u, 1u, number >= 10000u);
    let columns = f32(count) * 4.0 - 1.0;
    let dots = point * max(columns, 7.0) * 0.65 + vec2(columns, 5.0) * 0.5;
    if (any(dots < vec2(0.0)) || any(dots >= vec2(columns, 5.0))) {
        return false;
    }
    let dot = vec2<u32>(dots);
    let digit = number / powers[count - 1u - dot.x / 4u] % 10u;
    return dot.x % 4u < 3u && ((digits[digit] >> (14u - (dot.y * 3u + dot.x % 4u))) & 1u) == 1u;
}

// Tiles from sand through red to blue as they grow.
fn env_pixel(state: EnvState, uv: vec2<f32>) -> vec3<f32> {
    let place = clamp(uv * 4.0, vec2(0.0), vec2(3.999));
    let inner = (fract(place) - 0.5) * 2.0;
    if (max(abs(inner.x), abs(inner.y)) > 0.92) {
        return vec3(0.45, 0.42, 0.40);
    }
    let exponent = tiles_at(state.rows, u32(place.y) * 4u + u32(place.x));
    if (exponent == 0u) {
        return vec3(0.56, 0.53, 0.50);
    }
    let warmth = min(f32(exponent - 1u) / 5.0, 1.0);
    let depth = clamp((f32(exponent) - 6.0) / 8.0, 0.0, 1.0);
    let colour = mix(mix(vec3(0.94, 0.91, 0.86), vec3(0.90, 0.38, 0.24), warmth), vec3(0.12, 0.22, 0.55), depth);
    let ink = select(vec3(0.98), vec3(0.30, 0.27, 0.25), exponent < 3u);
    return select(colour, ink, tiles_inked(1u << exponent, inner));
}
