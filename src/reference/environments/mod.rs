//! Environments as the reference knows them. It knows few; kernels with others in them are compared with what the software that they reproduce recorded.

pub mod acrobot;
pub mod cartpole;
pub mod mountain_car;
pub mod pendulum;
pub mod probes;
pub mod state;
pub mod twin;
