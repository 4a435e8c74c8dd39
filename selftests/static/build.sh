#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The module builds in the sysroot of every line, without a warning.
set -eu
cd "$(dirname "$0")/../.."
. selftests/lib.sh
. tools/vm/lib.sh
test_timeout=600

builds()
{
	local status=0
	tools/vm/module --strict "$1" || status=$?
	[ $status != "$EX_GONE" ] || skip "the mirror has no release with this kernel"
	return $status
}

for line in $kernel_lines; do
	check "builds without warnings on $line" builds "$line"
done
finish
