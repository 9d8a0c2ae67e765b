# shellcheck shell=sh
# What train.sh and test.sh need of a fresh machine. Sourced by them with $root set to the repository's root.
#
# A Vulkan driver is a manifest (a .json file that names the driver's library) in one of the folders that the Vulkan
# loader searches; the loader is libvulkan.so.1. Mesa's software driver is installed only if there is no manifest
# at all: beside a real driver it would add an unwanted adapter.

: "${root:?is set by the script that sources this one}"

# Everything said here goes to stderr: stdout belongs to the program that runs afterwards (`--json` is read from it).
say() {
    printf '%s\n' "$*" >&2
}

die() {
    say "error: $*"
    exit 1
}

require_cargo() {
    # rustup changes PATH for new shells only, so the shell that ran it does not have cargo yet.
    if ! command -v cargo >/dev/null 2>&1; then
        PATH=$PATH:${CARGO_HOME:-${HOME:-}/.cargo}/bin
        export PATH
    fi
    command -v cargo >/dev/null 2>&1 ||
        die "cargo was not found. Install Rust with rustup, see https://rustup.rs, then run this script again."

    # Without this, distributions' older Rust fails with a puzzle about editions or lock file versions.
    needed=$(sed -n 's/^rust-version = "1\.\([0-9]*\).*/\1/p' "$root/Cargo.toml")
    found=$(cargo --version | sed -n 's/^cargo 1\.\([0-9]*\).*/\1/p')
    [ "${found:-0}" -ge "${needed:-0}" ] ||
        die "Rust 1.$needed or newer is needed, and cargo is ${found:+1.}${found:-not usable}." \
            "Run 'rustup default stable' and 'rustup update stable'; a distribution's older Rust is replaced by https://rustup.rs."
}

