//! The MSL that Metal is given of every kernel has the right types: a C++ compiler checks them, with `metal.hpp` in place of Metal's standard library. Metal's
//! own compiler exists on Apple's systems only, and naga writes MSL without checking it.

use crate::harness;
use crate::spirv::modules;
use naga::back::msl;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use ppo_gpu::wgsl::reflect;
use std::fmt::Write as _;
use std::io::Write;

/// MSL as wgpu-hal 30 has it written from a module that is trusted (its metal/device.rs), save the bindings' numbers.
fn to_msl(module: &naga::Module) -> String {
    let info = reflect::validator().validate(module).unwrap();
    let unchecked = BoundsCheckPolicy::Unchecked;
    let options = msl::Options {
        lang_version: (2, 4),
        fake_missing_bindings: true,
        bounds_check_policies: BoundsCheckPolicies { index: unchecked, buffer: unchecked, image_load: unchecked, binding_array: unchecked },
        zero_initialize_workgroup_memory: false,
        force_loop_bounding: false,
        ..msl::Options::default()
    };
    msl::write_string(module, &info, &options, &msl::PipelineOptions::default()).unwrap().0
}

/// A module's MSL as C++, in a namespace of its own: swizzles become calls, and numbers with a fraction are floats.
fn to_cpp(msl: &str, what: &str, number: usize) -> String {
    let mut cpp = format!("namespace module_{number} {{\n#line 1 \"{what}\"\n");
    for line in msl.lines() {
        if !line.starts_with("#include") {
            words_to_cpp(line, &mut cpp);
        }
        cpp.push('\n');
    }
    cpp + "}\n"
}

fn words_to_cpp(line: &str, cpp: &mut String) {
    let of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let word = &rest[..rest.find(|c| !of_word(c)).unwrap_or(rest.len())];
        if first.is_ascii_digit() {
            // With its fraction, and its exponent with a sign.
            let mut end = word.len();
            while rest[end..].starts_with('.') || (rest[end..].starts_with(['+', '-']) && rest[..end].ends_with('e') && !rest.starts_with("0x")) {
                end += 1 + rest[end + 1..].find(|c| !of_word(c)).unwrap_or(rest.len() - end - 1);
            }
            let number = &rest[..end];
            let is_double = number.contains('.') || (number.contains('e') && !number.starts_with("0x"));
            cpp.push_str(number);
            cpp.push_str(if is_double && !number.ends_with(['f', 'h']) { "f" } else { "" });
            rest = &rest[end..];
        } else if word.len() > 1 && cpp.ends_with('.') && word.chars().all(|c| "xyzw".contains(c)) {
            let components: Vec<String> = word.chars().map(|c| "xyzw".find(c).unwrap().to_string()).collect();
            let _ = write!(cpp, "swizzle<{}>()", components.join(", "));
            rest = &rest[word.len()..];
        } else {
            let taken = word.len().max(first.len_utf8());
            cpp.push_str(&rest[..taken]);
            rest = &rest[taken..];
        }
    }
}

/// What the compiler says against modules in C++; empty if nothing.
fn objections(modules: &str) -> std::io::Result<String> {
    let text = format!("{}{modules}", include_str!("metal.hpp"));
    harness::objections("c++", &["-std=c++17", "-fsyntax-only", "-w", "-x", "c++", "-"], text.as_bytes())
}

fn is_installed() -> bool {
    harness::is_installed("c++", cfg!(not(windows)), "it is in the package `g++` of Debian and Ubuntu")
}

#[test]
fn every_kernels_msl_has_the_right_types() {
    if !is_installed() {
        return;
    }
    let modules: Vec<(String, String)> = modules().into_values().collect();
    let objected: Vec<String> = std::thread::scope(|scope| {
        let check = |modules: &[(String, String)]| {
            let cpp = |(number, (source, what)): (usize, &(String, String))| to_cpp(&to_msl(&naga::front::wgsl::parse_str(source).unwrap()), what, number);
            objections(&modules.iter().enumerate().map(cpp).collect::<String>()).unwrap()
        };
        let halves: Vec<_> = modules.chunks(modules.len().div_ceil(2)).map(|half| scope.spawn(move || check(half))).collect();
        halves.into_iter().map(|half| half.join().unwrap()).collect()
    });
    // Not `println!`, which the harness captures.
    let _ = writeln!(std::io::stderr(), "c++: the MSL of {} modules checked", modules.len());
    assert!(modules.len() > 300, "{} modules", modules.len());
    let objected = objected.concat();
    assert!(objected.is_empty(), "{}", objected.lines().take(40).collect::<Vec<_>>().join("\n"));
}

/// The check finds what Metal's compiler would not accept.
#[test]
fn wrong_types_are_found() {
    if !is_installed() {
        return;
    }
    let of_wgsl = |source: &str| to_msl(&naga::front::wgsl::parse_str(source).unwrap());
    let right = "float f(metal::float4 a, metal::uint2 b) { return metal::dot(a, metal::float4(1.0)) + metal::float2(b.yx).x + a[b.x]; }";
    assert_eq!(objections(&to_cpp(right, "right", 0)).unwrap(), "");
    // naga makes a second type of an alias.
    let alias = "alias Row = array<f32, 2>;\nfn row() -> Row { return array<f32, 2>(1.0, 2.0); }\n@compute @workgroup_size(1) fn main() { let x = row(); }";
    let wrong = [
        of_wgsl(alias),
        right.replace("metal::float4(1.0)", "b"),
        right.replace("metal::float4(1.0)", "metal::float4(1.0, 2.0)"),
        right.replace("metal::float4(1.0)", "metal::min(a, b)"),
        right.replace("metal::float2(b.yx).x", "metal::exp(b).x"),
        right.replace("metal::float2(b.yx).x", "as_type<float>(b)"),
        right.replace("a[b.x]", "(a & a).x"),
        right.replace("a[b.x]", "metal::select(a, a, true).x"),
        right.replace("a[b.x]", "b.z"),
    ];
    for msl in &wrong {
        assert_ne!(objections(&to_cpp(msl, "wrong", 0)).unwrap(), "", "{msl}");
    }
}

#[test]
fn numbers_and_swizzles_become_cpp() {
    let mut cpp = String::new();
    words_to_cpp("x1.xyz + 1.0 * 2e-5 + 3u + 0x1e5u - 1.e+3 + v.x + wx.w1 + 16777216.0;", &mut cpp);
    assert_eq!(cpp, "x1.swizzle<0, 1, 2>() + 1.0f * 2e-5f + 3u + 0x1e5u - 1.e+3f + v.x + wx.w1 + 16777216.0f;");
}
