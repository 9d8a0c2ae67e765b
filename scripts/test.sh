#!/bin/sh
# Tests from a fresh clone: makes sure that there is a Vulkan driver, then runs `cargo test` with the given arguments.
#
#     sh scripts/test.sh                      everything
#     sh scripts/test.sh --test determinism   one test binary
#     sh scripts/test.sh -- --nocapture       arguments of the tests themselves
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=scripts/prepare.sh
. "$root/scripts/prepare.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Release, because the CPU reference is many times slower in debug, and wgpu's debug validation slows the software
# driver too. --no-fail-fast, because cargo otherwise stops at the first test binary with a failure, and the totals below would
# be those of a part. Only stdout goes through tee: cargo's progress stays on the terminal. A pipeline's status is
# tee's, so cargo's travels in a file.
{
    status=0
    cargo test --release --locked --no-fail-fast --manifest-path "$root/Cargo.toml" "$@" || status=$?
    echo "$status" >"$work/status"
} | tee "$work/output"

awk '/^test result: / { binaries++; passed += $4; failed += $6; ignored += $8 }
    END {
        printf "\nAll test binaries together (%d): %d tests passed, %d failed, %d ignored\n", binaries, passed, failed, ignored
    }' "$work/output"
exit "$(cat "$work/status")"
