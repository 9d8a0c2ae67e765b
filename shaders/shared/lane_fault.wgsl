// The first thing that went wrong in the lane's environment during this dispatch.

//! import fault

var<private> lane_fault: u32;

fn note_fault(fault: u32) {
    lane_fault = min(lane_fault, fault);
}
