#!/bin/sh
# What Microsoft's HLSL compilers make of the kernels, without Windows: seconds and size of code of each kernel of a dozen plans. DX12 has kernels compiled by
# FXC, which is part of Windows, unless the newer DXC is found.
#
#     sh scripts/gpu-lab/windows.sh [TABLE.md]                     without a file, the table goes to stdout
#     sh scripts/gpu-lab/windows.sh run doctor --backend dx12      builds the program for Windows, and runs this command of it: FXC, then Wine's DX12
#                                                                  on a software driver
#
# Needs root, a Debian on x86-64, cargo, npm, python3, and about 5 GB in $LAB/windows (LAB: ~/.cache/ppo-gpu-lab), of which 600 MB are downloaded. Wine and a cross
# compiler come from Debian's newest packages, into a tree of their own; nothing is installed into the system. The compilers are those that the npm package
# `webgpu` brings along. Later runs use the same packages: remove $LAB/windows for newer ones. What they say of the kernels is in $LAB/windows/compiled.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
# shellcheck source=scripts/gpu-lab/common.sh
. "$root/scripts/gpu-lab/common.sh"
need apt-get dpkg unshare cargo python3 npm tar
lab=$lab/windows
webgpu=0.6.2

under_wine() {
    inside WINEPREFIX=/lab/prefix WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml= "$@"
}

install_compilers() {
    rm -rf "$lab/prefix" "$lab"/webgpu-*.tgz
    # Windows' own folders. Debian copies this library to Wine's when the package is installed; packages are only unpacked here.
    mkdir -p "$lab/prefix/drive_c/windows/system32"
    cp "$lab/tree/usr/x86_64-w64-mingw32/lib/zlib1.dll" "$lab/prefix/drive_c/windows/system32/"
    under_wine wine wineboot --init
    (cd "$lab" && npm pack --silent "webgpu@$webgpu")
    tar -xzf "$lab/webgpu-$webgpu.tgz" -C "$lab" --strip-components=3 package/dist/win32-x64
    rm "$lab/webgpu-$webgpu.tgz"
    printf '%s\n' "$webgpu" >"$lab/webgpu"
}

# The toolchain is this system's, the linkers are the tree's. Little is optimised: this is not for speed.
build_program() {
    target=x86_64-pc-windows-gnu
    sysroot=$(rustc --print sysroot)
    [ -d "$sysroot/lib/rustlib/$target" ] || die "Rust's standard library for Windows is missing (rustup target add $target)"
    cargo fetch --locked --manifest-path "$root/Cargo.toml" --target "$target"
    cargo=${CARGO_HOME:-$HOME/.cargo}
    beside="$root $sysroot $cargo"
    inside PATH="$sysroot/bin:/usr/bin:/bin" CARGO_HOME="$cargo" CARGO_TARGET_DIR=/lab/target CARGO_PROFILE_RELEASE_LTO=off \
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=gcc \
        CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc-posix \
        cargo build --offline --release --locked --bin ppo-gpu --target "$target" --manifest-path "$root/Cargo.toml"
    beside=
    # Not beside DXC: with it, wgpu wants a shader model that Wine's DX12 does not have.
    mkdir -p "$lab/program"
    cp "$lab/target/$target/release/ppo-gpu.exe" "$lab/d3dcompiler_47.dll" "$lab/program/"
}

# Wine finds no GPU without a display.
run_program() {
    cat >"$lab/run" <<'RUN'
mkdir -p /tmp/.X11-unix
: >/tmp/display
Xvfb -displayfd 3 -screen 0 640x480x24 -nolisten tcp 3>/tmp/display >/dev/null 2>&1 &
server=$!
until [ -s /tmp/display ] || ! kill -0 "$server" 2>/dev/null; do sleep 0.1; done
DISPLAY=:$(cat /tmp/display)
export DISPLAY
cd /lab/program
status=0
wine ppo-gpu.exe "$@" || status=$?
wineserver -k
kill "$server"
exit "$status"
RUN
    under_wine WINEDLLOVERRIDES="mscoree,mshtml=;d3dcompiler_47=n" sh /lab/run "$@"
}

[ -s "$lab/version" ] || install_packages wine wine64 g++-mingw-w64-x86-64-posix findutils mesa-vulkan-drivers xvfb >&2
[ "$(cat "$lab/webgpu" 2>/dev/null)" = "$webgpu" ] || install_compilers >&2

if [ "${1:-}" = run ]; then
    shift
    build_program >&2
    run_program "$@"
    exit
fi

cp "$root/scripts/gpu-lab/fxc.c" "$root/scripts/gpu-lab/dxc.cpp" "$root/scripts/gpu-lab/measure.h" "$lab/"
inside x86_64-w64-mingw32-gcc-posix -std=c11 -O2 -Wall -Wextra -Werror -static -o /lab/fxc.exe /lab/fxc.c
inside x86_64-w64-mingw32-g++-posix -std=c++17 -O2 -Wall -Wextra -Werror -static -o /lab/dxc.exe /lab/dxc.cpp
write_kernels

# One process each: a compiler that crashes or hangs takes only its own kernel along. Processor time is limited, so that a busy machine changes nothing.
cat >"$lab/compile" <<'COMPILE'
file=$1
name=${file%.*.hlsl}
kernel=${name##*.}
compiler=${file#"$name."}
compiler=${compiler%.hlsl}
ulimit -t 120
timeout 900 wine "/lab/$compiler.exe" "$kernel" "/lab/kernels/$file" >"/lab/compiled/$file.result" 2>"/lab/compiled/$file.messages" </dev/null || true
COMPILE
rm -rf "$lab/compiled"
mkdir "$lab/compiled"
(cd "$lab/kernels" && ls -- *.hlsl) >"$lab/files"
printf 'compiling %s files\n' "$(wc -l <"$lab/files")" >&2
# Wine's server is started first, without the limit.
# shellcheck disable=SC2016 # the inner shell expands its own argument
under_wine sh -c 'wineserver -p; xargs -a /lab/files -n 1 -P "$1" sh /lab/compile; status=$?; wineserver -k; exit "$status"' sh "$(nproc)"
python3 "$root/scripts/gpu-lab/windows.py" "$lab/compiled" "$webgpu" >"$lab/table.md"
show "$lab/table.md" "${1:-}"
