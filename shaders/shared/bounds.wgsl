// What an agent is kept within while it learns, written once by the host.

struct Bounds {
    log_std_min: f32,  // the least f32 for no such bound
    log_std_max: f32,  // the largest f32 for no such bound
}
