//! Rigid bodies: the step of MuJoCo 4.0, written once for every kind of number.
//!
//! Formulas and names are those of MuJoCo's documentation ("Computation"): bodies in a tree of joints, forces from the composite-rigid-body and Newton-Euler
//! recursions (Featherstone, "Rigid Body Dynamics Algorithms", 2008), constraints as the minimum of a convex function, found by Newton's method. Results are those
//! of MuJoCo with a solver tolerance of 0.

pub mod collide;
pub mod constraint;
pub mod crowd;
pub mod describe;
pub mod dynamics;
pub mod integrate;
pub mod kinematics;
pub mod model;
pub mod newton;
pub mod number;
pub mod parts;
pub mod print;
pub mod rows;
pub mod scales;
pub mod sense;
pub mod solve;
pub mod spatial;
pub mod traced;
pub mod weights;
pub mod wgsl;
