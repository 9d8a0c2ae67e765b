//! Random numbers and permutations.

use crate::harness::{Words, plan, profile};
use crate::probe::probe;
use ppo_gpu::program::plan::Plan;
use ppo_gpu::spec::random::{Stream, permute, seed_words, threefry2x32};
use std::collections::BTreeSet;

const HEAD: &str = "//! import rng\n@group(0) @binding(0) var<storage, read_write> actions: array<u32>;\n";

/// The value of `expression` (WGSL, of `n`, a u32) for `n` in `0..count`.
fn values(count: usize, expression: &str) -> Vec<u32> {
    let plan = plan(&format!("envs={count} steps=1 minibatches=1 hidden=1"), profile("software"));
    probe(&plan, HEAD, &format!("        actions[n] = {expression};"), &Words::new(), "actions")
}

/// Known answers of Threefry-2x32-20, from the authors' Random123 distribution (file `kat_vectors`).
#[test]
fn threefry_has_its_published_values() {
    for (key, counter, expected) in [
        ([0, 0], [0, 0], [0x6b200159, 0x99ba4efe]),
        ([u32::MAX; 2], [u32::MAX; 2], [0x1cb996fc, 0xbb002be7]),
        ([0x13198a2e, 0x03707344], [0x243f6a88, 0x85a308d3], [0xc4923a9c, 0x483df7a0u32]),
    ] {
        assert_eq!(threefry2x32(key, counter), expected, "host");
        let call = format!("threefry2x32(vec2({}u, {}u), vec2({}u, {}u))", key[0], key[1], counter[0], counter[1]);
        assert_eq!(values(2, &format!("select({call}.y, {call}.x, n == 0u)"))[..2], expected, "device");
    }
}

#[test]
fn device_and_host_draw_the_same_streams() {
    let seed = 0x1234_5678_9abc_def0;
    let [low, high] = seed_words(seed);
    let head = format!(
        "{HEAD}fn third_draw(domain: u32, time: u32, lane: u32) -> u32 {{\n    var rng = rng_stream(vec2({low}u, {high}u), domain, time, lane);\n    \
         rng_bits(&rng);\n    rng_bits(&rng);\n    return bitcast<u32>(rng_uniform(&rng));\n}}\n"
    );
    let plan = plan("envs=1000 steps=1 minibatches=1 hidden=1", profile("software"));
    let drawn = probe(&plan, &head, "        actions[n] = third_draw(n % 7u, n / 7u, n);", &Words::new(), "actions");
    for n in 0..1000u32 {
        let mut stream = Stream::new(seed, n % 7, n / 7, n);
        stream.bits();
        stream.bits();
        assert_eq!(drawn[n as usize], stream.uniform().to_bits(), "stream {n}");
    }
}

/// Pearson's statistic over `cells` equally likely cells, less its mean, in standard deviations (normal approximation of the chi-square distribution with
/// cells - 1 degrees of freedom: mean cells - 1, variance 2 (cells - 1)).
fn chi_square_deviation(counts: &[u32]) -> f64 {
    let expected = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
    let statistic: f64 = counts.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
    let freedom = counts.len() as f64 - 1.0;
    (statistic - freedom) / (2.0 * freedom).sqrt()
}

