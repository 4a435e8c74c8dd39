#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The driver under sparse, against the headers of 6.1.
set -eu
cd "$(dirname "$0")/../.."
. selftests/lib.sh
. tools/vm/lib.sh
test_timeout=600

sysroot=$(tools/vm/sysroot 6.1)
hold_sysroot "$sysroot"
kver=$(sysroot_kver "$sysroot")
tools/deps static
copy=$(mktemp -d "${TMPDIR:-/tmp}/vblk-sparse.XXXXXX")
trap 'rm -rf "$copy"' EXIT

# The sysroot has no sparse: this machine's goes along, with its libraries.
mkdir "$copy/sparse"
cp "$(command -v sparse)" "$copy/sparse/sparse"
ldd "$copy/sparse/sparse" | grep -o '/[^ ]*' | xargs cp -t "$copy/sparse"
check_with="/src/sparse/$(cd "$copy/sparse" && echo ld-linux*) --library-path /src/sparse /src/sparse/sparse"

# sparse_driver: what it says of the driver in $copy
sparse_driver()
{
	in_sysroot "$sysroot" "$copy" make -s -C "/lib/modules/$kver/build" M=/src \
		C=2 CHECK="$check_with" modules 2>&1 |
		grep -E '/src/drivers.*(warning|error):' || true
}

clean()
{
	local found
	cp -r drivers include Kbuild "$copy"
	found=$(sparse_driver)
	[ ! "$found" ] || fail "$found"
}

# Both an endianness and an address space that are wrong.
control()
{
	cat >>"$copy/drivers/block/virtio_blk/limits.c" <<-END
		__le32 vblk_control(u32 value);
		__le32 vblk_control(u32 value)
		{
			return value;
		}
	END
	sparse_driver | grep -q 'incorrect type' || fail "sparse saw nothing"
}

check "sparse is silent" clean
check "control: sparse sees a wrong byte order" control
finish
