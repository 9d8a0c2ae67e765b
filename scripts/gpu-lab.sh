#!/bin/sh
# What GPU drivers' compilers make of the kernels, without a GPU: registers, spills, scratch, occupancy, size and time of each kernel of a dozen plans.
#
#     sh scripts/gpu-lab.sh [TABLE.md]      without a file, the table goes to stdout
#
# Needs root, a Debian on x86-64, cargo, python3, and about 2 GB in $LAB (default: ~/.cache/ppo-gpu-lab), of which 240 MB are downloaded. Mesa's drivers for
# AMD, NVIDIA, Intel, Apple and Adreno come from Debian's newest packages, into a tree of their own; nothing is installed into the system. Later runs use the
# same packages: remove $LAB for newer ones. Mesa's shims stand for the hardware: kernels are compiled, not executed. The shim for Intel is in no package: it is
# built from the source of Debian 13's Mesa (scripts/gpu-lab/intel-shim.sh). Microsoft's compilers are in gpu-lab/windows.sh; NVIDIA's own is not here.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=scripts/gpu-lab/common.sh
. "$root/scripts/gpu-lab/common.sh"
need apt-get dpkg unshare cargo python3
libraries=/usr/lib/x86_64-linux-gnu
intel_shim=$libraries/libintel_noop_drm_shim.so

install_drivers() {
    install_packages mesa-vulkan-drivers libvulkan1 libvulkan-dev mesa-drm-shim libdrm-dev python3-mako tar xz-utils
    (cd "$lab/apt/cache/archives" && APT_CONFIG=$lab/apt/apt.conf apt-get source -q --download-only mesa)
    mv "$lab"/apt/cache/archives/mesa_*.orig.tar.xz "$lab/mesa.tar.xz"
    cp "$root/scripts/gpu-lab/intel-shim.sh" "$lab/"
    inside sh /lab/intel-shim.sh /lab/mesa.tar.xz "$intel_shim"
    rm -f "$lab/mesa.tar.xz" "$lab"/apt/cache/archives/mesa_*
}

# A laboratory from before there was Intel has packages and no shim.
{ [ -s "$lab/version" ] && [ -e "$lab/tree$intel_shim" ]; } || install_drivers >&2
cp "$root/scripts/gpu-lab/pipestats.c" "$lab/"
inside gcc -std=c11 -D_POSIX_C_SOURCE=199309L -O2 -Wall -Wextra -Werror -o /lab/pipestats /lab/pipestats.c -lvulkan
write_kernels

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
(cd "$lab" && ls kernels/*.spv) | sed 's|^|/lab/|' >"$lab/files"
printf '%s\n' "$devices" | while read -r driver device shim variable name; do
    printf 'compiling for %s\n' "$name" >&2
    before=$(wc -l <"$lab/statistics")
    # One process each: a compiler that crashes or hangs takes only its own kernel along.
    while read -r file; do
        inside VK_DRIVER_FILES="/usr/share/vulkan/icd.d/${driver}_icd.json" LD_PRELOAD="$libraries/lib${shim}_noop_drm_shim.so" "$variable" \
            MESA_SHADER_CACHE_DISABLE=1 \
            timeout 120 /lab/pipestats "$device" "$file" 2>/dev/null </dev/null | sed "s|^|$name	|" >>"$lab/statistics"
    done <"$lab/files"
    [ "$(wc -l <"$lab/statistics")" -gt "$before" ] || printf 'error: nothing could be compiled for %s\n' "$name" >&2
done
python3 "$root/scripts/gpu-lab/table.py" "$lab/statistics" "$(cat "$lab/version")" >"$lab/table.md"
show "$lab/table.md" "${1:-}"
