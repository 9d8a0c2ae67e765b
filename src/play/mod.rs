//! What was learned, at work: played, judged, drawn, exported.

pub mod eval;
pub mod export;
pub mod picture;
pub mod player;
