// Renders environment 0 of agent 0: each pixel is env_pixel at its centre, as bytes red, green, blue and 255. The last byte is
// 254 if the driver ended a loop early, and the number of an array if an index of it was out of range.
// One lane: one pixel. Reads agents, env_lanes. Writes pixels.

//! import agent
//! import rng
//! import environment
//! import env_lane

@group(0) @binding(0) var<storage, read> agents: array<Agent>;           // [s]
@group(0) @binding(1) var<storage, read> env_lanes: array<LaneWords>;    // [s][n]
@group(0) @binding(2) var<storage, read_write> pixels: array<u32>;       // [row][column]

@compute @workgroup_size(LANES)
fn draw(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let i = group.x * LANES + lane;
    if (i >= PICTURE_SIZE * PICTURE_SIZE) {
        return;
    }
    let env_lane = lane_of(env_lanes[0]);
    var state = env_lane.state;
    let agent = agents[0];
    vary_parameters(agent, time_of(agent, 0u) - env_lane.episode.steps, 0u);
    let uv = (vec2(f32(i % PICTURE_SIZE), f32(i / PICTURE_SIZE)) + 0.5) / f32(PICTURE_SIZE);
    let bytes = vec3<u32>(clamp(pixel_of(&state, uv), vec3(0.0), vec3(1.0)) * 255.0 + 0.5);
    let fault = environment_fault(agent.canary_rounds);
    let opacity = select(select(fault - FAULT_DATA, 254u, fault == FAULT_LOOP), 255u, fault == NO_FAULT);
    pixels[i] = bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (opacity << 24u);
}
