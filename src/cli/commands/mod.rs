//! The commands, one a file: arguments, help, examples, and what each does.

pub(super) mod bench;
pub(super) mod completions;
pub(super) mod devices;
pub(super) mod doctor;
pub(super) mod env;
pub(super) mod eval;
pub(super) mod export;
pub(super) mod fork;
pub(super) mod inspect;
pub(super) mod man;
pub(super) mod plot;
pub(super) mod record;
pub(super) mod resume;
pub(super) mod train;
pub(super) mod tune;
pub(super) mod watch;
