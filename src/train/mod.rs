//! Training: the trainer, and what a run continues from.

pub mod agents;
pub mod checkpoint;
pub mod trainer;
