//! What `ppo-gpu doctor` says of a device that works, and of ones that were broken on purpose.

mod common;
mod desk;

use common::{gpu, skip};
use desk::{DONE, Desk, REFUSED};
use ppo_gpu::cli::doctor::{DoctorOptions, Finding, Verdict, findings};
use ppo_gpu::device::engine;
use ppo_gpu::spec::config::Config;
use std::time::Duration;

fn examine(limits: &wgpu::Limits, engine: &dyn Fn() -> engine::EngineOptions) -> Vec<Finding> {
    let options = DoctorOptions { training: Duration::from_millis(1), quiet: true };
    findings(limits, Ok(gpu().clone()), &Config::default(), &options, engine)
}

#[test]
fn a_working_device_passes_all_checks() {
    let desk = Desk::new();
    let report = desk.expect(DONE, "doctor --seconds 0.05 --json --quiet").json();
    assert_eq!(report["good"], true, "{report}");
    assert!(report["program"]["revision"].is_string() && report["system"].is_string());
    let used: Vec<_> = report["devices"].as_array().unwrap().iter().filter(|device| device["used"] == true).collect();
    assert_eq!(used.len(), 1, "{report}");
    let checks: Vec<&str> = used[0]["findings"].as_array().unwrap().iter().map(|finding| finding["check"].as_str().unwrap()).collect();
    assert_eq!(checks, ["limits", "memory", "kernels", "same bits", "training"]);
    let text = desk.expect(DONE, "doctor --seconds 0.05").stdout;
    assert!(text.contains("This machine is good to go") && text.contains("environment steps per second"), "{text}");
    desk.expect(REFUSED, "doctor --adapter no-such-adapter --seconds 0.1 --quiet");
    assert!(desk.names().is_empty());
}

/// Mistakes in kernels, as drivers make them, are found and the kernel is named.
#[test]
fn a_kernel_with_wrong_results_is_named() {
    let limits = &gpu().limits;
    for (kernel, from, to) in [
        ("gae", "let delta = reward + gamma", "let delta = reward - gamma"),
        ("adam", "(sqrt(second_corrected) + ADAM_EPSILON)", "sqrt(second_corrected + ADAM_EPSILON)"),
        ("rollout", "(*episode).steps += 1u;", "(*episode).steps += 2u;"),
    ] {
        let found = examine(limits, &|| engine::EngineOptions {
            rewrite: Some(Box::new(move |of, source| {
                if of != kernel {
                    return source;
                }
                assert!(source.contains(from), "{from} is not in {kernel}");
                source.replace(from, to)
            })),
            ..engine::EngineOptions::default()
        });
        let last = found.last().unwrap();
        assert_eq!((last.check, last.verdict), ("kernels", Verdict::Bad), "{found:?}");
        assert!(last.text.contains(&format!("`{kernel}`")), "{last:?}");
        // The reference is right, or every device would be told so: it is the driver's fault.
        assert!(last.help.contains("the driver compiles or executes kernels wrongly") && !last.help.contains("defect of ppo-gpu"), "{last:?}");
    }
}

#[test]
fn a_kernel_that_does_not_compile_is_named() {
    // What is found by parsing, and what only validation finds.
    for broken in ["fn broken( {\n", "fn broken() -> u32 {}\n"] {
        let found = examine(&gpu().limits, &|| engine::EngineOptions {
            rewrite: Some(Box::new(move |of, source| {
                if of != "report" {
                    return source;
                }
                let start = source.find("let s = ").expect("the number of the agent");
                format!("{broken}{}_ = broken();\n{}", &source[..start], &source[start..])
            })),
            ..engine::EngineOptions::default()
        });
        let last = found.last().unwrap();
        assert_eq!((last.check, last.verdict), ("kernels", Verdict::Bad));
        assert!(last.text.contains("`report` does not compile"), "{last:?}");
        assert!(format!("{last:?}").contains("report.wgsl:"), "no line is named: {last:?}");
    }
}

#[test]
fn a_limit_that_is_too_small_is_named() {
    let limits = wgpu::Limits { max_storage_buffers_per_shader_stage: 4, ..gpu().limits.clone() };
    let found = examine(&limits, &engine::EngineOptions::default);
    assert_eq!((found.len(), found[0].check, found[0].verdict), (1, "limits", Verdict::Bad));
    assert!(found[0].text.contains("max_storage_buffers_per_shader_stage is 4, but 8 are needed"), "{found:?}");
}

/// The process of the tests is prepared as the program prepares its own, so that both have the same device. (The program inherits the tests' environment: if
/// these were not prepared, it would set what is missing, and the two would differ.)
#[test]
fn tests_and_the_program_use_the_same_device() {
    let desk = Desk::new();
    let outcome = desk.expect(DONE, "devices --json");
    assert_eq!(outcome.stderr, "");
    let devices: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    let used = devices.as_array().unwrap().iter().find(|device| device["used"] == true).unwrap();
    let info = &gpu().info;
    assert_eq!(used["name"], info.name);
    assert_eq!(used["subgroup_lanes"], serde_json::json!([info.subgroup_min_size, info.subgroup_max_size]));
}

/// What is set explicitly stays as it is.
#[test]
fn a_width_that_was_asked_for_is_kept() {
    if gpu().info.driver != "llvmpipe" {
        return skip("only Mesa's software driver lets itself be told how wide its vectors are");
    }
    for (bits, lanes) in [(128, 4), (256, 8)] {
        let output = Desk::new().command("devices --json").env("LP_NATIVE_VECTOR_WIDTH", bits.to_string()).output().unwrap();
        let devices: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(devices[0]["subgroup_lanes"], serde_json::json!([lanes, lanes]));
    }
}
