#!/bin/sh
# Builds Mesa's shim of Intel's hardware from Mesa's source, inside the tree of scripts/gpu-lab.sh: intel-shim.sh SOURCE.tar.xz LIBRARY.so
#
# Debian's packages have a shim for every other driver. This one stands for the kernel's interface (i915), so a driver that is newer than it can use it.
# A dozen C files are all of it; Mesa's own build would want a C++ compiler, and compiles several hundred.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -xJf "$1" -C "$work" --strip-components=1 --wildcards \
    '*/include/*' '*/src/c11/*' '*/src/compiler/*.h' '*/src/drm-shim/*' '*/src/intel/*' '*/src/util/*'
cd "$work/src"

# What Mesa's build generates.
mkdir -p "$work/made/intel/dev"
python3 intel/dev/intel_device_info_gen_h.py "$work/made/intel/dev/intel_device_info_gen.h"
python3 intel/dev/gen_wa_helpers.py intel/dev/mesa_defs.json "$work/made/intel/dev/intel_wa.h" "$work/made/intel/dev/intel_wa.c"

# Devices described by a JSON file are left out: nothing calls their function.
gcc -shared -fPIC -std=gnu11 -O1 -w -fvisibility=hidden -ffunction-sections -Wl,--gc-sections -Wl,-z,defs -Wl,--defsym=intel_device_info_from_json=0 \
    -D_GNU_SOURCE -DHAVE_ENDIAN_H -DHAVE_MEMFD_CREATE -DHAVE_PROGRAM_INVOCATION_NAME -DHAVE_PTHREAD -DHAVE_SECURE_GETENV -DHAVE_STRUCT_TIMESPEC \
    -DHAVE_THRD_CREATE -DNDEBUG \
    -I. -I../include -Iintel -I/usr/include/libdrm -I"$work/made" -I"$work/made/intel" -I"$work/made/intel/dev" \
    -o "$2" \
    drm-shim/device.c drm-shim/drm_shim.c intel/tools/intel_noop_drm_shim.c \
    intel/dev/intel_device_info.c intel/dev/i915/intel_device_info.c "$work/made/intel/dev/intel_wa.c" \
    util/anon_file.c util/hash_table.c util/log.c util/os_misc.c util/ralloc.c util/set.c util/simple_mtx.c util/u_call_once.c util/u_debug.c \
    util/u_process.c util/vma.c
