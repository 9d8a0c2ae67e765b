// The value itself, hidden from compilers. LLVM, which software drivers use, splits a store lane by lane, and if nothing else uses the value, it
// recomputes the whole expression for each lane: `evaluate` would take three times as long.

fn whole(value: vec4<f32>, lane: u32) -> vec4<f32> {
    return select(value, vec4(0.0), lane == 0xffffffffu);
}
