#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Bad input to the tools: one line that says what is wrong, exit 2, and nothing
# touched.
set -eu
cd "$(dirname "$0")/../.."
. selftests/lib.sh
# Only against what hangs, on a machine that is busy.
test_timeout=600

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
	bad 'cloud rt debug kcsan' tools/vm/run --flavour vanilla -- true
	bad 'of 6\.1 7\.2' tools/vm/run --flavour debug --kernel 5.10 -- true
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
	bad 'make or boot' tools/vm/rootdisk
	bad '5\.10.*6\.1' tools/vm/rootdisk make 4.19 /tmp/image
	bad 'no folder' tools/vm/rootdisk make 6.1 /nonexistent/image
	bad 'no image' tools/vm/rootdisk boot /nonexistent -- true
	bad 'no file' tools/vm/rootdisk boot --file /nonexistent /dev/null -- true
	bad 'usage' tools/install/run
	bad 'no flavours' tools/vm/sysroot --system --flavour rt 6.1
	bad 'of 6\.1 7\.2' tools/vm/sysroot --flavour kcsan 6.12
	bad 'usage' tools/vm/kernel
	bad 'of 6\.1 7\.2' selftests/run --flavour debug --kernel 5.10
	bad 'debug or kcsan' selftests/run --flavour rt
	bad 'needs a value' selftests/run --params
	VBLK_FUZZ_MINUTES=soon bad 'number from 1 to 9999' selftests/run fuzz
	bad 'unknown' selftests/soak/run --nonsense
	bad 'unknown' tools/bench/app --nonsense
	bad 'ours or stock' selftests/run --driver theirs hostile
	bad 'no COMMAND' tools/vblkdev/guest
	bad 'which disk' tools/bench/run --disk mainloop:
	bad 'from 1 nanosecond on' tools/bench/run --disk poll=soon:null
	bad 'number from 1' tools/bench/peers --rounds 0
	bad 'unknown option' selftests/hostile/table --nonsense
	bad 'no results for 4.19' selftests/hostile/table 4.19
	bad 'usage' tools/swap
	bad 'not built' tools/swap ours /nonexistent.ko
}

device_options()
{
	local device=build/vblkdev/vblkdev dir
	make -s vblkdev
	dir=$(mktemp -d)
	bad 'unknown' $device --nonsense
	bad 'socket is missing' $device
	bad 'null.*ram:SIZE, file:PATH' $device --socket "$dir/s" --backend floppy
	bad 'not a size' $device --socket "$dir/s" --backend ram:lots
	bad 'not a size' $device --socket "$dir/s" --backend ram:1000
	bad 'No such file' $device --socket "$dir/s" --backend file:/nonexistent
	: >"$dir/small"
	bad 'smaller than a sector' $device --socket "$dir/s" --backend "file:$dir/small"
	bad 'neither a file' $device --socket "$dir/s" --backend file:/dev/null
	bad 'one of used-id' $device --socket "$dir/s" --fault nonsense
	bad 'takes no value' $device --socket "$dir/s" --fault never=3
	bad 'percentage' $device --socket "$dir/s" --fault never%200
	bad 'one of capacity' $device --socket "$dir/s" --config nonsense=1
	bad '32 bits' $device --socket "$dir/s" --config blk_size=0x100000000
	bad 'one of size_max' $device --socket "$dir/s" --features nonsense
	bad '1 to 64' $device --socket "$dir/s" --queues 65
	bad 'power of two' $device --socket "$dir/s" --queue-size 100
	bad 'on or off' $device --socket "$dir/s" --batch maybe
	bad 'needs --backend ram' $device --socket "$dir/s" --cache volatile
	bad 'no cache' $device --socket "$dir/s" --fault cache-lies
	bad 'in use' $device --socket "$dir/small"
	[ -f "$dir/small" ] || fail "it removed a file that is no socket"
	bad 'No such file' $device --socket "$dir/nowhere/s"
	bad 'one @' $device --socket "$dir/s" --fault never@3@4
	bad 'from 1 on' $device --socket "$dir/s" --fault never,count=0
	bad 'need version_1' $device --socket "$dir/s" --features packed,-version_1
	bad 'is empty' $device --socket ''
	bad "'-xy' is unknown" $device -xy
	bad "'--queues' .* lacks its value" $device --socket "$dir/s" --queues
	bad 'data-half|255' $device --socket "$dir/s" --fault data-half=256
	bad 'no op=' $device --socket "$dir/s" --fault irq-lost,op=read
	bad 'how many pass' $device --socket "$dir/s" --fault stop-after=5@3
	rm -r "$dir"
}

