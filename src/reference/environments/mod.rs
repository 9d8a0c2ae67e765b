//! Environments of the reference. There are few; kernels with other environments are compared with recordings of the software that they reproduce.

pub mod acrobot;
pub mod cartpole;
pub mod history;
pub mod mountain_car;
pub mod pendulum;
pub mod probes;
pub mod state;
pub mod twin;
