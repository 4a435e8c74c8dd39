#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Finds out which parts of the newest block layer's and virtio's API a kernel
# has, by compiling a few lines against its headers, each in a file of its own.
# Called by Kbuild:
#   probe.sh PROBES OUTPUT CC FLAGS...
# Writes "#define COMPAT_HAS_NAME" to OUTPUT for each PROBES/name.c that compiles.
set -eu

probes=$1 output=$2
shift 2
log=$output.log

compiles() {
	"$@" -fsyntax-only -Werror -Wno-error=attributes \
		-Wno-unused-function -Wno-unused-variable \
		-DKBUILD_MODNAME='"probe"' -DKBUILD_BASENAME='"probe"' -DMODULE \
		-x c "$probe" >>"$log" 2>&1
}

: >"$log"
tmp=$output.tmp
echo '/* Made by include/compat/probe.sh. */' >"$tmp"
for probe in "$probes"/*.c; do
	name=$(basename "$probe" .c)
	echo "== $name" >>"$log"
	if compiles "$@"; then
		echo "#define COMPAT_HAS_$(echo "$name" | tr '[:lower:]' '[:upper:]')" >>"$tmp"
	fi
done

# Headers that compile nothing would look like a very old kernel.
if ! grep -qw COMPAT_HAS_CONTROL_YES "$tmp" || grep -qw COMPAT_HAS_CONTROL_NO "$tmp"; then
	echo "virtio_blk: cannot compile against this kernel's headers; see $log" >&2
	exit 1
fi
mv "$tmp" "$output"
