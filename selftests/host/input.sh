#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Bad input to the tools: one line that says what is wrong, exit 2, and nothing
# touched.
set -eu
cd "$(dirname "$0")/../.."
. selftests/lib.sh

# bad PATTERN COMMAND...: fails with status 2 and one line that matches.
bad()
{
	local pattern=$1 status=0 said
	shift
	said=$(timeout 60 "$@" 2>&1 >/dev/null </dev/null) || status=$?
	echo "$said"
	same "$status" 2 "exit status"
	same "$(echo "$said" | wc -l)" 1 "lines of complaint"
	[[ $said =~ $pattern ]] || fail "does not say '$pattern'"
}

run_options()
{
	bad 'unknown option' tools/vm/run --nonsense -- true
	bad 'needs a value' tools/vm/run --kernel
	bad '5\.10.*6\.1' tools/vm/run --kernel 4.19 -- true
	bad 'ours, stock' tools/vm/run --driver theirs -- true
	bad 'COMMAND' tools/vm/run
	bad 'number' tools/vm/run --cpus many -- true
	bad 'number' tools/vm/run --timeout -5 -- true
	bad 'unknown kind of disk' tools/vm/run --disk floppy -- true
	bad 'not a size' tools/vm/run --disk ram:lots -- true
	bad 'no file' tools/vm/run --disk file:/nonexistent -- true
	bad 'no socket' tools/vm/run --disk vhost-user:/nonexistent -- true
	bad 'no folder' tools/vm/run --share /nonexistent -- true
	bad 'cloud rt' tools/vm/run --flavour vanilla -- true
}

other_tools()
{
	bad '5\.10.*6\.1' tools/vm/sysroot 4.19
	bad 'which kernel line' tools/vm/sysroot
	bad '5\.10.*6\.1' tools/vm/module 4.19
	bad 'unknown group' tools/deps nonsense
	bad 'unknown argument' tools/bench/run --nonsense
	bad 'no tier or suite' selftests/run nonsense
	bad 'no tests for the kernel line' selftests/run --kernel 4.19 guest
	bad 'usage' tools/swap
	bad 'not built' tools/swap ours /nonexistent.ko
}

no_mirror()
{
	XDG_CACHE_HOME=$(mktemp -d)
	export XDG_CACHE_HOME
	MIRROR=http://127.0.0.1:9/debian
	export MIRROR
	status=0
	said=$(timeout 60 tools/vm/sysroot 6.1 2>&1 >/dev/null) || status=$?
	rm -rf "$XDG_CACHE_HOME"
	echo "$said"
	same "$status" 2 "exit status"
	[[ $said =~ cannot\ read\ bookworm ]] || fail "does not say what cannot be read"
}

no_headers()
{
	bad 'no kernel headers in /nonexistent.*install linux-headers' \
		make -s --no-print-directory KDIR=/nonexistent modules
}

help()
{
	local tool
	for tool in tools/vm/run tools/vm/sysroot tools/vm/module tools/deps \
		tools/bench/run selftests/run; do
		$tool --help | grep -q "^usage: $tool" || fail "no help from $tool"
	done
}

check "tools/vm/run: wrong options" run_options
check "other tools: wrong options" other_tools
check "a mirror that cannot be reached" no_mirror
check "a kernel without headers" no_headers
check "--help" help
finish