# Prints the first driver manifest found; fails where there is none.
driver_manifest() (
    IFS=:
    # shellcheck disable=SC2086 # these variables are lists: they are meant to be split at each colon
    if [ -n "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ]; then
        # Replaces the search; an entry is a manifest or a folder of them.
        set -- ${VK_DRIVER_FILES:-$VK_ICD_FILENAMES}
    else
        set -- ${VK_ADD_DRIVER_FILES:-}
        for base in \
            ${XDG_CONFIG_HOME:-${HOME:-}/.config} ${XDG_CONFIG_DIRS:-/etc/xdg} /usr/local/etc /etc \
            ${XDG_DATA_HOME:-} ${HOME:-}/.local/share ${XDG_DATA_DIRS:-} /usr/local/share /usr/share \
            /run/opengl-driver/share; do # the last one is NixOS's
            set -- "$@" "$base/vulkan/icd.d"
        done
    fi
    for place; do
        for manifest in "$place" "$place"/*.json; do
            if [ -f "$manifest" ]; then
                printf '%s\n' "$manifest"
                exit 0
            fi
        done
    done
    exit 1
)

vulkan_loader_exists() (
    # A user's PATH often lacks /sbin, where ldconfig is; musl systems have none that lists anything.
    PATH=$PATH:/usr/sbin:/sbin
    if ldconfig -p 2>/dev/null | grep -q 'libvulkan\.so\.1'; then
        exit 0
    fi
    IFS=:
    # shellcheck disable=SC2086 # a list, split at each colon
    for folder in ${LD_LIBRARY_PATH:-} /usr/local/lib /usr/local/lib64 /usr/lib /usr/lib64 /usr/lib/*-linux-gnu* /run/opengl-driver/lib; do
        if [ -e "$folder/libvulkan.so.1" ]; then
            exit 0
        fi
    done
    exit 1
)

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@" >&2 </dev/null
    else
        say "+ sudo $*"
        sudo "$@" >&2 </dev/null # a password is asked for on the terminal, not on stdin
    fi
}

# Announces what will be installed with which package manager; exits if that is not allowed.
announce() {
    manager=$1
    shift
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null 2>&1 ||
        die "this user is not root and there is no sudo. Have root install, with $manager: $*. Then run this script again."
    say "Installing with $manager: $*"
}

ensure_vulkan() {
    case $(uname -s) in
        Darwin | MINGW* | MSYS* | CYGWIN*) return ;; # Metal and DirectX 12 come with the system
    esac

    driver=$(driver_manifest) || driver=
    loader=
    if vulkan_loader_exists; then
        loader=present
    fi
    if [ -n "$driver" ] && [ -n "$loader" ]; then
        return
    fi
    if [ -z "$driver" ] && [ -n "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ]; then
        die "VK_DRIVER_FILES or VK_ICD_FILENAMES hides every other Vulkan driver, and names no file that exists:" \
            "'${VK_DRIVER_FILES:-$VK_ICD_FILENAMES}'. Correct or unset it."
    fi

    if [ -z "$driver" ]; then
        say "No Vulkan driver was found. ppo-gpu computes through Vulkan, and Mesa's software driver (lavapipe) serves on any CPU."
        say "If this machine has a GPU, its vendor's Vulkan driver is much faster: stop here with Ctrl-C and install that one instead."
    else
        say "A Vulkan driver was found ($driver), but not the Vulkan loader (libvulkan.so.1) that programs reach it through."
    fi

    # Installing the loader alone leaves a real driver the only one.
    if command -v apt-get >/dev/null 2>&1; then
        set -- libvulkan1 mesa-vulkan-drivers
        [ -z "$driver" ] || set -- libvulkan1
        announce apt-get "$@"
        # A fresh container has no package lists. One broken third-party source fails the update but need not matter.
        as_root apt-get update -q || say "apt-get update failed; continuing with the package lists that are there"
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" ||
            die "apt-get could not install $*; see its message above"
    elif command -v dnf >/dev/null 2>&1; then
        set -- vulkan-loader mesa-vulkan-drivers
        [ -z "$driver" ] || set -- vulkan-loader
        announce dnf "$@"
        as_root dnf install -q -y "$@" || die "dnf could not install $*; see its message above"
    elif command -v pacman >/dev/null 2>&1; then
        set -- vulkan-icd-loader vulkan-swrast
        [ -z "$driver" ] || set -- vulkan-icd-loader
        announce pacman "$@"
        # Not -Sy: fresh lists without a full upgrade leave an Arch system half upgraded, and that choice is its owner's.
        as_root pacman -S --needed --noconfirm "$@" ||
            die "pacman could not install $*. If its package lists are old or missing, run as root: pacman -Syu $*"
    else
        die "found none of apt-get, dnf and pacman. Install the Vulkan loader (libvulkan.so.1) and a Vulkan driver with your" \
            "system's package manager, for instance Mesa's software driver 'lavapipe': on Alpine 'apk add vulkan-loader" \
            "mesa-vulkan-swrast', on openSUSE 'zypper install libvulkan1 libvulkan_lvp'. Then run this script again."
    fi

    driver_manifest >/dev/null || die "the packages were installed, but there is still no Vulkan driver manifest"
    vulkan_loader_exists || die "the packages were installed, but there is still no libvulkan.so.1"
    say "Vulkan is ready."
}

# What the tests check the kernels' translations with (test.sh calls this; training needs none). Where something cannot be installed without asking, the test
# that wants it fails, and says how to install it.
ensure_checkers() {
    missing=
    command -v spirv-val >/dev/null 2>&1 || missing="spirv-tools"      # Khronos' validator of SPIR-V
    command -v c++ >/dev/null 2>&1 || missing="${missing:+$missing }g++" # checks the types of MSL
    if [ -n "$missing" ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "Installing with apt-get, for the tests: $missing"
        as_root apt-get update -q || say "apt-get update failed; continuing with the package lists that are there"
        # shellcheck disable=SC2086 # a list of packages
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing ||
            say "apt-get could not install $missing; see its message above"
    fi
}

require_cargo
ensure_vulkan
