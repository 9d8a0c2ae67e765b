//! Training: the trainer, and the state that a run continues from.

pub mod agents;
pub mod checkpoint;
pub mod trainer;
