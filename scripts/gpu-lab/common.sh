# shellcheck shell=sh
# What the scripts of the laboratory share. They set `root` to the repository before they read this file; `lab` is where everything that they download or make lies.

lab=${LAB:-${HOME:?}/.cache/ppo-gpu-lab}
case $lab in
    *" "* | *"	"*) lab= ;;
    /*) ;;
    *) lab= ;;
esac

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# need TOOL...: ends the script where it cannot run.
need() {
    [ -n "$lab" ] || die "LAB must be an absolute path without spaces"
    [ "$(uname -m)" = x86_64 ] || die "the compilers are run on x86-64 only"
    [ "$(id -u)" -eq 0 ] || die "the compilers run in a directory tree of their own (chroot), for which this must be root"
    for tool in "$@"; do
        command -v "$tool" >/dev/null 2>&1 || die "$tool is missing"
    done
}

# Runs a command inside the tree, where the laboratory is /lab, and each directory in `beside` is where it is outside. The mounts end with their namespace.
beside=
inside() {
    # shellcheck disable=SC2016 # the inner shell expands its own arguments
    unshare --mount sh -c '
        mount --bind "$1" "$1/tree/lab" && mount --rbind /dev "$1/tree/dev" && mount -t proc proc "$1/tree/proc" || exit 1
        tree=$1/tree
        for directory in $2; do
            mkdir -p "$tree$directory" && mount --bind "$directory" "$tree$directory" || exit 1
        done
        shift 2
        exec chroot "$tree" /usr/bin/env -i PATH=/usr/lib/x86_64-linux-gnu/wine:/usr/bin:/bin HOME=/tmp XDG_RUNTIME_DIR=/tmp LANG=C.UTF-8 "$@"' \
        inside "$lab" "$beside" "$@"
}

# install_packages NAMED PACKAGE...: makes the tree of Debian's newest packages, and keeps the version of the package NAMED in $lab/version.
install_packages() {
    named=$1
    shift
    mkdir -p "$lab/apt/lists/partial" "$lab/apt/cache/archives/partial" "$lab/apt/none" "$lab/tree/lab" "$lab/tree/dev" "$lab/tree/proc" "$lab/tree/tmp"
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
    APT_CONFIG=$lab/apt/apt.conf apt-get install -q -y --download-only base-files bash coreutils dash gcc libc6-dev "$named" "$@"
    for package in "$lab"/apt/cache/archives/*.deb; do
        dpkg -x "$package" "$lab/tree"
    done
    (cd "$lab/apt/cache/archives" && ls "${named}"_*.deb) | cut -d_ -f2 >"$lab/version"
    rm -f "$lab"/apt/cache/archives/*.deb
}

# Writes the kernels of a dozen plans into $lab/kernels, each file with the name of its plan first.
write_kernels() {
    rm -rf "$lab/kernels"
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
        cargo bench --quiet --locked --manifest-path "${root:?}/Cargo.toml" --bench translate -- "$lab/kernels" "$name" gpu $keys
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
}

# show FILE [COPY]: copies the file, or prints it.
show() {
    if [ -n "${2:-}" ]; then cp "$1" "$2"; else cat "$1"; fi
}
