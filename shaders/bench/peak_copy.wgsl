// The peak rate of memory traffic: four vectors per lane, each read and written next to those of the neighbouring lanes.
// Both buffers hold exactly the grid's vectors. Work: 128 bytes a lane, read and written together. Reads source. Writes destination.

@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;               // [vector]
@group(0) @binding(1) var<storage, read_write> destination: array<vec4<f32>>;    // [vector]

@compute @workgroup_size(LANES)
fn peak_copy(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let i = group.x * LANES * 4u + lane;
    destination[i] = source[i];
    destination[i + LANES] = source[i + LANES];
    destination[i + 2u * LANES] = source[i + 2u * LANES];
    destination[i + 3u * LANES] = source[i + 3u * LANES];
}
