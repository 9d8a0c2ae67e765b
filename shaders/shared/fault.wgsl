// Codes of quantities that were found not finite, in the order of the pipeline: the smallest code of an agent is the first quantity.
// Names: src/metrics.rs.

const FAULT_OBSERVATION: u32 = 1u;
const FAULT_NO_LEGAL_ACTION: u32 = 2u;
const FAULT_POLICY_OUTPUT: u32 = 3u;
const FAULT_REWARD: u32 = 4u;
const FAULT_VALUE: u32 = 5u;
const FAULT_ADVANTAGE: u32 = 6u;
const FAULT_POLICY_LOSS: u32 = 7u;
const FAULT_ENTROPY: u32 = 8u;
const FAULT_VALUE_LOSS: u32 = 9u;
const FAULT_GRADIENT: u32 = 10u;
const FAULT_PARAMETER: u32 = 11u;
const NO_FAULT: u32 = 0xFFFFFFFFu;

// By bits: comparisons of NaN are not dependable across drivers.
fn is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7F800000u) != 0x7F800000u;
}
