#!/bin/sh
# Trains from a fresh clone: makes sure that there is a Vulkan driver, builds, runs `ppo-gpu` with the given flags.
#
#     sh scripts/train.sh --envs 4096 --target-return 475
#
# Works from any folder; relative paths among the flags are relative to the caller's.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=scripts/prepare.sh
. "$root/scripts/prepare.sh"

# Built with visible output first: the first build takes minutes, and a silent one looks like a hang.
cargo build --release --locked --manifest-path "$root/Cargo.toml" --bin ppo-gpu
# Nothing is left to build, and cargo alone knows where the binary is: CARGO_TARGET_DIR and configuration files can move
# it. cargo becomes the program, so its exit code and Ctrl-C are the program's own.
exec cargo run --quiet --release --locked --manifest-path "$root/Cargo.toml" --bin ppo-gpu -- "$@"
