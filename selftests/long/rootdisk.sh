#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The driver below the root file system: a Debian system on a virtio disk
# installs the package, boots on it, is booted without it in two ways, removes
# it, and boots on the stock driver again. Between boots its file system is
# checked from here. A boot of this takes a guest without KVM a minute, and the
# build in it some more.
set -eu
cd "$(dirname "$0")/../.."
. selftests/lib.sh
test_timeout=4000

work=$(mktemp -d "${TMPDIR:-/tmp}/vblk-rootdisk-test.XXXXXX")
trap 'rm -rf "$work"' EXIT
deb=$(tools/install/deb)
image=$work/image

# boot [OPTION...] STEP...: in one boot, the steps of rootdisk-guest; afterwards
# the file system is whole.
boot()
{
	local options=()
	while [[ $1 = --* ]]; do
		options+=("$1" "$2")
		shift 2
	done
	tools/vm/rootdisk boot --file "$deb" --file selftests/long/rootdisk-guest \
		--file selftests/lib.sh ${options[@]+"${options[@]}"} "$image" -- bash rootdisk-guest "$@"
	PATH=$PATH:/usr/sbin:/sbin e2fsck -fn "$image"
}

makes()
{
	local status=0
	tools/vm/rootdisk make "$1" "$image" || status=$?
	[ $status != 77 ] || skip "the mirror has no release with kernel $1"
	return $status
}

for line in ${1-6.1 7.2}; do
	rm -f "$image"
	check "$line: a system is made" makes "$line"
	[ -e "$image" ] || continue
	check "$line: it installs the package" boot stock_runs write_before install_package
	check "$line: it boots on the new driver, polls, and keeps its data" \
		boot ours_runs verify write_after polls
	check "$line: a module that is refused leaves the stock driver" \
		boot --append module.sig_enforce=1 was_refused stock_runs verify
	check "$line: modprobe.blacklist=virtio_blk leaves the stock driver" \
		boot --append modprobe.blacklist=virtio_blk stock_runs verify
	check "$line: it removes the package while running on it" boot ours_runs remove_package verify
	check "$line: it boots on the stock driver, and keeps its data" \
		boot stock_runs stock_everywhere verify
done
finish
