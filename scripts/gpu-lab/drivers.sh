#!/bin/sh
# `ppo-gpu doctor` on the software drivers that differ most from the one that the tests run on: the newest llvmpipe, and SwiftShader under all three profiles.
#
#     sh scripts/gpu-lab/drivers.sh                            the checks; fails if one finds something wrong
#     sh scripts/gpu-lab/drivers.sh run swiftshader doctor     runs this command of ppo-gpu on swiftshader or llvmpipe
#
# Needs root, a Debian on x86-64, cargo, and about 600 MB in $LAB (default: ~/.cache/ppo-gpu-lab). llvmpipe is in Debian's newest mesa-vulkan-drivers, SwiftShader
# in its chromium-common. Both lie in a tree of their own; nothing is installed into the system. Remove $LAB/drivers for newer ones.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
# shellcheck source=scripts/gpu-lab/common.sh
. "$root/scripts/gpu-lab/common.sh"
need apt-get dpkg unshare cargo
lab=$lab/drivers
swiftshader=/usr/lib/chromium/vk_swiftshader_icd.json
llvmpipe=/usr/share/vulkan/icd.d/lvp_icd.json

[ -s "$lab/version" ] || install_packages mesa-vulkan-drivers libvulkan1 chromium-common >&2
cargo build --quiet --release --locked --manifest-path "$root/Cargo.toml"
cp "${CARGO_TARGET_DIR:-$root/target}/release/ppo-gpu" "$lab/"

# on DRIVER COMMAND...: a command of ppo-gpu on this driver.
on() {
    case $1 in
        swiftshader) driver=$swiftshader ;;
        llvmpipe) driver=$llvmpipe ;;
        *) die "no driver called '$1': swiftshader or llvmpipe" ;;
    esac
    shift
    inside VK_DRIVER_FILES="$driver" /lab/ppo-gpu "$@"
}

if [ "${1:-}" = run ]; then
    shift
    [ $# -gt 0 ] || die "a driver and a command are missing: run swiftshader doctor"
    on "$@"
    exit
fi
[ $# -eq 0 ] || die "unknown argument '$1'"
on llvmpipe doctor --quiet --seconds 1
for profile in software gpu small; do
    on swiftshader doctor --quiet --seconds 1 --profile "$profile"
done
