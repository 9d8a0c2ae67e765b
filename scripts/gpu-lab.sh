#!/bin/sh
# What GPU drivers' compilers make of the kernels, without a GPU: registers, spills, scratch, occupancy, size and time of each kernel of a dozen plans.
#
#     sh scripts/gpu-lab.sh [TABLE.md]      without a file, the table goes to stdout
#
# Needs root, a Debian on x86-64, cargo, python3, and about 2 GB in $LAB (default: ~/.cache/ppo-gpu-lab), of which 240 MB are downloaded. Mesa's drivers for
# AMD, NVIDIA, Intel, Apple and Adreno come from Debian's newest packages, into a tree of their own; nothing is installed into the system. Later runs use the
# same packages: remove $LAB for newer ones. Mesa's shims stand for the hardware: kernels are compiled, not executed. The shim for Intel is in no package: it is
# built from the source of Debian 13's Mesa (scripts/gpu-lab/intel-shim.sh). Windows' and NVIDIA's own compilers are not here.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
table=${1:-}
lab=${LAB:-${HOME:?}/.cache/ppo-gpu-lab}
case $lab in
    *" "* | *"	"*) lab= ;;
    /*) ;;
    *) lab= ;;
esac
tree=$lab/tree
libraries=/usr/lib/x86_64-linux-gnu
intel_shim=$libraries/libintel_noop_drm_shim.so

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

[ -n "$lab" ] || die "LAB must be an absolute path without spaces"
[ "$(uname -m)" = x86_64 ] || die "the compilers are run on x86-64 only"
[ "$(id -u)" -eq 0 ] || die "the compilers run in a directory tree of their own (chroot), for which this must be root"
for tool in apt-get dpkg unshare cargo python3; do
    command -v "$tool" >/dev/null 2>&1 || die "$tool is missing"
done

# Runs a command inside $tree, where the laboratory is /lab. The mounts end with its namespace.
inside() {
    # shellcheck disable=SC2016 # the inner shell expands its own arguments
    unshare --mount sh -c '
        mount --bind "$1" "$2/lab" && mount --rbind /dev "$2/dev" && mount -t proc proc "$2/proc" || exit 1
        tree=$2
        shift 2
        exec chroot "$tree" /usr/bin/env -i PATH=/usr/bin:/bin HOME=/tmp XDG_RUNTIME_DIR=/tmp LANG=C.UTF-8 MESA_SHADER_CACHE_DISABLE=1 "$@"' \
        inside "$lab" "$tree" "$@"
}

install_packages() {
    mkdir -p "$lab/apt/lists/partial" "$lab/apt/cache/archives/partial" "$lab/apt/none" "$tree/lab" "$tree/dev" "$tree/proc" "$tree/tmp"
    # The archive that this system's packages are from.
    archive=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null |
        grep -E '^(URIs:|deb )' | grep -oE 'https?://[^ ]+' | grep -v security | grep -m1 -E '/debian/?$') ||
        die "the system's package sources name no Debian archive"
    signed='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
    printf '%s\n' "deb $signed $archive sid main" "deb-src $signed $archive trixie main" >"$lab/apt/archive.list"
    : >"$lab/apt/status"
    cat >"$lab/apt/apt.conf" <<CONF
Dir::State "$lab/apt";
Dir::State::Lists "$lab/apt/lists";
Dir::State::status "$lab/apt/status";
Dir::Cache "$lab/apt/cache";
Dir::Etc::SourceList "$lab/apt/archive.list";
Dir::Etc::SourceParts "$lab/apt/none";
Dir::Etc::Preferences "$lab/apt/none/preferences";
Dir::Etc::PreferencesParts "$lab/apt/none";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
CONF
    APT_CONFIG=$lab/apt/apt.conf apt-get update -q
    APT_CONFIG=$lab/apt/apt.conf apt-get install -q -y --download-only \
        base-files bash coreutils dash gcc libc6-dev libdrm-dev libvulkan1 libvulkan-dev mesa-vulkan-drivers mesa-drm-shim python3-mako tar xz-utils
    (cd "$lab/apt/cache/archives" && APT_CONFIG=$lab/apt/apt.conf apt-get source -q --download-only mesa)
    for package in "$lab"/apt/cache/archives/*.deb; do
        dpkg -x "$package" "$tree"
    done
    mv "$lab"/apt/cache/archives/mesa_*.orig.tar.xz "$lab/mesa.tar.xz"
    cp "$root/scripts/gpu-lab/intel-shim.sh" "$lab/"
    inside sh /lab/intel-shim.sh /lab/mesa.tar.xz "$intel_shim"
    (cd "$lab/apt/cache/archives" && ls mesa-vulkan-drivers_*.deb) | cut -d_ -f2 >"$lab/version"
    rm -f "$lab/mesa.tar.xz" "$lab"/apt/cache/archives/*.deb "$lab"/apt/cache/archives/mesa_*
}

# A laboratory from before there was Intel has packages and no shim.
{ [ -s "$lab/version" ] && [ -e "$tree$intel_shim" ]; } || install_packages >&2
cp "$root/scripts/gpu-lab/pipestats.c" "$lab/"
inside gcc -std=c11 -D_POSIX_C_SOURCE=199309L -O2 -Wall -Wextra -Werror -o /lab/pipestats /lab/pipestats.c -lvulkan

# The plans, each with the name that its kernels have in the table.
rm -rf "$lab/spirv"
cat >"$lab/eleven.wgsl" <<'WGSL'
// As many numbers as Hopper observes and sets.
const OBSERVATION: u32 = 11u;
const ACTION_LOW = array(-1.0f, -1.0f, -1.0f);
const ACTION_HIGH = array(1.0f, 1.0f, 1.0f);
const TIME_LIMIT: u32 = 1000u;
struct EnvState { x: array<f32, 11> }
fn env_reset(rng: ptr<function, Rng>) -> EnvState {
    var state: EnvState;
    for (var i = 0u; i < OBSERVATION; i++) { state.x[i] = rng_normal(rng); }
    return state;
}
fn env_step(state: ptr<function, EnvState>, action: array<f32, 3>, rng: ptr<function, Rng>) -> Outcome {
    (*state).x[0] += action[0] - action[1] * action[2];
    return Outcome(-abs((*state).x[0]), false);
}
fn env_observe(state: EnvState) -> array<f32, OBSERVATION> { return state.x; }
WGSL
while read -r name keys; do
    # shellcheck disable=SC2086 # a list of keys
    cargo bench --quiet --locked --manifest-path "$root/Cargo.toml" --bench spirv -- "$lab/spirv" "$name" gpu $keys
done <<PLANS
cartpole-4096 envs=4096
cartpole-4 envs=4
agents-256 envs=4 agents=256
pendulum env=Pendulum-v1 envs=64 normalize_observations=true normalize_rewards=true
quadrotor env=PlanarQuadrotor-v0 envs=64
masks env=2048 envs=64
breakout env=MinAtar/Breakout-v1 envs=64
seaquest env=MinAtar/Seaquest-v1 envs=64
128-128 envs=4096 hidden=[128,128]
256-256 envs=4096 hidden=[256,256]
512-256-128 envs=4096 hidden=[512,256,128]
eleven env=$lab/eleven.wgsl envs=1024 normalize_observations=true
PLANS

# Driver, name of the device, library of the shim, and what tells the shim which device it is.
devices='radeon RADV amdgpu AMDGPU_GPU_ID=navi21 RDNA2
radeon RADV amdgpu AMDGPU_GPU_ID=navi33 RDNA3
radeon RADV amdgpu AMDGPU_GPU_ID=gfx1201 RDNA4
nouveau NVK nouveau NOUVEAU_CHIPSET=162 Turing
nouveau NVK nouveau NOUVEAU_CHIPSET=192 Ada
intel Intel intel INTEL_STUB_GPU_PLATFORM=tgl Tiger-Lake
intel Intel intel INTEL_STUB_GPU_PLATFORM=dg2 Arc-A770M
intel Intel intel INTEL_STUB_GPU_PLATFORM=lnl Lunar-Lake
asahi Apple asahi UNUSED= Apple-M1
freedreno Adreno freedreno FD_GPU_ID=740 Adreno-740'
: >"$lab/statistics"
(cd "$lab" && ls spirv/*.spv) | sed 's|^|/lab/|' >"$lab/files"
printf '%s\n' "$devices" | while read -r driver device shim variable name; do
    printf 'compiling for %s\n' "$name" >&2
    before=$(wc -l <"$lab/statistics")
    # One process each: a compiler that crashes or hangs takes only its own kernel along.
    while read -r file; do
        inside VK_DRIVER_FILES="/usr/share/vulkan/icd.d/${driver}_icd.json" LD_PRELOAD="$libraries/lib${shim}_noop_drm_shim.so" "$variable" \
            timeout 120 /lab/pipestats "$device" "$file" 2>/dev/null </dev/null | sed "s|^|$name	|" >>"$lab/statistics"
    done <"$lab/files"
    [ "$(wc -l <"$lab/statistics")" -gt "$before" ] || printf 'error: nothing could be compiled for %s\n' "$name" >&2
done
python3 "$root/scripts/gpu-lab/table.py" "$lab/statistics" "$(cat "$lab/version")" >"$lab/table.md"
if [ -n "$table" ]; then cp "$lab/table.md" "$table"; else cat "$lab/table.md"; fi
