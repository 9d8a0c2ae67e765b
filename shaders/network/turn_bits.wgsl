// Turns the words of each sample, a bit for each component, into a mask for each component, a bit for each sample. Uniform control flow only.
fn turn_bits(lane: u32) {
    workgroupBarrier();
    for (var m = lane; m < OBSERVATION; m += LANES) {
        var mask = 0u;
        for (var i = 0u; i < SAMPLES; i++) {
            mask |= ((bits[m / 32u * SAMPLES + i] >> (m % 32u)) & 1u) << i;
        }
        masks[m] = mask;
    }
    workgroupBarrier();
}

// The components of word `w` that are 1 in some sample of the tile.
fn some_of(w: u32) -> u32 {
    return atomicLoad(&some[w]);
}

// Forgets which components are 1, for the next tile. Uniform control flow only.
fn forget_bits(lane: u32) {
    for (var w = lane; w < OBSERVATION_WORDS; w += LANES) {
        atomicStore(&some[w], 0u);
    }
    workgroupBarrier();
}

// Four samples' values of the component whose mask this is: of vector `at` of the samples.
fn of_mask(mask: u32, at: u32) -> vec4<f32> {
    return vec4<f32>((vec4(mask) >> (4u * at + vec4(0u, 1u, 2u, 3u))) & vec4(1u));
}
