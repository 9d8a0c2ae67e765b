//! What may vary between copies of a robot.

use crate::physics::number::Number;

/// Factors of a model's numbers. Inverse inertias that scale constraints stay those of the model, as in MuJoCo when a compiled model is changed.
#[derive(Debug, Clone, Copy)]
pub struct Scales<N> {
    /// Of gravity.
    pub gravity: N,
    /// Of all masses and inertias.
    pub mass: N,
    /// Of coefficients of friction between geoms.
    pub friction: N,
    /// Of joints' damping.
    pub damping: N,
    /// Of motors' inertia.
    pub armature: N,
    /// Of actuators' gains and biases.
    pub gain: N,
}

/// Names of the factors.
pub const NAMES: [&str; 6] = ["gravity_scale", "mass_scale", "friction_scale", "damping_scale", "armature_scale", "gain_scale"];

impl<N: Number> Scales<N> {
    /// The model as it is.
    pub fn none() -> Self {
        Self::of(|_| N::one())
    }

    /// The factors by their names.
    pub fn of(value: impl Fn(&str) -> N) -> Self {
        let [gravity, mass, friction, damping, armature, gain] = NAMES.map(value);
        Scales { gravity, mass, friction, damping, armature, gain }
    }
}
