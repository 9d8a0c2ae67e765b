// Some drivers silently end loops early: Mesa's software driver after 65,535 rounds of all loops of an invocation together. Kernels that call a
// user's functions end with a loop of CANARY_ROUNDS rounds, which such a driver ends after the first.

// Whether loops still make all of their rounds. `rounds` is CANARY_ROUNDS, read from memory so that no compiler unrolls the loop.
fn loops_run(rounds: u32) -> bool {
    var x = 1u;
    for (var i = 0u; i < rounds; i++) {
        x = x * 5u + 1u;
    }
    return x == 31u;
}
