//! The contract between the kernels that evaluate networks and the generators of the networks' WGSL.

/// The kernels that only need the forward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    /// `rollout` (import `rollout_network`).
    Rollout,
    /// `evaluate` (import `network`).
    Evaluate,
}

/// Generates the networks' WGSL for one plan. The text is appended to a kernel that imports it; only kernels call its functions.
///
/// Terms of the contract:
/// - `lane` is the invocation's index in its workgroup; in `learn`, in its network's part of the workgroup.
/// - `base` is the index in `params`, in floats, of the block of one network of one agent; a multiple of 4.
/// - The first lanes have a sample each; the others repeat one or fetch none, and take part in uniform functions.
/// - *Uniform* functions wait for other lanes: all lanes of the workgroup (in `learn`, of the subgroup) must call them, outside control flow that
///   differs between lanes.
/// - `HEAD`, `LANES` and other names in capitals are constants of the plan ([`crate::wgsl::compose`]).
///
/// The text may declare any names except those of the kernels and of the files they import. A kernel binds the buffers that the text names.
pub trait NetworkText {
    /// The forward pass of `kernel`, for the observations of the first lanes of its workgroups. The kernel binds `params` and `observations`. If activations
    /// lie on the tape ([`crate::program::tape`]), kernels other than `rollout` declare `var<private> tape_place: u32`, and keep there the place of the tile
    /// that passes. In this order it calls:
    ///
    /// - `network_begin(base: u32, lane: u32)`, uniform: once in a dispatch.
    /// - `network_fetch(base: u32, lane: u32)`, of each lane that has a sample: its observation begins at word `base` of `observations`. Not uniform.
    /// - `network_forward(base: u32, lane: u32) -> array<vec4<f32>, HEAD>`, uniform, with the `base` of `network_begin`: the head's outputs for the lane's
    ///   sample, in order, filled up to whole vectors; for lanes past the team's `samples`, they are undefined. It may be called again after another
    ///   `network_fetch`.
    fn forward(&self, kernel: Forward) -> String;

    /// Beside [`NetworkText::forward`], for kernels that have the observation at hand (import `rollout_network`):
    ///
    /// - `network_take(s: u32, observation: ptr<function, Observation>, base: u32, stored: bool, lane: u32)`, in place of `network_fetch`: `observation` of agent
    ///   `s`, which the lane has stored at word `base` of `observations` if it is to be stored. Not uniform. It reads components by `seen_component`, which
    ///   the kernel declares. If lanes follow environments (`FOLLOWERS`), all lanes call it, it stores the observation itself if it is to be `stored`, by
    ///   `observation_word`, and `network_forward` returns the head's outputs for the environment that the lane follows.
    fn take(&self) -> &'static str;

    /// Both passes for the plan's tiles (import `tile`). A kernel binds `partials: array<Partial>` as well, and calls, beside the functions of
    /// [`NetworkText::forward`] and in this order:
    ///
    /// - `gradient_begin(row: u32, accumulate: bool, lane: u32)`, uniform, once after `network_begin`: the network's columns of a row of partial gradients
    ///   begin at float `row` of `partials`, laid out as `params`. The dispatch adds to what is there (`accumulate`) or begins anew.
    /// - for each tile, after `network_forward`, `network_backward(base: u32, row: u32, accumulate: bool, lane: u32, slope: array<vec4<f32>, HEAD>)`,
    ///   uniform: adds the tile's gradient, or leaves what it takes on the tape. `slope` is d loss / d head of the lane's sample, 0 where the
    ///   lane has none or repeats one. The activations are those that the last `network_forward` left.
    /// - `gradient_end(row: u32, accumulate: bool, lane: u32)`, uniform, once after the last tile: the sums are in `partials`, padding included, which is 0.
    /// - `add_losses(row: u32, value: vec4<f32>, accumulate: bool, lane: u32)`, uniform: stores the sum of all lanes' `value` in the four floats of `partials`
    ///   from `row` on, added to what is there if it is to `accumulate`.
    ///
    /// `Partial` is `f32` or `vec4<f32>`, as suits the text.
    fn tile(&self) -> String;

    /// Both passes for kernels that make gradient steps themselves (import `learner`): only if the plan has `learn_steps`. A subgroup of the workgroup
    /// serves each network, all uniform:
    ///
    /// - `network_begin(base, lane)` fetches parameters from `params`, and Adam's moments from `first_moments` and `second_moments`; `network_end(base: u32,
    ///   lane: u32)` stores them. In between, no other copy of them is valid.
    /// - `sums_begin()` at the beginning of a gradient step; then for each tile `network_fetch`, `network_forward` and `network_backward`, as in
    ///   [`NetworkText::tile`], which ignore `row` and `accumulate` here; then `sums_end(network: u32) -> f32`: the squared norm of the gradient of the
    ///   network (0 the actor's), of which fixed weights have none.
    /// - `parameters_step(step: AdamStep)` replaces each parameter and its moments, four at a time, by what the kernel's own `moved(step, value, first, second,
    ///   gradient) -> AdamMoved` makes of them; `transpose_weights(lane: u32)`, after it, updates the other copies of the weights.
    /// - `of_all(value: vec4<f32>) -> vec4<f32>`: the sum of all lanes' values, in every lane.
    fn learner(&self) -> String;
}
