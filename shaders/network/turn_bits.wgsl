// Turns the words of each sample, a bit for each component, into a mask for each component, a bit for each sample, and lists the components that are 1 in
// some sample, in order. Behind the list, LISTED_BEYOND entries are component OBSERVATION, which is 1 in none. Uniform control flow only.
fn turn_bits(lane: u32) {
    workgroupBarrier();
    for (var m = lane; m <= OBSERVATION; m += LANES) {
        var mask = 0u;
        if (m < OBSERVATION) {
            for (var i = 0u; i < SAMPLES; i++) {
                mask |= ((bits[m / 32u * SAMPLES + i] >> (m % 32u)) & 1u) << i;
            }
        }
        masks[m] = mask;
    }
    for (var w = lane; w < OBSERVATION_WORDS; w += LANES) {
        var place = 0u;
        for (var before = 0u; before < w; before++) {
            place += countOneBits(atomicLoad(&some[before]));
        }
        for (var left = atomicLoad(&some[w]); left != 0u; left &= left - 1u) {
            listed[place] = 32u * w + firstTrailingBit(left);
            place++;
        }
        if (w + 1u == OBSERVATION_WORDS) {
            listed_number = place;
            for (var i = 0u; i < LISTED_BEYOND; i++) {
                listed[place + i] = OBSERVATION;
            }
        }
    }
    workgroupBarrier();
    // For the next tile, whose samples are fetched behind another barrier.
    forget_bits(lane);
}

// Forgets which components are 1.
fn forget_bits(lane: u32) {
    for (var w = lane; w < OBSERVATION_WORDS; w += LANES) {
        atomicStore(&some[w], 0u);
    }
}

// Four samples' values of the component whose mask this is: of vector `at` of the samples.
fn of_mask(mask: u32, at: u32) -> vec4<f32> {
    return vec4<f32>((vec4(mask) >> (4u * at + vec4(0u, 1u, 2u, 3u))) & vec4(1u));
}
