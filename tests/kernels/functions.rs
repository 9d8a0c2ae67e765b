//! The functions that kernels use, each within the error that the reference allows it (src/reference/tracked.rs).

use crate::harness::{Words, plan, profile};
use crate::probe::probe;
use ppo_gpu::reference::real::Real;
use ppo_gpu::reference::tracked::Tracked;
use ppo_gpu::spec::random::Stream;

/// Arguments of each function.
const COUNT: usize = 20_000;

/// `expression` of `x` on the device, for each argument.
fn on_device(expression: &str, arguments: &[f32]) -> Vec<f32> {
    let plan = plan(&format!("envs={} steps=1 minibatches=1 hidden=1", arguments.len()), profile("auto"));
    let head = format!(
        "//! import trigonometry\n@group(0) @binding(0) var<storage, read_write> actions: array<u32>;\n{}",
        include_str!("../../shaders/network/activation_tanh.wgsl")
    );
    let body = format!("        let x = bitcast<f32>(actions[n]);\n        actions[n] = bitcast<u32>({expression});");
    let given = Words::from([("actions", arguments.iter().map(|x| x.to_bits()).collect())]);
    let words = probe(&plan, &head, &body, &given, "actions");
    words[..arguments.len()].iter().map(|&word| f32::from_bits(word)).collect()
}

/// Arguments between two bounds, and the bounds themselves.
fn between(least: f32, most: f32) -> Vec<f32> {
    let mut stream = Stream::new(7, 1, 0, 0);
    let random = (0..COUNT - 2).map(|_| least + (most - least) * stream.uniform());
    [least, most].into_iter().chain(random).collect()
}

/// Positive arguments of all sizes between two powers of two.
fn powers(least: f32, most: f32) -> Vec<f32> {
    between(least, most).into_iter().map(f32::exp2).collect()
}

#[test]
fn functions_are_as_accurate_as_the_reference_assumes() {
    type Function = fn(Tracked) -> Tracked;
    let functions: [(&str, Function, Vec<f32>); 12] = [
        ("exp(x)", |x| x.exp(), between(-87.0, 88.0)),
        ("exp(x)", |x| x.exp(), between(-1.0, 1.0)),
        ("log(x)", |x| x.ln(), powers(-126.0, 127.0)),
        ("log(x)", |x| x.ln(), between(0.4, 2.1)),
        ("sqrt(x)", |x| x.sqrt(), powers(-126.0, 127.0)),
        ("activation(vec4(x)).z", |x| x.tanh(), between(-12.0, 12.0)),
        ("activation(vec4(x)).z", |x| x.tanh(), between(-0.1, 0.1)),
        ("1.7 / x", |x| Tracked::from_f32(1.7) / x, powers(-125.0, 125.0)),
        ("precise_sin(x)", |x| x.sin(), between(-4.0, 4.0)),
        ("precise_cos(x)", |x| x.cos(), between(-4.0, 4.0)),
        ("precise_sin(x)", |x| x.sin(), between(-6000.0, 6000.0)),
        ("precise_cos(x)", |x| x.cos(), between(-6000.0, 6000.0)),
    ];
    let mut wrong = Vec::new();
    for (expression, function, arguments) in functions {
        let results = on_device(expression, &arguments);
        let mut worst = 0.0f64;
        for (&x, &result) in arguments.iter().zip(&results) {
            let expected = function(Tracked::from_f32(x));
            let share = (f64::from(result) - expected.value).abs() / expected.error;
            // NaN, too, must not pass.
            if (share.is_nan() || share > 1.0) && wrong.len() < 10 {
                wrong.push(format!("{expression} with x = {x:e}: {result:e} instead of {:e} ± {:e}", expected.value, expected.error));
            }
            worst = worst.max(share);
        }
        println!("{expression} from {:e} to {:e}: {:.0} % of the allowed error", arguments[0], arguments[1], 100.0 * worst);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Angles that are not numbers must be seen as such further on.
#[test]
fn angles_that_are_not_finite_have_no_sine() {
    for expression in ["precise_sin(x)", "precise_cos(x)"] {
        assert!(on_device(expression, &[f32::NAN, f32::INFINITY, f32::NEG_INFINITY]).iter().all(|y| !y.is_finite()), "{expression}");
    }
}