# An idle device does not notice that another one wanted its socket; one that was
# killed leaves its own to the next.
device_in_use()
{
	local device=build/vblkdev/vblkdev dir pid socket
	make -s vblkdev
	dir=$(mktemp -d)
	$device --socket "$dir/s" --control "$dir/c" --stats >"$dir/stats" &
	pid=$!
	wait_for 60 listens "$dir/c"
	bad 'in use' $device --socket "$dir/s"
	bad 'in use' $device --socket "$dir/other" --control "$dir/c"
	[ ! -e "$dir/other" ] || fail "it left its socket behind"
	for socket in "$dir/s" "$dir/c"; do
		[ -S "$socket" ] || fail "$socket is in use and was removed"
	done
	kill -KILL $pid
	wait $pid || true
	same "$(cat "$dir/stats")" "" "what it said of front ends"
	timeout --preserve-status 60 $device --socket "$dir/s" --control "$dir/c" &
	pid=$!
	wait_for 60 listens "$dir/c"
	kill $pid
	wait $pid
	rm -r "$dir"
}

# listens PATH: somebody does, there
listens()
{
	grep -q " $1\$" /proc/net/unix
}

# Each kind is in the catalogue, and does its worst to the driver.
fault_catalogue()
{
	local kind kinds=0
	make -s vblkdev
	for kind in $(build/vblkdev/vblkdev --fault help | sed 's/^ *\([a-z-]*\).*/\1/'); do
		grep -q "^|.*\`${kind}[=\`].*|.*|.*|\$" Documentation/vblkdev.md ||
			fail "$kind is not in Documentation/vblkdev.md"
		grep -qE "^[[:space:]]*hostile .*[ \"]${kind}([^a-z-]|\$)" selftests/hostile/*.sh ||
			fail "no hostile test of $kind"
		kinds=$((kinds + 1))
	done
	is $kinds -ge 30 "kinds of faults"
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

# headers RELEASE CONFIG: of a kernel that this driver is not for, in $headers
headers()
{
	mkdir -p "$headers/include/config"
	echo 'modules: ; @echo built' >"$headers/Makefile"
	echo "$1" >"$headers/include/config/kernel.release"
	echo "$2" >"$headers/include/config/auto.conf"
}

wrong_kernel()
{
	local release make="make -s --no-print-directory KDIR=$test_log.headers modules"
	headers=$test_log.headers

	# shellcheck disable=SC2086	# words
	for release in 5.4.0-1-amd64 5.9.1 4.19.0-5.10 8.0.1; do
		headers $release CONFIG_VIRTIO_BLK=m
		bad "$release is not one of .*5\.10 to 7\.x" $make
	done
	headers 6.1.0-1-amd64 CONFIG_VIRTIO_BLK=y
	# shellcheck disable=SC2086
	bad 'built into kernel 6\.1\.0-1-amd64' $make
	# The control: these pass.
	for release in 5.10.0-1-amd64 5.19.1 6.1.0 7.2.12+deb13-amd64; do
		headers $release CONFIG_VIRTIO_BLK=m
		same "$($make)" built "$release"
	done
	rm -r "$headers"
}

help()
{
	local tool
	for tool in tools/vm/run tools/vm/sysroot tools/vm/module tools/vm/rootdisk tools/deps \
		tools/bench/run tools/bench/peers tools/vblkdev/guest selftests/run \
		selftests/hostile/table; do
		$tool --help | grep -q "^usage: $tool" || fail "no help from $tool"
	done
}

check "tools/vm/run: wrong options" run_options
check "other tools: wrong options" other_tools
check "vblkdev: wrong options" device_options
check "vblkdev: a socket in use" device_in_use
check "vblkdev: every fault is described and tested" fault_catalogue
check "a mirror that cannot be reached" no_mirror
check "a kernel without headers" no_headers
check "a kernel that the driver is not for" wrong_kernel
check "--help" help
finish
