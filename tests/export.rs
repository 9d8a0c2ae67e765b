//! What `ppo-gpu export` writes: WGSL functions are run on the device, tensors read back, and both compared with the reference.
//! That the ONNX model plays Gymnasium's environments as well is shown by `tests/conformance/exported_policies.py`.

mod common;

use common::gpu;
use ppo_gpu::device::gpu::Gpu;
use ppo_gpu::play::export::policy::Policy;
use ppo_gpu::program::plan::{OBSERVATION_CLIP, Plan};
use ppo_gpu::reference::dense;
use ppo_gpu::spec::config::{Config, Onto};
use ppo_gpu::spec::environment::Environment;
use ppo_gpu::spec::network::{ACTOR, CRITIC};
use ppo_gpu::spec::records::{Normalizer, word};
use ppo_gpu::train::checkpoint::Checkpoint;
use ppo_gpu::train::trainer::Trainer;
use safetensors::SafeTensors;
use std::ops::ControlFlow;

/// Observations that policies are asked about.
const ROWS: usize = 50;
/// An f32 program adds up to 64 products in each of three layers: 64 * 2^-24 * 3 = 1.1e-5 of the sum of their magnitudes, were all roundings to go the same
/// way; of 50 x 3 random ones the worst is a tenth of that, and the magnitudes add up to a few times the largest output.
const TOLERANCE: f64 = 1e-5;

/// What two agents have learned in a few updates.
fn learned(gpu: &Gpu, keys: &str) -> (Plan, Checkpoint) {
    let pairs = keys.split_whitespace().map(|pair| pair.split_once('=').unwrap()).map(|(key, value)| Config::assignment(key, value).unwrap());
    let sizes =
        [("envs", "16"), ("steps", "16"), ("agents", "2"), ("total_steps", "1024"), ("lr", "1e-2")].map(|(key, value)| Config::assignment(key, value).unwrap());
    let config = Config::from_layers(sizes.into_iter().chain(pairs)).unwrap();
    let plan = Plan::new(&config, gpu.profile("auto")).unwrap();
    let mut trainer = Trainer::new(gpu.clone(), plan.clone()).unwrap();
    trainer.run(&mut |_| ControlFlow::Continue(())).unwrap();
    (plan, trainer.checkpoint().unwrap())
}

/// Outputs of the actor, value, and most probable action (as floats) for each observation, computed by the WGSL on the device.
fn on_device(gpu: &Gpu, policy: &Policy, plan: &Plan, observations: &[f32], masks: &[Vec<bool>]) -> Vec<(Vec<f32>, f32, Vec<f32>)> {
    let (inputs, seen, outputs, dims) =
        (plan.environment.observation, plan.environment.seen(), plan.environment.actions.outputs(), plan.environment.actions.dims());
    let width = outputs + 1 + dims;
    let mask = masks.iter().map(|mask| format!("array<bool, {outputs}>({})", mask.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")));
    let masks = if masks.is_empty() {
        String::new()
    } else {
        format!("const MASKS = array<array<bool, {outputs}>, {ROWS}>({});\n", mask.collect::<Vec<_>>().join(", "))
    };
    let arguments = if masks.is_empty() { "outputs" } else { "outputs, masks[i]" };
    let setup = if masks.is_empty() { "" } else { "var masks = MASKS;" };
    // A single action is a number, several are an array.
    let each =
        if plan.environment.actions.describe().contains(" x ") || plan.environment.actions.describe().contains("continuous") { "action[d]" } else { "action" };
    let source = policy.to_wgsl()
        + &masks
        + &format!(
            "@group(0) @binding(0) var<storage, read> observations: array<array<f32, {inputs}>>;
            @group(0) @binding(1) var<storage, read_write> results: array<f32>;
            @compute @workgroup_size(1)
            fn main(@builtin(workgroup_id) group: vec3<u32>) {{
                let i = group.x;
                {setup}
                var seen: array<f32, {seen}>;
                var observation = observations[i];
                for (var k = 0u; k < {seen}u; k++) {{ seen[k] = observation[k]; }}
                let outputs = policy_outputs(seen);
                var all = outputs;
                for (var k = 0u; k < POLICY_OUTPUTS; k++) {{ results[i * {width}u + k] = all[k]; }}
                results[i * {width}u + POLICY_OUTPUTS] = policy_value(observations[i]);
                var action = policy_action({arguments});
                for (var d = 0u; d < {dims}u; d++) {{ results[i * {width}u + POLICY_OUTPUTS + 1u + d] = f32({each}); }}
            }}"
        );
    let module = gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source: wgpu::ShaderSource::Wgsl(source.into()) });
    let pipeline = gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: Some("main"),
        compilation_options: Default::default(),
        cache: None,
    });
    let buffer =
        |size: usize, usage| gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 4 * size as u64, usage, mapped_at_creation: false });
    let given = buffer(observations.len(), wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST);
    let results = buffer(ROWS * width, wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC);
    let staging = buffer(ROWS * width, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST);
    gpu.queue.write_buffer(&given, 0, bytemuck::cast_slice(observations));
    let entries = [&given, &results].map(|buffer| buffer.as_entire_binding());
    let entries: Vec<_> = entries.into_iter().zip(0..).map(|(resource, binding)| wgpu::BindGroupEntry { binding, resource }).collect();
    let layout = &pipeline.get_bind_group_layout(0);
    let bind_group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries });
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &bind_group, &[]);
        pass.dispatch_workgroups(ROWS as u32, 1, 1);
    }
    encoder.copy_buffer_to_buffer(&results, 0, &staging, 0, staging.size());
    gpu.queue.submit([encoder.finish()]);
    staging.map_async(wgpu::MapMode::Read, .., Result::unwrap);
    gpu.device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    let mapped = staging.get_mapped_range(..).unwrap();
    let floats: &[f32] = bytemuck::cast_slice(&mapped);
    floats.chunks_exact(width).map(|row| (row[..outputs].to_vec(), row[outputs], row[outputs + 1..].to_vec())).collect()
}

