// A step of Adam, clipped by the gradient's global norm; see shaders/adam.wgsl.

// The factors that all parameters of an agent share.
struct AdamStep {
    scale: f32,              // of the gradient
    first_correction: f32,   // 1 - b1^n
    second_correction: f32,  // 1 - b2^n
    lr: f32,
}

struct AdamMoved {
    value: vec4<f32>,
    first: vec4<f32>,
    second: vec4<f32>,
}

// For gradient step `index` of the update.
fn adam_step(agent: Agent, index: u32, norm: f32) -> AdamStep {
    let count = f32(agent.gradient_steps) + f32(index + 1u);
    let scale = select(agent.max_grad_norm / norm, 1.0, norm < agent.max_grad_norm);
    return AdamStep(scale, bias_correction(count * LN_BETA1), bias_correction(count * LN_BETA2), learning_rate(agent));
}

fn adam_moved(step: AdamStep, value: vec4<f32>, earlier_first: vec4<f32>, earlier_second: vec4<f32>, whole_gradient: vec4<f32>) -> AdamMoved {
    let gradient = whole_gradient * step.scale;
    let first = earlier_first + ONE_MINUS_BETA1 * (gradient - earlier_first);
    let second = earlier_second + ONE_MINUS_BETA2 * (gradient * gradient - earlier_second);
    let first_corrected = first / step.first_correction;
    let second_corrected = second / step.second_correction;
    return AdamMoved(value - step.lr * first_corrected / (sqrt(second_corrected) + ADAM_EPSILON), first, second);
}

fn are_finite(x: vec4<f32>) -> bool {
    return is_finite(x.x) && is_finite(x.y) && is_finite(x.z) && is_finite(x.w);
}

// 1 - e^x for x < 0. The difference would lose most of its digits for small x, that is, in the first steps. There the Taylor series is used, whose
// first omitted term is x^9/10! relative to x: under 2^-24 / 100 at the switch.
fn bias_correction(x: f32) -> f32 {
    let series = -x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0 * (1.0 + x / 7.0 * (1.0 + x / 8.0 * (1.0 + x / 9.0))))))));
    return select(series, 1.0 - exp(x), x < -0.5);
}
