//! Counter-based random numbers: Threefry-2x32 with 20 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
//! The host and every kernel (`shaders/shared/rng.wgsl`) use the same generator and the same streams.

/// Domain of parameter initialisation; time is the network, lane the layer.
pub const INITIALISE: u32 = 0;
/// Domain of environment resets; time is the step since the start of the run, lane the environment.
pub const RESET: u32 = 1;
/// Domain of action sampling; time and lane as for resets.
pub const ACTION: u32 = 2;
/// Domain of random numbers drawn inside an environment's step; time and lane as for resets.
pub const STEP: u32 = 3;
/// Domain of minibatch permutations; time is the epoch since the start of the run.
pub const PERMUTE: u32 = 4;
/// Domain of an environment's varying parameters; time and lane are those of the episode, environment or agent; the draw is the parameter's index.
pub const PARAMETER: u32 = 5;

/// Threefry-2x32-20: a keyed bijection of 64 bits.
pub fn threefry2x32(key: [u32; 2], counter: [u32; 2]) -> [u32; 2] {
    const ROTATIONS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];
    let keys = [key[0], key[1], 0x1BD1_1BDA ^ key[0] ^ key[1]];
    let mut x = [counter[0].wrapping_add(keys[0]), counter[1].wrapping_add(keys[1])];
    for group in 0..5 {
        for rotation in ROTATIONS[group % 2] {
            x[0] = x[0].wrapping_add(x[1]);
            x[1] = x[1].rotate_left(rotation) ^ x[0];
        }
        x[0] = x[0].wrapping_add(keys[(group + 1) % 3]);
        x[1] = x[1].wrapping_add(keys[(group + 2) % 3]).wrapping_add(group as u32 + 1);
    }
    x
}

/// The two words of a seed, low first.
pub fn seed_words(seed: u64) -> [u32; 2] {
    [seed as u32, (seed >> 32) as u32]
}

/// An independent sequence of random numbers, named by (seed, domain, time, lane).
#[derive(Debug, Clone)]
pub struct Stream {
    key: [u32; 2],
    lane: u32,
    draw: u32,
}

impl Stream {
    /// The stream of `lane` at `time` in `domain`.
    pub fn new(seed: u64, domain: u32, time: u32, lane: u32) -> Self {
        Stream { key: threefry2x32(seed_words(seed), [domain, time]), lane, draw: 0 }
    }

    /// [`Stream::new`] from draw number `draw` on.
    pub fn of_draw(seed: u64, domain: u32, time: u32, lane: u32, draw: u32) -> Self {
        Stream { draw, ..Stream::new(seed, domain, time, lane) }
    }

    /// The key for (seed, domain, time), common to all lanes.
    pub fn key(seed: u64, domain: u32, time: u32) -> [u32; 2] {
        threefry2x32(seed_words(seed), [domain, time])
    }

    /// 32 random bits.
    pub fn bits(&mut self) -> u32 {
        self.words()[0]
    }

    /// 64 random bits, the high word first.
    fn words(&mut self) -> [u32; 2] {
        let words = threefry2x32(self.key, [self.lane, self.draw]);
        self.draw += 1;
        words
    }

    /// Uniform in [0, 1), a multiple of 2^-24.
    pub fn uniform(&mut self) -> f32 {
        (self.bits() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// Uniform over the numbers below `count`: the highest word of the product of `count` and 64 random bits (Lemire 2019). Probabilities are off by less
    /// than `count` / 2^64 of themselves.
    pub fn below(&mut self, count: u32) -> u32 {
        let [high, low] = self.words().map(u128::from);
        (((high << 32 | low) * u128::from(count)) >> 64) as u32
    }

    /// Standard normal (Box and Muller 1958), computed in f64.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - f64::from(self.uniform())).ln()).sqrt();
        radius * (std::f64::consts::TAU * f64::from(self.uniform())).cos()
    }
}

/// The image of `index` under the permutation of `0..size` given by `key`: a Feistel network over the next power of two, applied again
/// until the result is inside (cycle walking, Black and Rogaway 2002). A bijection for every size and key.
pub fn permute(index: u32, size: u32, key: [u32; 2]) -> u32 {
    let bits = permutation_bits(size);
    let right_bits = bits - bits / 2;
    let (left_mask, right_mask) = ((1u32 << (bits / 2)) - 1, (1u32 << right_bits) - 1);
    let mut x = index;
    loop {
        let (mut left, mut right) = (x >> right_bits, x & right_mask);
        for round in 0..8u32 {
            let key = key[round as usize % 2].wrapping_add(round.wrapping_mul(0x9E37_79B9));
            if round % 2 == 0 {
                left ^= scramble(right ^ key) & left_mask;
            } else {
                right ^= scramble(left ^ key) & right_mask;
            }
        }
        x = left << right_bits | right;
        if x < size {
            return x;
        }
    }
}

/// Bits of the smallest power of two that is at least `size`.
pub fn permutation_bits(size: u32) -> u32 {
    size.next_power_of_two().trailing_zeros()
}

/// MurmurHash3's 32-bit finaliser (Appleby): every input bit affects every output bit.
fn scramble(value: u32) -> u32 {
    let mut h = value;
    h = (h ^ (h >> 16)).wrapping_mul(0x85EB_CA6B);
    h = (h ^ (h >> 13)).wrapping_mul(0xC2B2_AE35);
    h ^ (h >> 16)
}
