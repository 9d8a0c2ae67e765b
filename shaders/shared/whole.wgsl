// The value itself, which compilers cannot see. The one behind software drivers (LLVM) takes a store apart lane by lane, and where a value is used by
// nothing else it computes the whole expression again for each lane: three times the time of `evaluate`.

fn whole(value: vec4<f32>, lane: u32) -> vec4<f32> {
    return select(value, vec4(0.0), lane == 0xffffffffu);
}