fn near(is: &[f32], should: &[f64], what: &str) {
    let largest = should.iter().fold(1.0_f64, |most, value| most.max(value.abs()));
    for (is, should) in is.iter().zip(should) {
        assert!((f64::from(*is) - should).abs() <= TOLERANCE * largest, "{what}: {is} instead of {should}");
    }
}

#[test]
fn exported_wgsl_and_tensors_compute_the_trained_policy() {
    for keys in [
        "env=CartPole-v1 hidden=64,8",
        "env=PlanarQuadrotor-v0 hidden=16 activation=relu normalize_observations=true",
        "env=Probe/Masked hidden=8,5",
        "env=Pendulum-v1 hidden=17,9 normalize_observations=true normalize_rewards=true",
        "env=Pendulum-v1 hidden=7 normalize_values=true log_std_max=-0.5",
        "env=Pendulum-v1 hidden=8 actions=scale",
        "env=Probe/Privileged hidden=7,5 normalize_observations=true",
        "env=Probe/Privileged hidden=7 normalize_observations=true observation_history=3",
        "env=CartPole-v1 hidden=6 observation_history=2",
    ] {
        let (plan, checkpoint) = learned(gpu(), keys);
        let environment: &Environment = &plan.environment;
        let (inputs, actions) = (environment.observation, &environment.actions);
        let agent = 1;
        let policy = Policy::of(&plan.config, environment, &checkpoint, agent).unwrap();
        // Anything but alike: from -3 to 3.
        let observations: Vec<f32> = (0..ROWS * inputs).map(|i| (i as f64 * 0.618_034 % 1.0) as f32 * 6.0 - 3.0).collect();
        // Every mask, that which leaves no action among them.
        let masks: Vec<Vec<bool>> = if environment.masked {
            let count = actions.outputs();
            (0..ROWS).map(|i| (0..count).map(|k| (i % (1 << count)) >> k & 1 == 1).collect()).collect()
        } else {
            Vec::new()
        };
        let results = on_device(gpu(), &policy, &plan, &observations, &masks);

        let block: Vec<f64> = checkpoint.words_of("params", &[agent]).into_iter().map(|word| f64::from(f32::from_bits(word))).collect();
        let normalizers: Vec<f64> = checkpoint.words_of("normalizers", &[agent]).into_iter().map(|word| f64::from(f32::from_bits(word))).collect();
        let (low, high) = (-f64::from(OBSERVATION_CLIP), f64::from(OBSERVATION_CLIP));
        for (i, (outputs, value, action)) in results.iter().enumerate() {
            let seen: Vec<f64> = observations[i * inputs..(i + 1) * inputs]
                .iter()
                .enumerate()
                .map(|(k, &x)| {
                    if !plan.config.normalize_observations {
                        return f64::from(x);
                    }
                    ((f64::from(x) - normalizers[word!(Normalizer[k].mean)]) * normalizers[word!(Normalizer[k].scale)]).clamp(low, high)
                })
                .collect();
            let [actor, critic] = [ACTOR, CRITIC].map(|network| dense::forward(&plan.network, network, &block, seen.clone()).head);
            near(outputs, &actor[..actions.outputs()], keys);
            let value_normalizers: Vec<Normalizer> = bytemuck::pod_collect_to_vec(&checkpoint.words_of("value_normalizers", &[agent]));
            let value_of = |output: f64| value_normalizers.first().map_or(output, |of| f64::from(of.mean.value) + output / f64::from(of.scale));
            near(&[*value], &[value_of(critic[0])], keys);
            let legal = |k: usize| masks.get(i).is_none_or(|mask| mask[k]);
            let best = |first: usize, count: usize| {
                let mut among = (first..first + count).filter(|&k| legal(k));
                // The largest u32, as a float, stands for none.
                let Some(start) = among.next() else { return u32::MAX as f32 };
                (among.fold(start, |best, k| if outputs[k] > outputs[best] { k } else { best }) - first) as f32
            };
            let expected: Vec<f32> = match actions {
                ppo_gpu::spec::environment::Actions::Discrete(count) => vec![best(0, *count)],
                ppo_gpu::spec::environment::Actions::MultiDiscrete(counts) => {
                    let firsts = counts.iter().scan(0, |first, count| Some(std::mem::replace(first, *first + count)));
                    firsts.zip(counts).map(|(first, &count)| best(first, count)).collect()
                }
                ppo_gpu::spec::environment::Actions::Continuous { low, high } if plan.config.actions == Onto::Scale => {
                    // Torques of up to 2 in either direction: twice what is between -1 and 1.
                    assert_eq!((low[0], high[0]), (-2.0, 2.0));
                    near(action, &[2.0 * f64::from(outputs[0]).clamp(-1.0, 1.0)], keys);
                    action.clone()
                }
                ppo_gpu::spec::environment::Actions::Continuous { low, high } => {
                    outputs.iter().zip(low.iter().zip(high)).map(|(mean, (&low, &high))| mean.clamp(low, high)).collect()
                }
            };
            assert_eq!(*action, expected, "{keys}, row {i}");
        }

        // The first layer of the critic, as PyTorch keeps it: [out, in].
        let bytes = policy.to_safetensors();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let weight = tensors.tensor("critic.0.weight").unwrap();
        let layer = plan.network.layers[0];
        assert_eq!(weight.shape(), [layer.outputs, inputs]);
        let values: Vec<f32> = bytemuck::pod_collect_to_vec(weight.data());
        if plan.config.log_std_max.is_some() {
            let log_std: Vec<f32> = bytemuck::pod_collect_to_vec(tensors.tensor("log_std").unwrap().data());
            assert!(log_std.iter().all(|&value| value <= -0.5), "{log_std:?}");
        }
        for k in 0..layer.outputs {
            for m in 0..inputs {
                assert_eq!(f64::from(values[k * inputs + m]), block[plan.network.block() + layer.weight(m, k)]);
            }
        }
        assert_eq!(tensors.tensor("observation_mean").is_ok(), plan.config.normalize_observations);
        assert_eq!(tensors.tensor("log_std").is_ok(), actions.weighted() < actions.outputs());
        assert!(Policy::of(&plan.config, environment, &checkpoint, 2).is_err());
    }
}

