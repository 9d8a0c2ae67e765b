// Gradients of the weights of layers that are taped, too wide for `gradient` to keep their sums in registers: products of the inputs and slopes that it left on
// the tape. index = gradient step * PASSES + pass. One workgroup: a block of one layer's weights of one network, over a row of the tape, TAPE_PART vectors of four
// samples. Reads tape. Writes tape_sums. Twin: src/reference/weight_gradient.rs.

//! import dispatch
//! import grid
//! import products

@group(0) @binding(0) var<uniform> dispatch: Dispatch;
@group(0) @binding(1) var<storage, read> tape: array<vec4<f32>>;               // [s][net][tile][unit][sample/4]
@group(0) @binding(2) var<storage, read_write> tape_sums: array<vec4<f32>>;    // [s][r'][W'/4]

@compute @workgroup_size(LANES)
fn weight_gradient(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let place = place_of(workgroup);
    let row = place.group / TAPE_BLOCKS;
    let block = block_of(place.group % TAPE_BLOCKS);
    let first = row * TAPE_PART;
    let end = min(first + TAPE_PART, TAPE_VECTORS);
    let base = (place.s * GRID_NETWORKS + place.network) * TAPE_VECTORS * TAPE_UNITS;
    let columns = (place.s * TAPE_ROWS + row) * TAPE_COLUMNS / 4u + place.network * TAPE_COLUMNS / 8u;
    sum_block(block, base, first, end, columns, dispatch.index % PASSES > 0u, lane);
}
