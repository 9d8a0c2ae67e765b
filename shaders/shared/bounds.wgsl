// What an agent is kept within while it learns, written once by the host.

struct Bounds {
    log_std_min: f32,  // the least f32 for no such bound
    log_std_max: f32,  // the largest f32 for no such bound
    desired_kl: f32,   // approximate KL divergence to which the learning rate adapts; the largest f32 if it does not
    lr_min: f32,       // least learning rate that it adapts to
    lr_max: f32,       // largest
}
