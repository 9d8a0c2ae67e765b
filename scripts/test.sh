#!/bin/sh
# Tests from a fresh clone: makes sure that there is a Vulkan driver, then runs `cargo test` with the given arguments.
#
#     sh scripts/test.sh                      everything
#     sh scripts/test.sh --test determinism   one test binary
#     sh scripts/test.sh -- --nocapture       arguments of the tests themselves
#
# Tests that have nothing to check on this device say so. tests/skips.txt lists those that must; any difference is a failure.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=scripts/prepare.sh
. "$root/scripts/prepare.sh"
ensure_checkers

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The tests append to it what they skip, and how many lanes a subgroup has.
PPO_GPU_TEST_NOTES=$work/notes
export PPO_GPU_TEST_NOTES
: >"$PPO_GPU_TEST_NOTES"

# Release, because the CPU reference is many times slower in debug, and wgpu's debug validation slows the software
# driver too. --no-fail-fast, because cargo otherwise stops at the first test binary with a failure, and the totals below would
# be those of a part.
run() {
    cargo test --release --locked --no-fail-fast --manifest-path "$root/Cargo.toml" "$@"
}

# Only stdout goes through tee: cargo's progress stays on the terminal. A pipeline's status is tee's, so cargo's travels in a file.
if [ "$#" -gt 0 ]; then
    {
        status=0
        run "$@" || status=$?
        echo "$status" >"$work/status"
    } | tee "$work/output"
else
    # Everything, in two halves that take about as long and run beside each other: a driver compiles one kernel at a time for each process, and some tests wait.
    # Those that compute in their own process are one half, those that mostly start the program the other. The output of the first is shown once the second
    # has ended. (A pipeline, though nothing flows through it: what runs behind a `&` would not be ended by Ctrl-C.)
    run --no-run
    first="kernels training doctor probes export bench"
    set -- --lib --bins
    for file in "$root"/tests/*.rs; do
        name=$(basename "$file" .rs)
        case " $first " in
            *" $name "*) ;;
            *) set -- "$@" --test "$name" ;;
        esac
    done
    {
        status=0
        set --
        for name in $first; do
            set -- "$@" --test "$name"
        done
        run "$@" >"$work/output-of-first" 2>&1 || status=$?
        echo "$status" >"$work/status-of-first"
    } | {
        status=0
        run "$@" || status=$?
        run --doc || status=$?
        echo "$status" >"$work/status"
    } | tee "$work/output"
    tee -a "$work/output" <"$work/output-of-first"
    [ "$(cat "$work/status-of-first")" -eq 0 ] || cp "$work/status-of-first" "$work/status"
fi

status=$(cat "$work/status")
awk -v profile="${PPO_GPU_TEST_PROFILE:--}" '
    FILENAME ~ /\/output$/ && /^test result: / { binaries++; passed += $4; failed += $6; ignored += $8 }
    FILENAME ~ /\/output$/ && /^test .* \.\.\. / { ran[$2] = 1 }
    FILENAME ~ /\/notes$/ && $1 == "LANES" { lanes = $2 }
    FILENAME ~ /\/notes$/ && $1 == "SKIPPED" { name = $2; sub(/:$/, "", name); if (!skipped[name]++) { count++; list = list $0 "\n" } }
    FILENAME ~ /\/skips.txt$/ && /^[^#]/ && $1 == profile && ($2 == "*" || $2 == lanes) { expected[$3] = 1 }
    END {
        printf "\nAll test binaries together (%d): %d tests passed, %d failed, %d ignored\n", binaries, passed, failed, ignored
        printf "%d tests skipped something (profile %s, %s lanes)\n%s", count, profile, lanes == "" ? "no" : lanes, list
        for (name in skipped) if (!(name in expected)) { print "error: " name " skipped; tests/skips.txt does not list that"; wrong = 1 }
        for (name in expected) if (name in ran && !(name in skipped)) { print "error: " name " did not skip, as tests/skips.txt says"; wrong = 1 }
        exit wrong
    }' "$work/output" "$PPO_GPU_TEST_NOTES" "$root/tests/skips.txt" || [ "$status" -ne 0 ] || status=1
exit "$status"