/// What other programs need to tell an observation's axes apart.
#[test]
fn exports_record_the_shape_of_an_observation() {
    for (env, shape, comment) in
        [("2048", "[4,4,16]", Some("// An observation has 4 x 4 x 16 components, the last axis is the fastest.")), ("CartPole-v1", "[4]", None)]
    {
        let (plan, checkpoint) = learned(gpu(), &format!("env={env} hidden=4"));
        let policy = Policy::of(&plan.config, &plan.environment, &checkpoint, 0).unwrap();
        let bytes = policy.to_safetensors();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let metadata = header.metadata().as_ref().unwrap();
        assert_eq!((metadata["observation_shape"].as_str(), metadata.len()), (shape, 2));
        // By chance, one of two orders of the metadata.
        assert!((0..16).all(|_| policy.to_safetensors() == bytes), "the same policy has the same bytes");

        // Field 14 of ModelProto, whose fields 1 and 2 are key and value; each has a tag and a length before it.
        let (key, length) = ("observation_shape", |text: &str| text.len() as u8);
        let entry = [&[0x0a, length(key)], key.as_bytes(), &[0x12, length(shape)], shape.as_bytes()].concat();
        let field = [&[14 << 3 | 2, entry.len() as u8][..], &entry].concat();
        assert!(policy.to_onnx().ends_with(&field), "{env}");

        let wgsl = policy.to_wgsl();
        assert_eq!(wgsl.lines().find(|line| line.starts_with("// An observation has ")), comment);
    }
}
