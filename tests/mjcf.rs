//! The compiler of robots' XML files, against MuJoCo's own (`tests/conformance/bodies.py`).

use ppo_gpu::mjcf::compile;
use ppo_gpu::physics::model::{Body, Model};
use ppo_gpu::physics::spatial::{Matrix, product, rotation, transposed};
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The XML of each robot with a recording, and the recording.
fn robots() -> Vec<(PathBuf, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("tests/conformance/bodies");
    let mut recordings: Vec<PathBuf> = std::fs::read_dir(folder).expect("the recordings").map(|entry| entry.expect("a file").path()).collect();
    recordings.sort();
    let xml = |recording: &Path| {
        let name = recording.with_extension("xml");
        let name = name.file_name().expect("a name");
        let ours = root.join("tests/conformance/robots").join(name);
        if ours.exists() { ours } else { root.join("shaders/robots").join(name) }
    };
    recordings.into_iter().map(|recording| (xml(&recording), recording)).collect()
}

#[derive(Deserialize)]
struct Recorded {
    model: Value,
}

/// Both compute in f64: a few hundred roundings of 1e-16, in sums whose terms are at most some thousand times the result.
const F64: f64 = 1e-12;

/// Notes where `found` differs from `expected`, relative to the largest number of the same list.
fn compare(place: &str, found: &Value, expected: &Value, differences: &mut Vec<String>) {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            // The frame of an inertia is not unique, and is compared as a matrix.
            for (key, value) in expected.iter().filter(|(key, _)| !["inertia_orientation", "inertia"].contains(&key.as_str())) {
                compare(&format!("{place}.{key}"), found.get(key).unwrap_or(&Value::Null), value, differences);
            }
        }
        (Value::Array(found), Value::Array(expected)) if found.len() == expected.len() => {
            let size = expected.iter().filter_map(Value::as_f64).fold(0.0f64, |most, x| most.max(x.abs()));
            for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
                match (found.as_f64(), expected.as_f64()) {
                    (Some(a), Some(b)) if (a - b).abs() <= F64 * size => {}
                    _ => compare(&format!("{place}[{i}]"), found, expected, differences),
                }
            }
        }
        _ => {
            let near = matches!((found.as_f64(), expected.as_f64()), (Some(a), Some(b)) if (a - b).abs() <= F64 * b.abs());
            if !near && found != expected {
                differences.push(format!("{place}: {found} instead of {expected}"));
            }
        }
    }
}

fn tensor(body: &Body) -> Matrix<f64> {
    let axes: Matrix<f64> = rotation(body.inertia_orientation);
    let scaled: Matrix<f64> = std::array::from_fn(|i| std::array::from_fn(|j| axes[i][j] * body.inertia[j]));
    product(&scaled, &transposed(&axes))
}

#[test]
fn models_are_those_of_mujoco() {
    let robots = robots();
    assert_eq!(robots.len(), 12);
    let mut differences = Vec::new();
    for (xml, recording) in robots {
        let text = std::fs::read_to_string(&recording).expect("a recording");
        let recorded: Recorded = serde_json::from_str(&text).expect("a recording");
        let found = compile::model(&xml).unwrap_or_else(|error| panic!("{error}\n{}", error.help()));
        let name = xml.file_stem().expect("a name").display().to_string();
        compare(&name, &serde_json::to_value(&found).expect("JSON"), &recorded.model, &mut differences);
        let expected: Model = serde_json::from_value(recorded.model).expect("a model");
        for (b, (found, expected)) in found.bodies.iter().zip(&expected.bodies).enumerate() {
            let most = expected.inertia.iter().fold(0.0f64, |most, x| most.max(*x));
            let [found, expected] = [found, expected].map(tensor);
            let far = (0..9).map(|k| (found[k / 3][k % 3] - expected[k / 3][k % 3]).abs()).fold(0.0, f64::max);
            if far > F64 * most {
                differences.push(format!("{name}: the inertia of body {b} is {found:?} instead of {expected:?}"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
