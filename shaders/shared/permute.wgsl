// A permutation of the BATCH samples, named by a key, evaluated one index at a time: a Feistel network over the next power of two,
// applied again until the result is inside (cycle walking, Black and Rogaway 2002). Twin: src/spec/random.rs, permute.

const PERMUTATION_ROUNDS: u32 = 8u;

// MurmurHash3's 32-bit finaliser (Appleby).
fn scramble(value: u32) -> u32 {
    var h = value;
    h = (h ^ (h >> 16u)) * 0x85EBCA6Bu;
    h = (h ^ (h >> 13u)) * 0xC2B2AE35u;
    return h ^ (h >> 16u);
}

fn permute(index: u32, key: vec2<u32>) -> u32 {
    let left_mask = (1u << PERMUTATION_LEFT_BITS) - 1u;
    let right_mask = (1u << PERMUTATION_RIGHT_BITS) - 1u;
    var x = index;
    // Ends: the walk follows a cycle of a bijection, and `index` itself, which is inside, lies on it.
    loop {
        var left = x >> PERMUTATION_RIGHT_BITS;
        var right = x & right_mask;
        for (var round = 0u; round < PERMUTATION_ROUNDS; round += 2u) {
            left ^= scramble(right ^ (key.x + round * 0x9E3779B9u)) & left_mask;
            right ^= scramble(left ^ (key.y + (round + 1u) * 0x9E3779B9u)) & right_mask;
        }
        x = (left << PERMUTATION_RIGHT_BITS) | right;
        if (x < BATCH) {
            break;
        }
    }
    return x;
}