/// The streams are fixed, so these tests cannot fail by chance on one day and pass on another; 5 standard deviations would reject one good generator in three
/// million, and both a generator that is too uneven and one that is too even.
#[test]
fn uniform_numbers_are_uniform_within_and_across_streams() {
    let mut stream = Stream::new(42, 2, 7, 3);
    let one_stream: Vec<f32> = (0..20_000).map(|_| stream.uniform()).collect();
    let uniforms = |domain: u32, time: u32, lane: u32| Stream::new(42, domain, time, lane).uniform();
    for (name, draw) in [
        ("draws of one stream", &(|i: u32| one_stream[i as usize]) as &dyn Fn(u32) -> f32),
        ("lanes", &|i| uniforms(2, 9, i)),
        ("times", &|i| uniforms(2, i, 5)),
        ("seeds", &|i| Stream::new(u64::from(i), 1, 0, 0).uniform()),
    ] {
        let mut counts = vec![0; 64];
        let mut pairs = vec![0; 256];
        let numbers: Vec<f32> = (0..20_000).map(draw).collect();
        for &number in &numbers {
            assert!((0.0..1.0).contains(&number));
            counts[(number * 64.0) as usize] += 1;
        }
        // Neighbours are independent: all 16 x 16 pairs are equally likely.
        for pair in numbers.chunks_exact(2) {
            pairs[(pair[0] * 16.0) as usize * 16 + (pair[1] * 16.0) as usize] += 1;
        }
        for (what, counts) in [("numbers", &counts), ("pairs", &pairs)] {
            let deviation = chi_square_deviation(counts);
            assert!(deviation.abs() < 5.0, "{name}: {what} are {deviation:.1} standard deviations from uniform");
        }
    }
}

#[test]
fn the_check_of_uniformity_can_fail() {
    assert!(chi_square_deviation(&[312; 64]) < -5.0, "too even");
    let skewed: Vec<u32> = (0..64).map(|i| 250 + 2 * i).collect();
    assert!(chi_square_deviation(&skewed) > 5.0, "too uneven");
}

/// The device's permutation of `size` samples under `key`.
fn permutation(size: usize, key: [u32; 2]) -> Vec<u32> {
    let plan: Plan = plan(&format!("envs={size} steps=1 minibatches=1 hidden=1"), profile("software"));
    let head = "//! import permute\n@group(0) @binding(0) var<storage, read_write> actions: array<u32>;\n";
    let mut words = probe(&plan, head, &format!("        actions[n] = permute(n, vec2({}u, {}u));", key[0], key[1]), &Words::new(), "actions");
    words.truncate(size);
    words
}

#[test]
fn permutations_are_permutations_of_every_size() {
    for size in (1..70).chain([127, 128, 129, 1000, 4095, 4096, 4097, 65_537]) {
        let found = permutation(size, [7, size as u32]);
        assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), size, "size {size}: an index is missing");
        assert!(found.iter().all(|&index| (index as usize) < size));
        assert!(found.iter().enumerate().all(|(i, &index)| index == permute(i as u32, size as u32, [7, size as u32])), "size {size}: host and device differ");
    }
}

#[test]
fn permutations_are_uniform_and_differ_between_keys() {
    // Where does the first, and the last, sample go? Over many keys, everywhere equally often.
    for size in [5u32, 12, 100] {
        for index in [0, size - 1] {
            let mut counts = vec![0; size as usize];
            for key in 0..200 * size {
                counts[permute(index, size, threefry2x32([3, 4], [key, 0])) as usize] += 1;
            }
            let deviation = chi_square_deviation(&counts);
            assert!(deviation.abs() < 5.0, "size {size}, index {index}: {deviation:.1} standard deviations from uniform");
        }
    }
    // Two permutations of n agree in one place on average, whatever n (the number of fixed points of a random permutation: mean 1, variance 1).
    let size = 1000;
    let mut agreements = 0;
    for key in 0..100u32 {
        agreements += (0..size).filter(|&i| permute(i, size, [key, 0]) == permute(i, size, [key, 1])).count();
    }
    assert!((50..=150).contains(&agreements), "{agreements} agreements where 100 +- 10 are expected (5 standard deviations)");
}

#[test]
fn epochs_updates_and_agents_have_permutations_of_their_own() {
    let keys: BTreeSet<[u32; 2]> = (0..3u64).flat_map(|seed| (0..40).map(move |epoch| Stream::key(seed, ppo_gpu::spec::random::PERMUTE, epoch))).collect();
    assert_eq!(keys.len(), 120);
}
