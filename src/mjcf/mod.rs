//! Robots as MuJoCo's XML files (MJCF): read, checked, and compiled to [`crate::physics::model::Model`].
//!
//! Elements, attributes and defaults are those of MuJoCo 4.0's documentation ("XML reference"). What is not supported is refused with its line, where it would change
//! what a robot does; pictures, textures and the like are passed over.

pub mod actuators;
pub mod compile;
pub mod defaults;
pub mod element;
pub mod frame;
pub mod inertia;
pub mod schema;
pub mod values;
