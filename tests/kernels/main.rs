//! Shader tests: every kernel, run through the code that training uses, against the sequential reference.
//!
//! - [`kernels`]: each kernel alone, on ragged sizes, every buffer poisoned and fenced;
//! - [`mutants`]: broken kernels, and a broken harness, that the checks must catch;
//! - [`lockstep`]: whole updates, kernel by kernel, naming the first that diverges;
//! - [`gradients`]: the reference's gradient against finite differences;
//! - [`functions`]: what the reference assumes of exponentials, sines and the like;
//! - [`randomness`]: random numbers and permutations;
//! - [`races`]: each kernel executed on the CPU, which finds races and barriers that are missing;
//! - [`games`]: games in whole numbers, replayed exactly;
//! - [`environment`]: the laws of CartPole;
//! - [`conformance`]: trajectories from Gymnasium, losses and Adam steps from JAX and optax;
//! - [`spirv`]: Khronos' validator on the SPIR-V of every kernel of every environment;
//! - [`metal`]: a C++ compiler on the types of the same kernels' MSL;
//! - [`translation`]: every kernel on every backend's language, and under strict WebGPU rules.

mod bodies;
#[path = "../common/mod.rs"]
mod common;
mod conformance;
mod environment;
mod functions;
mod games;
mod gradients;
mod harness;
mod inputs;
mod kernels;
mod lockstep;
mod metal;
mod mutants;
mod probe;
mod races;
mod randomness;
mod robot_tasks;
mod simt;
mod spirv;
mod translation;
