// Random numbers: Threefry-2x32 with 20 rounds (Salmon et al. 2011), a keyed bijection of 64 bits. Twin: src/spec/random.rs.
// A stream is keyed by (seed, domain, time, lane), so that random numbers do not depend on how the work is split.

//! import trigonometry

const RESET_DOMAIN: u32 = 1u;    // time: step of the run; lane: environment
const ACTION_DOMAIN: u32 = 2u;   // the same
const STEP_DOMAIN: u32 = 3u;     // the same
const PERMUTE_DOMAIN: u32 = 4u;  // time: epoch of the run
const PARAMETER_DOMAIN: u32 = 5u;  // time, lane: of the episode, environment or agent; draw: the parameter's index

const RNG_TAU: f32 = 6.2831853072;  // 2 pi

struct Rng {
    key: vec2<u32>,
    lane: u32,
    draw: u32,  // random numbers taken so far
}

fn threefry_round(x: vec2<u32>, rotation: u32) -> vec2<u32> {
    let sum = x.x + x.y;
    return vec2(sum, ((x.y << rotation) | (x.y >> (32u - rotation))) ^ sum);
}

fn threefry_even_rounds(x: vec2<u32>) -> vec2<u32> {
    return threefry_round(threefry_round(threefry_round(threefry_round(x, 13u), 15u), 26u), 6u);
}

fn threefry_odd_rounds(x: vec2<u32>) -> vec2<u32> {
    return threefry_round(threefry_round(threefry_round(threefry_round(x, 17u), 29u), 16u), 24u);
}

fn threefry2x32(key: vec2<u32>, counter: vec2<u32>) -> vec2<u32> {
    let third = 0x1BD11BDAu ^ key.x ^ key.y;
    var x = counter + key;
    x = threefry_even_rounds(x) + vec2(key.y, third + 1u);
    x = threefry_odd_rounds(x) + vec2(third, key.x + 2u);
    x = threefry_even_rounds(x) + vec2(key.x, key.y + 3u);
    x = threefry_odd_rounds(x) + vec2(key.y, third + 4u);
    return threefry_even_rounds(x) + vec2(third, key.x + 5u);
}

fn rng_stream(seed: vec2<u32>, domain: u32, time: u32, lane: u32) -> Rng {
    return Rng(threefry2x32(seed, vec2(domain, time)), lane, 0u);
}

// 64 random bits; most callers use only the first word.
fn rng_words(rng: ptr<function, Rng>) -> vec2<u32> {
    let words = threefry2x32((*rng).key, vec2((*rng).lane, (*rng).draw));
    (*rng).draw += 1u;
    return words;
}

fn rng_bits(rng: ptr<function, Rng>) -> u32 {
    return rng_words(rng).x;
}

// Uniform in [0, 1), a multiple of 2^-24.
fn rng_uniform(rng: ptr<function, Rng>) -> f32 {
    return f32(rng_bits(rng) >> 8u) * (1.0 / 16777216.0);
}

// Uniform between two bounds.
fn rng_between(rng: ptr<function, Rng>, low: f32, high: f32) -> f32 {
    return low + (high - low) * rng_uniform(rng);
}

// Uniform over 0 .. count - 1: the highest word of the product of `count` and 64 random bits (Lemire 2019). Probabilities are off by less than count / 2^64
// of themselves.
fn rng_below(rng: ptr<function, Rng>, count: u32) -> u32 {
    let bits = rng_words(rng);
    let fraction = bits.x * count;
    // The carry from the low word.
    return rng_high_word(bits.x, count) + select(0u, 1u, fraction + rng_high_word(bits.y, count) < fraction);
}

// The high word of a product.
fn rng_high_word(a: u32, b: u32) -> u32 {
    let low = (a & 0xFFFFu) * (b & 0xFFFFu);
    let first = (a >> 16u) * (b & 0xFFFFu) + (low >> 16u);
    let second = (a & 0xFFFFu) * (b >> 16u) + (first & 0xFFFFu);
    return (a >> 16u) * (b >> 16u) + (first >> 16u) + (second >> 16u);
}

// Standard normal (Box and Muller 1958).
fn rng_normal(rng: ptr<function, Rng>) -> f32 {
    let radius = sqrt(-2.0 * log(1.0 - rng_uniform(rng)));
    return -radius * precise_cos(RNG_TAU * (rng_uniform(rng) - 0.5));
}
