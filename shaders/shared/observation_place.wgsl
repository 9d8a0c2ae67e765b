// Where the observation of environment n in a row of `observations` begins.

fn observation_place(s: u32, row: u32, n: u32) -> u32 {
    return ((s * VALUE_ROWS + row) * ENVS + n) * OBSERVATION_WORDS;
}
