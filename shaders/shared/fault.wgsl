// Fault codes, most of them for quantities that are not finite, in the order of the pipeline: the smallest code of an agent is its first fault.
// The low bits hold a detail, such as the number of a choice. Names: src/support/fault.rs.

const FAULT_LOOP: u32 = 0x10000u;            // a driver ended a loop early
const FAULT_DATA: u32 = 0x18000u;            // an index of data was out of range; plus the number of the array
const FAULT_OBSERVATION: u32 = 0x20000u;
const FAULT_NO_LEGAL_ACTION: u32 = 0x30000u; // plus the number of the choice
const FAULT_POLICY_OUTPUT: u32 = 0x40000u;
const FAULT_REWARD: u32 = 0x50000u;
const FAULT_VALUE: u32 = 0x60000u;
const FAULT_ADVANTAGE: u32 = 0x70000u;
const FAULT_POLICY_LOSS: u32 = 0x80000u;
const FAULT_ENTROPY: u32 = 0x90000u;
const FAULT_VALUE_LOSS: u32 = 0xA0000u;
const FAULT_GRADIENT: u32 = 0xB0000u;
const FAULT_PARAMETER: u32 = 0xC0000u;
const FAULT_OBSERVATION_MOMENTS: u32 = 0xD0000u;
const FAULT_RETURN_MOMENTS: u32 = 0xE0000u;
const NO_FAULT: u32 = 0xFFFFFFFFu;

// Tests bits, since comparisons of NaN are not reliable across drivers.
fn is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7F800000u) != 0x7F800000u;
}
