#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The kernels beside Debian's usual ones: cloud and real-time ones of every line,
# on which the driver is built, booted and polled with, and the newest that
# there is, for which it is built.
set -eu
cd "$(dirname "$0")/../.."
. selftests/lib.sh
. tools/vm/lib.sh
test_timeout=1200

# builds KERNEL [OPTION...]
builds()
{
	local status=0 kernel=$1
	shift
	tools/vm/module --strict "$@" "$kernel" || status=$?
	[ $status != "$EX_GONE" ] || skip "the mirror has no such kernel"
	return $status
}

# polls LINE FLAVOUR
polls()
{
	local status=0
	timeout 600 tools/vm/run --kernel "$1" --flavour "$2" --cpus 1 --queues 1 \
		-- /vblk/selftests/long/flavours-guest || status=$?
	[ $status != "$EX_GONE" ] || skip "the mirror has no such kernel"
	return $status
}

for line in $kernel_lines; do
	for flavour in $kernel_flavours; do
		check "$line $flavour: builds without warnings" builds "$line" --flavour "$flavour"
		check "$line $flavour: boots and polls" polls "$line" "$flavour"
	done
done
check "the newest kernel: builds without warnings" builds newest
finish
