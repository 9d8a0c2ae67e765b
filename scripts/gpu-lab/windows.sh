#!/bin/sh
# What Microsoft's HLSL compilers make of the kernels, without Windows: seconds and size of code of each kernel of a dozen plans. DX12 has kernels compiled by
# FXC, which is part of Windows, unless the newer DXC lies beside the program.
#
#     sh scripts/gpu-lab/windows.sh [TABLE.md]      without a file, the table goes to stdout
#
# Needs root, a Debian on x86-64, cargo, npm, python3, and about 4 GB in $LAB/windows (LAB: ~/.cache/ppo-gpu-lab), of which 600 MB are downloaded. Wine and a cross
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

[ -s "$lab/version" ] || install_packages wine wine64 g++-mingw-w64-x86-64-posix findutils >&2
[ "$(cat "$lab/webgpu" 2>/dev/null)" = "$webgpu" ] || install_compilers >&2
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
exec timeout 900 wine "/lab/$compiler.exe" "$kernel" "/lab/kernels/$file" >"/lab/compiled/$file.result" 2>"/lab/compiled/$file.messages" </dev/null
COMPILE
rm -rf "$lab/compiled"
mkdir "$lab/compiled"
(cd "$lab/kernels" && ls -- *.hlsl) >"$lab/files"
printf 'compiling %s files\n' "$(wc -l <"$lab/files")" >&2
# Wine's server is started first, without the limit. xargs fails where a compiler does, which the table shows.
# shellcheck disable=SC2016 # the inner shell expands its own argument
under_wine sh -c 'wineserver -p; xargs -a /lab/files -n 1 -P "$1" sh /lab/compile; wineserver -k' sh "$(nproc)" || true
python3 "$root/scripts/gpu-lab/windows.py" "$lab/compiled" "$webgpu" >"$lab/table.md"
show "$lab/table.md" "${1:-}"
