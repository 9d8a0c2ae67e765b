// The slopes at the head's outputs, four of them in a vector. Numbers beyond the policy's are 0.

fn head_slopes_of(slopes: array<f32, 4u * HEAD>) -> array<vec4<f32>, HEAD> {
    var s = slopes;
    var vectors: array<vec4<f32>, HEAD>;
    for (var k = 0u; k < HEAD; k++) {
        vectors[k] = vec4(s[4u * k], s[4u * k + 1u], s[4u * k + 2u], s[4u * k + 3u]);
    }
    return vectors;
}
