// Hides a number from compilers. Those that treat floats as real numbers would conclude that every rounding error is 0 (NVIDIA's does, and it sees through a
// `select` whose condition it can prove from the range of an index); others compute anything where they know a divisor to be 0.

//! import part

fn opaque_float(x: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) ^ hidden_zero());
}
